"""`model-config rollback`: move a label back to an earlier release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import moving, options

if TYPE_CHECKING:
    from model_config.operate.environment import Environment
    from model_config.operate.labels import Move

PANEL = options.Panel.RELEASE


def rollback(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    *,
    label: Annotated[
        str, typer.Option(help="The label to move back.", autocompletion=options.complete_label)
    ] = "stable",
    release: Annotated[
        int | None,
        typer.Option(help="The number of the release. Default: the one with LABEL-previous."),
    ] = None,
    reason: options.Reason = None,
    dry_run: options.DryRun = False,
    target: options.TargetInRegions,
) -> None:
    """Move a label back to its previous release, or to another one. No value is rewritten.

    The release is first verified against its digest. The label is held there: no pipeline moves it
    until somebody promotes a release. A rollout of the label is aborted. A second rollback changes
    nothing. Secrets are not rolled back: a reader always gets their newest values.

    Example: model-config rollback support_chat --environment prod
    """
    from model_config.operate.labels import prepare_rollback

    def prepare(place: Environment, name: str) -> Move:
        return prepare_rollback(place, name, label, release=release, reason=reason)

    by_default = release is None
    moving.move_labels(target, lambda _: [model], prepare, by_default=by_default, dry_run=dry_run)
