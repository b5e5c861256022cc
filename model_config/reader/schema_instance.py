"""Builds an instance of an application's schema class from a release's plain values.

The class is a pydantic model, but pydantic is not imported here: an application without pydantic
has no such class.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from model_config.format.errors import SchemaMismatchError
from model_config.format.release import RELEASED
from model_config.reader.configuration import check_schema, freeze

ModelT = TypeVar("ModelT")


def into_class(
    schema: type[ModelT], values: Mapping[str, Any], secrets: Collection[str], source: str
) -> ModelT:
    """Return an instance of `schema` with those values that it has fields for, lists frozen.

    Args:
        schema: the class, with `model_fields` and `model_validate`.
        values: nested plain values.
        secrets: the paths of the release's secrets, "keys/primary".
        source: a name of the release, for the error.

    Raises:
        SchemaMismatchError: names the release, the class and every field that doesn't fit.
        UsageError: `schema` is not such a class.
    """
    check_schema(schema, "as_model")
    try:
        known = _known_values(schema, values, secrets, path=())
        return cast(ModelT, _frozen(cast(Any, schema).model_validate(known, context=RELEASED)))
    except ValueError as error:  # pydantic's ValidationError is one
        problems = "\n".join(f"  {problem}" for problem in _problems(error))
        raise SchemaMismatchError(
            f"{source} doesn't fit the application's {schema.__module__}.{schema.__qualname__}:\n"
            f"{problems}\n"
            "Give the new fields a default in the class, or read a release written with this class"
        ) from None


def _known_values(
    schema: Any, values: Mapping[str, Any], secrets: Collection[str], path: tuple[str, ...]
) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for name, field in schema.model_fields.items():
        here = (*path, name)
        below = "/".join(here)
        value = values.get(name, {})
        is_there = name in values or any(secret.startswith(f"{below}/") for secret in secrets)
        group = _only_class_with("model_fields", field.annotation)
        if not is_there and field.is_required() and NoneType in _members(field.annotation):
            known[name] = None  # None has no parameter, so this is what was deployed
        elif is_there or below in secrets or (group and field.is_required()):
            known[name] = _known_value(field.annotation, value, secrets, here)
    return known


def _known_value(
    annotation: Any, value: Any, secrets: Collection[str], path: tuple[str, ...]
) -> Any:
    below = "/".join(path)
    group = _only_class_with("model_fields", annotation)
    reference = _only_class_with("config_key", annotation)
    if reference and below in secrets:
        return reference(".".join(path))
    if group and isinstance(value, Mapping):
        return _known_values(group, value, secrets, path)
    for member in _members(annotation):
        if get_origin(member) is list and isinstance(value, list):
            (item,) = get_args(member)
            return [_known_value(item, each, (), path) for each in value]
        if get_origin(member) is dict and isinstance(value, Mapping):
            _, item = get_args(member)
            ours = (secret for secret in secrets if secret.startswith(f"{below}/"))
            keys = [*value, *(secret.split("/")[len(path)] for secret in ours)]
            return {
                key: _known_value(item, value.get(key, {}), secrets, (*path, key))
                for key in dict.fromkeys(keys)
            }
    return value


def _frozen(value: Any) -> Any:
    # All callers share one instance, and in a frozen class lists and dicts can still be changed.
    if isinstance(value, dict):
        return freeze({key: _frozen(item) for key, item in value.items()})
    if isinstance(value, list):
        return freeze([_frozen(item) for item in value])
    if not hasattr(type(value), "model_fields"):
        return value
    copied = value.model_copy()  # because it may be the class's default
    vars(copied).update({name: _frozen(each) for name, each in vars(value).items()})
    return copied


def _only_class_with(attribute: str, annotation: Any) -> Any:
    """Return the class in an annotation that has an attribute, or None unless there is just one."""
    found = [
        kind for kind in _members(annotation) if isinstance(kind, type) and hasattr(kind, attribute)
    ]
    return found[0] if len(found) == 1 else None


def _members(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for argument in get_args(annotation):
            yield from _members(argument)
    else:
        yield annotation


def _problems(error: ValueError) -> Iterator[str]:
    details = getattr(error, "errors", None)
    if details is None:
        yield str(error)
        return
    for detail in details(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in detail["loc"])
        yield f"{path}: {detail['msg']}" if path else detail["msg"]
