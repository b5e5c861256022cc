"""How the command line moves labels: it verifies all moves first, then makes them one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from model_config.cli.commands import to_paste
from model_config.cli.output import print_lines, time_text
from model_config.comparing.changes import changes
from model_config.comparing.report import change_lines
from model_config.format.errors import ModelConfigError, StoreError, UsageError
from model_config.format.text import visible

if TYPE_CHECKING:
    from model_config.operate.labels.labels import Labels
    from model_config.operate.labels.moves import Move
    from model_config.operate.releases.releases import Releases
    from model_config.operate.target import Target


@dataclass(frozen=True, slots=True)
class Planned:
    """A verified move, and its environment and region."""

    place: Target
    move: Move

    @property
    def where(self) -> str:
        """The model and its location: "chat in dev (eu-west-1)"."""
        return self.place.where(self.move.model)


def verified(
    models: Iterable[tuple[Target, str]], prepare: Callable[[Labels, str], Move]
) -> list[Planned]:
    """Return the verified moves of models.

    Raises:
        ModelConfigError: one or more moves can't be made. Nothing has moved.
    """
    planned: list[Planned] = []
    problems: list[tuple[str, ModelConfigError]] = []
    for place, model in models:
        try:
            planned.append(Planned(place, prepare(place.labels, model)))
        except ModelConfigError as error:
            problems.append((place.where(model), error))
    if len(problems) == 1 and not planned:
        raise problems[0][1]
    if problems:
        listed = "\n".join(f"  {where}: {error}" for where, error in problems)
        raise UsageError(f"nothing was moved, since not all moves are possible:\n{listed}")
    return planned


def carry_out(planned: Sequence[Planned], *, by_default: bool, dry_run: bool) -> None:
    """Print the moves, and make them unless it is a dry run; errors are those of `make`."""
    for each in planned:
        if by_default:
            _tell_what_is_taken(each)
        if dry_run:
            _show(each)
        elif each.move.changed and each.move.before:
            warn_of_variables(each.where, each.move.releases, each.move.before, each.move.release)
    if not dry_run:
        make(planned)


def _show(planned: Planned) -> None:
    move = planned.move
    if not move.changed:
        typer.echo(f"{planned.where}: {move.label} is already on release {move.release}.")
        return
    typer.echo(
        f"{planned.where}: {move.label} would move from {move.origin} to release {move.release} "
        f"({move.target.digest})."
    )
    before = move.releases.select(move.before).content if move.before else None
    if before is None:
        return
    found = changes(before, move.target.open())
    print_lines(line for change in found for line in change_lines(change, "  "))
    if not found:
        typer.echo("  Its readers would get the same values.")


def _tell_what_is_taken(planned: Planned) -> None:
    """Print the release that was chosen by default, so that no choice goes unnoticed."""
    move = planned.move
    which = "the newest" if move.target is move.releases.newest else f"on {move.previous} now"
    typer.echo(
        f"{planned.where}: release {move.release} is {which}, {move.target.digest}, written "
        f"{time_text(move.target.at)} UTC."
    )


def warn_of_variables(where: str, releases: Releases, before: int, after: int) -> None:
    """Print the changes of prompt variables, which an application has to support."""
    old, new = (releases.select(number).content for number in (before, after))
    if old is None or new is None:
        return
    for change in changes(old, new):
        if variables := change.variables_text():
            ready = " An application that doesn't pass it can't render the prompt."
            text = f"{where}: {change.path} {variables}.{ready if change.asks else ''}"
            typer.echo(visible(text), err=True)


def make(planned: Sequence[Planned]) -> None:
    """Make the moves one by one. Print those that fail, and exit with 2 if any does.

    Raises:
        StoreError: the only move failed.
        typer.Exit: one of several moves failed.
    """
    failed = 0
    for each in planned:
        try:
            _tell(each, each.place.labels.make(each.move))
        except StoreError as error:
            if len(planned) == 1:
                raise
            failed += 1
            typer.echo(
                to_paste(f"{each.where}: {each.move.label} could not be moved: {error}"), err=True
            )
    if failed:
        typer.echo(f"{failed} of {len(planned)} could not be moved. Run it again.", err=True)
        raise typer.Exit(2)


def _tell(planned: Planned, move: Move) -> None:
    from model_config.operate.labels.move_text import done

    for line in done(move):
        typer.echo(f"{planned.where}: {line}")
    for note in move.notes:
        typer.echo(to_paste(visible(f"{planned.where}: {note}")), err=True)
    if following := _following(planned, move):
        typer.echo(to_paste(following))


def _following(planned: Planned, move: Move) -> str | None:
    """Return how to end the hold that a rollback is, or how to take a promotion back."""
    label = "" if move.label == "stable" else f" --label {move.label}"
    which = f"{move.model}{label}{planned.place.region_option}"
    if move.is_rollback:
        return f"To end the hold there: `model-config promote {which} --release {move.release}`"
    if move.changed and move.before:
        return f"Go back with: `model-config rollback {which}`"
    return None
