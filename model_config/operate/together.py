"""Several models that are promoted as one: all labels move, or none.

The documents of all models that move record the promotion before the first label moves, and that it
is done after the last. So a run that finds it pending knows where each label was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from model_config.format.errors import UsageError
from model_config.format.names import PREVIOUS
from model_config.format.rollout import Moved, RolloutDocument, Together
from model_config.operate import labels, record
from model_config.operate.environment import Environment
from model_config.operate.labels import Check, Move
from model_config.operate.promotion import left_alone
from model_config.operate.record import StoredRollout
from model_config.operate.releases import Releases


def prepare(
    environment: Environment, model: str, label: str, check: Check | None, reason: str | None
) -> Move:
    """Return a promotion to the newest release, verified, or refuse it as no part of a whole."""
    releases, document = labels.label_state(environment, model)
    pending = _pending(document, label)
    left = left_alone(releases, document, releases.newest.number, label)
    if left and not pending:
        raise UsageError(f"{left.message}. Promote the others one by one, without --together")
    if (rollout := record.under_way(document, releases)) and rollout.label == label:
        raise UsageError(
            f"a rollout of release {rollout.release} to {label} of {model} is under way: finish it "
            f"first, `model-config rollout finish {releases.place}`, or abort it, "
            f"`model-config rollout abort {releases.place}`"
        )
    move = labels.prepare_promotion(environment, model, label, check=check, reason=reason)
    if move.stored is None or move.stored.problem:
        raise UsageError(
            f"{model} can't be promoted together with others, since it can't be recorded: "
            + " ".join(move.notices)
        )
    return move


def make(moves: Sequence[Move]) -> list[Move]:
    """Make the moves of one environment as one, and return all.

    If no label moves, the models whose records name other releases get new records.
    """
    releases = {move.model: move.release for move in moves}
    parts: list[Move] = []
    for move in moves:
        together = Together(move.label, releases, move.before, move.releases.on(move.previous))
        if former := _pending(move.document, move.label):
            together = replace(together, before=former.before, previous=former.previous)
        parts.append(replace(move, together=replace(together, pending=True)))
    if any(move.does_something for move in parts):
        moved = labels.make_together([move for move in parts if move.does_something])
        return [*moved, *(move for move in moves if not move.does_something)]
    for move in moves:
        former, stored = move.document.together, move.stored
        if stored and former and former.releases != releases:
            document = replace(move.document, together=Together(move.label, releases))
            record.write_stored(move.environment.ssm, stored, document)
    return list(moves)


def settle(environment: Environment, models: Sequence[str], label: str) -> list[str]:
    """Record an interrupted promotion whose labels have all moved; return the models."""
    pending = list(_read(environment, models, label))
    if any(releases.on(label) != it.releases.get(releases.model) for releases, _, it in pending):
        return []
    for releases, stored, together in pending:
        moved = Moved(label, releases.on(label), together.before, held=False)
        whole = Together(label, together.releases)
        document = replace(stored.document, moved=moved, together=whole)
        record.write_stored(environment.ssm, stored, document)
    return [releases.model for releases, _, _ in pending]


def restore(environment: Environment, models: Sequence[str], label: str) -> list[str]:
    """Put the labels of an interrupted promotion back, without a hold; return the models.

    A label that somebody has moved elsewhere in the meantime stays there.
    """
    pending = list(_read(environment, models, label))
    for releases, stored, together in pending:
        ours = {together.before, together.releases.get(releases.model)}
        if releases.on(label) in ours:
            _put(environment, releases, label, together.before)
            _put(environment, releases, f"{label}{PREVIOUS}", together.previous)
        record.write_stored(environment.ssm, stored, replace(stored.document, together=None))
    return [releases.model for releases, _, _ in pending]


def apart(
    model: str,
    all_releases: Mapping[str, Releases],
    documents: Mapping[str, RolloutDocument],
) -> Iterator[str]:
    """Yield each fallback of a model that is on a release that wasn't promoted with the model's.

    Only of models that have been promoted together.
    """
    records = [it.together for it in documents.values() if it.together and not it.together.pending]
    for label in sorted({it.label for it in records if model in it.releases}):
        on = {name: releases.on(label) for name, releases in all_releases.items()}
        if on[model] is None:
            continue
        content = all_releases[model].select(label).content
        fallbacks = content.config.get("fallbacks") if content else None
        names = fallbacks if isinstance(fallbacks, list) else []
        for name in (it for it in names if isinstance(it, str)):
            whole = [it for it in records if it.label == label and {model, name} <= {*it.releases}]
            if not whole:
                continue
            now = (on[model], on.get(name))
            if now not in [(it.releases[model], it.releases[name]) for it in whole]:
                yield (
                    f"{label} is on release {on[model]}, and on release {on.get(name)} of its "
                    f"fallback {name}: they weren't promoted together"
                )


def _pending(document: RolloutDocument, label: str) -> Together | None:
    together = document.together
    return together if together and together.pending and together.label == label else None


def _read(
    environment: Environment, models: Sequence[str], label: str
) -> Iterator[tuple[Releases, StoredRollout, Together]]:
    """Yield the models whose documents hold an interrupted promotion of several."""
    for model in models:
        stored = record.read_stored(environment.ssm, environment.path, model)
        if stored and (together := _pending(stored.document, label)):
            yield environment.releases(model, documents=False), stored, together


def _put(environment: Environment, releases: Releases, label: str, release: int | None) -> None:
    """Put a label on a release, or take it off."""
    on = releases.on(label)
    if on == release:
        return
    if release is None:
        environment.ssm.unlabel(releases.name, on or 0, label)
    else:
        environment.ssm.label(releases.name, release, label)
