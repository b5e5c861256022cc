"""The classes for common kinds of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from model_config.schema.group import Group, ModelConfig, SecretRef
from model_config.schema.texts import Prompt, Text, Url

#: What users and providers call fields of these classes, for suggestions. Case, underscores and
#: dashes don't count: max_tokens stands for maxTokens too.
OTHER_NAMES: Mapping[str, str] = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "stop_sequences": "stop",
    "model": "model_id",
    "model_name": "model_id",
    "system_prompt": "system",
    "prompt": "system",
    "timeout": "timeout_seconds",
    "retries": "max_retries",
    "rpm": "requests_per_minute",
    "url": "endpoint",
    "dimension": "dimensions",
}


class Generation(Group):
    """How a chat model samples. A field that is None is left to the provider.

    Attributes:
        temperature: how random the answers are, from 0 to 2.
        top_p: the share of the most likely tokens to choose from, above 0 and up to 1.
        max_output_tokens: the most tokens an answer may have.
        stop: texts that end an answer.
        seed: makes answers repeatable, if the provider supports it.
    """

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: list[Text] | None = None
    seed: int | None = None


class Prompts(Group):
    """The prompts of a chat model.

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
        requests_per_minute: the most requests it makes in a minute; None for no limit.
    """

    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    max_retries: Annotated[int, Field(ge=0, le=20)] = 2
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None


class ChatModel(ModelConfig):
    """A chat model behind a provider's API.

    Attributes:
        provider: the provider of the API: "openai".
        model_id: the provider's name for the model: "gpt-4.1".
        prompts: its prompts.
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
        provider: the provider of the API: "openai".
        model_id: the provider's name for the model.
        dimensions: the length of a vector.
        batch_size: the most texts in one request.
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
        instance_type: the type of machine: "g5.xlarge".
        min_count: the fewest machines that run.
        max_count: the most machines that run.
        settings: the settings that the server is started with.
    """

    instance_type: Text
    min_count: Annotated[int, Field(ge=0)] = 1
    max_count: Annotated[int, Field(ge=1)] = 1
    settings: dict[str, JsonValue] | None = None


class EndpointModel(ModelConfig):
    """A model that you host yourself.

    Attributes:
        endpoint: its URL.
        model_version: the version of the weights it serves.
        instances: the machines it runs on.
        feature_flags: switches, by name.
        limits: how an application calls it.
        api_key: the key that applications authenticate with.
    """

    endpoint: Url
    model_version: Text
    instances: Instances
    feature_flags: dict[str, bool] | None = None
    limits: CallLimits = CallLimits()
    api_key: SecretRef | None = None
