"""An environment's hierarchy, field by field, with the parameters and bytes of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from model_config.format.codec import Value, encode, size_in_bytes, split_at_lines
from model_config.format.errors import CodecError
from model_config.format.names import RELEASE, ROLLOUT, SECRETS
from model_config.format.rollout import EMPTY
from model_config.plan.hierarchy import leaves
from model_config.plan.plan import Plan, PlannedModel
from model_config.schema import SecretRef


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field, with all its parameters.

    Attributes:
        path: relative to the model, "generation/temperature".
        type: "text", "integer", …, "secret", "rollout" or "release".
        bytes: the size of all its parts together, or None if it isn't known.
        parts: the number of its parameters.
        versions: SSM's version of each part. Empty unless read from AWS.
        note: a remark for the user.
    """

    path: str
    type: str
    bytes: int | None
    parts: int = 1
    versions: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelTree:
    """A model's fields, and its releases if it was read from AWS.

    Attributes:
        release: the number of the newest release.
        releases: the number of releases that SSM still has.
        labels: the release of each label.
        held: the labels that a rollback holds on their release.
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
        """The number of its parameters, including the release and the rollout."""
        return sum(leaf.parts for leaf in self.leaves)


def trees(plan: Plan) -> list[ModelTree]:
    """Return the tree of each model, as a deploy would write it."""
    of_models = []
    for model in plan.models:
        fields = [*_fields(model, plan), Leaf(ROLLOUT, "rollout", size_in_bytes(EMPTY))]
        if model.release.document:  # empty if a value can't be stored
            texts = [model.release.document, *model.release.parts.values()]
            size = sum(map(size_in_bytes, texts))
            fields.append(Leaf(RELEASE, "release", size, len(texts)))
        schema = type(model.config).__name__
        of_models.append(ModelTree(model.name, model.path, schema, model.digest or None, fields))
    return of_models


def _fields(model: PlannedModel, plan: Plan) -> Iterator[Leaf]:
    values = list(leaves(model.config))
    for path, value in values if plan.settings.fields else ():
        if not isinstance(value, SecretRef):
            yield leaf("/".join(path), value)
    for path, value in values:  # secrets have a branch of their own
        if isinstance(value, SecretRef):
            unset = value.config_key in plan.unset
            note = f"{value.config_key}, not set" if unset else value.config_key
            yield Leaf("/".join((SECRETS, *path)), "secret", None, note=note)


def leaf(path: str, value: Value, versions: tuple[int, ...] = ()) -> Leaf:
    """Return the leaf of a value, with its size and its number of parts."""
    try:
        text = encode(value)
    except CodecError as error:
        return Leaf(path, type_of(value), None, 0, versions, f"it can't be stored: {error}")
    return Leaf(path, type_of(value), size_in_bytes(text), len(split_at_lines(text)), versions)


def type_of(value: Value) -> str:
    """Return the name of a value's type, as users see it."""
    words = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list"}
    return words.get(type(value), "object")
