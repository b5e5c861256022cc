"""The base classes of configurations: groups of fields, whole models, and references to secrets."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Self, TypeAlias, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic._internal._model_construction import ModelMetaclass
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from model_config.format.errors import SchemaError
from model_config.format.names import SEGMENT
from model_config.schema.annotations import why_refused

#: The names of fields and keys, and the positions in lists.
Path: TypeAlias = tuple[str | int, ...]

# The names that pydantic's own code looks up on a class or an instance.
_PYDANTICS = frozenset(name for name in dir(BaseModel) if name.startswith("model_"))
_PLAIN = re.compile(r"(?:<class ')?(?:bool|float|int|str)(?:'>| \| None)?")
_CONFIG_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to a secret: the name of its key in the stack's configuration.

    The value comes from `pulumi config set --secret <config_key>` and is kept nowhere else.

    Raises:
        SchemaError: `config_key` is not a valid key of `pulumi config`.
    """

    config_key: str

    def __post_init__(self) -> None:
        if not _CONFIG_KEY.fullmatch(self.config_key):
            # The argument may be the secret itself, so the message doesn't show it.
            raise SchemaError(
                "SecretRef takes the name of a config key: a letter, then letters, digits, "
                '"_", "." or "-", such as SecretRef("supportChatApiKey")'
            )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.custom_error_schema(
            core_schema.is_instance_schema(cls),
            custom_error_type="secret_ref",
            custom_error_message='a secret\'s value never goes here: write SecretRef("configKey")'
            " and set it with `pulumi config set --secret`",
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"not": {}}  # matches nothing: a stack file can't hold a reference


def _keep_keys(given: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Refuse two keys that validation makes one, as `str_strip_whitespace` may."""
    kept = handler(given)
    if _loses_key(given, kept):
        raise ValueError(f"two keys in {info.field_name} are the same once they are validated")
    return kept


class _Metaclass(ModelMetaclass):
    """Lets a field be called `copy`, `json` or `schema`, of which pydantic would warn."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> type:
        # Plain fields go without the check of keys: with it, a class takes half as long again.
        if checked := _fields_with_keys(namespace):
            check = field_validator(*checked, mode="wrap", check_fields=False)(_keep_keys)
            # A name of its own, so that a subclass doesn't replace the check of its base class.
            namespace = {**namespace, f"_keep_keys_of_{'_'.join(checked)}": check}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", 'Field name ".*" shadows an attribute', UserWarning)
            return super().__new__(mcs, name, bases, namespace, **kwargs)


def _fields_with_keys(namespace: Mapping[str, Any]) -> list[str]:
    if "__annotate_func__" in namespace:  # Python 3.14 evaluates annotations later
        return ["*"]
    annotations: Mapping[str, object] = namespace.get("__annotations__", {})
    return [name for name, kind in annotations.items() if not _PLAIN.fullmatch(str(kind))]


class Group(BaseModel, metaclass=_Metaclass):
    """Fields that belong together: one level of the hierarchy."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Refuse fields that can't be stored as soon as the class is defined."""
        for name, field in cls.__pydantic_fields__.items():
            if problem := _why_not_storable(name, field):
                raise SchemaError(f"{cls.__name__}.{name}: {problem}")
        return handler(source)


class ModelConfig(Group):
    """One model's whole configuration: the base class of the built-in classes and of your own."""

    @model_validator(mode="after")
    def __name_secrets(self) -> Self:
        """Refuse secrets that can't have the name of the place where they stand."""
        if problems := [
            InitErrorDetails(
                type=PydanticCustomError("secret_name", "{problem}", {"problem": problem}),
                loc=path,
                input=None,
            )
            for path, _ in secrets_below(self)
            if (problem := _why_no_name(path))
        ]:
            raise ValidationError.from_exception_data(type(self).__name__, problems)
        return self


def scalars(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield everything in a value that isn't a group, a dict or a list, with its path."""
    below: Iterable[tuple[str | int, object]]
    match value:
        case Group():
            below = ((name, getattr(value, name)) for name in type(value).model_fields)
        case dict():
            below = value.items()
        case list():
            below = enumerate(value)
        case _:
            yield path, value
            return
    for name, item in below:
        yield from scalars(item, (*path, name))


def secrets_below(group: Group) -> Iterator[tuple[Path, SecretRef]]:
    """Yield every secret of a group, with its path."""
    return ((path, item) for path, item in scalars(group) if isinstance(item, SecretRef))


def _why_not_storable(name: str, field: FieldInfo) -> str | None:
    if name in _PYDANTICS:
        return "pydantic has this name itself: give the field another one"
    if field.alias or field.validation_alias or field.serialization_alias:
        return "it has an alias. The field's name must be the parameter's name: remove the alias"
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if NoneType in get_args(field.annotation) and default is not None:
        return (
            "it may be None and has another default. None is stored as no parameter, so a reader "
            "would get the default: make None the default"
        )
    try:
        return why_refused(field.annotation, Group, SecretRef)
    except RecursionError:
        return "its type refers to itself: write JsonValue in place of the inner one"


def _loses_key(given: object, kept: object) -> bool:
    if isinstance(given, dict) and isinstance(kept, dict):
        return len(given) > len(kept) or any(map(_loses_key, given.values(), kept.values()))
    if isinstance(given, list) and isinstance(kept, list):
        return any(map(_loses_key, given, kept))
    return False


def _why_no_name(path: Path) -> str | None:
    for segment in path:
        if isinstance(segment, int):
            return "a SecretRef can't stand below a list, whose items have no names: use a dict"
        if not SEGMENT.fullmatch(segment):
            return (
                f"\"{segment}\" can't be part of a secret's name: above a SecretRef, a key has "
                'only letters, digits, "_", "-" and "."'
            )
    return None
