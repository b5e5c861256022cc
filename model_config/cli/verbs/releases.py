"""A model's releases and labels: `model-config releases`, `history`, `promote` and others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli import context, options, output
from model_config.comparing.changes import changes
from model_config.format import errors, text

if TYPE_CHECKING:
    from model_config.operate.environment import Environment
    from model_config.operate.labels import Check, Move
    from model_config.operate.releases import PastRelease

PANEL = options.Panel.RELEASE


def releases(
    model: options.Model, *, target: options.Target, as_json: options.AsJson = False
) -> None:
    """List a model's releases and their changes, newest first.

    A label that a rollback holds is marked, and so is one whose promotion was interrupted.

    The results of a release's evidence are shown, if the project has any.

    "+" marks an added path, "-" a removed one, and "~" a changed value. SSM keeps the newest 100
    releases.

    Example: model-config releases support_chat --environment prod
    """
    from model_config.operate.environment import read_state

    with target.open() as aws:
        past = aws.releases(model)
        interrupted = read_state(aws.ssm, past).interrupted if past.held else None
        rows = [_row(*both, past.held, interrupted) for both in past.with_former()]
    columns: dict[str, Any] = {
        "release": "release",
        "when (UTC)": "at",
        "by": _by,
        "digest": lambda row: (row["digest"] or "unreadable").removeprefix("sha256:")[:12],
        "labels": _labels,
        "evidence": lambda row: row["evidence"]["text"],
        "changes": lambda row: row["problem"] or row["_summary"],
    }
    if all(row["evidence"]["passed"] is None for row in rows):
        del columns["evidence"]
    output.print_rows(rows, columns, as_json=as_json)


def history(
    model: options.Model, *, target: options.Target, as_json: options.AsJson = False
) -> None:
    """Show who moved a model's labels and changed its rollouts, when and why, newest first.

    SSM keeps the newest 100 changes. Moves with other tools are not included; CloudTrail has them.

    Example: model-config history support_chat --environment prod
    """
    from model_config.operate.record import events, read_history

    with target.open() as aws:
        changes = events(read_history(aws.ssm, aws.path, model))
    if not changes and not as_json:
        typer.echo(f"No label of {model} in {target.environment} has a recorded move.")
    rows = [
        {
            "at": event.written.at,
            "by": event.written.by,
            "what": event.what,
            "reason": event.reason,
            "version": event.written.version,
        }
        for event in changes
    ]
    columns: output.Columns = {"when (UTC)": "at", "by": _by, "what": "what", "reason": "reason"}
    output.print_rows(rows, columns, as_json=as_json)


def _row(
    release: PastRelease, before: PastRelease | None, held: Sequence[str], interrupted: str | None
) -> output.Row:
    from model_config.plan.evidence import verdict

    labels = sorted(release.labels)
    summary = "the first release" if release.number == 1 else ""
    listed = None  # there is no release to compare with
    if before and before.content and release.content:
        changed = changes(before.content, release.content)
        summary = ", ".join(map(str, changed)) or "the same values"
        listed = [{"path": it.path, "change": it.change, "secret": it.secret} for it in changed]
    return {
        "release": release.number,
        "at": release.at,
        "by": release.by,
        "digest": release.digest,
        "schema": release.content.schema if release.content else None,
        "labels": labels,
        "held": [label for label in labels if label in held and label != interrupted],
        "interrupted": [label for label in labels if label == interrupted],
        "changes": listed,
        "problem": release.problem,
        "evidence": verdict(context.project_or_none(), release.digest)._asdict(),
        "_summary": summary,
    }


def _by(row: output.Row) -> str:
    return text.who(row["by"])


def _labels(row: output.Row) -> list[str]:
    marks = output.label_marks(row["held"], row["interrupted"])
    return [f"{label}{marks.get(label, '')}" for label in row["labels"]]


def promote(  # noqa: PLR0913 - a verb's options
    model: Annotated[str | None, "The model's name.", "[MODEL]", options.complete_model] = None,
    *,
    label: Annotated[
        str, "The label to move, such as stable or canary.", options.complete_label
    ] = "stable",
    new_label: Annotated[bool, "Also a label that no release has yet."] = False,
    release: Annotated[int | None, "The number of the release. Default: the newest."] = None,
    every: Annotated[
        bool,
        "All models of this project (without one: of the environment), each to its newest "
        "release, except labels that are held and models with a rollout in progress.",
        "--all",
    ] = False,
    together: Annotated[
        bool,
        "With --all: move all labels, or none. After an interruption run it again: it "
        "completes the promotion, or puts the labels back if a release fails verification.",
    ] = False,
    expect_digest: Annotated[
        str | None, "Refuse a release with another digest; at least its first 8 hex digits."
    ] = None,
    evidence: options.Requirement,
    reason: options.Reason = None,
    dry_run: options.DryRun = False,
    target: options.TargetInRegions,
) -> None:
    """Move a label to a release, which the label's readers get from then on.

    The release is first verified, in each --region, against its digest and against the model's
    class in this project. The label's former release gets LABEL-previous, for `rollback`. A label
    that a rollback holds moves too; promoting the release that it is held on ends the hold.

    Example: model-config promote support_chat --label stable --environment prod
    """
    from model_config.cli import moving
    from model_config.operate import labels, promotion

    if together and not every:
        raise errors.UsageError("--together needs --all")
    if every == (model is not None):
        raise errors.UsageError("name one model to promote, or all of them with --all")
    if every and (release is not None or expect_digest is not None):
        raise errors.UsageError("--release and --expect-digest need exactly one model: name it")
    expected = None if expect_digest is None else _expecting(expect_digest)
    moving.refuse_environment(label)
    evidenced = moving.evidence_check(evidence, target.environment)
    check_of = cache(partial(moving.check_of, first=expected, then=evidenced))

    def prepare(place: Environment, name: str) -> Move:
        check = check_of(name)
        if together:
            return promotion.prepare_part(place, name, label, check, reason)
        move = labels.prepare_promotion(
            place, name, label, release=release, check=check, reason=reason
        )
        if not new_label:
            moving.refuse_new_label(move)
        return move

    moving.move_labels(
        target,
        lambda place: [model] if model else _movable(place, None if together else label),
        prepare,
        by_default=release is None,
        dry_run=dry_run,
        as_one=label if together else None,
    )


def rollback(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    *,
    label: Annotated[str, "The label to move back.", options.complete_label] = "stable",
    release: Annotated[
        int | None, "The number of the release. Default: the one with LABEL-previous."
    ] = None,
    reason: options.Reason = None,
    dry_run: options.DryRun = False,
    target: options.TargetInRegions,
) -> None:
    """Move a label back to its previous release, or to another one. No value is rewritten.

    The release is first verified against its digest, in each --region. The label is held there: no
    pipeline moves it until somebody promotes a release. A rollout of the label is aborted. A second
    rollback changes nothing. Secrets are not rolled back: a reader always gets their newest values.

    Example: model-config rollback support_chat --environment prod
    """
    from model_config.cli import moving
    from model_config.operate import labels

    moving.move_labels(
        target,
        lambda _: [model],
        partial(labels.prepare_rollback, label=label, release=release, reason=reason),
        by_default=release is None,
        dry_run=dry_run,
    )


def unlabel(
    model: options.Model,
    label: Annotated[str, "The label to take off.", options.complete_label],
    *,
    reason: options.Reason = None,
    target: options.TargetInRegions,
) -> None:
    """Take a label and its LABEL-previous off, such as a canary's that has ended.

    A reader that asks for the label gets an error from then on. A label with a rollout stays: abort
    the rollout first. No release is deleted.

    Example: model-config unlabel support_chat canary --environment prod
    """
    from model_config.cli import moving
    from model_config.operate import labels

    prepare = partial(labels.prepare_unlabel, label=label, reason=reason)
    moving.move_labels(target, lambda _: [model], prepare)


def _movable(place: Environment, label: str | None) -> Iterator[str]:
    """Yield this project's models whose label may be moved; print the others."""
    from model_config.operate.promotion import left_alone

    project = context.project_or_none()
    models = place.models()
    own = [name for name in models if project is None or name in project.model_names()]
    if others := sorted(set(models) - set(own)):
        typer.echo(f"Models of other projects are left alone: {', '.join(others)}.", err=True)
    for name in own:
        state = place.state(name) if label else None
        left = state and label and left_alone(state, state.releases.newest.number, label)
        if left:
            typer.echo(context.to_paste(left.message), err=True)
        else:
            yield name


def _expecting(digest: str) -> Check:
    if not re.fullmatch(r"(sha256:)?[0-9a-f]{8,64}", digest, re.IGNORECASE):
        raise errors.UsageError(
            f'{digest!r} is not a digest: 8 to 64 hex digits, with or without "sha256:" '
            "before them, as `model-config digest` prints it"
        )
    start = f"sha256:{digest.lower().removeprefix('sha256:')}"

    def check(release: PastRelease) -> None:
        content = release.open()
        if not content.digest.startswith(start):
            raise errors.ReleaseError(
                f"release {release.number} of {content.model} in {content.environment} has the "
                f"digest {content.digest}, not {start}. A deploy may have come in between: see "
                f"`model-config releases {content.model} --environment {content.environment}`"
            )

    return check
