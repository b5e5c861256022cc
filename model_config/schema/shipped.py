"""The classes that the package ships. docs/classes.md is made from their docstrings."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, JsonValue, model_validator

from model_config.schema.group import Group, ModelConfig, SecretRef
from model_config.schema.texts import JsonSchema, Prompt, Text, Url

_Extra: TypeAlias = dict[str, JsonValue] | None
_Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
_Cache: TypeAlias = Literal["5m", "1h"] | None

_ENDPOINT_FORMS = r"https?://[^\s/]+\S*|arn:[^\s:]+:\S+|[A-Za-z0-9][A-Za-z0-9_-]*"


def _check_endpoint(text: str) -> str:
    if not re.fullmatch(_ENDPOINT_FORMS, text):
        raise ValueError(
            "an endpoint is a URL (https://…), an ARN (arn:aws:sagemaker:…) or a name of "
            "letters, digits, - and _"
        )
    return text


Endpoint: TypeAlias = Annotated[
    str,
    AfterValidator(_check_endpoint),
    Field(json_schema_extra={"pattern": f"^({_ENDPOINT_FORMS})$"}),
]


class Generation(Group):
    """How a chat model generates. A field that is None is left to the provider.

    Attributes:
        temperature: how random the answers are.
        top_p: the share of the most likely tokens to choose from.
        top_k: the number of the most likely tokens to choose from.
        presence_penalty: how much a token loses if it has appeared before.
        frequency_penalty: how much a token loses each time that it has appeared.
        max_output_tokens: the most tokens that an answer may have, reasoning included.
        stop: texts that end an answer.
        seed: makes answers repeatable, if the provider supports it.
        reasoning_effort: how much the model reasons before it answers; each model knows some of
            the levels.
        thinking_budget: the most tokens to reason with. 0 switches reasoning off, and -1 leaves
            the number to the model, where the provider knows them.
        verbosity: how long the answers are.
        extra: more settings, under the provider's names for them.
    """

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: list[Text] | None = None
    seed: int | None = None
    reasoning_effort: _Effort | None = None
    thinking_budget: Annotated[int, Field(ge=-1)] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    extra: _Extra = None


class Prompts(Group):
    """The prompts of a chat model.

    Attributes:
        system: the system prompt.
        templates: further prompts, by name.
    """

    system: Prompt | None = None
    templates: dict[str, Prompt] | None = None


class Part(Group):
    """A part of a message: a text, an image, or an object in the provider's own form.

    Attributes:
        text: a text.
        image_url: the URL of an image.
        extra: an object in the provider's own form, `{"type": "input_audio", …}`.
        cache: how long the provider keeps the request up to the end of this part in its cache.
    """

    text: Prompt | None = None
    image_url: Url | None = None
    extra: _Extra = None
    cache: _Cache = None

    @model_validator(mode="after")
    def _has_one_content(self) -> Self:
        if [self.text, self.image_url, self.extra].count(None) != 2:  # noqa: PLR2004
            raise ValueError("a part has one of text, image_url and extra")
        return self


class Message(Group):
    """A message that each conversation begins with: instructions, or an example.

    Attributes:
        role: who speaks.
        content: the text, or its parts.
        cache: how long the provider keeps the request up to the end of this message in its cache.
        extra: more of the message, under the provider's names: `{"tool_call_id": "call_1"}`.
    """

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Prompt | Annotated[list[Part], Field(min_length=1)]
    cache: _Cache = None
    extra: _Extra = None


class Tool(Group):
    """A function that a chat model may ask the application to call.

    Attributes:
        name: its name, letters, digits, `_`, `-`, `.` and `:` (OpenAI: 64 characters, no `.`
            and `:`).
        description: what it does, and when the model should use it.
        parameters: its arguments, a JSON Schema of the type "object"; None for none.
        strict: whether the provider makes sure that the arguments match the schema.
        extra: more of the tool, under the provider's names for it.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
    description: Text | None = None
    parameters: JsonSchema | None = None
    strict: bool | None = None
    extra: _Extra = None

    @model_validator(mode="after")
    def _takes_an_object(self) -> Self:
        if self.parameters is not None and self.parameters.get("type") != "object":
            raise ValueError(
                'the parameters of a tool need "type": "object", because the model fills them in '
                "by name"
            )
        return self


class Guardrail(Group):
    """A guardrail of Amazon Bedrock.

    Attributes:
        id: its id or ARN.
        version: its version, a number in quotation marks, or "DRAFT".
        trace: whether the answer says what the guardrail did.
    """

    id: Text
    version: Text
    trace: Literal["enabled", "disabled", "enabled_full"] | None = None


class CallLimits(Group):
    """How an application calls a model. A field that is None sets no limit.

    Attributes:
        timeout_seconds: how many seconds it waits for an answer.
        max_retries: how often it tries again after a failure.
        max_concurrent: the most requests that wait for an answer at a time.
        requests_per_minute: the most requests in a minute.
        tokens_per_minute: the most tokens in a minute, in requests and answers.
        max_cost_usd_per_day: the most US dollars in a day.
        max_cost_usd_per_month: the most US dollars in a month.
    """

    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    max_retries: Annotated[int, Field(ge=0, le=20)] = 2
    max_concurrent: Annotated[int, Field(ge=1)] | None = None
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    max_cost_usd_per_day: Annotated[float, Field(gt=0)] | None = None
    max_cost_usd_per_month: Annotated[float, Field(gt=0)] | None = None


class ProviderModel(ModelConfig):
    """A model behind a provider's API: for images, speech or moderation as it is.

    Attributes:
        provider: the provider of the API: "openai".
        model_id: the provider's name for the model: "gpt-image-1".
        base_url: the URL of the API, if it isn't the provider's own.
        deployment: the name of the deployment, at Azure.
        api_version: the version of the API, at Azure. Quote it in a stack file: "2024-10-21".
        region: the provider's region: "eu-central-1".
        headers: headers of each request; no secrets.
        limits: how an application calls it.
        api_key: the provider's API key.
    """

    provider: Text
    model_id: Text
    base_url: Url | None = None
    deployment: Text | None = None
    api_version: Text | None = None
    region: Text | None = None
    headers: dict[str, Text] | None = None
    limits: CallLimits = CallLimits()
    api_key: SecretRef | None = None


class ChatModel(ProviderModel):
    """A chat model behind a provider's API.

    Attributes:
        model_id: the provider's name for the model: "gpt-4.1".
        prompts: its prompts.
        messages: what each conversation begins with, after the system prompt.
        tools: the functions that it may ask the application to call.
        tool_choice: "auto", "none", "required", or the name of the tool that it must use.
        response_schema: the JSON Schema of its answers. A model writes the properties in their
            order.
        generation: how it generates.
        guardrail: a guardrail of Amazon Bedrock.
        fallbacks: what to use when it fails, in this order: names of the project's models, or a
            provider's names for models.
    """

    prompts: Prompts = Prompts()
    messages: list[Message] | None = None
    tools: list[Tool] | None = None
    tool_choice: Text | None = None
    response_schema: JsonSchema | None = None
    generation: Generation = Generation()
    guardrail: Guardrail | None = None
    fallbacks: list[Text] | None = None

    @model_validator(mode="after")
    def _has_the_tools_it_names(self) -> Self:
        names = [tool.name for tool in self.tools or ()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two tools have the same name: {', '.join(twice)}")
        if self.tool_choice not in (None, "auto", "none", *(names and ["required", *names])):
            raise ValueError(
                f'tool_choice is "{self.tool_choice}": write "auto", "none", or, if there are '
                'tools, "required" or the name of one'
            )
        return self


class EmbeddingModel(ProviderModel):
    """A model that turns texts into vectors.

    Attributes:
        model_id: the provider's name for the model: "text-embedding-3-large".
        dimensions: the length of a vector.
        batch_size: the most texts in one request.
        max_input_tokens: the most tokens in one text.
        query_prefix: what a text begins with that is searched for: "query: ".
        document_prefix: what a text begins with that is searched in: "passage: ".
        normalize: whether vectors are scaled to length 1.
        distance: how two vectors are compared.
    """

    dimensions: Annotated[int, Field(ge=1, le=65_536)]
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 32
    max_input_tokens: Annotated[int, Field(ge=1)] | None = None
    query_prefix: Text | None = None
    document_prefix: Text | None = None
    normalize: bool = True
    distance: Literal["cosine", "dot", "euclidean"] = "cosine"


class RerankerModel(ProviderModel):
    """A model that puts documents in the order of their relevance, behind a provider's API.

    Attributes:
        model_id: the provider's name for the model: "rerank-v3.5".
        top_n: how many documents it returns.
        max_documents: the most documents in one request.
        max_document_tokens: the most tokens of a document; the rest is cut off.
        min_score: the lowest relevance that the application uses.
    """

    top_n: Annotated[int, Field(ge=1)] | None = None
    max_documents: Annotated[int, Field(ge=1)] | None = None
    max_document_tokens: Annotated[int, Field(ge=1)] | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] | None = None


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
        endpoint: its URL, or the name or ARN of a SageMaker endpoint.
        region: the region of an endpoint that has a name.
        model_version: the version of the weights it serves.
        instances: the machines it runs on.
        feature_flags: switches, by name.
        limits: how an application calls it.
        api_key: the key that applications authenticate with.
    """

    endpoint: Endpoint
    region: Text | None = None
    model_version: Text
    instances: Instances | None = None
    feature_flags: dict[str, bool] | None = None
    limits: CallLimits = CallLimits()
    api_key: SecretRef | None = None


_ALSO_CALLED = {
    "provider": "vendor platform",
    "model_id": "model model_name engine",
    "base_url": "api_base azure_endpoint endpoint_url url",
    "deployment": "azure_deployment deployment_name deployment_id",
    "api_version": "openai_api_version anthropic_version",
    "region": "region_name aws_region aws_region_name location",
    "headers": "default_headers extra_headers",
    "prompts": "system system_prompt system_instruction instructions prompt",
    "content": "text parts contents",
    "cache": "cache_control cache_point",
    "tools": "functions tool_config",
    "parameters": "input_schema parameters_json_schema",
    "tool_choice": "function_call",
    "response_schema": "response_format response_json_schema json_schema output_schema",
    "max_output_tokens": "max_tokens max_completion_tokens max_new_tokens max_gen_len num_predict",
    "stop": "stop_sequences",
    "reasoning_effort": "reasoning effort thinking_level",
    "thinking_budget": "thinking budget_tokens thinking_tokens",
    "extra": "min_p logit_bias repetition_penalty extra_body additional_model_request_fields",
    "id": "guardrail_identifier guardrail_id",
    "version": "guardrail_version",
    "guardrail": "guardrail_config",
    "timeout_seconds": "timeout request_timeout",
    "max_retries": "num_retries retries",
    "max_concurrent": "max_concurrency max_parallel_requests",
    "requests_per_minute": "rpm",
    "tokens_per_minute": "tpm",
    "max_cost_usd_per_month": "max_budget budget",
    "dimensions": "dimension output_dimensionality output_dimension",
    "max_document_tokens": "max_tokens_per_doc",
}
#: What users and providers call fields of these classes, for suggestions. Case, underscores and
#: dashes don't count: max_tokens stands for maxTokens too.
OTHER_NAMES: Mapping[str, str] = {
    other: name for name, others in _ALSO_CALLED.items() for other in others.split()
}
