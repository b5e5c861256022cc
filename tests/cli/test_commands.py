"""Commands that are printed can be pasted as they are, and act where the verb acted."""

import pytest
import typer
from typer.main import get_command

from model_config.cli.app import app
from model_config.cli.context import _running, to_paste


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch):
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")


def while_running(options: list[str], text: str, name: str = "show") -> str:
    """Print a text in a verb that was given options on the command line."""
    root = typer.Context(get_command(app))
    verb = root.command.commands[name].make_context(name, ["x", *options], parent=root)
    running = _running.set(verb)
    try:
        return to_paste(text)
    finally:
        _running.reset(running)


def test_a_printed_command_gets_the_options_that_it_takes_and_lacks(
    run, released, project, monkeypatch
):
    def said(*arguments):
        return run("show", *arguments, code=2).err

    assert "`model-config local deploy`" in said("x", "--local")
    deploy = "`model-config local deploy --environment prod`"
    assert deploy in said("x", "--local", "-e", "prod")
    released(label=None)
    promote = "`model-config promote chat --label stable --environment dev"
    assert f"{promote} --prefix /ai --local`" in said("chat", "--local", "--prefix", "/ai")
    monkeypatch.delenv("MODEL_CONFIG_PROJECT")  # one that was named is named again
    named = said("chat", "--local", "--project", str(project))
    assert f"{promote} --project {project} --local`" in named.replace(
        f"--local --project {project}", f"--project {project} --local"
    )
    monkeypatch.setenv("MODEL_CONFIG_LOCAL", "1")  # it is there when the command is pasted
    assert f"{promote}`" in said("chat")
    monkeypatch.setenv("MODEL_CONFIG_ENVIRONMENT", "prod")
    assert "`model-config local deploy`" in said("x")


def test_commands_are_fitted_to_the_mode():
    for text, pasted in {
        "`pulumi up --refresh --stack qa`": "`model-config local deploy --environment qa`",
        "`pulumi up`": "`model-config local deploy --environment prod`",
        "with `pulumi config set --secret`": "with a line in .local/secrets.yaml",
        "`pulumi config set --secret model-config:aKey --stack dev`":
            "a line for aKey in .local/secrets.yaml",
        "`model-config releases x -e dev`": "`model-config releases x -e dev --local`",
        "`model-config releases x`": "`model-config releases x --environment prod --local`",
        "`model-config digest`": "`model-config digest --environment prod`",
        "`model-config rollout abort x`":
            "`model-config rollout abort x --environment prod --local`",
        "`model-config local reset`": "`model-config local reset`",
        "`model-config import /x --local`": "`model-config import /x --local --environment prod`",
        "`model-config exec x -- CMD`": "`model-config exec x --environment prod --local -- CMD`",
        "`model-config no-such-verb x`": "`model-config no-such-verb x`",
        "`aws ssm x`, `--local`, `": "`aws ssm x`, `--local`, `",
    }.items():  # fmt: skip
        assert while_running(["--environment", "prod", "--local"], text) == pasted
    in_a_space = while_running(["--project", "/my models"], "`model-config digest`")
    assert in_a_space == "`model-config digest --project '/my models'`"


def test_what_to_do_after_a_refusal_in_another_region_is_for_that_region(run, elsewhere):
    for number in (1, 2):
        elsewhere({"n": number})
    there = ("chat", "--region", "us-east-1")
    run("promote", *there, "--release", "1")
    run("rollout", "start", *there)
    said = run("promote", *there, "--release", "1", code=2).err
    assert "`model-config rollout abort chat --environment dev --region us-east-1`" in said


def test_without_options_a_text_stays_as_it_is():
    text = "`pulumi up --stack dev`, `pulumi config set --secret x` or `model-config show x`"
    assert while_running([], text) == to_paste(text) == text
    # A printed command takes one environment.
    assert while_running(["-e", "dev", "-e", "prod"], text, "search") == text


@pytest.mark.usefixtures("project")
def test_the_steps_after_an_import_are_those_of_the_local_aws(run, ssm):
    ssm.put_parameter(Name="/x", Value='{"a": 1, "api_key": "sk-hidden"}', Type="SecureString")
    said = run("import", "/x", "--as", "m", "--local")
    assert said.out.splitlines()[-2:] == [
        "  a line for mApiKey in .local/secrets.yaml",
        "  model-config local deploy --environment dev",
    ]


@pytest.mark.usefixtures("first_deploy")
def test_drift_under_local_names_the_local_deploy(run, project):
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 0.9"))
    assert "`model-config local deploy --environment dev`" in run("drift", "--local").out
    (row,) = run("drift", "--local", "--json").json["differences"]
    assert row["fix"].endswith("`model-config local deploy --environment dev`.")
