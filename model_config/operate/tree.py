"""An environment's hierarchy in AWS: parameters, versions, releases and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from model_config.format.codec import Value
from model_config.format.names import RELEASE, ParameterName, parse
from model_config.operate.releases import read_releases
from model_config.operate.ssm import Ssm
from model_config.plan.hierarchy import Leaf, ModelTree, leaf

_ORDER = ("value", "secret", "rollout", "release", "release part")
#: A parameter's parsed name, and its version.
_Parameters = list[tuple[ParameterName, int]]


def deployed_trees(ssm: Ssm, path: str) -> list[ModelTree]:
    """Return each model below an environment's path, with its parameters and newest release."""
    by_model: dict[str, _Parameters] = {}
    for name, listed in ssm.below(path).items():
        parsed = parse(name, path)
        by_model.setdefault(parsed.model, []).append((parsed, listed.version))
    models = ssm.watch(sorted(by_model), "Reading releases", len(by_model))
    return [_tree(ssm, path, model, by_model[model]) for model in models]


def _tree(ssm: Ssm, path: str, model: str, parameters: _Parameters) -> ModelTree:
    if not any(name.kind == "release" for name, _ in parameters):
        return ModelTree(model, f"{path}/{model}", None, None, list(_leaves(parameters, {})))
    releases = read_releases(ssm, path, model, documents=False)
    content = releases.newest.content
    return ModelTree(
        model,
        f"{path}/{model}",
        content.schema if content else None,
        content.digest if content else None,
        list(_leaves(parameters, content.config if content else {})),
        release=releases.newest.number,
        releases=len(releases),
        labels=releases.labels,
        held=tuple(releases.held),
    )


def _leaves(parameters: _Parameters, config: Mapping[str, Value]) -> Iterator[Leaf]:
    together: dict[str, list[tuple[ParameterName, int]]] = {}
    for name, version in sorted(parameters, key=_in_order):
        field = RELEASE if name.kind == "release part" else name.field
        together.setdefault(field, []).append((name, version))
    for field, parts in together.items():
        versions = tuple(version for _, version in parts)
        kind = parts[0][0].kind
        if kind in {"release", "release part"}:
            yield Leaf(field, "release", None, len(parts), versions[:1])
        elif kind in {"secret", "rollout"}:
            yield Leaf(field, kind, None, 1, versions)
        elif (value := _value(config, field)) is None:
            yield Leaf(field, "unknown", None, len(parts), versions, "not in the newest release")
        else:
            yield leaf(field, value, versions)


def _in_order(parameter: tuple[ParameterName, int]) -> tuple[int, str, int]:
    """Sort values before secrets before the release, and a field's tenth part after its second."""
    name, _ = parameter
    return _ORDER.index(name.kind), name.field, name.part


def _value(config: Mapping[str, Value], path: str) -> Value:
    value: Any = config
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value  # type: ignore[no-any-return]
