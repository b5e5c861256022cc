"""An environment's hierarchy as AWS holds it: parameters, versions, releases and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from model_config.cli.output import with_progress
from model_config.cli.target import Target
from model_config.format.codec import Value
from model_config.format.names import RELEASE, ROLLOUT, SECRETS, environment_path
from model_config.operate.history import ReleaseRow
from model_config.operate.inventory import Inventory
from model_config.plan.tree import Leaf, ModelTree, leaf

_PART = re.compile(r"\.part\d+$")


def deployed_trees(aws: Target) -> list[ModelTree]:
    """Return each model as its parameters and its releases have it.

    Raises:
        StoreError: AWS can't be asked, or refuses.
    """
    above = environment_path(aws.prefix, aws.environment)
    by_model: dict[str, dict[str, int]] = {}
    for name, held in Inventory(aws.client, with_progress).below(above).items():
        model, _, path = name.removeprefix(f"{above}/").partition("/")
        by_model.setdefault(model, {})[path] = held.version
    models = with_progress(sorted(by_model), "Reading releases", len(by_model))
    return [_tree(aws, model, f"{above}/{model}", by_model[model]) for model in models]


def _tree(aws: Target, model: str, path: str, versions: Mapping[str, int]) -> ModelTree:
    rows: list[ReleaseRow] = aws.history().releases(model) if RELEASE in versions else []
    newest = rows[-1] if rows else None
    content = newest.content if newest else None
    return ModelTree(
        model,
        path,
        content.schema if content else None,
        content.digest if content else None,
        list(_leaves(versions, content.config if content else {})),
        release=newest.number if newest else None,
        releases=len(rows),
        labels={label: row.number for row in rows for label in sorted(row.labels)},
    )


def _leaves(versions: Mapping[str, int], config: Mapping[str, Value]) -> Iterator[Leaf]:
    together: dict[str, list[int]] = {}
    for path in sorted(versions, key=_in_order):
        first = RELEASE if path.startswith(f"{RELEASE}/") else _PART.sub("", path)
        together.setdefault(first, []).append(versions[path])
    for path, numbers in together.items():
        if path == RELEASE:
            yield Leaf(path, "release", None, len(numbers), tuple(numbers[:1]))
        elif path == ROLLOUT:
            yield Leaf(path, "rollout", None, 1, tuple(numbers))
        elif path.startswith(f"{SECRETS}/"):
            yield Leaf(path, "secret", None, 1, tuple(numbers))
        elif (value := _value(config, path)) is None:
            note = "not in the newest release"
            yield Leaf(path, "unknown", None, len(numbers), tuple(numbers), note)
        else:
            yield leaf(path, value, tuple(numbers))


def _in_order(path: str) -> tuple[bool, bool, str, int]:
    """Sort values before secrets before the release, and a field's tenth part after its second."""
    part = _PART.search(path)
    number = int(part[0].removeprefix(".part")) if part else 1
    below = path.partition("/")[0]
    return below == RELEASE, below == SECRETS, _PART.sub("", path), number


def _value(config: Mapping[str, Value], path: str) -> Value:
    found: Any = config
    for name in path.split("/"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found  # type: ignore[no-any-return]
