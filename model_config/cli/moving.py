"""How the command line moves labels: it verifies all moves first, then makes them one by one.

Verbs import this module when they run, since it imports boto3.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeAlias

import typer

from model_config.cli import context, options, output
from model_config.comparing import changes, report
from model_config.format import errors
from model_config.format.text import visible
from model_config.operate import labels, promotion
from model_config.operate.environment import Environment
from model_config.operate.labels import Check, Move
from model_config.operate.releases import PastRelease, Releases
from model_config.plan.evidence import verdict
from model_config.plan.project import NAMESPACE, Project
from model_config.plan.registry import read_modules
from model_config.plan.settings import read_settings
from model_config.plan.stack_file import read_stack_file
from model_config.reader.configuration import into_class

#: A move that was made, or why one could not be made.
Made: TypeAlias = Move | str
Prepare: TypeAlias = Callable[[Environment, str], Move]


def move_labels(  # noqa: PLR0913 - what verbs differ in
    target: options.TargetInRegions,
    models: Callable[[Environment], Iterable[str]],
    prepare: Prepare,
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
    made: list[Made] = []
    with target.open() as places:
        chosen = [(place, model) for place in places for model in models(place)]
        if as_one and not dry_run:
            made = make_as_one(chosen, prepare, as_one)
        else:
            moves = _verified(chosen, prepare)
            for move in moves:
                _announce(move, by_default=by_default, dry_run=dry_run)
            for move in () if dry_run else output.with_progress(moves, "Moving labels", len(moves)):
                try:
                    made.append(labels.make(move))
                except errors.StoreError as error:
                    if len(moves) == 1:
                        raise
                    made.append(f"{move.where}: {move.label} could not be moved: {error}")
    tell(made)


def make_as_one(
    chosen: Sequence[tuple[Environment, str]], prepare: Prepare, label: str
) -> list[Made]:
    """Complete or put back what an interruption left of a promotion, and promote models as one."""
    models = [(place, [model for it, model in chosen if it is place]) for place in dict(chosen)]
    for place, names in models:
        if done := promotion.settle(place, names, label):
            typer.echo(f"The interrupted promotion of {', '.join(done)} is complete.", err=True)
    try:
        moves = _verified(chosen, prepare)
    except errors.ModelConfigError:
        for place, names in models:
            if back := promotion.restore(place, names, label):
                typer.echo(f"{label} of {', '.join(back)} is where it was before.", err=True)
        raise
    for move in moves:
        _announce(move, by_default=True, dry_run=False)
    made: list[Made] = []
    for place, _ in models:
        made += promotion.promote_together([move for move in moves if move.environment is place])
    return made


def _verified(chosen: Iterable[tuple[Environment, str]], prepare: Prepare) -> list[Move]:
    """Return the verified moves of models, or refuse all if one or more can't be made."""
    moves: list[Move] = []
    refused: dict[str, errors.ModelConfigError] = {}
    for place, model in chosen:
        try:
            moves.append(prepare(place, model))
        except errors.ModelConfigError as error:
            refused[place.where(model)] = error
    if len(refused) == 1 and not moves:
        raise next(iter(refused.values()))
    if refused:
        listed = "\n".join(f"  {where}: {error}" for where, error in refused.items())
        raise errors.UsageError(f"nothing was moved, since not all moves are possible:\n{listed}")
    return moves


def tell(made: Sequence[Made], *, code: int = 2) -> None:
    for move in made:
        if isinstance(move, str):
            typer.echo(context.to_paste(move), err=True)
            continue
        for line in move.done():
            typer.echo(f"{move.where}: {line}")
        for notice in move.notices:
            typer.echo(context.to_paste(visible(f"{move.where}: {notice}")), err=True)
        label = "" if move.label == "stable" else f" --label {move.label}"
        which = f"{move.model}{label}{move.environment.region_option}"
        if move.is_rollback:
            end = f"`model-config promote {which} --release {move.release}`"
            typer.echo(context.to_paste(f"To end the hold there: {end}"))
        elif move.changed and move.before:
            typer.echo(context.to_paste(f"Go back with: `model-config rollback {which}`"))
    if failed := sum(isinstance(move, str) for move in made):
        typer.echo(f"{failed} of {len(made)} could not be moved. Run it again.", err=True)
        raise typer.Exit(code)


def _announce(move: Move, *, by_default: bool, dry_run: bool) -> None:
    target = move.target
    if by_default:
        newest = target is move.releases.newest
        which = "the newest" if newest else f"on {move.previous} now"
        written = output.time_text(target.at)
        typer.echo(
            f"{move.where}: release {move.release} is {which}, {target.digest}, written {written} "
            "UTC."
        )
    if not dry_run:
        if move.changed and move.before:
            warn_of_variables(move.where, move.releases, move.before, move.release)
    elif not move.changed:
        typer.echo(f"{move.where}: {move.label} is already on release {move.release}.")
    else:
        typer.echo(
            f"{move.where}: {move.label} would move from {move.origin} to release {move.release} "
            f"({target.digest})."
        )
        before = move.releases.select(move.before).content if move.before else None
        if before:
            differing = changes.changes(before, target.open())
            for change in differing:
                output.print_lines(report.change_lines(change, "  "))
            if not differing:
                typer.echo("  Its readers would get the same values.")


def warn_of_variables(where: str, releases: Releases, before: int, after: int) -> None:
    """Print the changes of prompt variables, which an application has to support."""
    old, new = (releases.select(number).content for number in (before, after))
    for change in changes.changes(old, new) if old and new else ():
        if variables := change.variables_text():
            ready = " An application that doesn't pass it can't render the prompt."
            text = f"{where}: {change.path} {variables}.{ready if change.asks else ''}"
            typer.echo(visible(text), err=True)


def refuse_environment(label: str) -> None:
    """Refuse a label named like one of the project's environments: `--environment` was meant."""
    project = context.project_or_none()
    if project is None:
        return
    for stack in project.stack_names():
        names = {stack}
        with suppress(errors.InvalidConfigurationError):  # a broken file blocks no move
            names.add(read_settings(read_stack_file(project, stack))[0].environment)
        if label in names:
            raise errors.UsageError(
                f"{label!r} is an environment of this project, so no label can have its name. To "
                f"act in that environment, use --environment {stack}"
            )


def refuse_new_label(move: Move) -> None:
    """Refuse a label that no release has, which may be misspelled; readers expect `stable`."""
    known = move.releases.labels
    if move.label not in {*known, "stable"} and move.previous not in known:
        raise errors.UsageError(
            f"no release of {move.model} in {move.releases.environment} has the label "
            f"{move.label!r}; existing labels: {', '.join(known) or 'none'}. If it is to be a new "
            "one, add --new-label"
        )


def check_of(model: str, *, first: Check | None = None, then: Check | None = None) -> Check:
    """Return the check whether a model's class accepts a release, between two others."""
    project = context.project_or_none()
    modules = read_modules(project, only=model) if project else None
    schema = type(modules.models[model].config) if modules and model in modules.models else None
    if schema is None:
        findings = modules.broken.get(model, ()) if modules else ()
        why = "can't be read" if findings else "isn't in this project"
        no_check = f"The release is not checked against a schema: {model}'s module {why}."
        for line in (no_check, *findings):
            typer.echo(str(line), err=True)

    def check(release: PastRelease) -> None:
        if first:
            first(release)
        if schema:
            content = release.open()
            place = f"release {release.number} of {content.model} in {content.environment}"
            source = f"{place}, written as {content.schema},"
            into_class(schema, content, source)
        if then:
            then(release)

    return check


def evidence_check(requirement: options.Requirement, stack: str) -> Check | None:
    """Return the check that refuses a release without evidence, where that is required."""
    project, max_age = context.project_or_none(), requirement.max_age
    source = f"--require {requirement.require}" if requirement.require else None
    if project and not source:
        source = _requiring_file(project, stack)
    if source is None:
        if max_age is not None:
            raise errors.UsageError("--max-age limits required evidence: add --require evidence")
        return None
    if project is None:
        raise errors.UsageError("there is no project here, so there is no evidence/ to look into")
    oldest = options.duration(max_age) if max_age else None

    def check(release: PastRelease) -> None:
        content = release.open()
        result = verdict(project, content.digest, oldest)
        if result.passed:
            return
        run = f"{content.model} --release {release.number} --environment {stack}"
        raise errors.EvidenceError(
            f"release {release.number} of {content.model} in {content.environment} "
            f"({content.digest}) is refused, as {source} asks: {visible(result.text)}. "
            f"Evaluate it with `model-config exec {run} -- COMMAND`, and record the report "
            f"with `model-config evidence record {run} --from FORMAT FILE`"
        )

    return check


def _requiring_file(project: Project, environment: str) -> str | None:
    """Return the setting that requires evidence in an environment, which stacks may share."""
    setting = f"{NAMESPACE}:evidence"
    for stack in project.stack_names():
        file = project.stack_file(stack)
        try:
            settings, findings = read_settings(read_stack_file(project, stack))
        except errors.InvalidConfigurationError:
            # A broken file keeps nobody from moving a label, unless it may ask for evidence.
            if stack == environment and file.is_file() and b"evidence" in file.read_bytes():
                raise
            continue
        if environment in {stack, settings.environment}:
            if wrong := [finding for finding in findings if finding.where == setting]:
                raise errors.InvalidConfigurationError(wrong)
            if settings.evidence:
                return f"{setting} in {file.name}"
    return None
