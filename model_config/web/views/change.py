"""A change before it is made, and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_config.web.pages import Page
from model_config.web.views.compare import Comparison


@dataclass(frozen=True, slots=True)
class Planned:
    """A change that waits to be confirmed.

    Attributes:
        what: what it will do.
        notes: what could not be verified.
        comparison: what differs for its readers, where that can be told.
        form: what was typed, to be sent again.
        state: what it begins from.
    """

    model_page: Page
    what: tuple[str, ...]
    notes: tuple[str, ...]
    comparison: Comparison | None
    form: Mapping[str, str]
    state: str


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made."""

    model_page: Page
    what: tuple[str, ...]
