"""The fields of a model from existing parameters: their names, values and secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType

from model_config.format.codec import Value, check_storable, encode
from model_config.format.errors import CodecError, UsageError
from model_config.format.names import RELEASE, SECRETS
from model_config.importing.field import Field, Found, collisions
from model_config.importing.names import (
    SECRET_TEXT,
    Path,
    camel,
    identifier,
    identifiers,
    looks_secret,
)
from model_config.schema import SecretRef


def fields_of(model: str, found: Iterable[Found]) -> list[Field]:
    """Return the fields of a tree of parameters, one for each parameter.

    Raises:
        UsageError: two names become the same field, a value can't be stored, or a project like this
            one deployed the parameters.
    """
    parameters = list(found)
    for each in parameters:
        if each.path == (RELEASE,) and '"digest":"sha256:' in (each.text or ""):
            raise UsageError(
                f"{each.name} is a release, so a project has deployed these parameters: copy the "
                "module from that project"
            )
    return _checked([_of_parameter(model, each) for each in parameters])


def fields_of_document(model: str, found: Found) -> list[Field]:
    """Return the fields of a parameter that holds a JSON object.

    Raises:
        UsageError: it isn't a JSON object, two names become the same field, or a value can't be
            stored.
    """
    try:
        document = json.loads(found.text or "")
    except (ValueError, RecursionError) as error:
        at = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(
            f"{found.name} is not JSON{at}, so it has no fields. Import a tree of parameters, or "
            "write the module by hand (README, Add a model)"
        ) from None
    if not isinstance(document, dict) or {*map(type, document.values())} <= {NoneType}:
        raise UsageError(
            f"{found.name} holds {_kind(document)}. Fields are made from a JSON object's keys, so "
            "write the module by hand (README, Add a model)"
        )
    return _checked([*_of_object(model, document, ())])


def _of_parameter(model: str, found: Found) -> Field:
    below = found.path[1:] if found.path[0] == SECRETS and len(found.path) > 1 else found.path
    path = identifiers(below)
    if found.text is None or SECRET_TEXT.search(found.text):
        return Field(path, below, SecretRef(camel(model, *path)))
    is_list = found.type == "StringList"
    value: Value = [*found.text.split(",")] if is_list else _value_of(found.text)
    return Field(path, below, value, found.text)


def _value_of(text: str) -> Value:
    """Return the value of a text. It is a number only if the codec would encode it the same way."""
    try:
        value: Value = json.loads(text)
        if isinstance(value, list | dict):
            return value
        same = value is not None and not isinstance(value, str) and encode(value) == text
    except (ValueError, RecursionError, CodecError):
        return text
    return value if same else text


def _of_object(model: str, values: Mapping[str, Value], above: Path) -> Iterator[Field]:
    for name, value in values.items():
        names = (*above, name)
        if isinstance(value, dict) and value and (_is_group(value) or _hides_secret(value)):
            yield from _of_object(model, value, names)
        elif isinstance(value, str) and (looks_secret(names) or SECRET_TEXT.search(value)):
            inner = names[1:] if names[0] == SECRETS and len(names) > 1 else names
            path = identifiers(inner)
            yield Field(path, inner, SecretRef(camel(model, *path)))
        else:
            yield Field(identifiers(names), names, value)


def _is_group(values: Mapping[str, Value]) -> bool:
    """Return whether an object's keys are field names rather than data."""
    return all(identifier(name, top=False) == name for name in values)


def _hides_secret(value: Value) -> bool:
    if isinstance(value, dict):
        return any(
            _hides_secret(inner) or (isinstance(inner, str) and looks_secret((name,)))
            for name, inner in value.items()
        )
    if isinstance(value, list):
        return any(map(_hides_secret, value))
    return isinstance(value, str) and SECRET_TEXT.search(value) is not None


def _checked(fields: list[Field]) -> list[Field]:
    problems = [*collisions(fields)]
    for field in fields:
        where = "/".join(field.names)
        if isinstance(field.value, SecretRef):
            continue
        try:
            check_storable(field.value)
        except CodecError as error:
            problems.append(f"{where} can't be stored: {error}")
        if _hides_secret(field.value):
            problems.append(
                f"{where} seems to contain a secret inside a list or an object, which can't "
                "hold a SecretRef: move the secret to its own parameter or key"
            )
    if problems:
        raise UsageError("\n".join(["nothing was written:", *(f"  {each}" for each in problems)]))
    return fields


def _kind(value: object) -> str:
    kinds = {
        str: "a JSON string",
        list: "a JSON list",
        bool: "a JSON boolean",
        dict: "a JSON object without a value",
    }
    return kinds.get(type(value), "a JSON number or null")
