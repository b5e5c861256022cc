"""The classes that the package ships: real models fit them, and a mistake in one is told."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, SchemaError
from pydantic import ValidationError
from support.class_reference import classes

from model_config.plan.project import Project
from model_config.schema import (
    CallLimits,
    ChatModel,
    EmbeddingModel,
    EndpointModel,
    Generation,
    Group,
    Instances,
    Message,
    Part,
    Prompts,
    ProviderModel,
    RerankerModel,
    Tool,
)
from model_config.schema.shipped import OTHER_NAMES
from model_config.testing import FakeReader
from model_config.testing.program import findings

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
REQUIRED: dict[type[Group], dict[str, Any]] = {
    Message: {"role": "user", "content": "Hi"},
    Tool: {"name": "t"},
    ProviderModel: {"provider": "p", "model_id": "m"},
    EmbeddingModel: {"provider": "p", "model_id": "m", "dimensions": 8},
    RerankerModel: {"provider": "p", "model_id": "m"},
    Instances: {"instance_type": "t"},
    EndpointModel: {"endpoint": "https://h", "model_version": "1"},
}
RANGES = [
    (Generation, "temperature", [0, 2], [-0.01, 2.01]),
    (Generation, "top_p", [0.01, 1], [0, 1.01]),
    (Generation, "top_k", [0, 500], [-1, 0.5]),
    (Generation, "presence_penalty", [-2, 2], [-2.01, 2.01]),
    (Generation, "frequency_penalty", [-2, 2], [-2.01, 2.01]),
    (Generation, "max_output_tokens", [1], [0, 1.5]),
    (Generation, "stop", [[], ["x"]], ["x", [""]]),
    (Generation, "seed", [-1, 0], [0.5]),
    (Generation, "reasoning_effort", ["none", "minimal", "max"], ["", "High", 1]),
    (Generation, "thinking_budget", [-1, 0, 32_000], [-2, 0.5]),
    (Generation, "verbosity", ["low", "high"], ["loud"]),
    (Generation, "extra", [{}, {"min_p": 0.1, "logit_bias": {"1": -100}}], [[], {1: 2}]),
    (Part, "text", ["Hi {{name}}"], [""]),
    (Part, "image_url", ["https://h/a.png"], ["a.png"]),
    (Message, "role", ["system", "developer", "user", "tool"], ["usr", None]),
    (Message, "content", ["Hi", [Part(text="Hi")]], ["", [], None, 5, [{}]]),
    (Message, "cache", ["5m", "1h"], ["2h", True]),
    (Tool, "name", ["get_order", "a" * 128], ["", "get order", "a" * 129, None]),
    (Tool, "parameters", [WEATHER], [{}, {"type": "string"}, [], "{}"]),
    (CallLimits, "timeout_seconds", [0.001, 3600], [0, 3600.1]),
    (CallLimits, "max_retries", [0, 20], [-1, 21]),
    (CallLimits, "max_concurrent", [1], [0]),
    (CallLimits, "requests_per_minute", [1], [0]),
    (CallLimits, "tokens_per_minute", [1], [0]),
    (CallLimits, "max_cost_usd_per_day", [0.01], [0]),
    (CallLimits, "max_cost_usd_per_month", [5000], [0, -1]),
    (ProviderModel, "provider", ["p"], [""]),
    (ProviderModel, "base_url", ["http://h/v1"], ["h/v1"]),
    (ProviderModel, "headers", [{"X-A": "b"}], [{"X-A": ""}]),
    (EmbeddingModel, "dimensions", [1, 65_536], [0, 65_537]),
    (EmbeddingModel, "batch_size", [1, 10_000], [0, 10_001]),
    (EmbeddingModel, "max_input_tokens", [8192], [0]),
    (EmbeddingModel, "query_prefix", ["query: "], [""]),
    (EmbeddingModel, "distance", ["cosine", "dot", "euclidean"], ["Cosine"]),
    (EmbeddingModel, "normalize", [True, False], [2]),
    (RerankerModel, "top_n", [1], [0]),
    (RerankerModel, "min_score", [0, 1], [-0.1, 1.1]),
    (Instances, "min_count", [0], [-1]),
    (Instances, "max_count", [1], [0]),
    (EndpointModel, "endpoint",
     ["http://h", "https://h/p?q", "scorer-prod",
      "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/scorer"],
     ["ftp://h", "https://", "https:///p", "https://h h", " https://h", "h/v1", "arn:aws", ""]),
    (EndpointModel, "feature_flags", [{}, {"a": True}], [{"a": 2}]),
]  # fmt: skip


def test_a_field_takes_what_is_in_its_range_and_nothing_beyond() -> None:
    for kind, field, right, wrong in RANGES:
        others = REQUIRED.get(kind, {})
        for value in right:
            assert getattr(kind(**{**others, field: value}), field) == value
        for value in wrong:
            with pytest.raises(ValidationError):
                kind(**{**others, field: value})


def test_what_a_model_does_not_have_needs_no_dummy() -> None:
    for model in (
        ChatModel(provider="openai", model_id="gpt-4.1"),
        ChatModel(provider="deepl", model_id="x", prompts=Prompts(templates={"user": "{{text}}"})),
        ProviderModel(provider="openai", model_id="omni-moderation-latest"),
        RerankerModel(provider="cohere", model_id="rerank-v3.5"),
        EndpointModel(endpoint="scorer-prod", model_version="7", region="eu-west-1"),
    ):
        assert type(model).model_validate(model.model_dump(exclude_none=True)) == model


# JSON Schemas


def test_a_json_schema_keeps_the_order_of_its_keys() -> None:
    schemas: list[dict[str, Any]] = [
        {"type": "object"},
        {"type": ["object", "null"], "properties": {"a": True, "b": {"enum": [1, None]}}},
        {"$ref": "#/$defs/node", "$defs": {"node": {"anyOf": [{"type": "null"}, {"items": {}}]}}},
        {"type": "object", "additionalProperties": False, "x-order": ["a"]},
    ]
    for schema in schemas:
        Draft202012Validator.check_schema(schema)
        chat = ChatModel(provider="p", model_id="m", response_schema=schema)
        assert json.dumps(chat.response_schema) == json.dumps(schema)


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "str"}, "#/type must be one of array, boolean, integer"),
        ({"type": {"a": 1}}, "#/type must be one of"),
        ({"type": None}, "#/type must be one of"),
        ({"properties": ["city"]}, "#/properties must be an object of schemas by name"),
        ({"properties": {"city": "string"}}, "#/properties/city must be a schema: an object"),
        ({"properties": {"a": {"items": {"type": "list"}}}}, "#/properties/a/items/type must"),
        ({"anyOf": []}, "#/anyOf must be a list of at least one schema"),
        ({"oneOf": [{}, 1]}, "#/oneOf/1 must be a schema"),
        ({"required": "city"}, "#/required must be a list of names"),
        ({"required": [1]}, "#/required must be a list of names"),
        ({"enum": "a"}, "#/enum must be a list of values"),
    ],
)
def test_a_schema_that_is_none_is_refused_with_the_place(schema: dict[str, Any], problem: str):
    with pytest.raises(SchemaError):  # the meta-schema agrees
        Draft202012Validator.check_schema(schema)
    with pytest.raises(ValidationError) as refusal:
        ChatModel(provider="p", model_id="m", response_schema=schema)
    assert f"it is not a JSON Schema: {problem}" in str(refusal.value)


def test_all_that_is_wrong_in_a_schema_is_told_at_once() -> None:
    with pytest.raises(ValidationError) as refusal:
        Tool(name="t", parameters={"type": "object", "required": "a", "properties": {"a": 1}})
    assert "#/required must be a list of names; #/properties/a must be" in str(refusal.value)


# Findings


def findings_of(project: Path, *arguments: str) -> list[str]:
    """Return the findings of each chat model, with these arguments: helper00, helper01, …"""
    for number, each in enumerate(arguments):
        (project / "models" / f"helper{number:02}.py").write_text(
            "from model_config.schema import *\n"
            f'MODEL = ChatModel(provider="p", model_id="m", {each})\n'
        )
    found = findings(Project(project))
    return [
        "\n".join(each for each in found if f"helper{number:02}" in each)
        for number in range(len(arguments))
    ]


LISTS = [
    ('messages=[{"role": "user"}]', "messages/0/content", "field required"),
    ('messages=[{"role": "usr", "content": "Hi"}]', "messages/0/role", "input should be"),
    ('tools=[{"description": "Looks it up."}]', "tools/0/name", "field required"),
    ('tools=[{"name": "a", "parameters": {"type": "str"}}]', "tools/0/parameters",
     "it is not a JSON Schema: #/type must be one of array"),
    ('tools=[{"name": "a"}, {"name": "a"}]', "", "two tools have the same name: a"),
    ('tools=[{"name": "a"}], tool_choice="b"', "", 'tool_choice is "b": write "auto"'),
    ('tool_choice="required"', "", 'tool_choice is "required": write "auto"'),
    ('messages=[Message(role="user", content=[Part()])]', "", "a part has one of text"),
    # Of more than 64 parts.
    ('messages=[Message(role="user", content="x" * 9_999)] * 30', "08/messages", "64 parts"),
]  # fmt: skip
NAMES = {
    "generation=Generation(max_tokens=5)": "max_output_tokens",
    "generation=Generation(maxOutputTokens=5)": "max_output_tokens",
    "generation=Generation(max_completion_tokens=5)": "max_output_tokens",
    'generation=Generation(stop_sequences=["x"])': "stop",
    "generation=Generation(topP=0.5)": "top_p",
    "generation=Generation(budget_tokens=1024)": "thinking_budget",
    "generation=Generation(min_p=0.1)": "extra",
    "generation=Generation(temprature=1)": "temperature",
    "limits=CallLimits(rpm=60)": "requests_per_minute",
    'tools=[Tool(name="a", input_schema={})]': "parameters",
    'api_base="https://h"': "base_url",
    "response_format={}": "response_schema",
    'system="Help."': "prompts",
}


def test_a_mistake_in_a_list_is_found_with_its_place(project: Path) -> None:
    found = findings_of(project, *(arguments for arguments, *_ in LISTS))
    for number, (said, (_, where, problem)) in enumerate(zip(found, LISTS, strict=True)):
        assert where in said
        assert problem in said
        assert f"models/helper{number:02}.py:2" in said or problem == "64 parts"


def test_another_providers_name_gets_ours(project: Path) -> None:
    other = "generation=Generation(response_format={})"  # of another class
    *found, last = findings_of(project, *NAMES, other)
    for said, name in zip(found, NAMES.values(), strict=True):
        assert f'did you mean "{name}"?' in said
    assert "known names: extra, frequency_penalty" in last
    fields = set(chain.from_iterable(kind.model_fields for kind in classes()))
    assert set(OTHER_NAMES.values()) <= fields


def test_a_fallback_is_a_model_of_the_project_or_a_providers_name(project: Path) -> None:
    near = ("suport_chat", "supportchat", "support_chats")
    names = ["support_chat", "o3", "gpt-4.1-mini", "anthropic/claude-sonnet-5", "support-chat:2"]
    fallbacks = [*(["document_embedding", name] for name in near), names]
    *found, last = findings_of(project, *(f"fallbacks={each}" for each in fallbacks))
    for number, (said, name) in enumerate(zip(found, near, strict=True)):
        place = f"helper0{number}/fallbacks/1 (models/helper0{number}.py:2)"
        assert f'{place}: there is no model "{name}"' in said
        assert 'did you mean "support_chat"?' in said
    assert last == ""


# In environments

BEDROCK = """
from typing import Annotated, Literal
from pydantic import Field
from model_config.schema import ChatModel, Generation, Guardrail, Text

class Sampling(Generation):
    top_k: Annotated[int, Field(ge=0, le=500)] | None = None

class BedrockChat(ChatModel):
    region: Text
    performance: Literal["standard", "optimized"] = "standard"
    generation: Sampling = Sampling()

MODEL = BedrockChat(
    provider="bedrock", model_id="eu.anthropic.claude-sonnet-4-20250514-v1:0",
    region="eu-central-1", guardrail=Guardrail(id="gr4453cg26", version="DRAFT"),
    generation=Sampling(top_k=250, extra={"thinking": {"type": "enabled", "budget_tokens": 4096}}),
)
"""


def overridden(project: Path, stack: str, overrides: str) -> None:
    (project / f"Pulumi.{stack}.yaml").write_text(
        "config:\n  aws:region: eu-west-1\n  model-config:overrides:\n    helper: " + overrides
    )


def test_environments_differ_in_a_guardrail_and_a_budget(project: Path) -> None:
    (project / "models" / "helper.py").write_text(BEDROCK)
    overridden(project, "dev", "{guardrail: false}")
    overridden(
        project, "prod",
        '{guardrail: {version: "3", id: gr99prod}, '
        "generation: {extra: {thinking: {budget_tokens: 16000}}}}",
    )  # fmt: skip
    dev = FakeReader.from_project(project, "dev").get("helper")
    prod = FakeReader.from_project(project, "prod").get("helper")
    assert dev.get("guardrail") is None
    assert prod["guardrail"] == {"id": "gr99prod", "version": "3"}
    assert prod["generation"]["extra"]["thinking"] == {"type": "enabled", "budget_tokens": 16000}
    overridden(project, "prod", "{guardrail: {version: 3}}")
    [said] = findings(Project(project))
    assert "overrides.helper.guardrail.version (Pulumi.prod.yaml:4)" in said
    assert "quotation marks" in said


def test_a_shared_text_is_in_every_model_that_uses_it(project: Path) -> None:
    (project / "models" / "_rules.md").write_text("Never name a price.\n")
    for name in ("one", "two"):
        (project / "models" / f"{name}.py").write_text(
            "from model_config.schema import ChatModel, Prompts, text_beside\n"
            'RULES = text_beside(__file__, "_rules.md")\n'
            'MODEL = ChatModel(provider="p", model_id="m", prompts=Prompts(system=RULES))\n'
        )
    before = FakeReader.from_project(project, "dev")
    (project / "models" / "_rules.md").write_text("Never name a date.\n")
    after = FakeReader.from_project(project, "dev")
    for name in ("one", "two"):
        assert after.get(name)["prompts"]["system"] == "Never name a date."
        assert after.get(name).digest != before.get(name).digest
