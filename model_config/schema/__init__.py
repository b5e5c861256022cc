"""For model modules: the classes that configurations are written with.

A field's type is one that JSON can hold: str, int, float, bool, an enum, a literal, a `Group`,
`list[...]` and `dict[str, ...]` of them, `JsonValue` for any JSON, or one of these or None. Any
other type is refused when the class is defined. A `SecretRef` stands in a group or as a dict's
value, not below a list. Otherwise these are ordinary pydantic classes, with constraints, defaults
and validators.
"""

try:
    import pydantic as _  # noqa: F401 - the first import of a plain install says what is missing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "model_config.schema, as_model() and schema= need pydantic, which a plain install leaves "
        "out: pip install pydantic",
        name=error.name,
    ) from None

from model_config.schema.group import Group, ModelConfig, SecretRef
from model_config.schema.shipped import (
    CallLimits,
    ChatModel,
    EmbeddingModel,
    EndpointModel,
    Generation,
    Guardrail,
    Instances,
    Message,
    Part,
    Prompts,
    ProviderModel,
    RerankerModel,
    Tool,
)
from model_config.schema.texts import JsonSchema, Prompt, Text, Url, Verbatim, text_beside

__all__ = [
    "CallLimits",
    "ChatModel",
    "EmbeddingModel",
    "EndpointModel",
    "Generation",
    "Group",
    "Guardrail",
    "Instances",
    "JsonSchema",
    "Message",
    "ModelConfig",
    "Part",
    "Prompt",
    "Prompts",
    "ProviderModel",
    "RerankerModel",
    "SecretRef",
    "Text",
    "Tool",
    "Url",
    "Verbatim",
    "text_beside",
]
