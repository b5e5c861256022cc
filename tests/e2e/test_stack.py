"""What `pulumi up` and its kin do with the program, seen from outside: plans, state, AWS, text."""

import base64
import hashlib
import json
import shutil

import pytest

from model_config import Reader
from model_config.format.errors import ModelConfigError

if shutil.which("pulumi") is None:
    reason = "no `pulumi` CLI on PATH: https://www.pulumi.com/docs/install/"
    pytest.skip(reason, allow_module_level=True)

TEMPERATURE = "/ai/dev/support_chat/generation/temperature"
SEED = "/ai/dev/support_chat/generation/seed"
RELEASE = "/ai/dev/support_chat/release"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"
SECRETS = ("sk-e2e-chat-9d1c7b", "sk-e2e-embedding-40a5f2", "sk-e2e-rotated-77e0")


MODELS = ("document_embedding", "passage_reranker", "support_chat")


def rollout_of(model):
    return f"/ai/dev/{model}/rollout"


def read(stack, model="support_chat"):
    return Reader(stack.name, label="latest", ttl=0, client=stack.ssm).get(model)


def pins(outputs):
    """Every parameter that the stack exports, releases included."""
    for model in outputs["models"].values():
        yield from (*model["parameters"].values(), model["release"])


def test_a_new_stack_is_planned_whole_and_then_deployed(new_stack):
    stack = new_stack("dev")
    planned = stack.plan()
    assert set(planned.values()) == {"create"}
    assert {"support_chat", "support_chat/release", "support_chat/reader"} <= planned.keys()
    assert stack.in_aws() == {}

    stack.up()
    held = stack.in_aws()
    assert {name.removeprefix("/ai/dev/") for name in held} <= planned.keys()
    assert held[TEMPERATURE] == "0.7"
    assert read(stack)["generation"]["temperature"] == 0.7
    outputs = stack.outputs()
    chat = outputs["models"]["support_chat"]
    policy = stack.iam.get_policy_version(PolicyArn=chat["reader_policy_arn"], VersionId="v1")
    assert policy["PolicyVersion"]["Document"] == json.loads(chat["reader_policy_json"])
    key = stack.kms.describe_key(KeyId="alias/ai/dev")["KeyMetadata"]
    assert outputs["kms_key"] == {
        "arn": key["Arn"], "id": key["KeyId"], "alias": "alias/ai/dev",
    }  # fmt: skip


def test_a_second_preview_changes_nothing(dev):
    dev.pulumi("preview", "--expect-no-changes")


def test_what_is_deployed_is_found_again_by_a_refresh(dev):
    dev.pulumi("preview", "--refresh", "--expect-no-changes")


def test_the_outputs_are_plain_and_say_what_aws_holds(dev):
    printed = dev.pulumi("stack", "output", "--json")
    assert "[secret]" not in printed
    exported = {pin["name"]: pin for pin in pins(json.loads(printed))}
    versions = dev.versions()
    assert {name for name in versions if name not in exported} == set(map(rollout_of, MODELS))
    assert {name: versions[name] for name in exported} == {
        name: pin["version"] for name, pin in exported.items()
    }
    for name, pin in exported.items():
        assert type(pin["version"]) is int
        held = dev.ssm.get_parameter(Name=pin["reference"])["Parameter"]
        assert (held["Name"], held["ARN"], held["Type"]) == (name, pin["arn"], "SecureString")


def test_an_application_reads_what_was_deployed_secrets_included(dev):
    chat = read(dev)
    assert (chat.release, chat["generation"]["temperature"]) == (1, 0.7)
    assert chat.digest == dev.outputs()["models"]["support_chat"]["digest"]
    secret = chat.secrets["api_key"].reveal()
    assert secret == "sk-e2e-chat-9d1c7b {{no placeholder}}"


def test_one_more_model_adds_its_own_resources_and_changes_no_other(dev):
    module = dev.add_model("added", "temperature: float = 0.5")
    try:
        planned = dev.plan()
    finally:
        module.unlink()
    assert planned == dict.fromkeys(
        ("added", "added/temperature", "added/rollout", "added/release", "added/reader"), "create"
    )


def test_every_value_is_encrypted_in_the_state(dev):
    parameters = [
        resource
        for resource in dev.resources()
        if resource["type"] == "aws:ssm/parameter:Parameter"
    ]
    assert len(parameters) == len(dev.in_aws())
    for parameter in parameters:
        for values in (parameter["inputs"], parameter["outputs"]):
            assert "ciphertext" in values["value"], parameter["urn"]


def test_one_override_writes_one_parameter_and_its_models_release(own_dev):
    before = own_dev.versions()
    own_dev.override("temperature: 0.7", "temperature: 0.9")
    assert own_dev.plan() == {
        "support_chat/generation/temperature": "update",
        "support_chat/release": "update",
    }
    own_dev.up()
    raised = {TEMPERATURE: 2, RELEASE: 2}
    assert own_dev.versions() == {**before, **raised}
    pinned = {pin["name"]: pin["version"] for pin in pins(own_dev.outputs())}
    assert pinned == {**{name: before[name] for name in pinned}, **raised}
    assert read(own_dev)["generation"]["temperature"] == 0.9


def test_a_rotated_secret_is_written_without_a_new_release_and_no_secret_is_seen(own_dev):
    before = own_dev.versions()
    own_dev.set_secret("supportChatApiKey", "sk-e2e-rotated-77e0")
    own_dev.pulumi("up", "--yes", "--diff")
    assert own_dev.versions() == {**before, "/ai/dev/support_chat/secrets/api_key": 2}
    assert read(own_dev).secrets["api_key"].reveal() == "sk-e2e-rotated-77e0"

    own_dev.ssm.put_parameter(Name=TEMPERATURE, Value="1.9", Type="SecureString", Overwrite=True)
    for command in (
        ("preview", "--refresh", "--diff"), ("preview", "--refresh", "--json"),
        ("stack", "output", "--json"), ("stack", "export"), ("stack", "history", "--json"),
        ("config", "--json"), ("destroy", "--yes", "--skip-preview", "--diff"),
    ):  # fmt: skip
        own_dev.pulumi(*command)
    written = {"what was printed": "\n".join(own_dev.printed).encode()} | {
        str(file): file.read_bytes() for file in own_dev.folder.rglob("*") if file.is_file()
    }
    assert any("backend" in name and b"ciphertext" in text for name, text in written.items())
    for secret in SECRETS:
        for form in (secret.encode(), base64.b64encode(secret.encode())[:-4]):
            assert [name for name, text in written.items() if form in text] == []


def test_after_a_failed_up_the_old_release_stays_in_force_and_the_next_mends_it(own_dev):
    outputs = own_dev.outputs()
    # Somebody made by hand what the next deploy wants to make: no preview can know.
    own_dev.ssm.put_parameter(Name=SEED, Value="1", Type="SecureString")
    own_dev.override("temperature: 0.7", "temperature: 0.9\n        seed: 7")
    printed = own_dev.refused("up", "--yes", "--skip-preview")
    assert "ParameterAlreadyExists" in printed
    assert SEED in printed

    assert own_dev.in_aws()[SEED] == "1"  # not taken over
    assert own_dev.versions()[RELEASE] == 1
    chat = read(own_dev)
    assert (chat.release, chat["generation"]["temperature"]) == (1, 0.7)
    assert "seed" not in chat["generation"]
    assert own_dev.outputs() == outputs

    own_dev.ssm.delete_parameter(Name=SEED)
    own_dev.up()
    chat = read(own_dev)
    assert (chat.release, chat["generation"]["temperature"]) == (2, 0.9)
    assert chat["generation"]["seed"] == 7
    assert own_dev.versions()[TEMPERATURE] == 2
    assert own_dev.plan() == {}


def test_a_hand_edit_is_found_by_a_refresh_alone_and_put_right(own_dev):
    own_dev.ssm.put_parameter(Name=TEMPERATURE, Value="1.9", Type="SecureString", Overwrite=True)
    own_dev.pulumi("preview", "--expect-no-changes")
    printed = own_dev.refused("preview", "--refresh", "--expect-no-changes")
    assert "support_chat/generation/temperature" in printed
    assert read(own_dev)["generation"]["temperature"] == 0.7  # no application sees the edit

    own_dev.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert own_dev.in_aws()[TEMPERATURE] == "0.7"
    assert own_dev.versions()[RELEASE] == 1
    own_dev.pulumi("preview", "--refresh", "--expect-no-changes")


def test_what_was_written_into_a_rollout_stays_whatever_is_previewed_refreshed_or_deployed(own_dev):
    name, written = rollout_of("support_chat"), '{"format":1,"moved":{"label":"stable"}}'
    own_dev.ssm.put_parameter(Name=name, Value=written, Type="String", Overwrite=True)

    def untouched():
        held = own_dev.ssm.get_parameter(Name=name)["Parameter"]
        return (held["Value"], held["Version"]) == (written, 2)

    own_dev.pulumi("preview", "--expect-no-changes")
    own_dev.pulumi("preview", "--refresh", "--expect-no-changes")
    # For its tags the provider does update it: as the state has it, and then as a refresh left it.
    for old, new in (("environment: dev", "environment: two"), ("environment: two", "team: ai")):
        own_dev.override(old, new)
        assert own_dev.plan()["support_chat/rollout"] == "update"
        for command in ("up", "refresh"):
            own_dev.pulumi(command, "--yes", "--skip-preview")
            assert untouched(), (command, new)
    own_dev.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert untouched()
    tags = own_dev.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
    assert tags["TagList"] == [{"Key": "team", "Value": "ai"}]
    own_dev.pulumi("preview", "--refresh", "--expect-no-changes")


def test_a_consumer_follows_a_label_or_pins_the_newest_release(own_dev, consumer):
    def variables():
        [function] = [
            resource
            for resource in consumer.resources()
            if resource["type"] == "aws:lambda/function:Function"
        ]
        return function["inputs"]["environment"]["variables"]

    where = {"MODEL_CONFIG_ENVIRONMENT": "dev", "MODEL_CONFIG_PREFIX": "/ai"}
    consumer.up()
    assert variables() == {**where, "MODEL_CONFIG_LABEL": "stable"}
    consumer.pulumi("config", "set", "release", "newest")
    consumer.up()
    assert variables() == {**where, "MODEL_CONFIG_RELEASE": "1"}
    state = consumer.pulumi("stack", "export")
    reader = own_dev.outputs()["models"]["support_chat"]["reader_policy_arn"]
    assert reader in state
    (role,) = own_dev.iam.list_roles()["Roles"]
    attached = own_dev.iam.list_attached_role_policies(RoleName=role["RoleName"])
    logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    assert {each["PolicyArn"] for each in attached["AttachedPolicies"]} == {logs, reader}
    assert "ciphertext" not in state  # nothing that it was handed is secret

    own_dev.override("temperature: 0.7", "temperature: 0.9")
    own_dev.up()
    assert consumer.plan() == {"support-bot": "update"}
    consumer.up()
    assert variables()["MODEL_CONFIG_RELEASE"] == "2"
    assert consumer.outputs()["newest_release"] == f"{RELEASE}:2"


def test_the_policy_pack_lets_the_stack_pass_and_refuses_a_worse_one(policy_pack, new_stack):
    stack = new_stack("prod")
    stack.pulumi("up", "--yes", "--policy-pack", policy_pack)  # asked in the preview and again
    stack.pulumi("config", "set", "model-config:protect", "false")
    with (stack.project / "__main__.py").open("a") as program:
        program.write(
            "import pulumi\n"
            'pulumi.export("leak", pulumi.Config().require_secret("supportChatApiKey"))\n'
        )
    printed = stack.refused("preview", "--policy-pack", policy_pack)
    assert "support_chat/release" in printed
    for violated in ("protected-releases", "protect is not set", "no-exported-secrets", "leak"):
        assert violated in printed
    assert SECRETS[0] not in printed


def test_destroy_leaves_nothing_but_the_parts_of_releases_and_an_up_takes_them_again(new_stack):
    stack = new_stack("dev")
    words = " ".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(250))
    stack.add_model("large", f"text: str = {words!r}")
    stack.up()
    parts = {name: text for name, text in stack.in_aws().items() if "/release/parts/" in name}
    assert parts
    key = stack.outputs()["kms_key"]["id"]

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.in_aws() == parts
    assert stack.resources() == []
    assert stack.iam.list_policies(Scope="Local")["Policies"] == []
    assert "alias/ai/dev" not in str(stack.kms.list_aliases())
    assert stack.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with pytest.raises(ModelConfigError):
        read(stack)

    stack.up()
    assert read(stack, "large")["text"] == words


def everything(stack):
    """All that a stack made in AWS, and what its state knows of."""
    policies = stack.iam.list_policies(Scope="Local")["Policies"]
    key = stack.kms.describe_key(KeyId=f"alias/ai/{stack.name}")["KeyMetadata"]
    # Providers make nothing, and Pulumi's own is there only while a program asks it.
    known = sorted(
        resource["urn"]
        for resource in stack.resources()
        if not resource["type"].startswith("pulumi:providers:")
    )
    return stack.versions(), policies, key, known


def test_prod_can_not_be_destroyed(new_stack):
    stack = new_stack("prod")
    stack.up()
    before = everything(stack)
    assert "cannot be deleted" in stack.refused("destroy", "--yes")
    assert everything(stack) == before

    # Without the preview the engine deletes until it meets what is protected, so what would go
    # first has to be protected itself.
    assert "cannot be deleted" in stack.refused("destroy", "--yes", "--skip-preview")
    assert everything(stack) == before

    (stack.project / "models" / "passage_reranker.py").unlink()
    stack.pulumi("config", "rm", "model-config:overrides")  # they are all that model's
    assert "cannot be deleted" in stack.refused("up", "--yes", "--skip-preview")
    assert everything(stack) == before


def test_a_model_that_a_role_still_reads_fails_to_be_removed_before_anything_is_lost(new_stack):
    stack = new_stack("dev")
    module = stack.add_model("added", "temperature: float = 0.5")
    stack.up()
    before = everything(stack)
    policy = stack.outputs()["models"]["added"]["reader_policy_arn"]
    stack.iam.create_role(RoleName="bot", AssumeRolePolicyDocument="{}")
    stack.iam.attach_role_policy(RoleName="bot", PolicyArn=policy)

    module.unlink()
    assert "DeleteConflict" in stack.refused("up", "--yes", "--skip-preview")
    versions, *_ = everything(stack)
    assert versions == before[0]
    assert read(stack, "added")["temperature"] == 0.5

    stack.iam.detach_role_policy(RoleName="bot", PolicyArn=policy)
    stack.up()
    assert not any("/added/" in name for name in stack.in_aws())
    assert policy not in str(stack.iam.list_policies(Scope="Local"))


def test_an_existing_key_is_used_left_alone_and_kept_for_good(new_stack):
    stack = new_stack("dev")
    arn = stack.kms.create_key()["KeyMetadata"]["Arn"]
    stack.pulumi("config", "set", "kmsKeyArn", arn)
    stack.up()
    exported = stack.outputs()["kms_key"]
    assert (exported["arn"], exported["id"]) == (arn, arn.rpartition("/")[2])
    assert exported.get("alias") is None
    assert [key["KeyArn"] for key in stack.kms.list_keys()["Keys"]] == [arn]
    assert read(stack)["generation"]["temperature"] == 0.7
    stack.pulumi("preview", "--refresh", "--expect-no-changes")

    before = stack.versions()
    stack.pulumi("config", "rm", "kmsKeyArn")
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        printed = stack.refused(*command)
        assert f"set it to {arn}" in printed
        assert "Traceback" not in printed
    assert stack.versions() == before

    stack.pulumi("config", "set", "kmsKeyArn", arn)
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_key_for_one_region_stays_one(own_dev):
    before = everything(own_dev)
    own_dev.pulumi("config", "set", "kmsMultiRegion", "true")
    printed = own_dev.refused("up", "--yes", "--skip-preview")
    assert "is not a multi-Region key" in printed
    assert everything(own_dev) == before


def test_a_topic_is_told_by_rules_of_the_stacks_own(new_stack):
    stack = new_stack("dev")
    names = {"model-config-ai-dev-releases", "model-config-ai-dev-key"}
    stack.pulumi("config", "set", "notifyTopicArn", TOPIC)
    stack.pulumi("config", "set", "--path", "aws:allowedAccountIds[0]", "123456789012")
    stack.up()
    rules = [each for each in stack.resources() if each["type"].endswith(":EventRule")]
    assert {rule["urn"].rpartition("::")[2] for rule in rules} == names
    assert stack.told() == {rule["id"]: [TOPIC] for rule in rules}
    patterns = " ".join(rule["inputs"]["eventPattern"] for rule in rules)
    assert stack.outputs()["kms_key"]["arn"] in patterns
    stack.pulumi("preview", "--refresh", "--expect-no-changes")
    stack.pulumi("config", "rm", "notifyTopicArn")
    assert stack.plan() == {"notifications": "delete"} | dict.fromkeys(names, "delete")
    stack.up()
    assert stack.told() == {}


def test_a_wrong_override_is_told_as_text_and_nothing_is_registered(new_stack):
    stack = new_stack("dev")
    stack.override("temperature: 0.7", "temperatur: 0.7\n        top_p: 7")
    printed = stack.refused("up", "--yes", "--skip-preview")
    assert 'did you mean "temperature"?' in printed
    assert "overrides.support_chat.generation.top_p" in printed
    assert "Traceback" not in printed
    assert stack.in_aws() == {}
    assert stack.kms.list_keys()["Keys"] == []
    # The provider of Pulumi's own is there to ask what was deployed before; it makes nothing.
    nothing = {"pulumi:pulumi:Stack", "pulumi:providers:pulumi"}
    assert {resource["type"] for resource in stack.resources()} <= nothing


def test_all_missing_secrets_are_told_at_once(new_stack):
    stack = new_stack("dev")
    keys = ("supportChatApiKey", "documentEmbeddingApiKey")
    for key in keys:
        stack.pulumi("config", "rm", key)
    printed = stack.refused("preview")
    for key in keys:
        assert f"pulumi config set --secret model-config:{key} --stack dev" in printed
    assert "Traceback" not in printed


def test_an_aws_that_does_not_answer_is_told_as_text(dev_without_aws):
    printed = dev_without_aws.refused("preview")
    assert "Traceback" not in printed
    assert "AWS can't be reached" in printed


def test_imported_parameters_that_are_the_plans_already_are_recovers(own_dev):
    path, key = "/ai/dev/moderation", own_dev.outputs()["kms_key"]["arn"]
    values = {f"{path}/model_id": "moderation-7", f"{path}/thresholds/block": "0.9"}
    for name, value in values.items():
        own_dev.ssm.put_parameter(Name=name, Value=value, Type="SecureString", KeyId=key)
    own_dev.model_config("import", f"{path}/", "--as", "moderation", "--environment", "dev")
    own_dev.model_config("recover", "--environment", "dev")
    own_dev.up()
    assert {name: own_dev.versions()[name] for name in values} == dict.fromkeys(values, 1)
    own_dev.pulumi("preview", "--expect-no-changes")


def test_an_override_has_the_order_and_the_numbers_of_the_stack_file(own_dev):
    own_dev.add_model("ordered", "values: dict[str, dict[str, int | float]] = {}")
    lines = "    ordered:\n      values: {z: {b: 2.0, a: 1e3}, m: {}}\n"
    own_dev.override("  model-config:overrides:\n", f"  model-config:overrides:\n{lines}")
    own_dev.up()
    digests = json.loads(own_dev.model_config("digest", "--json", "--environment", "dev"))
    assert own_dev.outputs()["models"]["ordered"]["digest"] == digests["ordered"]
    release = json.loads(own_dev.in_aws()["/ai/dev/ordered/release"])
    assert release["config"] == '{"values":{"z":{"b":2.0,"a":1000.0},"m":{}}}'
