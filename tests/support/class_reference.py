"""Makes docs/classes.md: python tests/support/class_reference.py > docs/classes.md"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import JsonValue, TypeAdapter

from model_config.plan.json_schema import attribute_docs, summary
from model_config.schema import (
    Group,
    JsonSchema,
    ModelConfig,
    Prompt,
    SecretRef,
    Text,
    Url,
    shipped,
)

_INTRODUCTION = """\
# The package's classes

The classes of models, and the groups in them. Each is imported from `model_config.schema`.
[models.md](models.md) describes how to extend them and how to write your own, and
[providers.md](providers.md) what the fields are called at each provider. A field without a default
is optional: it is None, or a group of defaults. This page is made from the
docstrings."""
_NAMES: list[tuple[Any, str]] = [
    (Prompt, "[prompt](models.md#templates)"),
    (JsonSchema, "JSON Schema"),
    (Text, "text"),
    (Url, "URL"),
    (shipped.Endpoint, "URL, ARN or name"),
    (JsonValue, "any JSON"),
    (SecretRef, "secret"),
    (str, "text"),
    (bool, "true or false"),
    (int, "whole number"),
    (float, "number"),
]


def classes() -> list[type[Group]]:
    """Return the shipped classes, those of models first."""
    kinds = [kind for kind in vars(shipped).values() if isinstance(kind, type)]
    groups = [kind for kind in kinds if issubclass(kind, Group)]
    own = [group for group in groups if group.__module__ == shipped.__name__]
    return sorted(own, key=lambda group: not issubclass(group, ModelConfig))


def page() -> str:
    """Return the text of docs/classes.md."""
    lines = (line for kind in classes() for line in _section(kind))
    return "\n".join([_INTRODUCTION, *lines, ""])


def _section(kind: type[Group]) -> Iterator[str]:
    yield from ("", f"## {kind.__name__}", "", summary(kind), "")
    bases = [base for base in kind.__bases__ if base in classes()]
    if bases:
        yield from (f"It has the fields of {_type(bases[0])}, and:", "")
    yield from ("| field | type | default | |", "| --- | --- | --- | --- |")
    hints = get_type_hints(kind, include_extras=True)
    before = attribute_docs(bases[0] if bases else Group)
    for name, text in attribute_docs(kind).items():
        if before.get(name) != text:
            field = kind.model_fields[name]
            default = "required" if field.is_required() else _default(field.default)
            yield f"| `{name}` | {_type(hints[name])} | {default} | {text[:1].upper()}{text[1:]} |"


def _default(value: object) -> str:
    if value is None or isinstance(value, Group):
        return ""
    return f"`{json.dumps(value)}`"


def _type(kind: Any) -> str:
    for known, name in _NAMES:
        if kind == known:
            return name
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return ", ".join([_type(args[0]), *_limits(kind)])
    if origin in (Union, UnionType):
        return " or ".join(_type(arg) for arg in args if arg is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{json.dumps(arg)}`" for arg in args)
    if origin in (list, dict):
        return f"{origin.__name__} of {_type(args[-1])}"
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _limits(kind: Any) -> list[str]:
    schema = TypeAdapter(kind).json_schema()
    low, above, high = map(schema.get, ("minimum", "exclusiveMinimum", "maximum"))
    if high is not None:
        return [f"above {above} to {high:,}" if low is None else f"{low} to {high:,}"]
    if low is not None:
        return [f"at least {low}"]
    return [] if above is None else [f"above {above}"]


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its output is the page
