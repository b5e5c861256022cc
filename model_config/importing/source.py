"""The source of a model module: valid as generated, and readable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from model_config.importing.fields import Path, camel
from model_config.schema import SecretRef

#: The length in characters beyond which a text of several words gets its own file.
_LONG = 80
#: Names that a generated class can't have.
_TAKEN = {"ModelConfig", "Group", "SecretRef", "JsonValue", "MODEL"}


@dataclass(slots=True)
class _Module:
    name: str
    class_names: Mapping[Path, str]
    files: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)

    def call(self, values: Mapping[Path, Any], path: Path, indent: str) -> str:
        """Return the call that makes the group at a path."""
        inner = f"{indent}    "
        arguments: dict[str, str] = {}
        for below, value in values.items():
            if below[: len(path)] == path and (name := below[len(path)]) not in arguments:
                here = (*path, name)
                arguments[name] = (
                    self.call(values, here, inner)
                    if len(below) > len(here)
                    else self.expression(value, here)
                )
        lines = "".join(f"{inner}{name}={text},\n" for name, text in arguments.items())
        return f"{self.class_names[path]}(\n{lines}{indent})"

    def expression(self, value: Any, path: Path) -> str:
        """Return a value, with calls for secrets and for texts in files of their own."""
        if isinstance(value, SecretRef):
            self.imports.add("SecretRef")
            return f'SecretRef("{value.config_key}")'
        if isinstance(value, dict):
            items = (
                f"{key!r}: {self.expression(item, (*path, key))}" for key, item in value.items()
            )
            return f"{{{', '.join(items)}}}"
        # Reading a file would change texts with \r or a byte order mark.
        is_long = isinstance(value, str) and len(value) > _LONG and len(value.split()) > 1
        if not is_long or "\r" in value or value.startswith("\ufeff"):
            return repr(value)
        self.imports.add("text_beside")
        stem = f"{self.name}_" + "".join(
            c if c.isalnum() and c.isascii() else "_" for c in path[-1]
        )
        while f"{stem}.md" in self.files:
            stem += "_"
        self.files[f"{stem}.md"] = f"{value}\n"
        return f'text_beside(__file__, "{stem}.md")'


def source_in_class(
    name: str, origin: str, class_names: Mapping[Path, str], values: Mapping[Path, Any]
) -> dict[str, str]:
    """Return a module and its long texts, by file name, with values in a class of the schema."""
    groups = {path[:depth] for path in values for depth in range(len(path))}
    return _files(
        _Module(name, class_names), origin, values, {class_names[path] for path in groups}
    )


def source_with_own_class(
    name: str, origin: str, environments: Sequence[Mapping[Path, Any]]
) -> dict[str, str]:
    """Return a module with classes of its own, and its long texts, by file name.

    It holds the first environment's values. A field that another one lacks may be None.
    """
    paths = list(dict.fromkeys(chain.from_iterable(environments)))
    module = _Module(name, _class_names(name, paths))
    classes = []
    for group in sorted(module.class_names, key=len, reverse=True):
        lines = dict.fromkeys(
            _declaration(module, path, path[: len(group) + 1], environments)
            for path in paths
            if path[: len(group)] == group
        )
        what = f"`{'/'.join(group)}`" if group else f"What `{name}` is configured with"
        head = f"class {module.class_names[group]}({'Group' if group else 'ModelConfig'}):"
        classes.append("\n".join([head, f'    """{what}, as it was imported."""', "", *lines]))
    bases = {"ModelConfig", "Group"} if len(classes) > 1 else {"ModelConfig"}
    return _files(module, origin, environments[0], bases, classes)


def _declaration(
    module: _Module, path: Path, field: Path, environments: Sequence[Mapping[Path, Any]]
) -> str:
    """Return the line that declares a field, which is a group if it is not the whole path."""
    if field != path:
        # Where the first environment has none of its fields, the module doesn't name the group.
        named = any(other[: len(field)] == field for other in environments[0])
        kind = module.class_names[field]
        return f"    {field[-1]}: {kind}" + ("" if named else f" = {kind}()")
    values = [values[path] for values in environments if path in values]
    kinds = " | ".join(dict.fromkeys(map(_annotation, values)))
    return f"    {field[-1]}: {kinds}" + (
        " | None = None" if len(values) < len(environments) else ""
    )


def _annotation(value: object) -> str:
    if isinstance(value, list | dict):
        items = value.values() if isinstance(value, dict) else value
        kinds = {type(item).__name__ for item in items}
        plain = len(kinds) == 1 and kinds <= {"str", "int", "float", "bool"}
        item = kinds.pop() if plain else "JsonValue"
        return f"dict[str, {item}]" if isinstance(value, dict) else f"list[{item}]"
    return type(value).__name__


def _class_names(model: str, fields: Iterable[Path]) -> dict[Path, str]:
    """Return a class name for each group, which its parents' names begin where it is taken."""
    names: dict[Path, str] = {}
    groups = {path[:depth] for path in fields for depth in range(len(path))}
    for path in sorted(groups, key=lambda path: (len(path), path)):
        whole = path or (model,)
        near = [camel(*whole[-length:]) for length in range(1, len(whole) + 1)]
        near += [f"{near[-1]}{number}" for number in range(2, len(groups) + 2)]
        capital = (name[0].upper() + name[1:] for name in near)
        names[path] = next(name for name in capital if name not in {*_TAKEN, *names.values()})
    return names


def _files(
    module: _Module,
    origin: str,
    values: Mapping[Path, Any],
    imports: set[str],
    classes: Sequence[str] = (),
) -> dict[str, str]:
    call = module.call(values, (), "")
    imported = f"from model_config.schema import {', '.join(sorted(imports | module.imports))}"
    if any("JsonValue" in source for source in classes):
        imported = f"from pydantic import JsonValue\n\n{imported}"
    head = f'"""Imported from {origin}."""\n\n{imported}'
    gap = "\n\n\n" if classes else "\n\n"
    source = gap.join([head, *classes, f"MODEL = {call}\n"])
    return {f"{module.name}.py": source, **module.files}
