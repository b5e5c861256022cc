"""For tests of what happens in a thread of the program's own."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something holds, for at most twenty seconds."""
    for _ in range(10_000):
        if condition():
            return
        time.sleep(0.002)
    pytest.fail("it did not come about within twenty seconds")
