"""How a rollout begins: what it is started with, and what refuses it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from model_config.format.errors import RolloutError, UsageError
from model_config.format.rollout import Rollout
from model_config.operate.releases import Releases
from model_config.operate.rollout_parameter import StoredRollout, under_way, why_it_stays
from model_config.operate.rollout_plan import RolloutPlan, steps_from


@dataclass(frozen=True, slots=True)
class NewRollout:
    """What a rollout is started with.

    Attributes:
        label: the label whose readers take part.
        plan: the shares and their times.
        begin: when the first step is.
        salt: 16 hex digits: the same in several regions, so that a unit is treated alike in each.
        poll_seconds: how often readers look for a change of it.
    """

    label: str
    plan: RolloutPlan
    begin: datetime
    salt: str
    poll_seconds: int = 30


def new_salt() -> str:
    """Return a salt for a rollout: with another one, another share of units comes first."""
    return secrets.token_hex(8)


def new_rollout(new: NewRollout, release: int, releases: Releases) -> Rollout:
    """Return the rollout of a release to the readers of a label.

    Raises:
        UsageError: the label is on no release, or on that one.
    """
    before = _release_of(new.label, release, releases)
    steps = steps_from(new.plan.percents, new.begin, new.plan.every)
    return Rollout(
        label=new.label,
        release=release,
        before=before,
        salt=new.salt,
        steps=steps[:1] if new.plan.watched else steps,
        poll_seconds=new.poll_seconds,
        plan=new.plan.to_json(),
    )


def _release_of(label: str, release: int, releases: Releases) -> int:
    """Return the release that the label is on: its readers get it until the rollout is finished."""
    before = releases.on(label)
    if before is None:
        raise UsageError(
            f"{label} is on no release of {releases.model} in {releases.environment}, so nobody "
            "reads by it: promote a release first, `model-config promote "
            f"{releases.model} --label {label} --release N --environment {releases.environment}`"
        )
    if before == release:
        raise UsageError(
            f"{label} of {releases.model} in {releases.environment} is on release {before} already"
        )
    return before


def refuse_to_override(label: str, stored: StoredRollout, releases: Releases) -> None:
    """Refuse to take the place of another rollout, or to serve readers of a held label.

    Raises:
        UsageError: with the ways out.
    """
    rollout = under_way(stored.document, releases)
    if rollout:
        raise UsageError(
            f"a rollout of release {rollout.release} to {rollout.label} of {releases.model} is "
            "under way. Finish or abort it first, or take its place with --force"
        )
    if label in releases.held:
        raise UsageError(
            f"{releases.model}: {why_it_stays(label, stored.document, releases)}. To roll out to "
            "its readers all the same, add --force"
        )


def refuse_nonsense(stored: StoredRollout, releases: Releases) -> None:
    """Refuse to write over a document that can't be understood: it may be a newer program's.

    Raises:
        RolloutError: with the command that replaces it.
    """
    if stored.problem:
        raise RolloutError(
            f"{stored.problem}. To replace it: `model-config rollout abort {releases.model} "
            f"--environment {releases.environment}`"
        )
