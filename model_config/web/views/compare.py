"""Compares releases, environments or commits: values in a table, prompts side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model_config.comparing.changes import Change, Kind, changes, leaves
from model_config.comparing.report import is_long
from model_config.comparing.side_by_side import Stretch, differ_in_blanks_alone, side_by_side
from model_config.format.codec import Value
from model_config.format.prompt import variables
from model_config.format.release import Release
from model_config.format.text import one_line
from model_config.web.pages import Page


@dataclass(frozen=True, slots=True)
class TextChange:
    """A changed text.

    Attributes:
        added_variables, removed_variables: the variables of only one of the texts.
        only_blanks: whether they differ only in white space.
        stretches: both texts side by side, if both sides have it.
        whole: the text, if only one side has it.
    """

    path: str
    change: Kind
    added_variables: tuple[str, ...]
    removed_variables: tuple[str, ...]
    only_blanks: bool
    stretches: tuple[Stretch, ...] = ()
    whole: str = ""

    @property
    def blank_lines(self) -> int:
        """The number of lines that differ only in white space."""
        rows = (row for stretch in self.stretches for row in stretch.rows)
        return sum(row.kind == "blanks" for row in rows)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of a model.

    Attributes:
        where: the environments; empty if the page names them.
        remark: a remark about the whole model.
        same: the paths and the values that are equal.
    """

    model: str
    where: tuple[str, ...]
    remark: str
    values: tuple[Change, ...]
    texts: tuple[TextChange, ...]
    same: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SideTitle:
    """The title of one side, such as "dev, release 7", with the label that selected it."""

    name: str
    detail: str = ""
    page: Page | None = None


@dataclass(frozen=True, slots=True)
class Picker:
    """The choices of a comparison: each environment's selectors, and the selected two."""

    model: str | None
    sides: Mapping[str, Sequence[str]]
    before: str
    after: str
    swapped: Page


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of one model; between commits, in several environments."""

    before: SideTitle
    after: SideTitle
    comparisons: tuple[Comparison, ...]
    picker: Picker | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A model with differences, as a row."""

    model: str
    where: tuple[str, ...]
    remark: str
    changes: tuple[str, ...]
    page: Page | None


@dataclass(frozen=True, slots=True)
class CompareAll:
    """A comparison of all models.

    Attributes:
        rows: the models with differences.
        unchanged: the models without.
        settings: the differences of the stacks' settings.
        notes: remarks about the two sides.
    """

    before: SideTitle
    after: SideTitle
    rows: tuple[Row, ...]
    unchanged: tuple[str, ...] = ()
    settings: tuple[Change, ...] = ()
    picker: Picker | None = None
    notes: tuple[str, ...] = ()


def comparison(model: str, before: Release, after: Release) -> Comparison:
    """Return the differences between two releases of a model."""
    changed = changes(before, after)
    paths = [f"{change.path}/" for change in changed]
    shown = {"/".join(path): value for path, value in leaves(after.config)}
    same = tuple(
        (path, one_line(value))
        for path, value in shown.items()
        if not any(below.startswith(f"{path}/") for below in paths)
    )
    return compared(model, changed, same=same)


def compared(
    model: str,
    changed: Sequence[Change],
    *,
    where: tuple[str, ...] = (),
    remark: str = "",
    same: tuple[tuple[str, str], ...] = (),
) -> Comparison:
    """Return changes as a page shows them."""
    texts = tuple(_text(change) for change in changed if _is_text(change))
    values = tuple(change for change in changed if not _is_text(change))
    return Comparison(model, where, remark, values, texts, same)


def _is_text(change: Change) -> bool:
    sides = _sides(change)
    return (
        not change.secret
        and all(isinstance(side, str) for side in sides)
        and (is_long(change) or any(variables(str(side)) for side in sides))
    )


def _sides(change: Change) -> list[Value]:
    before = [] if change.change == "added" else [change.before]
    return before if change.change == "removed" else [*before, change.after]


def _text(change: Change) -> TextChange:
    if change.change != "changed":
        whole = str(change.before if change.change == "removed" else change.after)
        added = tuple(variables(whole)) if change.change == "added" else ()
        return TextChange(change.path, change.change, added, (), only_blanks=False, whole=whole)
    before, after = str(change.before), str(change.after)
    return TextChange(
        change.path,
        change.change,
        change.asks,
        change.stops_asking,
        differ_in_blanks_alone(before, after),
        tuple(side_by_side(before, after)),
    )
