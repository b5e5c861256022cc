"""An environment's hierarchy, field by field: what each takes in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from model_config.format.codec import Value, encode, size_in_bytes, split
from model_config.format.errors import CodecError
from model_config.format.names import RELEASE, ROLLOUT, SECRETS
from model_config.format.rollout_document import EMPTY
from model_config.plan.hierarchy import leaves, plain
from model_config.plan.plan import Plan
from model_config.plan.planned_model import PlannedModel
from model_config.schema import SecretRef


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field, with all the parameters it takes.

    Attributes:
        path: relative to the model, "generation/temperature".
        type: "text", "integer", …, "secret", "rollout" or "release".
        bytes: what it takes, all parts together; None where that isn't known.
        versions: SSM's version of each part, in AWS.
        note: what else there is to say.
    """

    path: str
    type: str
    bytes: int | None
    parts: int = 1
    versions: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelTree:
    """A model's fields.

    Attributes:
        release: the number of the newest release, in AWS.
        releases: how many SSM still has.
        labels: each label's release.
        held: the labels that a rollback put where they are.
    """

    name: str
    path: str
    schema: str | None
    digest: str | None
    leaves: list[Leaf]
    release: int | None = None
    releases: int | None = None
    labels: dict[str, int] = field(default_factory=dict)
    held: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """How many parameters it takes, its release and rollout included."""
        return sum(leaf.parts for leaf in self.leaves)


def trees(plan: Plan) -> list[ModelTree]:
    """Return each model as a deploy would write it."""
    found = []
    for model in plan.models:
        fields = [*_fields(model, plan), Leaf(ROLLOUT, "rollout", size_in_bytes(EMPTY))]
        if model.release.document:  # there is none where a value can't be stored
            texts = [model.release.document, *model.release.parts.values()]
            size = sum(map(size_in_bytes, texts))
            fields.append(Leaf(RELEASE, "release", size, len(texts)))
        schema = type(model.config).__name__
        found.append(ModelTree(model.name, model.path, schema, model.digest or None, fields))
    return found


def _fields(model: PlannedModel, plan: Plan) -> Iterator[Leaf]:
    values = [(path, value) for path, value in leaves(model.config)]
    for path, value in values:
        if not isinstance(value, SecretRef):
            yield leaf("/".join(path), plain(value))
    for path, value in values:  # they have a branch of their own
        if isinstance(value, SecretRef):
            unset = value.config_key in plan.unset
            note = f"{value.config_key}, not set" if unset else value.config_key
            yield Leaf("/".join((SECRETS, *path)), "secret", None, note=note)


def leaf(path: str, value: Value, versions: tuple[int, ...] = ()) -> Leaf:
    """Return the leaf of a value, with the size and the parts that it is stored in."""
    try:
        text = encode(value)
    except CodecError as error:
        return Leaf(path, type_of(value), None, 0, versions, f"it can't be stored: {error}")
    return Leaf(path, type_of(value), size_in_bytes(text), len(split(text)), versions)


def type_of(value: Value) -> str:
    """Return what a value is, in a word."""
    words = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list"}
    return words.get(type(value), "object")
