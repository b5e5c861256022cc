"""The preview of a change, and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_config.web.pages import Page
from model_config.web.views.compare import Comparison


@dataclass(frozen=True, slots=True)
class Planned:
    """A change that is to be confirmed.

    Attributes:
        what: its effects, in words.
        notes: what could not be verified, in words.
        comparison: the differences for readers, if they are known.
        form: the form's input, which the confirmation sends again.
        state: the state that it was prepared for.
    """

    model_page: Page
    what: tuple[str, ...]
    notes: tuple[str, ...]
    comparison: Comparison | None
    form: Mapping[str, str]
    state: str


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made, in words."""

    model_page: Page
    what: tuple[str, ...]
