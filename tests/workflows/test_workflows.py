"""What actionlint and zizmor don't know: the rules of ours that the workflows keep."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from model_config.cli.app import app

GITHUB = Path(__file__).parent.parent.parent / ".github"
FILES = [*GITHUB.glob("workflows/*.yml"), *GITHUB.glob("actions/*/action.yml")]
TEMPLATE = GITHUB.parent / "model_config" / "scaffold" / "template"
DEPLOY = TEMPLATE / ".github" / "requirements" / "deploy.txt"
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(GITHUB.glob("workflows/*.yml"))
}
ENVIRONMENTS = GITHUB / "actions" / "environments" / "action.yml"
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, workflow in WORKFLOWS.items():
        for job_name, job in workflow["jobs"].items():
            yield name, job_name, job


def scripts() -> Iterator[str]:
    for _, _, job in jobs():
        yield from (step["run"] for step in job.get("steps", []) if "run" in step)


def commands(program: str) -> Iterator[list[str]]:
    """Yield each command line of the workflows' scripts that runs a program."""
    for script in scripts():
        for line in script.replace("\\\n", " ").splitlines():
            if found := re.search(rf"(?:^|\s|\(){re.escape(program)}\s(.*)", line):
                yield shlex.split(re.split(r"\s(?:2>&1|[|&>])|\)$", found[1])[0])


def test_there_is_a_workflow_for_pull_requests_deploys_and_drift():
    assert set(WORKFLOWS) == {
        *("pull-request", "deploy", "deploy-environment", "drift", "rollouts"),
        "package",  # this repository alone
    }


def test_actions_are_pinned_by_commit_with_their_version_beside_it_the_same_everywhere():
    used = {path: re.findall(r"uses: (.+)", path.read_text()) for path in FILES}
    assert all(used.values())
    others = {it for each in used.values() for it in each if not it.startswith("./.github/")}
    assert len(others) == len({pin.partition("@")[0] for pin in others}) == 6
    for pin in others:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", pin), pin


def test_a_workflow_has_no_permission_and_each_job_its_own():
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
    writes = {
        (workflow, job_name, permission)
        for workflow, job_name, job in jobs()
        for permission, level in job["permissions"].items()
        if level == "write" and permission != "id-token"
    }
    assert writes == {
        ("pull-request", "comment", "pull-requests"),
        ("drift", "report", "issues"),
        ("deploy", "replace", "actions"),
    }
    for _, name, job in jobs():  # none has both credentials for AWS and a right to write here
        assert list(job["permissions"].values()).count("write") <= 1, name
    for name, job in WORKFLOWS["pull-request"]["jobs"].items():  # a fork gets none with either
        privileged = "write" in job["permissions"].values()
        assert privileged == (SAME_REPOSITORY in job.get("if", "")), name
        # Alternatives beside the condition would take its force.
        assert "||" not in job.get("if", "")


def test_no_workflow_is_started_in_the_name_of_the_base_for_code_of_a_fork():
    triggers = {event for workflow in WORKFLOWS.values() for event in workflow[True]}  # YAML's "on"
    assert triggers == {"pull_request", "push", "schedule", "workflow_dispatch", "workflow_call"}


def test_what_each_step_and_each_job_keeps_to():
    assert len(list(scripts())) > 10
    assert not any("${{" in script for script in scripts())  # values come as variables
    for _, name, job in jobs():
        assert "timeout-minutes" in job or "steps" not in job, name
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


def test_pulumi_is_never_asked_for_half_a_deploy_or_to_show_a_secret():
    lines = list(commands("pulumi"))
    assert [line[0] for line in lines] == ["up", "preview"]
    refused = {"--plan", "--target", "--continue-on-error", "--expect-no-changes"}
    refused |= {"--save-plan", "--show-secrets", "--skip-preview", "--debug", "-v", "-d"}
    options = {word.split("=")[0] for line in lines for word in line}
    assert not options & refused
    assert all("${POLICY_PACK:+$POLICY_PACK}" in line for line in lines)


def test_the_policy_pack_of_a_project_that_has_one_is_used():
    prepare = next(GITHUB.glob("actions/prepare/action.yml")).read_text()
    assert "hashFiles('policy/PulumiPolicy.yaml') != ''" in prepare
    assert 'echo "POLICY_PACK=--policy-pack=policy" >> "$GITHUB_ENV"' in prepare


def test_every_verb_is_one_of_ours_with_options_it_has():
    verbs = typer.main.get_command(app).commands
    lines = list(commands(".venv/bin/model-config"))
    used = {line[0] for line in lines}
    assert used == {
        *("validate", "diff", "recover", "check", "drift", "pipeline", "rollout"),
        *("report", "lifecycle"),
    }
    ours = re.findall(r"\.venv/bin/model-config (pipeline environments)", ENVIRONMENTS.read_text())
    assert ours == ["pipeline environments"]
    for name, *words in lines:
        group = getattr(verbs[name], "commands", {})
        verb = group[words[0]] if group else verbs[name]
        known = {option for param in verb.params for option in param.opts}
        assert {word for word in words if word.startswith("-")} <= known, name


def test_a_deploy_checks_recovers_and_notes_before_it_deploys():
    runs = [step["run"] for step in WORKFLOWS["deploy-environment"]["jobs"]["deploy"]["steps"]
            if "run" in step]  # fmt: skip
    words = ["check", "recover", "before.json", "pulumi up", "after.json"]
    assert [next(word for word in words if word in run) for run in runs] == words


def test_jobs_with_credentials_install_by_hash_and_lint_and_test_in_none():
    prepare = (GITHUB / "actions" / "prepare" / "action.yml").read_text()
    installs = re.findall(r"pip install(?:[^\n]|\\\n)*", prepare)
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-deps --no-build-isolation" in install
    package, theirs = (
        (folder / ".github" / "requirements" / "package.txt").read_text()
        for folder in (GITHUB.parent, TEMPLATE)
    )
    assert package.splitlines()[1:] == ["--no-index", "--editable ."]
    assert theirs.splitlines()[-1] == "--require-hashes"
    for _, name, job in jobs():
        if "id-token" in job["permissions"] and "steps" in job:
            text = " ".join(step.get("run", "") for step in job["steps"])
            assert not re.search(r"\bmake\b|pip install|pytest", text), name


def test_each_file_that_is_installed_has_its_hash():
    for lock in (DEPLOY, GITHUB / "requirements" / "policy.txt"):
        text = lock.read_text()
        assert "http" not in text
        pins = re.split(r"\n(?=[a-z])", text)[1:]
        assert len(pins) > 20
        assert all("--hash=sha256:" in pin for pin in pins)


def test_what_is_deployed_with_is_what_is_tested_with():
    locked = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", DEPLOY.read_text()))
    constraints = (TEMPLATE / "constraints.txt").read_text()
    tested = {name.lower().replace("_", "-"): version for name, version in
              re.findall(r"(?m)^([\w.-]+)==(\S+)", constraints)}  # fmt: skip
    common = locked.keys() & tested.keys()
    assert {"pulumi", "pulumi-aws", "boto3", "pydantic", "typer"} <= common
    assert {name: locked[name] for name in common} == {name: tested[name] for name in common}


def test_only_dev_has_a_preview_with_credentials_unless_a_variable_names_others():
    check, preview = (WORKFLOWS["pull-request"]["jobs"][name] for name in ("check", "preview"))
    assert preview["environment"] == "${{ matrix.stack }}-preview"
    assert preview["strategy"]["matrix"] == "${{ fromJSON(needs.check.outputs.previews) }}"
    assert check["outputs"] == {"previews": "${{ steps.previews.outputs.matrix }}"}
    (step,) = (step for step in check["steps"] if step.get("id") == "previews")
    assert step["env"] == {"STACKS": "${{ vars.PREVIEWS || 'dev' }}"}


def uploads(job: dict[str, Any]) -> dict[str, str]:
    """Return the name of each artifact of a job, and what is in it."""
    steps = [step["with"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    return {step["name"]: step["path"] for step in steps}


def test_pages_are_kept_and_no_text_is_made_of_them():
    check, drift = (WORKFLOWS[name]["jobs"]["check"] for name in ("pull-request", "drift"))
    assert uploads(check) == {"pages": "pages", "result-diff": "diff.md"}
    assert uploads(drift) == {
        "result-${{ matrix.stack }}": "${{ matrix.stack }}.txt",
        "pages-${{ matrix.stack }}": "pages",
    }
    results = yaml.safe_load((GITHUB / "actions" / "results" / "action.yml").read_text())
    assert results["runs"]["steps"][0]["with"]["pattern"] == "result-*"


def test_the_comment_leads_to_the_pages_that_were_made_without_credentials():
    job = WORKFLOWS["pull-request"]["jobs"]["check"]
    assert job["permissions"] == {"contents": "read"}
    steps = {step.get("name", step.get("id", "")): step for step in job["steps"]}
    names = list(steps)
    assert names.index("Write pages that compare the two") < names.index("pages")
    assert "report --base HEAD^1 --output pages" in steps["Write pages that compare the two"]["run"]
    tell = steps["Show what changes"]
    assert tell["env"] == {"PAGES": "${{ steps.pages.outputs.artifact-url }}"}
    assert "($PAGES)" in tell["run"]


def test_environments_follow_each_other_and_a_promotion_follows_what_was_verified():
    deploy = WORKFLOWS["deploy"]["jobs"]["deploy"]
    assert deploy["strategy"]["max-parallel"] == 1
    assert deploy["strategy"].get("fail-fast", True)
    assert deploy["needs"] == ["environments", "replace"]
    environment = WORKFLOWS["deploy-environment"]["jobs"]
    assert environment["verify"]["needs"] == "deploy"
    assert environment["promote"]["needs"] == ["deploy", "verify"]
    assert environment["deploy"]["environment"] == "${{ inputs.stack }}"
    assert environment["promote"]["environment"] == "${{ inputs.stack }}-promote"
    assert "environment" not in environment["verify"]
    lines = commands(".venv/bin/model-config")
    (promote,) = (line for line in lines if line[:2] == ["pipeline", "promote"])
    assert {"--before", "--after"} <= set(promote)


def test_two_deploys_of_an_environment_never_run_at_once_nor_cut_each_other_off():
    job = WORKFLOWS["deploy"]["jobs"]["deploy"]
    group = {"group": "deploy-${{ matrix.stack }}", "cancel-in-progress": False}
    assert job["concurrency"] == group


MATRIX = "${{ fromJSON(needs.environments.outputs.matrix) }}"


def test_jobs_are_told_their_environments_by_one_without_credentials():
    for workflow, job in {"deploy": "deploy", "drift": "check", "rollouts": "finish"}.items():
        jobs = WORKFLOWS[workflow]["jobs"]
        assert jobs[job]["strategy"]["matrix"] == MATRIX
        assert "environments" in jobs[job]["needs"]
        assert jobs["environments"]["permissions"] == {"contents": "read"}
        assert jobs["environments"]["outputs"] == {"matrix": "${{ steps.list.outputs.matrix }}"}
        (step,) = (step for step in jobs["environments"]["steps"] if step.get("id") == "list")
        assert step["uses"] == "./.github/actions/environments"
        assert step["with"] == {"stacks": "${{ vars.STACKS }}"}
        text = re.sub("#.*", "", (GITHUB / "workflows" / f"{workflow}.yml").read_text())
        assert not re.search(r"\b(dev|staging|prod)\b(?!/null)", text)
        assert set(re.findall(r"matrix\.(\w+)", text)) <= {
            "stack",
            "account",
            "region",
            "partition",
        }


@pytest.mark.parametrize(
    ("chosen", "stacks"), [("", ["dev", "staging", "prod"]), ("prod staging", ["prod", "staging"])]
)
def test_a_stack_file_is_all_that_a_third_environment_needs(
    project: Path, users_environment: dict[str, str], chosen: str, stacks: list[str]
):
    account = 'aws:allowedAccountIds: ["111122223333"]'
    for stack in ("dev", "prod"):
        file = project / f"Pulumi.{stack}.yaml"
        file.write_text(file.read_text().replace("config:\n", f"config:\n  {account}\n"))
    staging = f"config:\n  aws:region: cn-north-1\n  {account.replace('1111', '4444')}\n"
    (project / "Pulumi.staging.yaml").write_text(staging)
    (project / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    script = yaml.safe_load(ENVIRONMENTS.read_text())["runs"]["steps"][-1]["run"]
    given = {**users_environment, "STACKS": chosen, "GITHUB_OUTPUT": str(project / "output")}
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],  # noqa: S607 - the runner's
        cwd=project,
        env=given,
        check=True,
    )
    name, _, matrix = (project / "output").read_text().partition("=")
    listed = json.loads(matrix)["include"]
    assert name == "matrix"
    assert [place["stack"] for place in listed] == stacks  # or else, protected ones last
    assert listed[1] == {
        "stack": "staging",
        "account": "444422223333",
        "region": "cn-north-1",
        "partition": "aws-cn",
    }
