"""The start of a rollout: its arguments, and the conditions that refuse it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex

from model_config.format.errors import RolloutError, UsageError
from model_config.format.rollout import Rollout
from model_config.operate.releases.releases import Releases
from model_config.operate.rollouts.parameter import StoredRollout, under_way, why_it_stays
from model_config.operate.rollouts.plan import RolloutPlan, steps_from


@dataclass(frozen=True, slots=True)
class NewRollout:
    """The arguments of a new rollout.

    Attributes:
        label: the label whose readers take part.
        plan: the shares and their times.
        begin: the time of the first step.
        poll_seconds: how often readers check the rollout, in seconds.
        salt: 16 random hex digits, so that each rollout starts with another share of units. The
            same in all regions, so that a unit gets the same release in each.
    """

    label: str
    plan: RolloutPlan
    begin: datetime
    poll_seconds: int = 30
    salt: str = field(default_factory=lambda: token_hex(8))


def new_rollout(new: NewRollout, release: int, releases: Releases) -> Rollout:
    """Return the rollout of a release to the readers of a label.

    Raises:
        UsageError: the label is on no release, or on the candidate.
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
    """Return the label's release, which its readers get until the rollout is finished."""
    before = releases.on(label)
    if before is None:
        raise UsageError(
            f"{label} is on no release of {releases.model} in {releases.environment}, so it has no "
            "readers: promote a release first, `model-config promote "
            f"{releases.model} --label {label} --release N --environment {releases.environment}`"
        )
    if before == release:
        raise UsageError(
            f"{label} of {releases.model} in {releases.environment} is already on release {before}"
        )
    return before


def refuse_to_override(label: str, stored: StoredRollout, releases: Releases) -> None:
    """Refuse to replace another rollout, or to use a held label.

    Raises:
        UsageError: it is refused; the message says how to continue.
    """
    rollout = under_way(stored.document, releases)
    if rollout:
        raise UsageError(
            f"a rollout of release {rollout.release} to {rollout.label} of {releases.model} is "
            "under way. Finish or abort it first, or replace it with --force"
        )
    if label in releases.held:
        raise UsageError(
            f"{releases.model}: {why_it_stays(label, stored.document, releases)}. To roll out to "
            "its readers anyway, add --force"
        )


def refuse_nonsense(stored: StoredRollout, releases: Releases) -> None:
    """Refuse to overwrite an invalid document, which a newer version may have written.

    Raises:
        RolloutError: the document is invalid; the message has the command that replaces it.
    """
    if stored.problem:
        raise RolloutError(
            f"{stored.problem}. To replace it: `model-config rollout abort {releases.model} "
            f"--environment {releases.environment}`"
        )
