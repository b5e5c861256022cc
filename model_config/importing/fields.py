"""The fields of a model from existing parameters: which, with what names, values and secrets."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from model_config.format.codec import Value, check_storable, encode
from model_config.format.errors import CodecError, ModelNotFoundError, UsageError
from model_config.format.names import RELEASE, RESERVED, SECRETS
from model_config.plan.checks import LOOKS_SECRET
from model_config.schema import ModelConfig, SecretRef

Path: TypeAlias = tuple[str, ...]

_SECRET_NAME = re.compile(
    r"(^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))(key|token|secrets?|password|passwd|passphrase|credentials?)$",
    re.IGNORECASE,
)
# A field with a default hides the type of the same name from its class.
_TYPES = {"str", "int", "float", "bool", "list", "dict", "SecretRef", "JsonValue"}


@dataclass(frozen=True, slots=True)
class Existing:
    """An existing parameter."""

    name: str
    path: Path  #: Its name below the imported path, split; empty for the path itself.
    type: str
    text: str | None  #: Its value. None if it looks like a secret, which is not read.


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the generated model, in one environment."""

    parameter: Existing
    names: Path  #: The parameter's names, then those of keys in its JSON document.
    value: Value | SecretRef
    text: str | None = None  #: The parameter's text, if it is this field's alone.

    @property
    def config_key(self) -> str | None:
        """The config key, if it is a secret."""
        return self.value.config_key if isinstance(self.value, SecretRef) else None


def below(path: str, names: Sequence[str]) -> dict[Path, str]:
    """Return the names of the parameters to import, by their names below the path, split.

    A path that ends in "/", or that is no parameter, takes those below it; one that ends in "-",
    "_" or "." all whose names begin with it.
    """
    if path in names:
        return {(): path}
    start = path if path[-1] in "/-_." else f"{path}/"
    if chosen := [name for name in names if name.startswith(start)]:
        return {tuple(name.removeprefix(start).split("/")): name for name in chosen}
    near = ", ".join(sorted(names)[:5])
    advice = f"; there are {near}" if near else ". See `aws ssm describe-parameters`"
    raise ModelNotFoundError(f"there is no parameter {path} and none below it{advice}")


def looks_secret(path: Path) -> bool:
    """Return whether a name looks like a secret's: "api_key", "secrets/any", "DB-Password"."""
    above = {name.lower() for name in path[:-1]} & {"secret", "secrets", "credentials"}
    return bool(above) or bool(path and _SECRET_NAME.search(path[-1]))


def camel(*names: str) -> str:
    """Return names joined in camel case: "support_chat" and "api_key" as "supportChatApiKey"."""
    words = [word for name in names for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    first, *others = words or ["field"]
    return first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in others)


def fields_of(model: str, parameters: Sequence[Existing]) -> dict[Path, Field]:
    """Return a model's fields by path, or raise UsageError with all that can't become one."""
    fields: dict[Path, Field] = {}
    problems: list[str] = []
    for parameter in parameters:
        if parameter.path[-1:] == (RELEASE,) and '"digest":"sha256:' in (parameter.text or ""):
            raise UsageError(
                f"{parameter.name} is a release, so a project has deployed these parameters: copy "
                "the module from that project"
            )
        read = _of_parameter(model, parameter) if parameter.path else _of_document(model, parameter)
        for field in read:
            path = _path(field.names)
            problems += _problems(path, field, fields)
            fields.setdefault(path, field)
    if problems:
        raise UsageError("\n  ".join(["nothing was written:", *problems]))
    return {path: field for path, field in fields.items() if field.value is not None}


def _path(names: Path) -> Path:
    inner = names[1:] if names[0] == SECRETS and len(names) > 1 else names
    return tuple(_identifier(name, top=not number) for number, name in enumerate(inner))


def _identifier(name: str, *, top: bool = False) -> str:
    near = re.sub(r"[^A-Za-z0-9_]", "_", name).lstrip("_")
    near = near if near[:1].isalpha() else f"field_{near}"
    taken = keyword.iskeyword(near) or hasattr(ModelConfig, near) or near in _TYPES
    return f"{near}_" if taken or (top and near.lower() in RESERVED) else near


def _of_parameter(model: str, parameter: Existing) -> Iterator[Field]:
    path, text = parameter.path, parameter.text
    if text is None or LOOKS_SECRET.search(text):
        yield Field(parameter, path, SecretRef(camel(model, *_path(path))))
    elif parameter.type == "StringList":
        yield Field(parameter, path, [*text.split(",")])
    else:
        yield Field(parameter, path, _value_of(text), text)


def _value_of(text: str) -> Value:
    """Return a text's value, which is a number only if the codec would encode it the same way."""
    try:
        value: Value = json.loads(text)
        encoded = encode(value)
    except (ValueError, RecursionError):
        return text
    is_number = isinstance(value, int | float) and encoded == text
    return value if isinstance(value, list | dict) or is_number else text


def _of_document(model: str, parameter: Existing) -> Iterator[Field]:
    by_hand = "write the module by hand: `model-config new NAME --kind custom` begins one"
    try:
        document = json.loads(parameter.text or "")
    except (ValueError, RecursionError) as error:
        at = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{parameter.name} is not JSON{at}: import a tree, or {by_hand}") from None
    if not isinstance(document, dict) or all(value is None for value in document.values()):
        raise UsageError(f"{parameter.name} holds no JSON object with a value: {by_hand}")
    yield from _of_object(model, parameter, document, ())


def _of_object(
    model: str, parameter: Existing, values: Mapping[str, Value], above: Path
) -> Iterator[Field]:
    for name, value in values.items():
        names = (*above, name)
        # A group's keys are names of fields; those of a dict are data.
        is_group = isinstance(value, dict) and all(_identifier(key) == key for key in value)
        if isinstance(value, dict) and value and (is_group or _hides_secret(value)):
            yield from _of_object(model, parameter, value, names)
        elif isinstance(value, str) and (looks_secret(names) or LOOKS_SECRET.search(value)):
            yield Field(parameter, names, SecretRef(camel(model, *_path(names))))
        else:
            yield Field(parameter, names, value)


def _hides_secret(value: Value, name: str = "") -> bool:
    if isinstance(value, dict):
        return any(_hides_secret(item, key) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_hides_secret, value))
    return isinstance(value, str) and bool(LOOKS_SECRET.search(value) or looks_secret((name,)))


def _problems(path: Path, field: Field, fields: Mapping[Path, Field]) -> Iterator[str]:
    """Yield why a field can't stand beside the others, or can't be stored."""
    here = "/".join(field.names)
    for other_path, other in fields.items():
        # As folded texts, since SSM tells case apart and people don't.
        short, long = sorted(("/".join(other_path).casefold(), "/".join(path).casefold()), key=len)
        if f"{long}/".startswith(f"{short}/"):
            there = "/".join(other.names)
            yield f"{there} and {here} would be one field, or a field and a group: rename one"
    if isinstance(field.value, SecretRef):
        return
    try:
        check_storable(field.value)
    except CodecError as error:
        yield f"{here} can't be stored: {error}"
    if _hides_secret(field.value):
        yield f"{here} seems to contain a secret inside a list: move it to its own parameter or key"
