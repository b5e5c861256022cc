"""What a model module imports: the classes a configuration is written in.

A field's type is one that JSON can hold: str, int, float, bool, list, dict with string keys, an
enum, a literal, or any of these or None. `Group`s nest. Anything else is refused when the class
is defined. Beyond that they are ordinary pydantic: constraints, defaults and validators work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args

try:
    from pydantic import (
        AfterValidator,
        BaseModel,
        ConfigDict,
        Field,
        GetCoreSchemaHandler,
        GetJsonSchemaHandler,
        JsonValue,
        ValidationInfo,
    )
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema, core_schema
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "model_config.schema, and so as_model() and schema=, needs pydantic, which a plain "
        "install leaves out: pip install pydantic",
        name=error.name,
    ) from None

from model_config.field_types import why_not_storable
from model_config.format.errors import SchemaError
from model_config.format.prompt import stray_braces
from model_config.format.release import RELEASED

_CONFIG_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret, by the name of its key in the stack's configuration.

    The value comes from `pulumi config set --secret <config_key>` and is kept nowhere else.

    Raises:
        SchemaError: `config_key` is not a valid key of `pulumi config`.
    """

    config_key: str

    def __post_init__(self) -> None:
        if not _CONFIG_KEY.fullmatch(self.config_key):
            # Whatever was given may be the secret itself, so it is not shown.
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
        return {"not": {}}  # no file holds one


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
            SchemaError: with the class, the field and the types that can.
        """
        for name, field in cls.model_fields.items():
            if field.alias or field.validation_alias or field.serialization_alias:
                raise SchemaError(
                    f"{cls.__name__}.{name} has an alias: the field's name is the parameter's name"
                )
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            if NoneType in get_args(field.annotation) and default is not None:
                raise SchemaError(
                    f"{cls.__name__}.{name} may be None and has another default: None has no "
                    "parameter, so a reader would get the default back. Make None the default"
                )
            if problem := why_not_storable(field.annotation, whole_field=(Group, SecretRef)):
                raise SchemaError(
                    f"{cls.__name__}.{name}: {problem}. A field is str, int, float, bool, an enum, "
                    "list[...], dict[str, ...], a Group, a SecretRef, or one of these or None"
                )


class ModelConfig(Group):
    """One model's whole configuration: the base of the classes below, and of your own."""


Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]


_SHOWN_PLACES = 3


def _check_prompt(text: str, info: ValidationInfo) -> str:
    if info.context == RELEASED:
        return text  # checked when it was deployed; an older package allowed more
    if not text.strip():
        raise ValueError("the prompt is empty")
    if places := list(islice(stray_braces(text), _SHOWN_PLACES + 1)):
        where = "; ".join(places[:_SHOWN_PLACES]) + "; …" * (len(places) > _SHOWN_PLACES)
        raise ValueError(
            f"{{{{ does not begin a placeholder ({where} of the text): write {{{{name}}}}, with "
            "a letter or _ and then letters, digits or _. A text in another template language "
            "goes into a str field, in a class of your own"
        )
    return text


#: A text with placeholders, `{{name}}`, that an application fills in with `Configuration.render`.
#: It is not empty, and `{{` has no other meaning in it.
Prompt = Annotated[str, Field(json_schema_extra={"minLength": 1}), AfterValidator(_check_prompt)]


class Generation(Group):
    """How a chat model samples. What is None is left to the provider."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: list[Text] | None = None
    seed: int | None = None


class Prompts(Group):
    """The texts a chat model is driven with."""

    system: Prompt
    templates: dict[str, Prompt] | None = None


class CallLimits(Group):
    """How an application calls a model."""

    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    max_retries: Annotated[int, Field(ge=0, le=20)] = 2
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None


class ChatModel(ModelConfig):
    """A chat model behind a provider's API."""

    provider: Text
    model_id: Text
    prompts: Prompts
    generation: Generation = Generation()
    limits: CallLimits = CallLimits()
    api_key: SecretRef | None = None


class EmbeddingModel(ModelConfig):
    """A model that turns texts into vectors."""

    provider: Text
    model_id: Text
    dimensions: Annotated[int, Field(ge=1, le=65_536)]
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 32
    normalize: bool = True
    distance: Literal["cosine", "dot", "euclidean"] = "cosine"
    limits: CallLimits = CallLimits()
    api_key: SecretRef | None = None


class Instances(Group):
    """The machines a self-hosted endpoint runs on."""

    instance_type: Text
    min_count: Annotated[int, Field(ge=0)] = 1
    max_count: Annotated[int, Field(ge=1)] = 1
    settings: dict[str, JsonValue] | None = None


class EndpointModel(ModelConfig):
    """A model that you host yourself."""

    endpoint: Url
    model_version: Text
    instances: Instances
    feature_flags: dict[str, bool] | None = None
    limits: CallLimits = CallLimits()
    api_key: SecretRef | None = None


def text_beside(module_file: str, name: str) -> str:
    r"""Return the text of a file beside a module: `text_beside(__file__, "support_chat.md")`.

    Line ends become "\n" whatever git checked out, so that a digest is the same everywhere. The
    one line end that editors put at a file's end is left out, as is a byte order mark.

    Raises:
        SchemaError: there is no such file, or it is not UTF-8.
    """
    path = Path(module_file).parent / name
    try:
        return path.read_text(encoding="utf-8-sig").removesuffix("\n")
    except OSError as error:
        raise SchemaError(f"{name} beside {Path(module_file).name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SchemaError(f"{name} is not UTF-8 (byte {error.start})") from None
