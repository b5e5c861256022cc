"""The base classes of configurations: groups of fields, whole models, and references to secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from model_config.field_types import why_not_storable
from model_config.format.errors import SchemaError

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


class Group(BaseModel):
    """Fields that belong together: one level of the hierarchy."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        """Refuse fields that can't be stored as soon as the class is defined.

        Raises:
            SchemaError: names the class, the field and the types that a field may have.
        """
        for name, field in cls.model_fields.items():
            if field.alias or field.validation_alias or field.serialization_alias:
                raise SchemaError(
                    f"{cls.__name__}.{name} has an alias. The field's name must be the parameter's "
                    "name: remove the alias"
                )
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            if NoneType in get_args(field.annotation) and default is not None:
                raise SchemaError(
                    f"{cls.__name__}.{name} may be None and has another default. None is stored as "
                    "no parameter, so a reader would get the default: make None the default"
                )
            if problem := why_not_storable(field.annotation, whole_field=(Group, SecretRef)):
                raise SchemaError(
                    f"{cls.__name__}.{name}: {problem}. A field's type is str, int, float, bool, "
                    "an enum, list[...], dict[str, ...], a Group, a SecretRef, or one of these or "
                    "None"
                )


class ModelConfig(Group):
    """One model's whole configuration: the base class of the built-in classes and of your own."""
