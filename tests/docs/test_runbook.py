"""docs/runbook.md: each block of commands runs in a shell as it stands, and does what it says.

`pulumi` and `aws` are stand-ins that log their arguments, and `pulumi` prints what a deploy of prod
left. The logged commands of model-config then run on the local AWS. tests/e2e/test_runbook.py does
the same on Pulumi's engine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest
from botocore import xform_name
from botocore.session import get_session
from support.project import CHECKOUT
from typer.testing import CliRunner

from model_config.cli.app import app
from model_config.local.deploy import deployed
from model_config.local.state import Resource, StateFolder
from model_config.plan.project import Project

RUNBOOK = (CHECKOUT / "docs" / "runbook.md").read_text()
BLOCK = re.compile(r"^ *```\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
STAND_IN = """#!/bin/sh
for word in "${0##*/}" "$@"; do printf '%s\\037' "$word" >> log; done
echo >> log
case "$*" in
  "stack output "*) cat "output-$3.json" ;;
  "stack export "*) cat export.json ;;
esac
"""
#: A release that exists, for the one of the examples.
EXAMPLES = {"8": "2"}

pytestmark = pytest.mark.skipif(not shutil.which("jq"), reason="there is no jq on PATH")


@pytest.fixture
def prod(tmp_path: Path) -> Path:
    """The project, with two releases of prod, its models promoted, and the stand-ins."""
    root = tmp_path / "project"
    shutil.copytree(CHECKOUT / "tests" / "project", root)
    project = Project(root)
    with deployed(project, "prod"):
        pass
    module = project.module("support_chat")
    module.write_text(module.read_text().replace("top_p=0.95", "top_p=0.5"))
    with deployed(project, "prod") as second:
        outputs = second.outputs
    for name in ("models", "kms_key"):
        (root / f"output-{name}.json").write_text(json.dumps(outputs[name]))
    resources = StateFolder(project).load().environments["prod"]
    exported = [described(key, it) for key, it in resources.items()]
    (root / "export.json").write_text(json.dumps({"deployment": {"resources": exported}}))
    backend = root / ".pulumi" / "stacks" / "model-config"
    backend.mkdir(parents=True)
    (backend / "prod.json.bak").write_text("{}")
    (root / "bin").mkdir()
    for name in ("pulumi", "aws", "model-config"):
        (root / "bin" / name).write_text(STAND_IN)
        (root / "bin" / name).chmod(0o755)
    return root


def described(key: str, resource: Resource) -> dict[str, str]:
    return {"urn": f"urn:pulumi:prod::model-config::{key}", "type": resource.type}


def commands(prod: Path) -> list[list[str]]:
    """Return the commands of all blocks, in their order, as the programs got them."""
    path = f"{prod / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for block in map(dedent, BLOCK.findall(RUNBOOK)):
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],  # noqa: S607
            cwd=prod,
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, ""), block
    return [line.split("\037")[:-1] for line in (prod / "log").read_text().splitlines()]


def of(program: str, commands: list[list[str]]) -> list[list[str]]:
    return [words for name, *words in commands if name == program]


def test_the_blocks_run_and_do_what_they_say(prod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = commands(prod)
    pulumi_gets_the_urns_of_what_the_text_names(of("pulumi", ran))
    aws_gets_calls_that_it_has(of("aws", ran), prod)
    the_commands_of_model_config_run(of("model-config", ran), prod, monkeypatch)


def pulumi_gets_the_urns_of_what_the_text_names(ran: list[list[str]]) -> None:
    unprotected = [words[-1] for words in ran if words[1] == "unprotect"]
    assert [urn.split("::", 2)[2] for urn in unprotected] == [
        "aws:ssm/parameter:Parameter::passage_reranker/release",
        "aws:iam/policy:Policy::passage_reranker/reader",
    ]
    (refreshed,) = [words for words in ran if words[0] == "refresh"]
    targets = sorted(word.rpartition("::")[0] for word in refreshed if "--target" in word)
    start = "--target=urn:pulumi:prod::model-config::aws:kms"
    assert targets == [f"{start}/alias:Alias", f"{start}/key:Key"]


def aws_gets_calls_that_it_has(ran: list[list[str]], prod: Path) -> None:
    models, key = (json.loads((prod / f"output-{it}.json").read_text()) for it in
                   ("models", "kms_key"))  # fmt: skip
    policy = models["passage_reranker"]["reader_policy_arn"]
    assert [words[3] for words in ran] == [policy, key["id"], key["id"]]
    for service, operation, option, _ in ran:
        model = get_session().get_service_model(service)
        (name,) = [it for it in model.operation_names if xform_name(it, "-") == operation]
        members = model.operation_model(name).input_shape.members
        assert option.removeprefix("--") in {xform_name(member, "-") for member in members}


def the_commands_of_model_config_run(
    logged: list[list[str]], prod: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_CONFIG_LOCAL", "1")
    monkeypatch.chdir(prod)

    def run(*words: str) -> str:
        ended = CliRunner().invoke(app, words)
        assert ended.exit_code == 0, (words, ended.output, ended.exception)
        return ended.stdout

    run("promote", "support_chat", "--release", "1", "-e", "prod")
    run("promote", "--all", "-e", "prod")
    digest = json.loads(run("releases", "support_chat", "-e", "prod", "--json"))[0]["digest"]
    ran: set[str] = set()
    for words in logged:
        ran.add(words[0])
        if words[0] == "recover":  # it needs the engine
            run(*words, "--help")
        else:
            run(*(digest if word == "sha256:9f3a11c2" else EXAMPLES.get(word, word)
                  for word in words))  # fmt: skip
    assert ran == {"releases", "rollback", "promote", "recover", "check", "pipeline"}
