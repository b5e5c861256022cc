"""A model module, and the overrides of further environments, from existing parameters.

Both are loaded as a deploy loads them, and compared with the parameters, before they are written.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path as File
from tempfile import TemporaryDirectory
from types import NoneType
from typing import Any, TypeAlias

from pydantic import ValidationError

from model_config import schema
from model_config.format.errors import InvalidConfigurationError, UsageError
from model_config.importing.fields import Existing, Field, Path, camel, fields_of
from model_config.plan import hierarchy, plan
from model_config.plan.project import NAMESPACE, Project
from model_config.schema import Group, ModelConfig, SecretRef
from model_config.schema.group import subclasses_in, union_members
from model_config.schema.shipped import OTHER_NAMES

_Values: TypeAlias = dict[Path, Any]  # by their path in the class

_CLASSES = [
    kind
    for name in schema.__all__
    for kind in subclasses_in(vars(schema)[name], ModelConfig)
    if kind is not ModelConfig
]
# What one class calls otherwise, or has in a group.
_INSIDE = {"prompts": "system", "base_url": "endpoint"}
#: The length in characters beyond which a text of several words gets its own file.
_LONG = 80
#: Names that a generated class can't have.
_TAKEN = {"ModelConfig", "Group", "SecretRef", "JsonValue", "MODEL"}


@dataclass(frozen=True, slots=True)
class Source:
    """The parameters to import for one stack, and where the stack will deploy the model."""

    prefix: str
    environment: str
    region: str
    parameters: Sequence[Existing]


@dataclass(frozen=True, slots=True)
class ImportedModule:
    """A module to be written."""

    name: str
    files: Mapping[str, str]  #: Its source and its long texts, by file name.
    fields: Mapping[str, Mapping[Path, Field]]  #: Those of each stack, by their imported path.
    places: Mapping[Path, Path]  #: The path in the model of each, by its imported path.
    overrides: Mapping[str, Mapping[str, Any]]  #: How each stack differs from the module.
    planned: frozenset[str]  #: The names of the parameters that the stacks will deploy.


def imported_module(name: str, origin: str, sources: Mapping[str, Source]) -> ImportedModule:
    """Return the module for each stack's parameters, in a class of the schema if one fits them all.

    The module holds the values of the first stack. UsageError: the parameters can't become fields,
    or a difference no override. InvalidConfigurationError: the model could not be deployed.
    """
    fields = {stack: fields_of(name, source.parameters) for stack, source in sources.items()}
    _check_together(name, fields)
    # `recover` can adopt parameters below the model's own path if their names stay the same.
    in_place = any(
        parameter.name.startswith(f"{source.prefix}/{source.environment}/{name}/")
        for source in sources.values()
        for parameter in source.parameters
    )
    problem: Exception = AssertionError("there is always a class of its own")
    for kind, of_stacks, places in _candidates(name, [*fields.values()], in_place=in_place):
        values = dict(zip(sources, of_stacks, strict=True))
        module = _module_values(of_stacks, kind.optional)
        files = _Source(name, module, kind.names).files(origin, kind.classes)
        overrides = {stack: _overrides(module, values[stack], kind.optional) for stack in sources}
        try:
            planned = [
                _planned(name, files, source, overrides[stack], values[stack])
                for stack, source in sources.items()
            ]
        except (UsageError, InvalidConfigurationError) as error:
            problem = error
            continue
        names = frozenset(parameter.name for model in planned for parameter in model.parameters)
        return ImportedModule(name, files, fields, places, overrides, names)
    raise problem  # the last candidate's


def _check_together(name: str, fields: Mapping[str, Mapping[Path, Field]]) -> None:
    for stack, of_stack in fields.items():
        if not of_stack:
            raise UsageError(
                f"nothing was written: {stack} has no value of {name}. Import it by itself, with "
                f"--as {name}, from the environments that have one"
            )
    problems = [
        f"{'/'.join(path)} is a value in one environment, and a group with {below[-1]} in another: "
        "rename one, or import that environment as a model of its own"
        for path, below in pairwise(sorted(set(chain.from_iterable(fields.values()))))
        if below[: len(path)] == path
    ]
    if problems:
        raise UsageError("\n  ".join(["nothing was written:", *problems]))


def _has(values: Iterable[Path], group: Path) -> bool:
    return any(path[: len(group)] == group for path in values)


def _module_values(environments: Sequence[_Values], optional: Iterable[Path]) -> _Values:
    """Return the first environment's values, and the groups that no override could add to them."""
    values = dict(environments[0])
    every = chain.from_iterable(other.items() for other in environments)
    secrets = [path for path, value in every if isinstance(value, SecretRef)]
    for group in sorted(optional, key=len):
        if _has(secrets, group) and not _has(values, group):
            first = next(other for other in environments if _has(other, group))
            values |= {path: it for path, it in first.items() if path[: len(group)] == group}
    return values


@dataclass(frozen=True, slots=True)
class _Kind:
    names: Mapping[Path, str]  #: Of the classes, by their groups' paths.
    optional: Iterable[Path]  #: The groups that may be None.
    classes: Sequence[str] = ()  #: Their sources, if they are the module's own.


def _candidates(
    name: str, fields: Sequence[Mapping[Path, Field]], *, in_place: bool
) -> Iterator[tuple[_Kind, list[_Values], dict[Path, Path]]]:
    """Yield values and places in each class that fits, then in classes of the module's own."""
    every = {path: field for of_stack in reversed(fields) for path, field in of_stack.items()}
    secrets = {
        path: field
        for of_stack in fields
        for path, field in of_stack.items()
        if isinstance(field.value, SecretRef)
    }
    every |= secrets
    for kind in _CLASSES:
        places = _places(kind, every)
        if places is None or (in_place and any(path != to for path, to in places.items())):
            continue
        values = [_values_in(kind, places, {**of_stack, **secrets}) for of_stack in fields]
        if all(values):
            names = {path: group.__name__ for path, group, _ in _walk(kind) if group}
            optional = [path for path, group, is_optional in _walk(kind) if group and is_optional]
            yield _Kind(names, optional), values, places
    # A secret in one environment is one in all that have its group.
    own = [
        {
            path: it.value
            for path, it in {**of_stack, **secrets}.items()
            if _has(of_stack, path[:-1])
        }
        for of_stack in fields
    ]
    yield _own_classes(name, own), own, {path: path for path in every}


def _walk(
    kind: type[Group], path: Path = (), *, is_optional: bool = False
) -> Iterator[tuple[Path, type[Group] | None, bool]]:
    """Yield the path and the class of each group, which may be optional, and each field's path."""
    yield path, kind, is_optional
    for name, field in kind.model_fields.items():
        here, may_be_none = (*path, name), NoneType in union_members(field.annotation)
        if groups := subclasses_in(field.annotation, Group):
            yield from _walk(groups[0], here, is_optional=may_be_none)
        else:
            yield here, None, may_be_none


def _leaves(kind: type[Group]) -> list[Path]:
    return [path for path, group, _ in _walk(kind) if not group]


def _places(kind: type[ModelConfig], fields: Mapping[Path, Field]) -> dict[Path, Path] | None:
    """Return the path of each field in a class, keys in a dict included; None if one fits none."""
    by_name = {path[-1]: path for path in _leaves(kind)}
    only_secret = sum(isinstance(field.value, SecretRef) for field in fields.values()) == 1
    places: dict[Path, Path] = {}
    for path, field in fields.items():
        # A single secret, such as "openai_key" or "token", is the provider's API key.
        alias = "api_key" if only_secret and isinstance(field.value, SecretRef) else path[-1]
        for depth, name in reversed([*enumerate((*path[:-1], alias))]):
            meant = OTHER_NAMES.get(name, name)
            known = (by_name.get(other) for other in (name, meant, _INSIDE.get(meant)) if other)
            if to := next(filter(None, known), None):
                places[path] = (*to, *field.names[len(field.names) - len(path) + depth + 1 :])
                break
        else:
            return None
    # Two in one place, or one inside of another, fit no class.
    clash = any(below[: len(to)] == to for to, below in pairwise(sorted(places.values())))
    return None if clash else places


def _values_in(
    kind: type[ModelConfig], places: Mapping[Path, Path], fields: Mapping[Path, Field]
) -> _Values:
    """Return the values in the order of a class; none if it refuses or changes one."""
    values = {places[path]: field.value for path, field in fields.items()}
    texts = {places[path]: field.text for path, field in fields.items() if field.text is not None}
    error = _refusal(kind, values)
    if isinstance(error, ValidationError):
        # A version such as 2 looks like a number, but the class needs a string.
        failed = {tuple(map(str, detail["loc"])) for detail in error.errors()}
        values |= {to: text for to, text in texts.items() if to in failed}
        error = _refusal(kind, values)
    leaves = {} if error else {to: _at(_nested(values), to) for to in _leaves(kind)}
    return {to: value for to, value in leaves.items() if value is not None}


def _refusal(kind: type[ModelConfig], values: _Values) -> ValueError | None:
    try:
        config = hierarchy.config_of(kind.model_validate(_nested(values)))
    except ValidationError as error:
        return error
    for to, value in values.items():
        # As JSON, which tells 1 from True. The fields of a list's items are sorted.
        if not isinstance(value, SecretRef) and _sorted(_at(config, to)) != _sorted(value):
            return ValueError(f"{kind.__name__} changes {to}")
    return None


def _sorted(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _at(values: Any, path: Path) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _put(values: dict[Any, Any], path: Path, value: object) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def _nested(values: _Values) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in values.items():
        _put(nested, path, value)
    return nested


def _overrides(module: _Values, other: _Values, optional: Iterable[Path]) -> dict[str, Any]:
    """Return how an environment differs from the module, as JSON Merge Patches (RFC 7396)."""
    patches: dict[str, Any] = {}
    for path in {**module, **other}:
        before, after = module.get(path), other.get(path)
        above = (path[:depth] for depth in range(1, len(path)))
        if off := next((it for it in above if it in optional and not _has(other, it)), None):
            _put(patches, off, value=False)
        elif not isinstance(before, SecretRef) and json.dumps(before) != json.dumps(after):
            _put(patches, path, _patch(before, after))
    return patches


def _patch(before: Any, after: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    changed = {
        key: _patch(before.get(key), value)
        for key, value in after.items()
        if key not in before or json.dumps(before[key]) != json.dumps(value)
    }
    return {**{key: None for key in before if key not in after}, **changed}


def _planned(
    name: str,
    files: Mapping[str, str],
    source: Source,
    overrides: Mapping[str, Any],
    values: _Values,
) -> plan.PlannedModel:
    """Return the model as a stack will deploy it, if that is what the parameters hold."""
    config = {
        "prefix": source.prefix, "environment": source.environment, "overrides": {name: overrides}
    }  # fmt: skip
    stack_file = {"config": {f"{NAMESPACE}:{key}": value for key, value in config.items()}}
    with TemporaryDirectory() as folder:
        project = Project(File(folder))
        project.models_folder.mkdir()
        for file, text in files.items():
            (project.models_folder / file).write_bytes(text.encode())
        project.stack_file("new").write_text(json.dumps(stack_file))  # JSON is YAML
        (planned,) = plan.valid_plan(project, "new").models
    expected = type(planned.config).model_validate(_nested(values))
    if json.dumps(hierarchy.config_of(planned.config)) != json.dumps(hierarchy.config_of(expected)):
        raise UsageError(
            f"nothing was written: no override makes {name} what it is in {source.environment}. "
            f"Another order of keys, or null in an object, is such a difference: see "
            f"{', '.join(sorted(overrides))}. Import that environment as a model of its own"
        )
    return planned


class _Source:
    """The source of a module: valid as generated, and readable."""

    def __init__(
        self, name: str, values: Mapping[Path, Any], class_names: Mapping[Path, str]
    ) -> None:
        self.name, self.values, self.class_names = name, values, class_names
        self._imports, self._texts = set[str](), dict[str, str]()

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


def _own_classes(name: str, environments: Sequence[_Values]) -> _Kind:
    paths = list(dict.fromkeys(chain.from_iterable(environments)))
    names, optional, classes = _class_names(name, paths), list[Path](), list[str]()
    for group in sorted(names, key=len, reverse=True):
        fields = dict.fromkeys(
            path[: len(group) + 1] for path in paths if path[: len(group)] == group
        )
        having = [values for values in environments if _has(values, group)]
        optional += [path for path in fields if not all(_has(values, path) for values in having)]
        lines = [
            f"    {path[-1]}: {names.get(path) or _declared(path, having)}"
            f"{' | None = None' if path in optional else ''}"
            for path in fields
        ]
        what = f"`{'/'.join(group)}`" if group else f"What `{name}` is configured with"
        head = f"class {names[group]}({'Group' if group else 'ModelConfig'}):"
        classes.append("\n".join([head, f'    """{what}, as it was imported."""', "", *lines]))
    return _Kind(names, [path for path in optional if path in names], classes)


def _declared(path: Path, environments: Sequence[_Values]) -> str:
    values = [values[path] for values in environments if path in values]
    return " | ".join(dict.fromkeys(map(_annotation, values)))


def _annotation(value: object) -> str:
    if isinstance(value, list | dict):
        items = value.values() if isinstance(value, dict) else value
        kinds = {type(item).__name__ for item in items}
        plain = len(kinds) == 1 and kinds <= {"str", "int", "float", "bool"}
        item = kinds.pop() if plain else "JsonValue"
        return f"dict[str, {item}]" if isinstance(value, dict) else f"list[{item}]"
    return type(value).__name__


def _class_names(model: str, fields: Iterable[Path]) -> dict[Path, str]:
    # Where a group's name is taken, its parents' names come before it.
    names: dict[Path, str] = {}
    taken = _TAKEN.union(*fields)  # a field with a default would hide the class
    groups = {path[:depth] for path in fields for depth in range(len(path))}
    for path in sorted(groups, key=lambda path: (len(path), path)):
        whole = path or (model,)
        near = [camel(*whole[-length:]) for length in range(1, len(whole) + 1)]
        near += [f"{near[-1]}{number}" for number in range(2, len(groups) + 2)]
        capital = (name[0].upper() + name[1:] for name in near)
        names[path] = next(name for name in capital if name not in {*taken, *names.values()})
    return names
