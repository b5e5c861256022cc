"""`model-config tree`: the hierarchy of an environment, offline and as AWS holds it."""

import re
from pathlib import Path

import pytest
from support.project import write_model

from model_config.format.codec import encode, size_in_bytes
from model_config.plan.project import Project


def model(said, name):
    return next(each for each in said.json["models"] if each["name"] == name)


def leaf(said, name, path):
    return next(each for each in model(said, name)["leaves"] if each["path"] == path)


def test_each_field_has_its_type_bytes_and_parts(run, project: Path):
    prompt = encode((project / "models" / "support_chat.md").read_text().removesuffix("\n"))
    lines = run("tree").out.splitlines()
    shown = [re.sub(r"[│├└─\s]+", " ", line).strip() for line in lines]
    assert shown[0] == "/ai/dev 3 models, 38 parameters"
    assert set(shown) >= {
        f"system text, {size_in_bytes(prompt):,} bytes in 2 parts",
        "temperature number, 3 bytes",
        "normalize boolean, 4 bytes",
        "dimensions integer, 4 bytes",
        "feature_flags object, 50 bytes",
        "stop list, 13 bytes",
        "api_key secret, supportChatApiKey, not set",
    }
    assert shown.count("rollout rollout, 12 bytes") == 3


def test_an_override_counts_and_other_environments_do_not(run, project: Path):
    with (project / "Pulumi.prod.yaml").open("a") as file:
        file.write("  model-config:supportChatApiKey:\n    secure: v1:AAAA:BBBB\n")
    dev, prod = run("tree", "--json"), run("tree", "-e", "prod", "--json")
    assert prod.json["path"] == "/ai/prod"
    limit = "limits/requests_per_minute"
    assert leaf(dev, "support_chat", limit)["bytes"] == len("60")
    assert leaf(prod, "support_chat", limit)["bytes"] == len("600")
    for said, note in ((dev, "supportChatApiKey, not set"), (prod, "supportChatApiKey")):
        assert leaf(said, "support_chat", "secrets/api_key")["note"] == note


def test_what_is_wrong_is_told_after_what_can_be_shown(run, project: Path):
    write_model(Project(project), "huge", "text: str = 'x' * 300_000; number: float = 1.5")
    said = run("tree", code=2)
    assert "text, 300,000 bytes in 74 parts" in said.out
    assert "huge/text: it takes 300,000 bytes" in said.err


def test_without_fields_the_values_are_in_the_release_alone(run, project: Path):
    stack = project / "Pulumi.dev.yaml"
    text = stack.read_text()
    stack.write_text(text.replace("config:\n", "config:\n  model-config:fields: false\n", 1))
    chat = model(run("tree", "--json"), "support_chat")
    assert {leaf["path"] for leaf in chat["leaves"]} == {"secrets/api_key", "rollout", "release"}
    assert chat["parameters"] == 3


@pytest.mark.usefixtures("first_deploy")
def test_after_a_deploy_both_trees_have_the_same_digests_and_fields(run):
    planned, deployed = run("tree", "--json"), run("tree", "--deployed", "--json")
    digests = {each["name"]: each["digest"] for each in planned.json["models"]}
    assert digests == run("digest", "--json").json
    assert [each["name"] for each in deployed.json["models"]] == [
        each["name"] for each in planned.json["models"]
    ]
    for each in planned.json["models"]:
        there = model(deployed, each["name"])
        for key in ("digest", "schema", "parameters"):
            assert there[key] == each[key]
        for field in each["leaves"]:
            same = leaf(deployed, each["name"], field["path"])
            assert (same["type"], same["parts"]) == (field["type"], field["parts"])
            assert same["versions"] == [1] * field["parts"]


def test_deployed_shows_what_aws_holds(run, ssm, released):
    for name, value in {
        "provider": "openai",
        "generation/temperature": "0.2",
        "prompts/system": "x" * 4096,
        "prompts/system.part2": "yz",
        "leftover": "1",
    }.items():
        ssm.put_parameter(Name=f"/ai/dev/chat/{name}", Value=value, Type="SecureString")
    config = {"provider": "openai", "generation": {"temperature": 0.2}}
    released({**config, "prompts": {"system": "old"}}, {"api_key": "sk-hidden"}, label="stable")
    prompt = "x" * 4096 + "yz"
    released({**config, "prompts": {"system": prompt}}, {"api_key": "sk-other"})
    ssm.put_parameter(Name="/ai/dev/foreign/thing", Value="1", Type="String")
    said = run("tree", "--deployed", "--json")
    chat = model(said, "chat")
    assert (chat["release"], chat["releases"], chat["labels"]) == (2, 2, {"stable": 1})
    assert leaf(said, "chat", "generation/temperature")["type"] == "number"
    system = leaf(said, "chat", "prompts/system")
    assert (system["bytes"], system["parts"], system["versions"]) == (4098, 2, [1, 1])
    assert leaf(said, "chat", "leftover")["note"] == "not in the newest release"
    assert leaf(said, "chat", "secrets/api_key")["versions"] == [2]
    foreign = model(said, "foreign")
    assert (foreign["release"], foreign["schema"]) == (None, None)
    text = run("tree", "--deployed").out
    assert "release 2, stable: 1" in text
    assert "sk-" not in text + said.out


def test_deployed_opens_one_release_of_each_model(run, released, requests_to):
    for number in (1, 2, 3):
        released({"n": number})
        released({"n": number}, model="other")
    run("tree", "--deployed")
    asked = [names for operation, names in requests_to if operation == "GetParameters"]
    assert asked == [["/ai/dev/chat/release:3"], ["/ai/dev/other/release:3"]]


def test_deployed_shows_a_held_label_and_an_environment_that_is_empty(run, released):
    released({"n": 1}, label="stable")
    run("rollback", "chat", "--release", "1")
    assert model(run("tree", "--deployed", "--json"), "chat")["held"] == ["stable"]
    assert "stable: 1 (held), stable-previous: 1" in run("tree", "--deployed").out
    empty = run("tree", "--deployed", "-e", "prod").out
    assert empty.split() == ["/ai/prod", "0", "models,", "0", "parameters"]
