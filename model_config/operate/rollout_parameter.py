"""A model's rollout parameter: the rollout that is under way, and who moved a label last."""

from __future__ import annotations

from dataclasses import dataclass

from model_config.format.errors import RolloutError, StoreError
from model_config.format.names import model_path, rollout_name
from model_config.format.rollout import Rollout, RolloutDocument
from model_config.format.rollout_document import read_rollout, write_rollout
from model_config.operate.releases import Releases
from model_config.operate.store import OperatorStore


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout parameter as it was read.

    Attributes:
        name: the parameter's full name.
        version: SSM's version of it.
        document: what it says; nothing where that can't be understood.
        problem: why it can't be understood, or None where it can.
    """

    name: str
    version: int
    document: RolloutDocument
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RolloutChange:
    """A change of a model's rollout: verified, and made once it was given to `Rollouts.write`.

    Attributes:
        releases: the model's releases.
        stored: the rollout parameter as it is.
        document: what it will say.
        notes: what could not be verified, in words.
    """

    releases: Releases
    stored: StoredRollout
    document: RolloutDocument
    notes: tuple[str, ...] = ()


class OverwrittenError(StoreError):
    """Somebody else wrote the parameter in between, and what they wrote was written over."""


def read_stored(store: OperatorStore, path: str, model: str) -> StoredRollout | None:
    """Return a model's rollout parameter, or None where it has none.

    Needs `ssm:GetParameters` on it, and no right to a key.

    Args:
        store: sends the requests to SSM.
        path: the environment's path, "/ai/prod".
        model: the model's name.

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
    """Write a rollout parameter.

    SSM has no way to write only if nobody else has written, but it tells afterwards.

    Needs `ssm:PutParameter` on it.

    Args:
        store: sends the requests to SSM.
        stored: the parameter as it was read.
        document: what it shall say.

    Raises:
        RolloutError: the document can't be written.
        OverwrittenError: it was written, over what somebody else wrote meanwhile.
        StoreError: AWS is unavailable or refuses.
    """
    version = store.write_string(stored.name, write_rollout(document))
    if version != stored.version + 1:
        raise OverwrittenError(
            f"somebody else wrote {stored.name} at the same moment, and this was written over it: "
            f"versions {stored.version + 1} to {version - 1} are theirs. Look at "
            "`model-config history`, and at `model-config rollout status`"
        )


def under_way(document: RolloutDocument, releases: Releases) -> Rollout | None:
    """Return the rollout that is under way: one whose label has moved since is none to readers."""
    rollout = document.rollout
    return rollout if rollout and releases.on(rollout.label) == rollout.before else None


def broken_off(document: RolloutDocument, releases: Releases) -> str | None:
    """Return the label whose promotion was broken off between its two requests, or None.

    It leaves `-previous` beside the label, as a hold does. The record tells the two apart: a
    promotion put the label where it is, and nothing has moved it since. Where the record doesn't
    say so, the label counts as held.
    """
    moved = document.moved
    if moved is None or moved.held is not False or moved.label not in releases.held:
        return None
    return moved.label if releases.on(moved.label) == moved.release else None


def why_it_stays(label: str, document: RolloutDocument, releases: Releases) -> str:
    """Return why a label that has `-previous` beside it is moved by nothing automatic."""
    on = releases.on(label)
    if label == broken_off(document, releases):
        return f"a promotion of {label} from release {on} was broken off"
    return f"{label} is held on release {on} since a rollback"


def document_of(text: str | None) -> RolloutDocument:
    """Return what the value of a rollout parameter says; nothing where it can't be understood."""
    try:
        return read_rollout(text) if text else RolloutDocument()
    except RolloutError:
        return RolloutDocument()
