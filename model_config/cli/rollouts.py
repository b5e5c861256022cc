"""What the verbs of `model-config rollout` share: the regions, and a change in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from model_config.cli.commands import to_paste
from model_config.cli.rollout_report import Status
from model_config.format.errors import StoreError
from model_config.format.names import model_path, rollout_name

if TYPE_CHECKING:
    from model_config.operate.rollouts.parameter import RolloutChange
    from model_config.operate.rollouts.rollouts import Rollouts
    from model_config.operate.target import Target


@dataclass(frozen=True, slots=True)
class RegionRollouts:
    """An environment in a region, and its rollouts."""

    target: Target
    rollouts: Rollouts


@contextmanager
def rollouts_by_region(
    environment: str, prefix: str | None, *, local: bool, regions: Sequence[str] | None
) -> Iterator[list[RegionRollouts]]:
    """Yield the environment that a verb's options name, once for each region."""
    from model_config.cli.target import targets
    from model_config.operate.rollouts.rollouts import Rollouts

    with targets(environment, prefix, local=local, regions=regions) as found:
        yield [RegionRollouts(target, Rollouts(target.labels)) for target in found]


def change_in_all(
    by_region: Sequence[RegionRollouts], prepare: Callable[[Rollouts], RolloutChange]
) -> list[tuple[RegionRollouts, RolloutChange]]:
    """Make a change in all regions: first prepare it everywhere, then write it one by one.

    Raises:
        ModelConfigError: the change can't be made in one region. Nothing was written.
        StoreError: the change could not be written in the only region.
        typer.Exit: the change could not be written in one of several regions.
    """
    changes = [(one, prepare(one.rollouts)) for one in by_region]
    failed = 0
    for one, change in changes:
        where = one.target.where(change.releases.model)
        for note in change.notes:
            typer.echo(to_paste(f"{where}: {note}"), err=True)
        try:
            one.rollouts.write(change)
        except StoreError as error:
            if len(changes) == 1:
                raise
            failed += 1
            typer.echo(to_paste(f"{where}: {error}"), err=True)
    if failed:
        typer.echo(f"{failed} of {len(changes)} were not written as planned.", err=True)
        raise typer.Exit(2)
    return changes


def statuses(by_region: Sequence[RegionRollouts], model: str | None) -> list[Status]:
    """Return the rollouts of a model, or of all models, in every region."""
    return [each for one in by_region for each in _statuses_in(one, model)]


def _statuses_in(one: RegionRollouts, model: str | None) -> Iterator[Status]:
    from model_config.operate.rollouts.history import read_history, started
    from model_config.operate.rollouts.parameter import under_way
    from model_config.operate.rollouts.rollouts import utc_now

    labels = one.target.labels
    for name in [model] if model else models_with_rollouts(one.target):
        stored, releases = one.rollouts.current(name)
        if stored.problem:
            typer.echo(f"{one.target.where(name)}: {stored.problem}", err=True)
        if rollout := stored.document.rollout:
            history = read_history(labels.store, labels.path, name)
            is_over = under_way(stored.document, releases) is None
            began = started(history, rollout)
            yield Status(one.target, name, rollout, began, is_over, utc_now())


def models_with_rollouts(target: Target) -> list[str]:
    """Return the models whose rollout parameter holds a rollout.

    Raises:
        StoreError: AWS is unavailable or refuses.
    """
    from model_config.operate.rollouts.parameter import document_of

    models = {rollout_name(model_path(target.path, model)): model for model in target.models()}
    found = target.labels.store.get(list(models))
    return [
        models[name]
        for name, stored in sorted(found.items())
        if document_of(stored.text).rollout is not None
    ]
