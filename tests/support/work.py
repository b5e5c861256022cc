"""How much a program does, which no other work on the machine changes as it changes the time."""

import sys
from collections.abc import Callable


def calls(function: Callable[[], object]) -> int:
    """Return how many functions a function calls, Python's own among them."""
    count = 0

    def note(_frame: object, event: str, _function: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count
