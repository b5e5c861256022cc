"""The source of a model module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, cast

from model_config.importing.expressions import Call, Name, written
from model_config.importing.field import Field
from model_config.importing.names import Path, camel
from model_config.importing.schema_fit import Nested, group_of
from model_config.schema import Group, ModelConfig, SecretRef

#: The length in characters beyond which a text of several words gets its own file.
_LONG = 80
#: Names that a generated class can't have.
_TAKEN = {"ModelConfig", "Group", "SecretRef", "JsonValue", "MODEL"}


@dataclass(slots=True)
class Module:
    """A module under construction.

    Attributes:
        files: long texts, by file name.
        imports: the names to import from the schema.
        class_names: the names of the generated classes, by group path.
        classes: the source of these classes.
    """

    name: str
    files: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    class_names: dict[Path, str] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)


def source_in_class(
    name: str, origin: str, kind: type[ModelConfig], values: Nested
) -> tuple[str, dict[str, str]]:
    """Return a module with values in one of the schema's classes, and its text files by name."""
    module = Module(name)
    return _source(module, origin, _call(module, kind, values, ()))


def source_with_own_class(
    name: str, origin: str, fields: Sequence[Field]
) -> tuple[str, dict[str, str]]:
    """Return a module with fields in classes of its own, and its text files by name."""
    there = [each for each in fields if each.value is not None]  # None is not stored
    module = Module(name, class_names=_class_names(name, [each.path for each in there]))
    tree: Nested = {}
    for each in there:
        group: Any = tree
        for part in each.path[:-1]:
            group = group.setdefault(part, _Own())
        group[each.path[-1]] = each.value
    return _source(module, origin, _own_class(module, tree, ()))


class _Own(dict[str, Any]):
    """A group, as opposed to an object that is a value."""


def _call(module: Module, kind: type[Group], values: Nested, path: Path) -> Call:
    module.imports.add(kind.__name__)
    arguments = {}
    for name, value in values.items():
        group = group_of(kind.model_fields[name].annotation)
        here = (*path, name)
        arguments[name] = (
            _call(module, group, cast(Nested, value), here)
            if group
            else _expression(module, value, here)
        )
    return Call(kind.__name__, (), arguments)


def _own_class(module: Module, values: Nested, path: Path) -> Call:
    kind = module.class_names[path]
    base = "Group" if path else "ModelConfig"
    module.imports.add(base)
    lines, arguments = [], {}
    for name, value in values.items():
        here = (*path, name)
        if isinstance(value, _Own):
            arguments[name] = inner = _own_class(module, cast(Nested, value), here)
            lines.append(f"    {name}: {inner.name}")
        else:
            arguments[name] = _expression(module, value, here)
            lines.append(f"    {name}: {_annotation(value)}")
    what = f"`{'/'.join(path)}`" if path else f"What `{module.name}` is configured with"
    doc = f'    """{what}, as it was imported."""'
    module.classes.append("\n".join([f"class {kind}({base}):", doc, "", *lines]))
    return Call(kind, (), arguments)


def _class_names(model: str, fields: Iterable[Path]) -> dict[Path, str]:
    """Return a class name for each group: its own name, prefixed by its parents' if taken."""
    groups = {path[:depth] for path in fields for depth in range(len(path))}
    names: dict[Path, str] = {}
    for path in sorted(groups, key=lambda path: (len(path), path)):
        whole = path or (model,)
        near = (camel(*whole[-length:]) for length in range(1, len(whole) + 1))
        numbered = (f"{camel(*whole)}{number}" for number in count(2))
        capital = (name[0].upper() + name[1:] for name in chain(near, numbered))
        names[path] = next(name for name in capital if name not in {*_TAKEN, *names.values()})
    return names


def _annotation(value: object) -> str:
    """Return the type annotation for a value."""
    if isinstance(value, list):
        return f"list[{_common(value)}]"
    if isinstance(value, dict):
        return f"dict[str, {_common(value.values())}]"
    return type(value).__name__


def _common(items: Iterable[object]) -> str:
    """Return the annotation that fits all items."""
    kinds = {type(item).__name__ for item in items}
    plain = len(kinds) == 1 and kinds <= {"str", "int", "float", "bool"}
    return kinds.pop() if plain else "JsonValue"


def _expression(module: Module, value: Any, path: Path) -> Any:
    """Return a value, with calls for secrets and for texts in files of their own."""
    if isinstance(value, SecretRef):
        module.imports.add("SecretRef")
        return Call("SecretRef", (value.config_key,))
    if isinstance(value, dict):
        return {key: _expression(module, each, (*path, key)) for key, each in value.items()}
    if isinstance(value, str) and _is_long(value):
        module.imports.add("text_beside")
        file = _file_name(module, path)
        module.files[file] = f"{value}\n"
        return Call("text_beside", (Name("__file__"), file))
    return value


def _is_long(text: str) -> bool:
    # Reading a file would change these texts, so they stay in the module.
    exact = "\r" not in text and not text.startswith("\ufeff")
    return exact and len(text) > _LONG and len(text.split()) > 1


def _file_name(module: Module, path: Path) -> str:
    safe = ["".join(c if c.isalnum() and c.isascii() else "_" for c in name) for name in path]
    stem = f"{module.name}_{safe[-1]}"
    while f"{stem}.md" in module.files:
        stem += "_"
    return f"{stem}.md"


def _source(module: Module, origin: str, call: Call) -> tuple[str, dict[str, str]]:
    imported = f"from model_config.schema import {', '.join(sorted(module.imports))}"
    if any("JsonValue" in each for each in module.classes):
        imported = f"from pydantic import JsonValue\n\n{imported}"
    blocks = [f'"""Imported from {origin}."""\n\n{imported}', *module.classes]
    gap = "\n\n\n" if module.classes else "\n\n"
    return gap.join([*blocks, f"MODEL = {written(call)}\n"]), module.files
