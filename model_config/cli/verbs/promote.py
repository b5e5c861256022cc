"""`model-config promote`: move a label to a verified release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import moving, options
from model_config.cli.context import project_or_none, to_paste
from model_config.cli.verbs.evidence import Requirement
from model_config.format.errors import ReleaseError, UsageError

if TYPE_CHECKING:
    from model_config.operate.environment import Environment as Place
    from model_config.operate.labels import Check, Move
    from model_config.operate.releases import PastRelease

PANEL = options.Panel.RELEASE

_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{8,64}", re.IGNORECASE)


def promote(  # noqa: PLR0913 - a verb's options
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="The model's name.", autocompletion=options.complete_model
        ),
    ] = None,
    *,
    label: Annotated[
        str,
        typer.Option(
            help="The label to move, such as stable or canary.",
            autocompletion=options.complete_label,
        ),
    ] = "stable",
    new_label: Annotated[
        bool, typer.Option("--new-label", help="Also a label that no release has yet.")
    ] = False,
    release: Annotated[
        int | None, typer.Option(help="The number of the release. Default: the newest.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="All models of this project (without one: of the environment), each to its newest "
            "release, except labels that are held and models with a rollout in progress.",
        ),
    ] = False,
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="With --all: move all labels, or none. After an interruption run it again: it "
            "completes the promotion, or puts the labels back if a release fails verification.",
        ),
    ] = False,
    expect_digest: Annotated[
        str | None,
        typer.Option(help="Refuse a release with another digest; at least its first 8 hex digits."),
    ] = None,
    evidence: Requirement,
    reason: options.Reason = None,
    dry_run: options.DryRun = False,
    target: options.TargetInRegions,
) -> None:
    """Move a label to a release, which the label's readers get from then on.

    The release is first verified against its digest and against the model's class in this project.
    The label's former release gets LABEL-previous, for `rollback`. A label that a rollback holds
    moves too; promoting the release that it is held on ends the hold.

    Example: model-config promote support_chat --label stable --environment prod
    """
    from model_config.operate import together as operate_together
    from model_config.operate.labels import prepare_promotion

    _check_options(model, release, expect_digest, every=every, together=together)
    moving.refuse_environment(label)
    evidenced = evidence.check(target.environment)
    check_of = cache(moving.schema_check)

    def prepare(place: Place, name: str) -> Move:
        check = moving.all_of(_expecting(expect_digest), check_of(name), evidenced)
        move = prepare_promotion(place, name, label, release=release, check=check, reason=reason)
        if not new_label:
            moving.refuse_new_label(move)
        return move

    def prepare_part(place: Place, name: str) -> Move:
        check = moving.all_of(check_of(name), evidenced)
        return operate_together.prepare(place, name, label, check, reason)

    moving.move_labels(
        target,
        lambda place: [model] if model else _movable(place, None if together else label),
        prepare_part if together else prepare,
        by_default=release is None,
        dry_run=dry_run,
        as_one=label if together else None,
    )


def _check_options(
    model: str | None,
    release: int | None,
    expect_digest: str | None,
    *,
    every: bool,
    together: bool,
) -> None:
    """Refuse options that contradict each other."""
    if together and not every:
        raise UsageError("--together needs --all")
    if every == (model is not None):
        raise UsageError("name one model to promote, or all of them with --all")
    if every and (release is not None or expect_digest is not None):
        raise UsageError("--release and --expect-digest need exactly one model: name it")
    if expect_digest is not None and not _DIGEST.fullmatch(expect_digest):
        raise UsageError(
            f'{expect_digest!r} is not a digest: 8 to 64 hex digits, with or without "sha256:" '
            "before them, as `model-config digest` prints it"
        )


def _movable(place: Place, label: str | None) -> Iterator[str]:
    """Yield this project's models, those whose label may be moved; print the others."""
    from model_config.operate.labels import label_state
    from model_config.operate.promotion import left_alone

    project = project_or_none()
    models = place.models()
    own = [name for name in models if project is None or name in project.model_names()]
    if others := sorted(set(models) - set(own)):
        typer.echo(f"Models of other projects are left alone: {', '.join(others)}.", err=True)
    for name in own:
        left = None
        if label:
            releases, document = label_state(place, name)
            left = left_alone(releases, document, releases.newest.number, label)
        if left:
            typer.echo(to_paste(left.message), err=True)
        else:
            yield name


def _expecting(digest: str | None) -> Check | None:
    """Return the check that refuses a release with another digest than the expected one."""
    if digest is None:
        return None
    start = f"sha256:{digest.lower().removeprefix('sha256:')}"

    def check(release: PastRelease) -> None:
        content = release.open()
        if not content.digest.startswith(start):
            raise ReleaseError(
                f"release {release.number} of {content.model} in {content.environment} has the "
                f"digest {content.digest}, not {start}. A deploy may have come in between: see "
                f"`model-config releases {content.model} --environment {content.environment}`"
            )

    return check
