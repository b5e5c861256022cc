"""How the command line moves labels: it verifies all moves first, then makes them one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias, Union

import typer

from model_config.cli import options, output
from model_config.cli.context import project_or_none, to_paste
from model_config.comparing.changes import changes
from model_config.comparing.report import change_lines
from model_config.format.errors import (
    InvalidConfigurationError,
    ModelConfigError,
    StoreError,
    UsageError,
)
from model_config.format.text import visible

if TYPE_CHECKING:
    from model_config.operate.environment import Environment
    from model_config.operate.labels import Check, Move
    from model_config.operate.releases import PastRelease, Releases

#: A move that was made, or why one could not be made.
Made: TypeAlias = Union["Move", str]
#: The longest duration, far beyond any rollout.
LONGEST = timedelta(days=365)


def move_labels(  # noqa: PLR0913 - what verbs differ in
    target: options.TargetInRegions,
    models: Callable[[Environment], Iterable[str]],
    prepare: Callable[[Environment, str], Move],
    *,
    by_default: bool = False,
    dry_run: bool = False,
    as_one: str | None = None,
) -> None:
    """Verify the moves of models in all regions, make them, and print what was done.

    With the label `as_one`, a region's models move together, and what an interruption left is
    completed or put back first.

    Releases that were chosen by default are printed, so that no choice goes unnoticed. What was
    done is printed once the local AWS has saved it.
    """
    made: Sequence[Made] = ()
    with target.open() as places:
        chosen = [(place, model) for place in places for model in models(place)]
        if as_one and not dry_run:
            made = make_as_one(chosen, prepare, as_one)
        else:
            moves = verified(chosen, prepare)
            for move in moves:
                _announce(move, by_default=by_default, dry_run=dry_run)
            made = () if dry_run else _make(moves)
    tell(made)


def make_as_one(
    chosen: Sequence[tuple[Environment, str]],
    prepare: Callable[[Environment, str], Move],
    label: str,
) -> list[Made]:
    """Complete or put back what an interruption left of a promotion, and promote models as one."""
    from model_config.operate import promotion

    models = [(place, [model for it, model in chosen if it is place]) for place in dict(chosen)]
    for place, names in models:
        if done := promotion.settle(place, names, label):
            typer.echo(f"The interrupted promotion of {', '.join(done)} is complete.", err=True)
    try:
        moves = verified(chosen, prepare)
    except ModelConfigError:
        for place, names in models:
            if back := promotion.restore(place, names, label):
                typer.echo(f"{label} of {', '.join(back)} is where it was before.", err=True)
        raise
    for move in moves:
        _announce(move, by_default=True, dry_run=False)
    return [
        made
        for place, _ in models
        for made in promotion.promote_together(
            [move for move in moves if move.environment is place]
        )
    ]


def verified(
    models: Iterable[tuple[Environment, str]], prepare: Callable[[Environment, str], Move]
) -> list[Move]:
    """Return the verified moves of models, or refuse all if one or more can't be made."""
    moves: list[Move] = []
    refused: list[tuple[str, ModelConfigError]] = []
    for environment, model in models:
        try:
            moves.append(prepare(environment, model))
        except ModelConfigError as error:
            refused.append((environment.where(model), error))
    if len(refused) == 1 and not moves:
        raise refused[0][1]
    if refused:
        listed = "\n".join(f"  {where}: {error}" for where, error in refused)
        raise UsageError(f"nothing was moved, since not all moves are possible:\n{listed}")
    return moves


def _make(moves: Sequence[Move]) -> list[Made]:
    from model_config.operate import labels

    made: list[Made] = []
    for move in output.with_progress(moves, "Moving labels", len(moves)):
        try:
            made.append(labels.make(move))
        except StoreError as error:
            if len(moves) == 1:
                raise
            made.append(f"{move.where}: {move.label} could not be moved: {error}")
    return made


def tell(made: Sequence[Made], *, code: int = 2) -> None:
    """Print what was done and what failed, and exit with the code if anything did."""
    failed = 0
    for move in made:
        if isinstance(move, str):
            failed += 1
            typer.echo(to_paste(move), err=True)
        else:
            _print_made(move)
    if failed:
        typer.echo(f"{failed} of {len(made)} could not be moved. Run it again.", err=True)
        raise typer.Exit(code)


def duration_of(text: str) -> timedelta:
    """Return the duration in a text such as "90s", "30m", "2h" or "1d"."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    match = re.fullmatch(r"(\d{1,8})\s*([smhd])", text.strip())
    duration = timedelta(**{units[match[2]]: int(match[1])}) if match else None
    if duration is None or duration > LONGEST:
        raise UsageError(
            f"{text!r} is not a duration of at most {LONGEST.days} days: write a number and s, m, "
            "h or d, such as 30m"
        )
    return duration


def refuse_environment(label: str) -> None:
    """Refuse a label named like one of the project's environments: `--environment` was meant."""
    from model_config.plan.settings import read_settings
    from model_config.plan.stack_file import read_stack_file

    project = project_or_none()
    if project is None:
        return
    for stack in project.stack_names():
        names = {stack}
        with suppress(InvalidConfigurationError):  # a broken file blocks no move
            names.add(read_settings(read_stack_file(project, stack))[0].environment)
        if label in names:
            raise UsageError(
                f"{label!r} is an environment of this project, so no label can have its name. To "
                f"act in that environment, use --environment {stack}"
            )


def refuse_new_label(move: Move) -> None:
    """Refuse a label that no release has, which may be misspelled; readers expect `stable`."""
    labels = move.releases.labels
    if move.label in {*labels, "stable"} or move.previous in labels:
        return
    raise UsageError(
        f"no release of {move.model} in {move.releases.environment} has the label {move.label!r}; "
        f"existing labels: {', '.join(labels) or 'none'}. If it is to be a new one, add --new-label"
    )


def _announce(move: Move, *, by_default: bool, dry_run: bool) -> None:
    if by_default:
        newest = move.target is move.releases.newest
        typer.echo(
            f"{move.where}: release {move.release} is "
            f"{'the newest' if newest else f'on {move.previous} now'}, {move.target.digest}, "
            f"written {output.time_text(move.target.at)} UTC."
        )
    if dry_run:
        _show(move)
    elif move.changed and move.before:
        warn_of_variables(move.where, move.releases, move.before, move.release)


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


def _show(move: Move) -> None:
    if not move.changed:
        typer.echo(f"{move.where}: {move.label} is already on release {move.release}.")
        return
    typer.echo(
        f"{move.where}: {move.label} would move from {move.origin} to release {move.release} "
        f"({move.target.digest})."
    )
    before = move.releases.select(move.before).content if move.before else None
    if before is None:
        return
    differing = changes(before, move.target.open())
    output.print_lines(line for change in differing for line in change_lines(change, "  "))
    if not differing:
        typer.echo("  Its readers would get the same values.")


def _print_made(move: Move) -> None:
    """Print what a move did, and how to end the hold of a rollback or to take a promotion back."""
    for line in move.done():
        typer.echo(f"{move.where}: {line}")
    for notice in move.notices:
        typer.echo(to_paste(visible(f"{move.where}: {notice}")), err=True)
    label = "" if move.label == "stable" else f" --label {move.label}"
    which = f"{move.model}{label}{move.environment.region_option}"
    if move.is_rollback:
        end = f"`model-config promote {which} --release {move.release}`"
        typer.echo(to_paste(f"To end the hold there: {end}"))
    elif move.changed and move.before:
        typer.echo(to_paste(f"Go back with: `model-config rollback {which}`"))


def all_of(*checks: Check | None) -> Check:
    """Return the check that makes several, in their order."""

    def check(release: PastRelease) -> None:
        for one in filter(None, checks):
            one(release)

    return check


def schema_check(model: str) -> Check | None:
    """Return the check of a model's releases against its class, for which only its module is run.

    If the model can't be checked, print why and return None.
    """
    from model_config.plan.registry import read_modules
    from model_config.reader.configuration import into_class

    project = project_or_none()
    modules = read_modules(project, only=model) if project else None
    if modules and model in modules.models:
        schema = type(modules.models[model].config)

        def check(release: PastRelease) -> None:
            content = release.open()
            place = f"release {release.number} of {content.model} in {content.environment}"
            source = f"{place}, written as {content.schema},"
            into_class(schema, content.config, content.secrets, source)

        return check
    findings = modules.broken.get(model, ()) if modules else ()
    why = "can't be read" if findings else "isn't in this project"
    typer.echo(f"The release is not checked against a schema: {model}'s module {why}.", err=True)
    for finding in findings:
        typer.echo(str(finding), err=True)
    return None
