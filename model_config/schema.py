"""What a model module imports: the classes a configuration is written in.

A field's type is one that JSON can hold: str, int, float, bool, list, dict with string keys, an
enum, a literal, or any of these or None. `Group`s nest. Anything else is refused when the class
is defined. Beyond that they are ordinary pydantic: constraints, defaults and validators work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

try:
    from pydantic import Field, JsonValue
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "model_config.schema, and so as_model() and schema=, needs pydantic, which a plain "
        "install leaves out: pip install pydantic",
        name=error.name,
    ) from None

from model_config.field_types import Prompt, Text, Url
from model_config.format.errors import SchemaError
from model_config.group import Group, ModelConfig, SecretRef

__all__ = [
    "CallLimits",
    "ChatModel",
    "EmbeddingModel",
    "EndpointModel",
    "Generation",
    "Group",
    "Instances",
    "ModelConfig",
    "Prompt",
    "Prompts",
    "SecretRef",
    "Text",
    "Url",
    "text_beside",
]


class Generation(Group):
    """How a chat model samples. What is None is left to the provider.

    Attributes:
        temperature: how random the answers are, from 0 to 2.
        top_p: the share of the most likely tokens to choose from, above 0 and up to 1.
        max_output_tokens: the most tokens an answer may have.
        stop: texts that end an answer.
        seed: makes answers repeatable, where the provider can.
    """

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: list[Text] | None = None
    seed: int | None = None


class Prompts(Group):
    """The texts a chat model is driven with.

    Attributes:
        system: the system prompt.
        templates: further prompts, by name.
    """

    system: Prompt
    templates: dict[str, Prompt] | None = None


class CallLimits(Group):
    """How an application calls a model.

    Attributes:
        timeout_seconds: how long it waits for an answer, up to an hour.
        max_retries: how often it tries again after a failure, up to 20 times.
        requests_per_minute: how many requests it makes in a minute, at most; None for no limit.
    """

    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    max_retries: Annotated[int, Field(ge=0, le=20)] = 2
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None


class ChatModel(ModelConfig):
    """A chat model behind a provider's API.

    Attributes:
        provider: whose API it is: "openai".
        model_id: the provider's name for the model: "gpt-4.1".
        prompts: the texts it is driven with.
        generation: how it samples.
        limits: how an application calls it.
        api_key: the provider's API key.
    """

    provider: Text
    model_id: Text
    prompts: Prompts
    generation: Generation = Generation()
    limits: CallLimits = CallLimits()
    api_key: SecretRef | None = None


class EmbeddingModel(ModelConfig):
    """A model that turns texts into vectors.

    Attributes:
        provider: whose API it is: "openai".
        model_id: the provider's name for the model.
        dimensions: the length of a vector.
        batch_size: how many texts a request has, at most.
        normalize: whether vectors are scaled to length 1.
        distance: how two vectors are compared.
        limits: how an application calls it.
        api_key: the provider's API key.
    """

    provider: Text
    model_id: Text
    dimensions: Annotated[int, Field(ge=1, le=65_536)]
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 32
    normalize: bool = True
    distance: Literal["cosine", "dot", "euclidean"] = "cosine"
    limits: CallLimits = CallLimits()
    api_key: SecretRef | None = None


class Instances(Group):
    """The machines a self-hosted endpoint runs on.

    Attributes:
        instance_type: the kind of machine: "g5.xlarge".
        min_count: how many run at least.
        max_count: how many run at most.
        settings: what the server is started with.
    """

    instance_type: Text
    min_count: Annotated[int, Field(ge=0)] = 1
    max_count: Annotated[int, Field(ge=1)] = 1
    settings: dict[str, JsonValue] | None = None


class EndpointModel(ModelConfig):
    """A model that you host yourself.

    Attributes:
        endpoint: its URL.
        model_version: which weights it serves.
        instances: the machines it runs on.
        feature_flags: switches, by name.
        limits: how an application calls it.
        api_key: what an application proves itself with.
    """

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
