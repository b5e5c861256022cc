"""Tests that speak to moto, with credentials that no AWS takes."""

import pytest


@pytest.fixture(autouse=True)
def _credentials(made_up_credentials: None) -> None: ...
