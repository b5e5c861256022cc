"""Takes README's screenshot, only for `make screenshot`."""

from __future__ import annotations

import os
from typing import Any

import pytest
from support.project import CHECKOUT

from .visits import Visit

_ASKED = "SCREENSHOT" in os.environ


@pytest.mark.skipif(not _ASKED, reason="it writes into the checkout: `make screenshot`")
def test_the_picture_is_taken(visit: Any, address: str) -> None:
    there: Visit = visit(address, device_scale_factor=2)
    there.begin()
    there.page.set_viewport_size({"width": 1180, "height": 580})  # as high as the page
    there.page.screenshot(path=CHECKOUT / "docs" / "screenshot.png")
