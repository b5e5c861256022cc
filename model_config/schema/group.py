"""The base classes of configurations, references to secrets, and the types a field may have."""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    Self,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import pydantic
from pydantic import BaseModel, JsonValue, ValidationError, field_validator, model_validator
from pydantic._internal._model_construction import ModelMetaclass
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, core_schema
from typing_extensions import is_typeddict

from model_config.format.errors import SchemaError
from model_config.format.names import SEGMENT

_Class = TypeVar("_Class")
#: The names of fields and keys, and the positions in lists.
Path: TypeAlias = tuple[str | int, ...]

# The names that pydantic's own code looks up on a class or an instance.
_PYDANTICS = frozenset(name for name in dir(BaseModel) if name.startswith("model_"))
_PLAIN = (str, int, float, bool, NoneType)
_ANY = (
    "str, int, float, bool, an enum, a Literal, list[...], dict[str, ...], a Group, a SecretRef, "
    "or JsonValue for whatever JSON holds"
)
_BELOW_A_LIST = (
    "a SecretRef can't stand below a list, because a list's items have no names that the secret's "
    "parameter could have: write dict[str, {}] instead of the list"
)


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to a secret: the name of its key in the stack's configuration.

    The value comes from `pulumi config set --secret <config_key>` and is kept nowhere else.

    Raises:
        SchemaError: `config_key` is not a valid key of `pulumi config`.
    """

    config_key: str

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_.-]*", self.config_key):
            # The argument may be the secret itself, so the message doesn't show it.
            raise SchemaError(
                "SecretRef takes the name of a config key: a letter, then letters, digits, "
                '"_", "." or "-", such as SecretRef("supportChatApiKey")'
            )

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> CoreSchema:
        return core_schema.custom_error_schema(
            core_schema.is_instance_schema(cls),
            custom_error_type="secret_ref",
            custom_error_message='a secret\'s value never goes here: write SecretRef("configKey")'
            " and set it with `pulumi config set --secret`",
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: object) -> JsonSchemaValue:
        return {"not": {}}  # matches nothing: a stack file can't hold a reference


class _Metaclass(ModelMetaclass):
    """Lets a field be called `copy`, `json` or `schema`, of which pydantic would warn."""

    def __new__(mcs, *args: Any, **kwargs: Any) -> type:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", 'Field name ".*" shadows an attribute', UserWarning)
            return super().__new__(mcs, *args, **kwargs)


class Group(BaseModel, metaclass=_Metaclass):
    """Fields that belong together: one level of the hierarchy."""

    model_config = pydantic.ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: pydantic.GetCoreSchemaHandler
    ) -> CoreSchema:
        """Refuse fields that can't be stored as soon as the class is defined."""
        for name, field in cls.__pydantic_fields__.items():
            if problem := _why_not_storable(name, field):
                raise SchemaError(f"{cls.__name__}.{name}: {problem}")
        if cls.model_config.get("extra") == "allow":
            raise SchemaError(
                f'{cls.__name__}: with extra="allow", a value without a field would be lost, since '
                "only fields are stored: give it a field, such as dict[str, JsonValue]"
            )
        # A Literal has no keys, and pydantic refuses a union's discriminator with such a validator.
        fields = cls.__pydantic_fields__.items()
        checked = [name for name, field in fields if get_origin(field.annotation) is not Literal]
        validators = cls.__pydantic_decorators__.field_validators
        validators["_Group__keep_keys"].info.fields = tuple(checked)
        return handler(source)

    @field_validator("*", mode="wrap")
    @classmethod
    def __keep_keys(
        cls,
        given: Any,
        handler: pydantic.ValidatorFunctionWrapHandler,
        info: pydantic.ValidationInfo,
    ) -> Any:
        """Refuse two keys that validation makes one, as `str_strip_whitespace` may."""
        kept = handler(given)
        if _loses_key(given, kept):
            raise ValueError(f"two keys in {info.field_name} are the same once they are validated")
        return kept


class ModelConfig(Group):
    """One model's whole configuration: the base class of the built-in classes and of your own."""

    @model_validator(mode="after")
    def __name_secrets(self) -> Self:
        """Refuse secrets that can't have the name of the place where they stand."""
        if problems := [
            InitErrorDetails(type="value_error", loc=path, input=None, ctx={"error": problem})
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


def union_members(kind: Any) -> Iterator[Any]:
    """Yield the members of a union, or the type itself if it is not a union."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from union_members(args[0])
    elif origin in (Union, UnionType):
        for arg in args:
            yield from union_members(arg)
    elif kind is not JsonValue and hasattr(kind, "__value__"):  # type Name = ...
        yield from union_members(kind.__value__)
    else:
        yield kind


def subclasses_in(kind: Any, base: type[_Class]) -> list[type[_Class]]:
    """Return the subclasses of `base` that a field's value may be an instance of."""
    members = union_members(kind)
    return [member for member in members if isinstance(member, type) and issubclass(member, base)]


def value_type(kind: Any, container: type) -> Any:
    """Return the type of a list's items or a dict's values, where a field's type allows one."""
    members = (member for member in union_members(kind) if get_origin(member) is container)
    return next((get_args(member)[-1] for member in members), JsonValue)


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


def _why_not_storable(name: str, field: FieldInfo) -> str | None:
    if name in _PYDANTICS:
        return "pydantic has this name itself: give the field another one"
    if field.alias or field.validation_alias or field.serialization_alias:
        return "it has an alias. The field's name must be the parameter's name: remove the alias"
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if _takes_none(field.annotation) and default is not None:
        return (
            "it may be None and has another default. None is stored as no parameter, so a reader "
            "would get the default: make None the default"
        )
    try:
        return next(_why_refused(field.annotation), None)
    except RecursionError:
        return "its type refers to itself: write JsonValue in place of the inner one"


def _takes_none(kind: Any) -> bool:
    choices = [choice.value for enum in subclasses_in(kind, Enum) for choice in enum]
    members = list(union_members(kind))
    for member in members:
        choices += get_args(member) if get_origin(member) is Literal else ()
    return NoneType in members or None in choices


def _why_refused(kind: Any, item: Any = None) -> Iterator[str]:
    """Yield why a field can't have a type, and which to write instead.

    `item` is the type of the items of the list that the type stands below.
    """
    for member in union_members(kind):
        origin, args = get_origin(member), get_args(member)
        if origin is list:
            yield from _why_refused(args[0], item or args[0])
        elif origin is dict and list(union_members(args[0])) == [str]:
            yield from _why_refused(args[1], item)
        elif origin is Literal or subclasses_in(member, Enum):
            kinds = map(type, args or [choice.value for choice in member])
            yield from (
                f"a value can't be {kind.__name__}: write a str, int, float, bool or None"
                for kind in kinds
                if not issubclass(kind, _PLAIN)
            )
        elif subclasses_in(member, Group):
            for field in member.model_fields.values():
                yield from _why_refused(field.annotation, item)
        elif subclasses_in(member, SecretRef):
            yield from [_BELOW_A_LIST.format(_name(item))] if item else []
        # A forward reference in a group is checked when the group is complete.
        elif member not in (*_PLAIN, None, JsonValue) and not isinstance(member, str | ForwardRef):
            yield f"its type can't be {_name(member)}: write {_instead(member)}"


def _instead(kind: Any) -> str:
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin in (Any, object):
        return "JsonValue"
    if not isinstance(origin, type):
        return _ANY
    if is_typeddict(origin) or is_dataclass(origin) or hasattr(origin, "_fields"):
        return f"class {_name(kind)}(Group) with these fields, or dict[str, JsonValue]"
    if issubclass(origin, BaseModel):
        return f"Group as the base class of {_name(kind)}, or dict[str, JsonValue]"
    if issubclass(origin, Mapping):
        return f"dict[str, {_name(args[1]) if args else 'JsonValue'}]"
    if issubclass(origin, pydantic.SecretStr):
        return "SecretRef"
    if issubclass(origin, bytes | bytearray):
        return "str, such as Base64"
    if issubclass(origin, Iterable) and not issubclass(origin, str | Enum):
        names = {_name(arg) for arg in args if arg is not ...}
        return f"list[{names.pop() if len(names) == 1 else 'JsonValue'}]"
    is_text = origin.__module__ in ("datetime", "decimal", "pathlib", "uuid", "pydantic.networks")
    return "str" if is_text else _ANY


def _name(kind: Any) -> str:
    """Return a type as users write it."""
    if get_origin(kind) is Annotated:
        return _name(get_args(kind)[0])
    name = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
    return re.sub(r"[\w.<>]+\.(?=\w)", "", name)  # without modules
