"""The steps of OpenFeature's evaluation_v2.feature, by its Python client over the agent."""

import json
import os

from behave import given, then, when
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider

KINDS = {
    "Boolean": ("boolean", lambda text: text == "true"),
    "String": ("string", str),
    "Integer": ("integer", int),
    "Float": ("float", float),
    "Object": ("object", lambda text: json.loads(text.replace('\\"', '"'))),
}


@given("a stable provider")
def set_provider(_):
    headers = {"Authorization": f"Bearer {os.environ['AGENT_TOKEN']}"}
    api.set_provider_and_wait(
        OFREPProvider(os.environ["AGENT_URL"], headers_factory=lambda: headers)
    )


@given('a {kind}-flag with key "{key}" and a fallback value "{default}"')
def name_flag(context, kind, key, default):
    context.kind, context.read = KINDS[kind]
    context.key, context.default = f"flags/{key}", context.read(default)


@when("the flag was evaluated with details")
def evaluate(context):
    ask = getattr(api.get_client(), f"get_{context.kind}_details")
    context.details = ask(context.key, context.default)


@then('the resolved details value should be "{value}"')
@then('the resolved details value should be ""')
def check_value(context, value=""):
    assert context.details.value == context.read(value), context.details


@then('the reason should be "{reason}"')
def check_reason(context, reason):
    assert context.details.reason == reason, context.details


@then('the error-code should be "{code}"')
def check_code(context, code):
    assert context.details.error_code == code, context.details
