"""An environment's drift: the differences, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model_config.operate.drift.drift import Drift as Found
from model_config.operate.drift.text import ACCESS, ADVICE, access_difference, difference
from model_config.web.pages import Page, model_page


@dataclass(frozen=True, slots=True)
class Row:
    """One difference."""

    model: str
    page: Page | None
    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Group:
    """The differences with the same state, and what to do about them."""

    state: str
    advice: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """An environment's drift, with its differences grouped by their states."""

    stack: str
    groups: tuple[Group, ...]
    found: Found


def drift(stack: str, found: Found) -> Drift:
    """Return an environment's drift, grouped by what to do about it."""
    rows = list(_rows(stack, found))
    groups = (
        Group(
            state,
            advice.format(stack=stack),
            tuple(row for of_state, row in rows if of_state == state),
        )
        for state, advice in ADVICE.items()
    )
    return Drift(stack, tuple(group for group in groups if group.rows), found)


def _rows(stack: str, found: Found) -> Iterator[tuple[str, Row]]:
    for each in found.parameters:
        page = model_page(stack, each.model) if each.model else None
        yield each.state, Row(each.model, page, each.path, difference(each))
    for access in found.access:
        page = model_page(stack, access.model) if access.model else None
        yield ACCESS, Row(access.model, page, access.resource, access_difference(access))
