"""The whole program under Pulumi's mocks: what it registers and what it exports."""

import hashlib
import json
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from support.project import PROJECT, SECRETS, stack_config, write_model

from model_config.plan.plan import valid_plan
from model_config.plan.project import Project, StackConfig
from model_config.plan.stack_file import read_stack_file
from model_config.testing.program import ACCOUNT, REGION, Recorder, run_program

PARAMETER = "aws:ssm/parameter:Parameter"
KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
POLICY = "aws:iam/policy:Policy"


class Exports(Recorder):
    """Keeps the stack's outputs as the engine gets them too."""

    exports: Any = None

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 -- gRPC's name
        if "pulumi:pulumi:Stack" in request.urn and request.outputs:
            self.exports = request.outputs
        return super().RegisterResourceOutputs(request)


@pytest.fixture(scope="module")
def dev() -> tuple[Exports, dict[str, Any]]:
    recorder = Exports()
    return recorder, run_program(PROJECT.root, stack_config("dev"), recorder, recorder)


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """A project with the tests' program and no model."""
    shutil.copy(PROJECT.root / "__main__.py", tmp_path)
    return Project(tmp_path)


def run_own(
    project: Project, *, recorder: Recorder | None = None, **own: str
) -> tuple[Recorder, dict[str, Any]]:
    recorder = recorder or Recorder()
    config = StackConfig("dev", {f"model-config:{key}": value for key, value in own.items()})
    return recorder, run_program(project.root, config, recorder, recorder)


def test_an_override_has_the_order_and_the_numbers_of_the_stack_file(own):
    write_model(own, "chat", "values: dict[str, dict[str, int | float]] = {}")
    overrides = "{chat: {values: {z: {b: 2.0, a: 1e3}, m: {}}}}"
    own.stack_file("dev").write_text(f"config:\n  model-config:overrides: {overrides}\n")
    # As the engine hands it over: keys sorted, 2.0 written as 2.
    engine = '{"chat":{"values":{"m":{},"z":{"a":1000,"b":2}}}}'
    recorder, outputs = run_own(own, overrides=engine)
    release = json.loads(recorder.parameters()["/ai/dev/chat/release"]["value"])
    assert release["config"] == '{"values":{"z":{"b":2.0,"a":1000.0},"m":{}}}'
    (offline,) = valid_plan(own, "dev").models
    assert outputs["models"]["chat"]["digest"] == offline.digest


def test_the_engine_refuses_what_validate_finds_in_the_stack_file(own):
    write_model(own, "chat", "text: str = 'x'")
    own.stack_file("dev").write_text("config: {model-config:overrides: {chat: {text: 2024-10-21}}}")
    engine = '{"chat":{"text":"2024-10-21 00:00:00 +0000 UTC"}}'
    with pytest.raises(pulumi.RunError, match="put it in quotation marks"):
        run_own(own, overrides=engine)


@pytest.mark.parametrize(("account", "refused"), [(ACCOUNT, True), ("444455556666", False)])
def test_the_engine_knows_the_account_in_which_two_stacks_would_collide(own, account, refused):
    write_model(own, "chat", "n: int = 1")
    (own.root / "Pulumi.team.yaml").write_text(
        f'config:\n  aws:region: {REGION}\n  aws:allowedAccountIds: ["{account}"]\n'
        "  model-config:environment: dev\n"
    )
    config = StackConfig("dev", {"aws:region": REGION})
    with pytest.raises(pulumi.RunError, match="team") if refused else nullcontext():
        run_program(own.root, config, recorder := Recorder(), recorder)


def test_every_value_is_a_secure_string_under_the_environments_key_and_a_secret_to_the_engine(dev):
    recording, outputs = dev
    parameters = recording.of_type(PARAMETER)
    assert len(parameters) > 30
    for name, parameter in parameters.items():
        assert "value" in parameter.secret, name
        if name.endswith("/rollout"):
            continue
        assert parameter.inputs["type"] == "SecureString"
        assert parameter.inputs["keyId"] == outputs["kms_key"]["arn"]
        assert parameter.inputs.keys().isdisjoint({"insecureValue", "description", "overwrite"})
    assert not any(resource.protect for resource in recording.registered.values())  # as in prod


def test_each_model_has_a_rollout_that_is_written_once_and_then_left_to_the_command_line(dev):
    recording, outputs = dev
    rollouts = {
        name: each for name, each in recording.of_type(PARAMETER).items() if "/rollout" in name
    }
    assert rollouts.keys() == {f"{model}/rollout" for model in outputs["models"]}
    for name, rollout in rollouts.items():
        assert rollout.inputs == {
            "name": f"/ai/dev/{name}",
            "type": "String",
            "tier": "Standard",
            "value": '{"format":1}',
            "tags": {"environment": "dev"},
        }
        assert rollout.ignores == {"value"}
        # It goes after the release, so that a protected model keeps its record.
        release = recording.registered[PARAMETER, name.replace("/rollout", "/release")]
        assert rollout.urn in release.depends_on
        assert not rollout.protect


def test_names_are_the_path_and_a_long_prompt_stands_in_two_parts_without_double_braces(dev):
    parameters = dev[0].parameters()
    temperature = parameters["/ai/dev/support_chat/generation/temperature"]
    assert (temperature["value"], temperature["tier"]) == ("0.7", "Standard")
    assert parameters["/ai/dev/document_embedding/provider"]["value"] == "openai"
    assert "/ai/dev/support_chat/secrets/api_key" in parameters
    assert "/ai/dev/support_chat/generation/seed" not in parameters  # it is None
    name = "/ai/dev/support_chat/prompts/system"
    parts = [parameters[f"{name}{suffix}"]["value"] for suffix in ("", ".part2")]
    assert all(len(part.encode()) <= 4096 for part in parts)
    assert not any("{{" in part for part in parts)
    prompt = (PROJECT.models_folder / "support_chat.md").read_text()
    assert len(prompt.encode()) > 4096
    assert "{{customer_name}}" in prompt
    assert json.loads("".join(parts)) == prompt.removesuffix("\n")


def test_the_key_rotates_and_lets_nobody_use_it_but_through_ssm(dev):
    recording, outputs = dev
    key = recording.registered[KEY, "encryption-key"].inputs
    assert key["enableKeyRotation"] is True
    assert key["deletionWindowInDays"] == 7
    allow, deny = json.loads(key["policy"])["Statement"]
    assert allow["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert (deny["Effect"], deny["Principal"]) == ("Deny", {"AWS": "*"})
    assert {"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"} <= set(
        deny["Action"]
    )
    assert deny["Condition"] == {
        "StringNotEquals": {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}
    }
    alias = recording.registered[ALIAS, "encryption-key"].inputs
    assert alias["name"] == "alias/ai/dev" == outputs["kms_key"]["alias"]


def test_prod_protects_the_key_its_alias_the_releases_and_who_reads_them_but_no_field():
    recording = Recorder()
    run_program(PROJECT.root, stack_config("prod"), recording, recording)
    assert recording.parameters()["/ai/prod/support_chat/generation/temperature"]
    protected = {key for key, resource in recording.registered.items() if resource.protect}
    releases = {key for key in recording.registered if key[1].endswith("/release")}
    policies = {key for key in recording.registered if key[0] == POLICY}
    assert len(releases) == len(policies) == 3
    assert protected == {(KEY, "encryption-key"), (ALIAS, "encryption-key"), *releases, *policies}
    assert recording.registered[KEY, "encryption-key"].inputs["deletionWindowInDays"] == 30


def test_the_release_is_written_after_all_other_parameters_of_its_model(dev):
    recording, outputs = dev
    resource = recording.registered[PARAMETER, "support_chat/release"]
    fields = {
        name
        for kind, name in recording.registered
        if kind == PARAMETER and name.startswith("support_chat/") and not name.endswith("/release")
    }
    assert {urn.split("::")[-1] for urn in resource.depends_on} >= fields
    release = recording.parameters()["/ai/dev/support_chat/release"]
    assert release["tier"] == "Standard"
    assert json.loads(release["value"])["digest"] == outputs["models"]["support_chat"]["digest"]


def test_every_parameter_is_exported_with_its_version_and_arn(dev):
    recording, outputs = dev
    exported = {
        pin["name"]: pin
        for model in outputs["models"].values()
        for pin in [*model["parameters"].values(), model["release"]]
    }
    rollouts = {f"/ai/dev/{model}/rollout" for model in outputs["models"]}
    assert exported.keys() == recording.parameters().keys() - rollouts
    for name, pin in exported.items():
        assert pin["version"] == 4
        assert type(pin["version"]) is int
        assert pin["reference"] == f"{name}:4"
        assert pin["arn"].startswith("arn:")


def test_the_exports_are_plain_and_hold_no_secret(dev):
    recording, outputs = dev
    assert outputs.keys() == {"environment", "region", "account_id", "kms_key", "models"}
    assert (outputs["environment"], outputs["region"]) == ("dev", "eu-west-1")
    assert outputs["account_id"] == "111122223333"
    assert outputs["models"].keys() == {"document_embedding", "passage_reranker", "support_chat"}
    text, registered = json.dumps(outputs), str(recording.exports)
    assert not any(secret in text for secret in SECRETS.values())
    assert "support_chat" in registered
    assert pulumi.runtime.rpc._special_secret_sig not in registered


def test_a_secrets_text_is_in_its_own_parameter_and_nowhere_else(dev):
    recording, _ = dev
    for key, secret in SECRETS.items():
        fragment = secret.split(" ")[0]
        registered = recording.registered.items()
        holders = [name for name, each in registered if fragment in str(each.inputs)]
        model = {"model-config:supportChatApiKey": "support_chat"}.get(key, "document_embedding")
        assert holders == [(PARAMETER, f"{model}/secrets/api_key")]
    stored = recording.parameters()["/ai/dev/support_chat/secrets/api_key"]["value"]
    assert "{{" not in stored
    assert json.loads(stored) == SECRETS["model-config:supportChatApiKey"]


def test_the_reader_policy_grants_one_models_release_and_secrets_alone(dev):
    recording, outputs = dev
    policy = recording.registered[POLICY, "support_chat/reader"].inputs
    assert policy["name"] == "ai+dev+support_chat@eu-west-1"
    read, decrypt = json.loads(policy["policy"])["Statement"]
    arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/ai/dev/support_chat"
    assert read["Action"] == ["ssm:GetParameter", "ssm:GetParameters"]
    assert read["Resource"] == [
        f"{arn}/release",
        f"{arn}/release/parts/*",
        f"{arn}/secrets/*",
        f"{arn}/rollout",
    ]
    assert decrypt["Action"] == "kms:Decrypt"
    assert decrypt["Resource"] == outputs["kms_key"]["arn"]
    assert decrypt["Condition"] == {
        "StringEquals": {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"},
        # A rollout is not encrypted.
        "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": read["Resource"][:-1]},
    }
    assert json.loads(outputs["models"]["support_chat"]["reader_policy_json"]) == json.loads(
        policy["policy"]
    )
    for name, each in recording.of_type(POLICY).items():  # deleted before what it lets be read
        release = recording.registered[PARAMETER, name.replace("/reader", "/release")]
        assert release.urn in each.depends_on, name


def test_overrides_and_tags_of_the_stack_reach_the_parameters(own: Project):
    write_model(own, "chat", "temperature: float = 0.2")
    settings = {"overrides": '{"chat": {"temperature": "0.35"}}', "tags": '{"team": "support"}'}
    recording, _ = run_own(own, prefix="/company/ai", **settings)
    temperature = recording.parameters()["/company/ai/dev/chat/temperature"]
    assert temperature["value"] == "0.35"
    assert temperature["tags"] == {"team": "support"}


def test_adding_a_model_adds_its_own_resources_and_changes_no_other(own: Project):
    write_model(own, "first", "temperature: float = 0.5; name: str = 'a'")
    before, _ = run_own(own)
    write_model(own, "added", "temperature: float = 0.1")
    after, _ = run_own(own)
    for key, resource in before.registered.items():
        assert after.registered[key].inputs == resource.inputs
        assert after.registered[key].urn == resource.urn
    assert {name for _, name in after.registered.keys() - before.registered.keys()} == {
        "added",
        "added/temperature",
        "added/rollout",
        "added/release",
        "added/reader",
    }


def test_a_large_model_is_released_in_parts_that_stay(own: Project):
    # Text that doesn't compress: a digest of each number.
    words = " ".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(250))
    write_model(own, "large", f"text: str = {words!r}")
    recording, outputs = run_own(own)
    parts = {
        name: inputs for name, inputs in recording.parameters().items() if "/release/parts/" in name
    }
    document = json.loads(recording.parameters()["/ai/dev/large/release"]["value"])
    assert document["parts"]
    assert {f"/ai/dev/large/release/parts/{part}" for part in document["parts"]} == parts.keys()
    for (kind, name), resource in recording.registered.items():
        is_part = kind == PARAMETER and "/release/parts/" in name
        assert resource.retain_on_delete == is_part
    assert all(inputs["overwrite"] for inputs in parts.values())
    assert not any("parts" in path for path in outputs["models"]["large"]["parameters"])
    release = recording.registered[PARAMETER, "large/release"]
    assert sum("/release/parts/" in urn for urn in release.depends_on) == len(parts)


def test_a_preview_of_a_new_stack_has_every_output_by_its_name(own: Project):
    write_model(own, "chat", "temperature: float = 0.2")
    recording = Recorder()
    outputs = run_program(own.root, StackConfig("dev", {}), recording, recording, preview=True)
    chat = outputs["models"]["chat"]
    assert chat["parameters"]["temperature"].keys() == {"name", "arn", "version", "reference"}
    assert chat["digest"].startswith("sha256:")


def test_what_is_wrong_ends_the_program_before_it_registers_anything(own: Project):
    write_model(own, "broken", "temperature: float = float('nan'); key: SecretRef = SecretRef('k')")
    overrides = '{"support_chat": {"a": 1}}'
    recorder = Recorder()
    with pytest.raises(pulumi.RunError) as caught:
        run_own(
            own, recorder=recorder, prefix="/ai/", keyDeletionWindowDays="3", overrides=overrides
        )
    assert recorder.registered == {}
    assert str(caught.value).startswith("nothing was deployed: 4 findings:\n  ")
    for expected in ("/ai/", "keyDeletionWindowDays", "temperature", "overrides.support_chat"):
        assert expected in str(caught.value)


def test_a_secret_that_is_missing_or_in_plain_text_is_refused_and_not_shown():
    recording = Recorder()
    with pytest.raises(pulumi.RunError) as caught:
        run_program(PROJECT.root, read_stack_file(PROJECT, "prod"), recording, recording)
    for key in ("supportChatApiKey", "documentEmbeddingApiKey"):
        command = f"pulumi config set --secret model-config:{key} --stack prod"
        assert command in str(caught.value)
    assert recording.registered == {}
    plain_text = replace(stack_config("dev"), secret_keys=frozenset())
    with pytest.raises(pulumi.RunError) as caught:
        run_program(PROJECT.root, plain_text, recording, recording)
    assert "is in plain text in Pulumi.dev.yaml" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in SECRETS.values())


def test_the_tests_stand_on_the_program_that_is_shipped():
    shipped = PROJECT.root.parents[1] / "__main__.py"
    assert (PROJECT.root / "__main__.py").read_text() == shipped.read_text()


def test_without_fields_a_model_has_its_release_rollout_and_secrets_only(dev):
    recording = Recorder()
    config = stack_config("dev", fields="false")
    outputs = run_program(PROJECT.root, config, recording, recording)
    names = {name for kind, name in recording.registered if kind == PARAMETER}
    whole, all_outputs = dev
    kept = {
        name
        for kind, name in whole.registered
        if kind == PARAMETER and ("/secrets/" in name or name.endswith(("/release", "/rollout")))
    }
    assert names == kept
    for model, exported in outputs["models"].items():
        assert exported["digest"] == all_outputs["models"][model]["digest"]
        assert set(exported["parameters"]) == {
            path for path in all_outputs["models"][model]["parameters"] if "secrets/" in path
        }
    # Switching touches no release: its text is the same.
    texts = recording.parameters()
    for name, inputs in whole.parameters().items():
        if name.endswith("/release"):
            assert texts[name]["value"] == inputs["value"]


def test_a_model_of_20_fields_is_three_resources_without_fields(own):
    fields = "; ".join(f"f{number}: int = {number}" for number in range(20))
    for number in range(5):
        write_model(own, f"m{number}", fields)
    recorder, _ = run_own(own, fields="false")
    components = {kind for kind, _ in recorder.registered if kind.startswith("model-config:")}
    assert components
    resources = [kind for kind, _ in recorder.registered if kind.startswith("aws:")]
    assert len(resources) == 5 * 3 + 2


GUIDES_MOCKS = """
import runpy

import pulumi
from pulumi.runtime.config import set_all_config

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return f"{args.name}_id", args.inputs

    def call(self, args):
        return {}

set_all_config({"model-config:chatKey": "made up"}, ["model-config:chatKey"])
pulumi.runtime.set_mocks(Mocks(), project="model-config", stack="dev", preview=False)
runpy.run_path("__main__.py", run_name="__main__")
"""


def test_a_users_own_test_with_the_mocks_of_pulumis_guide_runs_the_program(own):
    """`call` answers with nothing, and a resource has its inputs as outputs."""
    write_model(own, "chat", "limit: int = 1\n    key: SecretRef = SecretRef('chatKey')")
    subprocess.run([sys.executable, "-c", GUIDES_MOCKS], cwd=own.root, check=True)
