"""The policy pack's rules: asked about what our own program registers, and about bad examples."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.project import CHECKOUT, PROJECT, stack_config

from model_config.plan.policies import POLICY_PATH
from model_config.testing.program import Recorder, run_program

KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/0b5c"
PARAMETERS = "arn:aws:ssm:eu-west-1:111122223333:parameter"


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("policy_rules", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rules = _load(CHECKOUT / "policy" / "rules.py")
SETTINGS = rules.Settings()


def run(stack: str) -> list[Any]:
    """Return all that a stack of ours consists of, as a policy pack is told of it."""
    recorder = Recorder()
    outputs = run_program(PROJECT.root, stack_config(stack), recorder, recorder)
    registered = [
        rules.Resource(
            type=each.type,
            urn=each.urn,
            props=dict(each.outputs),
            protect=each.protect,
            dependencies={name: list(urns) for name, urns in each.depends_by_input.items()},
        )
        for each in recorder.registered.values()
    ]
    return [*registered, rules.Resource(rules.STACK, f"urn:{stack}", outputs)]


@pytest.fixture(scope="module")
def prod() -> list[Any]:
    return run("prod")


def of_kind(resources: list[Any], kind: str) -> list[Any]:
    return [resource for resource in resources if resource.type == kind]


def problems(rule: Any, props: dict[str, Any], settings: Any = SETTINGS) -> list[str]:
    return list(rule(props, settings))


GOOD = {
    "name": "/ai/prod/chat/generation/temperature",
    "type": "SecureString",
    "value": "0.2",
    "keyId": KEY_ARN,
}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_our_own_program_passes_every_rule(stack: str):
    resources = run(stack)
    parameters = of_kind(resources, rules.PARAMETER)
    assert len(parameters) > 30
    for rule in (rules.below_prefix, rules.secure_string, rules.customer_key):
        for parameter in parameters:
            assert problems(rule, parameter.props) == []
    for kind, rule, count in (
        (rules.KEY, rules.rotation, 1),
        (rules.POLICY, rules.narrow_reader, 3),
    ):
        assert len(of_kind(resources, kind)) == count
        for resource in of_kind(resources, kind):
            assert problems(rule, resource.props) == []
    assert list(rules.unprotected(resources, SETTINGS)) == []
    assert list(rules.exported_secrets(resources, SETTINGS)) == []


def test_the_pack_looks_for_reader_policies_where_the_program_puts_them():
    assert SETTINGS.reader_policy_path == POLICY_PATH


@pytest.mark.parametrize("name", ["/ai-old/prod/chat/key", "/ai", "temperature", None])
def test_a_name_outside_the_prefix_is_refused(name: str | None):
    assert problems(rules.below_prefix, {**GOOD, "name": name}) != []


def test_another_prefix_can_be_demanded():
    settings = rules.Settings(prefix="/company/ai")
    assert problems(rules.below_prefix, GOOD, settings) != []
    inside = {**GOOD, "name": "/company/ai/prod/chat/model_id"}
    assert problems(rules.below_prefix, inside, settings) == []


@pytest.mark.parametrize("change", [{"type": "String"}, {"type": None}, {"insecureValue": "0.2"}])
def test_what_is_not_a_secure_string_is_refused_below_the_prefix_alone(change: dict[str, Any]):
    assert len(problems(rules.secure_string, {**GOOD, **change})) == 1
    elsewhere = {**GOOD, **change, "name": "/shop/banner"}
    assert problems(rules.secure_string, elsewhere) == []


@pytest.mark.parametrize(
    "key", [None, "", "alias/aws/ssm", "arn:aws:kms:eu-west-1:111122223333:alias/aws/ssm"]
)
def test_the_default_key_is_refused(key: str | None):
    assert len(problems(rules.customer_key, {**GOOD, "keyId": key})) == 1
    elsewhere = {**GOOD, "keyId": key, "name": "/shop/banner"}
    assert problems(rules.customer_key, elsewhere) == []


def test_a_key_without_rotation_is_refused_where_it_could_have_it():
    assert problems(rules.rotation, {"enableKeyRotation": True}) == []
    assert problems(rules.rotation, {"enableKeyRotation": False}) != []
    assert problems(rules.rotation, {}) != []
    assert problems(rules.rotation, {"customerMasterKeySpec": "RSA_2048"}) == []


def test_what_a_preview_cannot_know_is_left_to_the_update():
    unknown = {"name": rules.UNKNOWN, "type": "SecureString", "keyId": rules.UNKNOWN}
    for rule in (rules.below_prefix, rules.secure_string, rules.customer_key):
        assert problems(rule, unknown) == []
    assert problems(rules.customer_key, {**GOOD, "keyId": rules.UNKNOWN}) == []
    policy = {"path": POLICY_PATH, "policy": rules.UNKNOWN}
    assert problems(rules.narrow_reader, policy) == []


def reader(prod: list[Any], **change: Any) -> dict[str, Any]:
    """The reader policy of support_chat, with something of a statement changed."""
    policy = next(
        resource.props
        for resource in of_kind(prod, rules.POLICY)
        if "support_chat" in resource.props["name"]
    )
    document = json.loads(policy["policy"])
    statement = document["Statement"][change.pop("statement", 0)]
    for key, value in change.items():
        if value is None:
            del statement[key]
        else:
            statement[key] = value
    return {**policy, "policy": json.dumps(document)}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Action": "*"}, "the action * has a wildcard"),
        ({"Action": ["ssm:GetParameter", "ssm:Get*"]}, "the action ssm:Get* has a wildcard"),
        ({"Resource": "*"}, "* has a wildcard above"),
        ({"Resource": f"{PARAMETERS}/ai/*"}, "/ai/* has a wildcard above"),
        ({"Resource": f"{PARAMETERS}/ai/prod/*/release"}, "has a wildcard above"),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_chat/*"}, "has a wildcard above"),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_chat/release*"}, "has a wildcard above"),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_cha?/secrets/*"}, "has a wildcard above"),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_cha?/release"}, "has a wildcard above"),
        ({"Resource": f"{PARAMETERS}/ai/prod/*/secrets/*"}, "/ai/prod/*/secrets/* has a wildcard"),
        (
            {"Resource": "arn:aws:ssm:*:111122223333:parameter/ai/prod/support_chat/secrets/*"},
            "has a wildcard above",
        ),
        (
            {"Resource": f"{PARAMETERS}/ai/prod/reranker/secrets/*"},
            "more than one model: prod/reranker, prod/support_chat",
        ),
        ({"Resource": f"{PARAMETERS}/ai/dev/support_chat/release"}, "more than one model"),
        ({"NotAction": "iam:*", "Action": None}, "NotAction grants all but what it names"),
        ({"NotResource": "arn:x", "Resource": None}, "NotResource grants all but what it names"),
        ({"statement": 1, "Condition": None}, "kms:Decrypt without a condition"),
        (
            {
                "statement": 1,
                "Condition": {"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": "*"}},
            },
            "* has a wildcard above",
        ),
        (
            {
                "statement": 1,
                "Condition": {"StringNotLike": {"kms:EncryptionContext:PARAMETER_ARN": "x"}},
            },
            "kms:Decrypt without a condition",
        ),
    ],
)
def test_a_reader_policy_that_grants_more_is_refused(
    prod: list[Any], change: dict[str, Any], expected: str
):
    assert problems(rules.narrow_reader, reader(prod)) == []
    found = problems(rules.narrow_reader, reader(prod, **change))
    assert any(expected in problem for problem in found), found


def test_a_policy_may_be_given_as_an_object_too(prod: list[Any]):
    wide = reader(prod, Action="*")
    as_object = {**wide, "policy": json.loads(wide["policy"])}
    found = problems(rules.narrow_reader, as_object)
    assert found == problems(rules.narrow_reader, wide) != []


def test_a_denial_may_be_wide_and_other_policies_are_not_asked_about(prod: list[Any]):
    denial = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert problems(rules.narrow_reader, reader(prod, **denial)) == []
    wide = reader(prod, Action="*")
    assert problems(rules.narrow_reader, {**wide, "path": "/deployers/"}) == []


def test_a_release_its_key_and_its_alias_must_be_protected_in_prod(prod: list[Any]):
    bare = [replace(resource, protect=False) for resource in prod]
    found = [urn for urn, _ in rules.unprotected(bare, SETTINGS)]
    protected = [resource.urn for resource in prod if resource.protect]
    assert len(protected) == 5  # three releases, the key, the alias
    assert sorted(found) == sorted(protected)


def test_which_environments_are_protected_can_be_set():
    dev = run("dev")
    assert list(rules.unprotected(dev, rules.Settings(protected_environments=["prod"]))) == []
    assert len(list(rules.unprotected(dev, rules.Settings(protected_environments=["dev"])))) == 5
    none = rules.Settings(protected_environments=[])
    assert list(rules.unprotected(dev, none)) == []


@pytest.mark.parametrize(
    ("outputs", "path"),
    [
        ({"key": "sk-embedding-77c1"}, "key"),
        ({"models": {"x": [{"header": "Bearer sk-embedding-77c1"}]}}, "models.x[0].header"),
        ({"key": 'sk-chat-3f9a {{"not a reference"}}'}, "key"),
        ({"key": '"sk-chat-3f9a \\u007b{\\"not a reference\\"}}"'}, "key"),
    ],
)
def test_an_export_with_the_text_of_a_secret_is_refused_and_does_not_show_it(
    prod: list[Any], outputs: dict[str, Any], path: str
):
    stack = rules.Resource(rules.STACK, "urn:stack", outputs)
    found = list(rules.exported_secrets([*prod, stack], SETTINGS))
    assert found == [("urn:stack", f"{path} holds the text of a secret")]


def test_a_short_secret_is_not_found_inside_longer_words():
    secret = rules.Resource(
        rules.PARAMETER, "urn:a", {"name": "/ai/prod/chat/secrets/pin", "value": "arn"}
    )
    stack = rules.Resource(rules.STACK, "urn:stack", {"arn": "arn:aws:kms", "pin": "arn"})
    found = list(rules.exported_secrets([secret, stack], SETTINGS))
    assert found == [("urn:stack", "pin holds the text of a secret")]


def test_a_secret_that_was_not_stored_by_us_is_compared_as_it_stands():
    secret = rules.Resource(
        rules.PARAMETER, "urn:a", {"name": "/ai/prod/chat/secrets/key", "value": '"no json'}
    )
    stack = rules.Resource(rules.STACK, "urn:stack", {"key": '"no json'})
    assert len(list(rules.exported_secrets([secret, stack], SETTINGS))) == 1


def test_a_whole_resource_among_the_exports_is_refused(prod: list[Any]):
    stack = rules.Resource(
        rules.STACK, "urn:stack", {"key": {"urn": "urn:key", "id": "0b5c", "arn": KEY_ARN}}
    )
    ((_, problem),) = rules.exported_secrets([*prod, stack], SETTINGS)
    assert problem.startswith("key is a whole resource")
