"""A model's rollout parameter: its rollout, and the last move of a label."""

from __future__ import annotations

from dataclasses import dataclass

from model_config.format.errors import RolloutError, StoreError
from model_config.format.names import model_path, rollout_name
from model_config.format.rollout import Rollout, RolloutDocument
from model_config.format.rollout_document import read_rollout, write_rollout
from model_config.operate.releases.releases import Releases
from model_config.operate.store import OperatorStore


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout parameter as it was read.

    Attributes:
        name: the parameter's full name.
        version: SSM's version of it.
        document: its content; empty if it is invalid.
        problem: why it is invalid, or None.
    """

    name: str
    version: int
    document: RolloutDocument
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RolloutChange:
    """A verified change of a model's rollout, which `Rollouts.write` makes.

    Attributes:
        releases: the model's releases.
        stored: the current rollout parameter.
        document: its new content.
        notes: what could not be verified, in words.
    """

    releases: Releases
    stored: StoredRollout
    document: RolloutDocument
    notes: tuple[str, ...] = ()


class OverwrittenError(StoreError):
    """The write has replaced a concurrent change by somebody else."""


def read_stored(store: OperatorStore, path: str, model: str) -> StoredRollout | None:
    """Return a model's rollout parameter, or None if it has none.

    The path is the environment's, "/ai/prod". Needs `ssm:GetParameters` on the parameter, and no
    right to a key.

    Raises:
        StoreError: AWS is unavailable or refuses.
    """
    name = rollout_name(model_path(path, model))
    found = store.get([name]).get(name)
    if found is None:
        return None
    try:
        return StoredRollout(name, found.version, read_rollout(found.text))
    except RolloutError as error:
        return StoredRollout(name, found.version, RolloutDocument(), str(error))


def write_stored(store: OperatorStore, stored: StoredRollout, document: RolloutDocument) -> None:
    """Write a new document to a rollout parameter.

    SSM can't write conditionally, but the new version's number reveals a concurrent write. Needs
    `ssm:PutParameter` on the parameter.

    Raises:
        RolloutError: the document can't be written.
        OverwrittenError: it was written, and has replaced somebody else's change.
        StoreError: AWS is unavailable or refuses.
    """
    version = store.write_string(stored.name, write_rollout(document))
    if version != stored.version + 1:
        raise OverwrittenError(
            f"somebody else wrote {stored.name} at the same moment, and this change replaced "
            f"theirs: versions {stored.version + 1} to {version - 1} are theirs. See "
            "`model-config history` and `model-config rollout status`"
        )


def under_way(document: RolloutDocument, releases: Releases) -> Rollout | None:
    """Return the rollout that is under way. A move of its label has ended it for readers."""
    rollout = document.rollout
    return rollout if rollout and releases.on(rollout.label) == rollout.before else None


def interrupted_promotion(document: RolloutDocument, releases: Releases) -> str | None:
    """Return the label whose promotion was interrupted between its two requests, or None.

    It leaves `-previous` beside the label, as a hold does. The record tells the two apart: it says
    that a promotion was the label's last move. If it doesn't say so, the label counts as held.
    """
    moved = document.moved
    if moved is None or moved.held is not False or moved.label not in releases.held:
        return None
    return moved.label if releases.on(moved.label) == moved.release else None


def why_it_stays(label: str, document: RolloutDocument, releases: Releases) -> str:
    """Return why no pipeline moves a label that has `-previous` beside it."""
    on = releases.on(label)
    if label == interrupted_promotion(document, releases):
        return f"a promotion of {label} from release {on} was interrupted"
    return f"{label} is held on release {on} by a rollback"


def document_of(text: str | None) -> RolloutDocument:
    """Return the document in a rollout parameter's value, or an empty one if it is invalid."""
    try:
        return read_rollout(text) if text else RolloutDocument()
    except RolloutError:
        return RolloutDocument()
