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
    assert len(of_kind(resources, rules.PARAMETER)) > 30
    for kind, rule, count in (
        (rules.PARAMETER, rules.below_prefix, None),
        (rules.PARAMETER, rules.secure_string, None),
        (rules.PARAMETER, rules.customer_key, None),
        (rules.KEY, rules.rotation, 1),
        (rules.POLICY, rules.narrow_reader, 3),
    ):
        found = of_kind(resources, kind)
        assert count in {None, len(found)}
        assert [problems(rule, resource.props) for resource in found] == [[]] * len(found)
    assert list(rules.unprotected(resources, SETTINGS)) == []
    assert list(rules.exported_secrets(resources, SETTINGS)) == []
    assert SETTINGS.reader_policy_path == POLICY_PATH  # where the program puts them


def test_a_name_outside_the_prefix_is_refused():
    for name in ("/ai-old/prod/chat/key", "/ai", "temperature", None):
        assert problems(rules.below_prefix, {**GOOD, "name": name}) != [], name
    settings = rules.Settings(prefix="/company/ai")
    assert problems(rules.below_prefix, GOOD, settings) != []
    inside = {**GOOD, "name": "/company/ai/prod/chat/model_id"}
    assert problems(rules.below_prefix, inside, settings) == []


def test_a_string_and_the_default_key_are_refused_below_the_prefix_alone():
    default = "arn:aws:kms:eu-west-1:111122223333:alias/aws/ssm"
    for rule, change in (
        *((rules.secure_string, {"type": kind}) for kind in ("String", None)),
        (rules.secure_string, {"insecureValue": "0.2"}),
        *((rules.customer_key, {"keyId": key}) for key in (None, "", "alias/aws/ssm", default)),
    ):
        assert len(problems(rule, {**GOOD, **change})) == 1, change
        assert problems(rule, {**GOOD, **change, "name": "/shop/banner"}) == [], change


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
        (None, 1),
    ],
)
def test_the_string_at_a_rollouts_name_is_a_rollout_document(value: Any, refusals: int):
    found = problems(rules.secure_string, {**ROLLOUT, "value": json.dumps(value)})
    assert found == ["its value is not a rollout document"] * refusals
    assert len(problems(rules.secure_string, {**ROLLOUT, "value": "sk-made-up"})) == 1  # no JSON


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
def test_a_key_that_releases_reach_through_its_alias_must_be_protected_too(prod, by):
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


def granted(path: str) -> dict[str, str]:
    return {"Resource": f"{PARAMETERS}{path}"}


def decrypts(operator: str = "StringEquals", given: Any = None, **more: Any) -> dict[str, Any]:
    """A change of the second statement's condition."""
    return {"statement": 1, "Condition": {operator: given, **more}}


NO_ACTION = [
    "sts:AssumeRole", "iam:PutRolePolicy", "ssm:PutParameter", "*", "ssm:Get*",
    "ssm:GetParameter?", "ssm:GetParametersByPath", "ssm:GetParameterHistory",
]  # fmt: skip
NO_RESOURCE = [
    {"Resource": "*"},
    {"Resource": "arn:aws:iam::111122223333:role/admin"},
    *(
        granted(path)
        for path in (
            "/shop/prod/banner", "/ai/*", "/ai/prod/*/release", "/ai/prod/support_chat/*",
            "/ai/prod/support_chat/release*", "/ai/prod/support_chat/release/*",
            "/ai/prod/support_chat/secrets", "/ai/prod/support_chat/model_id",
            "/ai/prod/support_cha?/secrets/*", "/ai/prod/*/secrets/*",
            "/ai/prod/${aws:username}/release", "/aix/prod/support_chat/release",
        )
    ),
    {"Resource": SECRET.replace("eu-west-1", "*")},
    {"Resource": SECRET.replace("111122223333", "*")},
    {"statement": 1, "Resource": "*"},
    {"statement": 1, "Resource": KEY_ARN.replace("0b5c", "*")},
    {"statement": 1, "Resource": KEY_ARN.replace("key/0b5c", "alias/ai")},
    decrypts("StringLike", {CONTEXT: "*"}, StringEquals=VIA_SSM),
    decrypts("StringLike", {CONTEXT: [SECRET, f"{PARAMETERS}/ai/prod/*"]}, StringEquals=VIA_SSM),
]  # fmt: skip
SERVICES = ["ssm.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"]
TOO_WIDE = [
    *(({"Action": ["ssm:GetParameter", it]}, f"the action {it} is not one of") for it in NO_ACTION),
    ({"statement": 1, "Action": "kms:Encrypt"}, "the action kms:Encrypt is not one of"),
    *((change, NOT_ITS_OWN) for change in NO_RESOURCE),
    (granted("/ai/prod/reranker/secrets/*"),
     f"model: {PARAMETERS}/ai/prod/reranker, {PARAMETERS}/ai/prod/support_chat"),
    (granted("/ai/dev/support_chat/release"), "more than one model"),
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
    (decrypts(given=VIA_SSM), NO_CONTEXT),
    (decrypts(given=OWN), NOT_VIA_SSM),
    (decrypts("StringLike", OWN | {"kms:ViaService": "*"}), "*, which is not SSM"),
    (decrypts("StringEqualsIfExists", VIA_SSM | OWN), NO_CONTEXT),
    (decrypts("ForAllValues:StringEquals", OWN | VIA_SSM), NO_CONTEXT),
    (decrypts("StringNotLike", OWN, StringEquals=VIA_SSM), NO_CONTEXT),
    (decrypts("StringNotEquals", VIA_SSM, StringLike=OWN), NOT_VIA_SSM),
    (decrypts(given=OWN | {"kms:ViaService": SERVICES}), f"{SERVICES[1]}, which is not SSM"),
    (decrypts(given=VIA_SSM | {CONTEXT: []}), NO_CONTEXT),
    # Both at once.
    ({"Action": ["ssm:GetParameter", "KMS:decrypt"], "Resource": SECRET}, NO_CONTEXT),
]  # fmt: skip
NARROW = [
    {},
    {"Action": "ssm:getparameter"},
    {"Resource": SECRET},
    {"Resource": [f"{PARAMETERS}/ai/prod/support_chat/rollout", SECRET]},
    granted("/ai/prod/support_chat/release/parts/0f3c"),
    {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "support"}}},
    decrypts(given=VIA_SSM | OWN),
    decrypts("StringLike", {CONTEXT: [SECRET]}, StringEquals=VIA_SSM),
    {"statement": 1, "Resource": [KEY_ARN, KEY_ARN.replace("0b5c", "mrk-0b5c")]},
]


def test_a_reader_policy_that_grants_more_is_refused_and_may_be_narrower(prod: list[Any]):
    for change, expected in TOO_WIDE:
        found = problems(rules.narrow_reader, reader(prod, **change))
        assert any(expected in problem for problem in found), (change, found)
    for change in NARROW:
        assert problems(rules.narrow_reader, reader(prod, **change)) == [], change


def test_a_second_statement_and_a_lone_one_are_looked_at_too(prod: list[Any]):
    policy = reader(prod)
    document = json.loads(policy["policy"])
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    added = {**document, "Statement": [*document["Statement"], everything]}
    for worse in (added, {**document, "Statement": everything}):
        found = problems(rules.narrow_reader, {**policy, "policy": json.dumps(worse)})
        assert any("the action * is not one of" in problem for problem in found)


def test_a_reader_policy_without_statements_is_refused_in_words(prod: list[Any]):
    for text in ("", "{", '"Allow"', "[]", "{}"):
        assert problems(rules.narrow_reader, {**reader(prod), "policy": text}) == [
            "it is not a policy document with statements"
        ]
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
def test_an_export_with_the_text_of_a_secret_is_refused_and_does_not_show_it(prod, outputs, path):
    assert exported([*prod], outputs) == [f"{path} holds the text of a secret"]


def exported(resources: list[Any], outputs: dict[str, Any]) -> list[str]:
    stack = rules.Resource(rules.STACK, "urn:stack", outputs)
    found = list(rules.exported_secrets([*resources, stack], SETTINGS))
    assert {urn for urn, _ in found} == {"urn:stack"}
    return [problem for _, problem in found]


def test_a_secrets_text_is_compared_as_it_stands(prod: list[Any]):
    def secret(value: str) -> list[Any]:
        props = {"name": "/ai/prod/chat/secrets/pin", "value": value}
        return [rules.Resource(rules.PARAMETER, "urn:a", props)]

    # A short one is not found inside longer words; one that we didn't store may be no JSON.
    assert exported(secret("arn"), {"arn": "arn:aws:kms", "pin": "arn"}) == [
        "pin holds the text of a secret"
    ]
    assert len(exported(secret('"no json'), {"key": '"no json'})) == 1
    whole = {"key": {"urn": "urn:key", "id": "0b5c", "arn": KEY_ARN}}
    (problem,) = exported(prod, whole)
    assert problem.startswith("key is a whole resource")
