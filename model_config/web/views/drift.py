"""An environment's drift: what differs, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model_config.format.errors import Finding
from model_config.operate.drift.drift import Drift as Found
from model_config.operate.drift.text import ACCESS, ADVICE, access_difference, difference
from model_config.web.pages import Page, model_page


@dataclass(frozen=True, slots=True)
class Row:
    """Something that is not the same everywhere."""

    model: str
    page: Page | None
    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Group:
    """All that differs in one way, and what to do about it."""

    state: str
    advice: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found in an environment.

    Attributes:
        groups: what differs.
        findings: labels and histories that will make trouble.
        not_compared: what could not be read, in words.
        count: how many parameters SSM lists.
        not_read: how many values were not read.
    """

    stack: str
    groups: tuple[Group, ...]
    findings: tuple[Finding, ...]
    other_projects: tuple[str, ...]
    not_compared: tuple[str, ...]
    count: int
    not_read: int


def drift(stack: str, found: Found) -> Drift:
    """Return what differs in an environment, grouped by what to do about it.

    Args:
        stack: the environment's stack.
        found: what differs.
    """
    rows = list(_rows(stack, found))
    groups = (
        Group(
            state,
            advice.format(stack=stack),
            tuple(row for of_state, row in rows if of_state == state),
        )
        for state, advice in ADVICE.items()
    )
    return Drift(
        stack,
        tuple(group for group in groups if group.rows),
        tuple(found.findings),
        tuple(found.other_projects),
        (*found.problems, *found.notes),
        found.count,
        found.not_read,
    )


def _rows(stack: str, found: Found) -> Iterator[tuple[str, Row]]:
    for each in found.parameters:
        page = model_page(stack, each.model) if each.model else None
        yield each.state, Row(each.model, page, each.path, difference(each))
    for access in found.access:
        page = model_page(stack, access.model) if access.model else None
        yield ACCESS, Row(access.model, page, access.resource, access_difference(access))
