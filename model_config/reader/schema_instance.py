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
        known = _fields(schema, values, secrets, "")
        return cast(ModelT, _frozen(cast(Any, schema).model_validate(known, context=RELEASED)))
    except ValueError as error:  # pydantic's ValidationError is one
        problems = "\n".join(f"  {problem}" for problem in _problems(error))
        raise SchemaMismatchError(
            f"{source} doesn't fit the application's {schema.__module__}.{schema.__qualname__}:\n"
            f"{problems}\n"
            "Give the new fields a default in the class, or read a release written with this class"
        ) from None


def _fields(
    schema: Any, values: Mapping[str, Any], secrets: Collection[str], path: str
) -> dict[str, Any]:
    """Return the values that a class has fields for, with references to secrets."""
    known: dict[str, Any] = {}
    for name, field in schema.model_fields.items():
        here, kinds = path + name, list(_kinds(field.annotation))
        if name in values or any(f"{secret}/".startswith(f"{here}/") for secret in secrets):
            known[name] = _fitted(kinds, values.get(name), secrets, here)
        elif field.is_required() and NoneType in kinds:
            known[name] = None  # None has no parameter, so this is what was deployed
        elif field.is_required() and len(kinds) == 1 and hasattr(kinds[0], "model_fields"):
            known[name] = _fields(kinds[0], {}, secrets, f"{here}/")
    return known


def _fitted(kinds: list[Any], value: Any, secrets: Collection[str], path: str) -> Any:
    """Return a value as its place takes it. None: only its secrets are there."""
    below = [secret for secret in secrets if secret.startswith(f"{path}/")]
    for kind in kinds:
        arguments = [list(_kinds(argument)) for argument in get_args(kind)]
        if hasattr(kind, "config_key") and path in secrets:
            return kind(path.replace("/", "."))
        if get_origin(kind) is list and isinstance(value, list):
            return [_fitted(arguments[0], item, (), path) for item in value]
        if get_origin(kind) is dict and (isinstance(value, Mapping) or below):
            keys = [secret[len(path) + 1 :].partition("/")[0] for secret in below]
            return {
                key: _fitted(arguments[1], (value or {}).get(key), secrets, f"{path}/{key}")
                for key in dict.fromkeys([*(value or {}), *keys])
            }
    groups = [kind for kind in kinds if hasattr(kind, "model_fields")]
    if len(groups) == 1 and (isinstance(value, Mapping) or (value is None and below)):
        return _fields(groups[0], value or {}, secrets, f"{path}/")
    return value


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the classes, and lists and dicts of classes, in an annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for argument in get_args(annotation):
            yield from _kinds(argument)
    else:
        yield annotation


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


def _problems(error: ValueError) -> Iterator[str]:
    details = getattr(error, "errors", None)
    if details is None:
        yield str(error)
        return
    for detail in details(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in detail["loc"])
        yield f"{path}: {detail['msg']}" if path else detail["msg"]
