"""How labels are moved from the command line: all moves verified first, then made one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.commands import to_paste
from model_config.cli.output import print_lines
from model_config.comparing.text import printable
from model_config.format.errors import ModelConfigError, StoreError, UsageError

if TYPE_CHECKING:
    from model_config.format.release import Release
    from model_config.operate.labels import Labels
    from model_config.operate.moves import Move
    from model_config.operate.releases import Releases
    from model_config.operate.target import Target

Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        help="The region; give it several times for several. All are verified before any moves.",
    ),
]
Reason = Annotated[
    str | None,
    typer.Option(
        help="Why, in at most 500 characters of plain text, for `model-config history`. Everyone "
        "who may read the model may read it."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only show what the label's readers would get.")
]


@dataclass(frozen=True, slots=True)
class Planned:
    """A move that was verified, and where it is made."""

    place: Target
    labels: Labels
    move: Move

    @property
    def where(self) -> str:
        """What it is about: "chat in dev (eu-west-1)"."""
        return self.place.where(self.move.model)


def verified(
    models: Iterable[tuple[Target, str]], prepare: Callable[[Labels, str], Move]
) -> list[Planned]:
    """Return the moves of models, each in its place, verified.

    Raises:
        ModelConfigError: one or more of them can't be made. Nothing has moved.
    """
    planned: list[Planned] = []
    problems: list[tuple[str, ModelConfigError]] = []
    for place, model in models:
        labels = place.labels()
        try:
            planned.append(Planned(place, labels, prepare(labels, model)))
        except ModelConfigError as error:
            problems.append((place.where(model), error))
    if len(problems) == 1 and not planned:
        raise problems[0][1]
    if problems:
        told = "\n".join(f"  {where}: {error}" for where, error in problems)
        raise UsageError(f"nothing was moved, since not all could be:\n{told}")
    return planned


def show(planned: Planned) -> None:
    """Print what readers would get: the move, and each value that differs for them."""
    from model_config.comparing.change_text import change_lines
    from model_config.comparing.changes import changes

    move = planned.move
    if not move.changed:
        typer.echo(f"{planned.where}: {move.label} is on release {move.release} already.")
        return
    begin = f"release {move.before}" if move.before else "no release"
    typer.echo(
        f"{planned.where}: {move.label} would move from {begin} to release {move.release} "
        f"({move.target.digest})."
    )
    before = _release_before(move)
    if before is None:
        return
    found = changes(before, move.target.open())
    print_lines(line for change in found for line in change_lines(change, "  "))
    if not found:
        typer.echo("  Its readers would get the same values.")


def tell_what_is_taken(planned: Planned) -> None:
    """Print which release is meant where none was named, so that none moves unseen."""
    move = planned.move
    which = "the newest" if move.target is move.releases.newest else f"on {move.previous} now"
    typer.echo(
        f"{planned.where}: release {move.release} is {which}, {move.target.digest}, written "
        f"{move.target.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    )


def warn(planned: Planned) -> None:
    """Print what an application has to be ready for: variables that its prompts ask for now."""
    move = planned.move
    if move.changed and move.before:
        warn_of_variables(planned.where, move.releases, move.before, move.release)


def warn_of_variables(where: str, releases: Releases, before: int, after: int) -> None:
    """Print which variables the prompts of one release ask for and those of another don't."""
    from model_config.format.prompt import variable_changes

    old, new = (releases.select(number).content for number in (before, after))
    if old is None or new is None:
        return
    for change in variable_changes(old.config, new.config):
        ready = " An application that doesn't give it can't render the prompt."
        typer.echo(printable(f"{where}: {change}.{ready if change.added else ''}"), err=True)


def make(planned: Sequence[Planned]) -> None:
    """Make the moves, one by one; tell what could not be moved, and exit with 2 if anything.

    Raises:
        StoreError: the only move could not be made.
        typer.Exit: one of several could not be made.
    """
    failed = 0
    for each in planned:
        try:
            _tell(each, each.labels.make(each.move))
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
    from model_config.operate.move_text import done

    for line in done(move):
        typer.echo(f"{planned.where}: {line}")
    for note in move.notes:
        typer.echo(to_paste(printable(f"{planned.where}: {note}")), err=True)
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


def _release_before(move: Move) -> Release | None:
    """Return what the label's readers get now, or None where that can't be told."""
    return move.releases.select(move.before).content if move.before else None
