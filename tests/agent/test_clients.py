"""OpenFeature's official Python client, over the agent and in the application itself."""

from __future__ import annotations

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from openfeature import api
from openfeature.contrib.hook.opentelemetry import TracingHook
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus
from openfeature.provider._registry import provider_registry
from opentelemetry.sdk.trace import TracerProvider
from support.agent import CHAT, HEADERS, SECRET
from support.waiting import wait_until

from model_config.format.release import Release
from model_config.openfeature import ModelConfigProvider

TEMPERATURE = "chat/generation/temperature"


@pytest.fixture(params=["through the agent", "in the application"])
def client(request, serve, reader):
    """Return OpenFeature's client, by one provider and by the other."""
    if request.param == "in the application":
        provider = ModelConfigProvider(reader, models=["chat"])
    else:
        provider = OFREPProvider(serve(), headers_factory=lambda: HEADERS)
    api.set_provider_and_wait(provider)
    yield api.get_client()
    api.shutdown()
    api.clear_providers()
    if isinstance(provider, OFREPProvider):
        provider.session.close()


def unit(key):
    return EvaluationContext(targeting_key=key)


def test_every_kind_of_value_and_the_details_of_an_evaluation(client, reader):
    assert client.get_string_value("chat/prompts/system", "") == "Grüß {{name}}"
    assert client.get_float_value(TEMPERATURE, 0.0) == 1.0
    assert client.get_integer_value("chat/generation/max_tokens", 0) == 512
    assert client.get_boolean_value("chat/streaming", default_value=False) is True
    assert client.get_object_value("chat/generation/stop", []) == ["</a>"]
    assert client.get_object_value("chat", {}) == CHAT
    details = client.get_float_details(TEMPERATURE, 0.0)
    assert (details.reason, details.variant) == (Reason.STATIC, "stable")
    assert details.flag_metadata["release"] == 1
    assert details.flag_metadata["digest"] == reader.get("chat").digest


def test_what_is_not_there_is_the_applications_default(client):
    for flag, code in [
        ("none", ErrorCode.FLAG_NOT_FOUND),
        ("chat/none", ErrorCode.FLAG_NOT_FOUND),
        ("chat/secrets/api_key", ErrorCode.FLAG_NOT_FOUND),
        ("chat/prompts/system", ErrorCode.TYPE_MISMATCH),
        ("chat/generation/max_tokens", ErrorCode.TYPE_MISMATCH),  # 512 is no float
    ]:
        details = client.get_float_details(flag, 0.5)
        assert (details.value, details.reason, details.error_code) == (0.5, Reason.ERROR, code)
        assert SECRET not in str(details)
    details = client.get_float_details(TEMPERATURE, 0.5, unit("x" * 1025))
    assert (details.value, details.error_code) == (0.5, ErrorCode.INVALID_CONTEXT)


def test_a_field_that_is_none_is_the_applications_default(client, reader):
    reader._add(Release.of("chat", "test", "Chat", {}, none=["generation/seed"]), {}, None)
    details = client.get_integer_details("chat/generation/seed", 7)
    assert (details.value, details.reason, details.error_code) == (7, Reason.STATIC, None)


def test_a_key_is_on_the_side_that_pythons_reader_says(client, reader):
    reader.set("chat", {"prompts": {"system": "candidate"}}, percent=30)
    sides = set()
    for number in range(60):  # 10,000 in make test-agent
        key = f"user-{number}"
        details = client.get_string_details("chat/prompts/system", "", unit(key))
        assert details.variant == reader.get("chat", key=key).rollout
        assert (details.value == "candidate") == (details.variant == "candidate")
        assert details.reason == Reason.SPLIT
        sides.add(details.variant)
    assert sides == {"candidate", "control"}


def test_an_outage_is_served_and_said(client, reader):
    assert client.get_float_details(TEMPERATURE, 0.0).reason == Reason.STATIC
    with reader.outage():
        reader.advance(6)
        details = client.get_float_details(TEMPERATURE, 0.0)
        assert (details.value, details.reason) == (1.0, Reason.STALE)
    reader.advance(60)
    wait_until(lambda: client.get_float_details(TEMPERATURE, 0.0).reason == Reason.STATIC)


def test_a_rollback_is_seen_when_the_time_to_live_is_over(client, reader):
    reader.set("chat", {**CHAT, "streaming": False})
    assert client.get_boolean_value("chat/streaming", default_value=True) is False
    reader._fake_source.promote("/ai/test/chat", 1, "stable")
    reader.advance(5)
    assert client.get_boolean_value("chat/streaming", default_value=False) is True


def test_a_wrong_token_is_told(serve):
    provider = OFREPProvider(serve(), headers_factory=lambda: {"Authorization": "Bearer wrong"})
    api.set_provider_and_wait(provider)
    details = api.get_client().get_float_details(TEMPERATURE, 0.5)
    provider.session.close()
    assert (details.value, details.error_code) == (0.5, ErrorCode.GENERAL)
    assert details.error_message == "unauthorized"


@pytest.fixture
def own(reader):
    """Return OpenFeature's client in an application with the reader."""
    api.set_provider_and_wait(ModelConfigProvider(reader))
    yield api.get_client()
    api.shutdown()
    api.clear_providers()


@pytest.fixture
def said(own):
    """Collect the provider's events in their order, in which the SDK's threads don't call."""
    events = []

    def record(provider, event, details):
        events.append((event, details.flags_changed))
        provider_registry.dispatch_event(provider, event, details)

    own.provider.attach(record)
    return events


def test_the_provider_says_what_changed_and_how_it_is(own, reader, said):
    own.get_float_value(TEMPERATURE, 0.0)
    reader.set("chat", CHAT, secrets={"api_key": "sk-rotated"}, release=1)
    assert said == []  # a secret is no flag
    reader.set("chat", {**CHAT, "generation": {**CHAT["generation"], "temperature": 1}})
    assert said.pop() == (
        ProviderEvent.PROVIDER_CONFIGURATION_CHANGED,
        ["chat", "chat/generation", TEMPERATURE],
    )
    with reader.outage():
        reader.advance(6)
        for _ in range(3):
            own.get_float_value("chat/streaming", 0.0)
        assert own.get_provider_status() is ProviderStatus.STALE
        details = own.get_float_details("other", 7.5)  # which was never read
        assert (details.value, details.error_code) == (7.5, ErrorCode.GENERAL)
        assert own.get_provider_status() is ProviderStatus.ERROR
    reader.set("other", {"n": 1})
    reader.advance(60)
    own.get_float_value("other", 0.0)
    assert own.get_provider_status() is ProviderStatus.STALE
    own.get_float_value(TEMPERATURE, 0.0)
    assert own.get_provider_status() is ProviderStatus.READY
    assert [event for event, _ in said] == [
        ProviderEvent.PROVIDER_STALE,
        ProviderEvent.PROVIDER_ERROR,
        ProviderEvent.PROVIDER_STALE,
        ProviderEvent.PROVIDER_READY,
    ]


def test_a_model_that_can_not_be_read_at_the_start_is_an_error_until_it_can(reader):
    with reader.outage(), pytest.raises(Exception, match="simulated"):
        api.set_provider_and_wait(ModelConfigProvider(reader, models=["other"]))
    client = api.get_client()
    assert client.get_provider_status() is ProviderStatus.ERROR
    reader.set("other", {"n": 1})
    reader.advance(60)
    assert client.get_integer_value("other/n", 0) == 1
    assert client.get_provider_status() is ProviderStatus.READY
    api.clear_providers()


def test_a_misspelled_key_is_no_trouble_once_the_outage_is_over(own, reader):
    with reader.outage():
        assert own.get_integer_details("chta/n", 0).error_code is ErrorCode.GENERAL
        assert own.get_provider_status() is ProviderStatus.ERROR
    reader.advance(60)
    assert own.get_integer_details("chta/n", 0).error_code is ErrorCode.FLAG_NOT_FOUND
    assert own.get_provider_status() is ProviderStatus.READY


def test_of_two_threads_events_none_overtakes_a_later_one(own):
    note, error = own.provider._note, ProviderStatus.ERROR
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # without order, one round in a hundred ends wrong
    try:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(1000):
                note("one", error)
                wait((pool.submit(note, "one", None), pool.submit(note, "two", error)))
                assert own.get_provider_status() is error
                note("two", None)
                assert own.get_provider_status() is ProviderStatus.READY
    finally:
        sys.setswitchinterval(before)


def test_an_event_loop_is_not_blocked(own):
    async def evaluate():
        return [
            await own.get_boolean_value_async("chat/streaming", default_value=False),
            await own.get_string_value_async("chat/prompts/system", ""),
            await own.get_integer_value_async("chat/generation/max_tokens", 0),
            await own.get_float_value_async(TEMPERATURE, 0.0),
            await own.get_object_value_async("chat/generation/stop", []),
        ]

    assert asyncio.run(evaluate()) == [True, "Grüß {{name}}", 512, 1.0, ["</a>"]]


def test_opentelemetrys_hook_sees_key_variant_and_provider(own):
    own.add_hooks([TracingHook()])
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("request") as span:
        own.get_object_value("chat/generation", {}, unit("ada"))
    (event,) = span.events
    assert dict(event.attributes) == {
        "feature_flag.key": "chat/generation",
        "feature_flag.result.value": json.dumps(CHAT["generation"]),
        "feature_flag.result.reason": "static",
        "feature_flag.result.variant": "stable",
        "feature_flag.context.id": "ada",
        "feature_flag.provider.name": "model-config",
    }
