"""The policy pack's rules: asked about what our own program registers, and about bad examples."""

import importlib.util
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from support.project import CHECKOUT, PROJECT, stack_config

from model_config.format import rollout
from model_config.plan.aws import POLICY_PATH
from model_config.testing.program import Recorder, run_program

KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/0b5c"
PARAMETERS = "arn:aws:ssm:eu-west-1:111122223333:parameter"


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("policy_rules", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


with patch.object(sys, "path", [str(CHECKOUT / "policy"), *sys.path]):  # as the engine runs it
    rules = _load(CHECKOUT / "policy" / "rules.py")
SETTINGS = rules.Settings()


@cache
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


ROLLOUT = {"name": "/ai/prod/chat/rollout", "type": "String", "value": '{"format":1}'}


def test_a_string_may_stand_at_a_rollouts_name_and_nowhere_else():
    assert problems(rules.secure_string, ROLLOUT) == []
    assert problems(rules.customer_key, ROLLOUT) == []
    for name in (
        "/ai/prod/rollout",
        "/ai/prod/chat/rollout/x",
        "/ai/prod/chat/group/rollout",
        "/ai/prod/chat/secrets/rollout",
        "/ai/prod/chat/rollout2",
        "/ai/prod/chat/ROLLOUT",
        "/ai/prod/chat/release",
    ):
        assert len(problems(rules.secure_string, {**ROLLOUT, "name": name})) == 1, name
        assert len(problems(rules.customer_key, {**ROLLOUT, "name": name})) == 1, name
    for change in ({"type": "StringList"}, {"type": None}, {"insecureValue": "x"}):
        assert len(problems(rules.secure_string, {**ROLLOUT, **change})) == 1
    unknown = {**ROLLOUT, "value": rules.UNKNOWN}  # a preview's
    assert problems(rules.secure_string, unknown) == []
    encrypted = {**ROLLOUT, "type": "SecureString", "keyId": "alias/aws/ssm"}
    assert len(problems(rules.customer_key, encrypted)) == 1


MOVED = {"label": "stable", "release": 8, "from": 7, "reason": "faster", "held": True}
UNDER_WAY = {"label": "stable", "release": 8, "from": 7, "salt": "0f" * 8, "steps": [], "units": {}}


@pytest.mark.parametrize(
    ("value", "refusals"),
    [
        ({"format": 1, "moved": MOVED}, 0),
        ({"format": 1, "moved": MOVED, "rollout": {**UNDER_WAY, "plan": {"paused": True}}}, 0),
        ({"format": 1, "key": "sk-made-up"}, 1),
        ({"format": 1, "moved": {**MOVED, "key": "sk-made-up"}}, 1),
        ({"format": 1, "rollout": {**UNDER_WAY, "key": "sk-made-up"}}, 1),
        ({"format": 1, "rollout": "sk-made-up"}, 1),
        ({"moved": MOVED}, 1),
        (["sk-made-up"], 1),
        ("sk-made-up", 1),
        (None, 1),
    ],
)
def test_the_string_at_a_rollouts_name_is_a_rollout_document(value: Any, refusals: int):
    text = value if value == "sk-made-up" else json.dumps(value)
    found = problems(rules.secure_string, {**ROLLOUT, "value": text})
    assert found == ["its value is not a rollout document"] * refusals


def test_whatever_the_command_line_writes_is_a_rollout_document():
    step = rollout.Step(datetime(2026, 12, 1, tzinfo=UTC), 5)
    document = rollout.RolloutDocument(
        rollout.Moved("stable", 8, 7, "faster", held=True),
        rollout.Rollout("stable", 9, 8, "0f" * 8, (step,), {"qa": 9}, {"paused": True}),
        rollout.Together("stable", {"chat": 8}, 7, 6, pending=True),
    )
    text = rollout.write_rollout(document)
    assert {"format", "moved", "rollout", "together"} == json.loads(text).keys()
    assert problems(rules.secure_string, {**ROLLOUT, "value": text}) == []


@pytest.mark.parametrize("by", ["dependency on the alias", "name", "ARN"])
def test_a_key_that_releases_reach_through_its_alias_must_be_protected_too(
    prod: list[Any], by: str
):
    (alias,) = of_kind(prod, rules.ALIAS)
    (key,) = of_kind(prod, rules.KEY)
    key_id = "arn:aws:kms:eu-west-1:111122223333:alias/ai/prod" if by == "ARN" else "alias/ai/prod"
    depends = {"keyId": [alias.urn]} if by.startswith("dependency") else {}

    def through_alias(resource: Any) -> Any:
        if resource.type == rules.ALIAS:
            return replace(resource, protect=False, props={**alias.props, "name": "alias/ai/prod"})
        if resource.type == rules.KEY:
            return replace(resource, protect=False)
        if resource.type == rules.PARAMETER:
            props = {**resource.props, "keyId": key_id}
            return replace(resource, props=props, dependencies=depends)
        return resource

    found = {urn for urn, _ in rules.unprotected([*map(through_alias, prod)], SETTINGS)}
    assert found == {alias.urn, key.urn}


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


SECRET = f"{PARAMETERS}/ai/prod/support_chat/secrets/api_key"
CONTEXT = "kms:EncryptionContext:PARAMETER_ARN"
VIA_SSM = {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}
OWN = {CONTEXT: SECRET}
NOT_ITS_OWN = "not a release, rollout or secret of one model"
NO_CONTEXT = f"kms:Decrypt without StringEquals or StringLike on {CONTEXT}"
NOT_VIA_SSM = "kms:Decrypt without StringEquals or StringLike on kms:ViaService"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # The four that passed when only wildcards were refused.
        (
            {"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::111122223333:role/admin"},
            "the action sts:AssumeRole is not one of",
        ),
        ({"Action": ["ssm:GetParameter", "iam:PutRolePolicy"]}, "the action iam:PutRolePolicy"),
        ({"Action": "ssm:PutParameter"}, "the action ssm:PutParameter is not one of"),
        ({"Resource": f"{PARAMETERS}/shop/prod/banner"}, f"/shop/prod/banner is {NOT_ITS_OWN}"),
        # Actions.
        ({"Action": "*"}, "the action * is not one of"),
        ({"Action": ["ssm:GetParameter", "ssm:Get*"]}, "the action ssm:Get* is not one of"),
        ({"Action": "ssm:GetParameter?"}, "the action ssm:GetParameter? is not one of"),
        ({"Action": "ssm:GetParametersByPath"}, "ssm:GetParametersByPath is not one of"),
        ({"Action": "ssm:GetParameterHistory"}, "ssm:GetParameterHistory is not one of"),
        ({"statement": 1, "Action": "kms:Encrypt"}, "the action kms:Encrypt is not one of"),
        # Resources.
        ({"Resource": "*"}, f"* is {NOT_ITS_OWN}"),
        ({"Resource": f"{PARAMETERS}/ai/*"}, NOT_ITS_OWN),
        ({"Resource": f"{PARAMETERS}/ai/prod/*/release"}, NOT_ITS_OWN),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_chat/*"}, NOT_ITS_OWN),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_chat/release*"}, NOT_ITS_OWN),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_chat/release/*"}, NOT_ITS_OWN),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_chat/secrets"}, NOT_ITS_OWN),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_chat/model_id"}, NOT_ITS_OWN),
        ({"Resource": f"{PARAMETERS}/ai/prod/support_cha?/secrets/*"}, NOT_ITS_OWN),
        (
            {"Resource": f"{PARAMETERS}/ai/prod/*/secrets/*"},
            f"/ai/prod/*/secrets/* is {NOT_ITS_OWN}",
        ),
        ({"Resource": f"{PARAMETERS}/ai/prod/${{aws:username}}/release"}, NOT_ITS_OWN),
        ({"Resource": f"{PARAMETERS}/aix/prod/support_chat/release"}, NOT_ITS_OWN),
        ({"Resource": SECRET.replace("eu-west-1", "*")}, NOT_ITS_OWN),
        ({"Resource": SECRET.replace("111122223333", "*")}, NOT_ITS_OWN),
        ({"statement": 1, "Resource": "*"}, f"* is {NOT_ITS_OWN}"),
        ({"statement": 1, "Resource": KEY_ARN.replace("0b5c", "*")}, NOT_ITS_OWN),
        ({"statement": 1, "Resource": KEY_ARN.replace("key/0b5c", "alias/ai")}, NOT_ITS_OWN),
        # More than one model.
        (
            {"Resource": f"{PARAMETERS}/ai/prod/reranker/secrets/*"},
            f"model: {PARAMETERS}/ai/prod/reranker, {PARAMETERS}/ai/prod/support_chat",
        ),
        ({"Resource": f"{PARAMETERS}/ai/dev/support_chat/release"}, "more than one model"),
        ({"Resource": SECRET.replace("eu-west-1", "us-east-1")}, "more than one model"),
        ({"Resource": SECRET.replace("111122223333", "444455556666")}, "more than one model"),
        # All but something.
        ({"NotAction": "iam:*", "Action": None}, "NotAction"),
        ({"NotResource": "arn:x", "Resource": None}, "NotResource"),
        ({"NotAction": "iam:*"}, "NotAction"),
        ({"NotPrincipal": "*"}, "NotPrincipal"),
        ({"action": "*"}, "action is not one of"),
        ({"Effect": "allow", "Action": "*"}, "the action * is not one of"),
        ({"Effect": None, "Action": "*"}, "the action * is not one of"),
        # Decrypting, but not for SSM or not for this model's parameters.
        ({"statement": 1, "Condition": None}, NO_CONTEXT),
        ({"statement": 1, "Condition": None}, NOT_VIA_SSM),
        ({"statement": 1, "Condition": {"StringEquals": VIA_SSM}}, NO_CONTEXT),
        ({"statement": 1, "Condition": {"StringEquals": OWN}}, NOT_VIA_SSM),
        (
            {"statement": 1, "Condition": {"StringLike": OWN | {"kms:ViaService": "*"}}},
            "*, which is not SSM",
        ),
        ({"statement": 1, "Condition": {"StringEqualsIfExists": VIA_SSM | OWN}}, NO_CONTEXT),
        ({"statement": 1, "Condition": {"ForAllValues:StringEquals": OWN | VIA_SSM}}, NO_CONTEXT),
        (
            {"statement": 1, "Condition": {"StringNotLike": OWN, "StringEquals": VIA_SSM}},
            NO_CONTEXT,
        ),
        (
            {"statement": 1, "Condition": {"StringNotEquals": VIA_SSM, "StringLike": OWN}},
            NOT_VIA_SSM,
        ),
        (
            {
                "statement": 1,
                "Condition": {
                    "StringEquals": OWN
                    | {
                        "kms:ViaService": [
                            "ssm.eu-west-1.amazonaws.com",
                            "s3.eu-west-1.amazonaws.com",
                        ]
                    }
                },
            },
            "s3.eu-west-1.amazonaws.com, which is not SSM",
        ),
        ({"statement": 1, "Condition": {"StringEquals": VIA_SSM | {CONTEXT: []}}}, NO_CONTEXT),
        (
            {"statement": 1, "Condition": {"StringLike": {CONTEXT: "*"}, "StringEquals": VIA_SSM}},
            f"* is {NOT_ITS_OWN}",
        ),
        (
            {
                "statement": 1,
                "Condition": {
                    "StringLike": {CONTEXT: [SECRET, f"{PARAMETERS}/ai/prod/*"]},
                    "StringEquals": VIA_SSM,
                },
            },
            f"/ai/prod/* is {NOT_ITS_OWN}",
        ),
        # Both at once.
        ({"Action": ["ssm:GetParameter", "KMS:decrypt"], "Resource": SECRET}, NO_CONTEXT),
    ],
)
def test_a_reader_policy_that_grants_more_is_refused(
    prod: list[Any], change: dict[str, Any], expected: str
):
    found = problems(rules.narrow_reader, reader(prod, **change))
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Action": "ssm:getparameter"},
        {"Resource": SECRET},
        {"Resource": [f"{PARAMETERS}/ai/prod/support_chat/rollout", SECRET]},
        {"Resource": f"{PARAMETERS}/ai/prod/support_chat/release/parts/0f3c"},
        {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "support"}}},
        {"statement": 1, "Condition": {"StringEquals": VIA_SSM | OWN}},
        {"statement": 1, "Condition": {"StringLike": {CONTEXT: [SECRET]}, "StringEquals": VIA_SSM}},
        {"statement": 1, "Resource": [KEY_ARN, KEY_ARN.replace("0b5c", "mrk-0b5c")]},
    ],
)
def test_a_reader_policy_may_be_narrower_or_put_otherwise(prod: list[Any], change: dict[str, Any]):
    assert problems(rules.narrow_reader, reader(prod, **change)) == []


def test_a_second_statement_and_a_lone_one_are_looked_at_too(prod: list[Any]):
    policy = reader(prod)
    document = json.loads(policy["policy"])
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    added = {**document, "Statement": [*document["Statement"], everything]}
    for worse in (added, {**document, "Statement": everything}):
        found = problems(rules.narrow_reader, {**policy, "policy": json.dumps(worse)})
        assert any("the action * is not one of" in problem for problem in found)


@pytest.mark.parametrize("text", ["", "{", '"Allow"', "[]", "{}"])
def test_a_reader_policy_without_statements_is_refused_in_words(prod: list[Any], text: str):
    assert problems(rules.narrow_reader, {**reader(prod), "policy": text}) == [
        "it is not a policy document with statements"
    ]


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


def test_a_release_who_reads_it_its_key_and_its_alias_must_be_protected_in_prod(prod: list[Any]):
    bare = [replace(resource, protect=False) for resource in prod]
    found = [urn for urn, _ in rules.unprotected(bare, SETTINGS)]
    protected = [resource.urn for resource in prod if resource.protect]
    assert len(protected) == 8  # three releases and their reader policies, the key, the alias
    assert sorted(found) == sorted(protected)


def test_which_environments_are_protected_can_be_set():
    dev = run("dev")
    assert list(rules.unprotected(dev, rules.Settings(protected_environments=["prod"]))) == []
    assert len(list(rules.unprotected(dev, rules.Settings(protected_environments=["dev"])))) == 8
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
