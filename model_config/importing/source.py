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
class Module:
    """A module with values in classes of the schema or of its own, and its long texts."""

    name: str
    values: Mapping[Path, Any]
    class_names: Mapping[Path, str]
    _imports: set[str] = field(default_factory=set)
    _texts: dict[str, str] = field(default_factory=dict)

    def files(self, origin: str, classes: Sequence[str] = ()) -> dict[str, str]:
        """Return the files by name; `classes` are the sources of the classes, if it has its own."""
        model = f"MODEL = {self._call((), '')}\n"
        if classes:
            self._imports -= {*self.class_names.values()}
            self._imports |= {"ModelConfig", "Group"} if len(classes) > 1 else {"ModelConfig"}
        imported = f"from model_config.schema import {', '.join(sorted(self._imports))}"
        if any("JsonValue" in source for source in classes):
            imported = f"from pydantic import JsonValue\n\n{imported}"
        head = f'"""Imported from {origin}."""\n\n{imported}'
        source = ("\n\n\n" if classes else "\n\n").join([head, *classes, model])
        return {f"{self.name}.py": source, **self._texts}

    def _call(self, path: Path, indent: str) -> str:
        """Return the call that makes the group at a path."""
        inner = f"{indent}    "
        arguments: dict[str, str] = {}
        for below, value in self.values.items():
            if below[: len(path)] == path and (name := below[len(path)]) not in arguments:
                here = (*path, name)
                is_leaf = below == here
                text = self._expression(value, here) if is_leaf else self._call(here, inner)
                arguments[name] = text
        self._imports.add(self.class_names[path])
        lines = "".join(f"{inner}{name}={text},\n" for name, text in arguments.items())
        return f"{self.class_names[path]}(\n{lines}{indent})"

    def _expression(self, value: Any, path: Path) -> str:
        """Return a value, with calls for secrets and for texts in files of their own."""
        if isinstance(value, SecretRef):
            self._imports.add("SecretRef")
            return f'SecretRef("{value.config_key}")'
        if isinstance(value, dict):
            items = (
                f"{key!r}: {self._expression(item, (*path, key))}" for key, item in value.items()
            )
            return f"{{{', '.join(items)}}}"
        # Reading a file would change texts with \r or a byte order mark.
        is_long = isinstance(value, str) and len(value) > _LONG and len(value.split()) > 1
        if not is_long or "\r" in value or value.startswith("\ufeff"):
            return repr(value)
        self._imports.add("text_beside")
        ascii_name = (c if c.isalnum() and c.isascii() else "_" for c in path[-1])
        stem = f"{self.name}_{''.join(ascii_name)}"
        while f"{stem}.md" in self._texts:
            stem += "_"
        self._texts[f"{stem}.md"] = f"{value}\n"
        return f'text_beside(__file__, "{stem}.md")'


def own_classes(
    name: str, environments: Sequence[Mapping[Path, Any]]
) -> tuple[dict[Path, str], list[str]]:
    """Return the names of a module's own classes by their groups' paths, and their sources.

    A field that one of the environments lacks may be None.
    """
    paths = list(dict.fromkeys(chain.from_iterable(environments)))
    names, classes = _class_names(name, paths), list[str]()
    for group in sorted(names, key=len, reverse=True):
        fields = dict.fromkeys(path[: len(group) + 1] for path in paths if _is_below(path, group))
        lines = [f"    {path[-1]}: {_declared(path, names, environments)}" for path in fields]
        what = f"`{'/'.join(group)}`" if group else f"What `{name}` is configured with"
        head = f"class {names[group]}({'Group' if group else 'ModelConfig'}):"
        classes.append("\n".join([head, f'    """{what}, as it was imported."""', "", *lines]))
    return names, classes


def _is_below(path: Path, group: Path) -> bool:
    return path[: len(group)] == group


def _declared(
    path: Path, class_names: Mapping[Path, str], environments: Sequence[Mapping[Path, Any]]
) -> str:
    if kind := class_names.get(path):
        # Where the first environment has none of its fields, the module doesn't name the group.
        named = any(_is_below(other, path) for other in environments[0])
        return kind if named else f"{kind} = {kind}()"
    values = [values[path] for values in environments if path in values]
    kinds = " | ".join(dict.fromkeys(map(_annotation, values)))
    return kinds if len(values) == len(environments) else f"{kinds} | None = None"


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
