"""Commands that are printed can be pasted as they are, and act where the verb acted."""

import ast
import re
import shlex
from collections.abc import Iterator
from itertools import product

import pytest
import typer
from support.project import CHECKOUT
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


INIT = ("init", "folder")  # only --check does without


def printed_commands() -> Iterator[str]:
    """Yield the commands in the program's texts, with `{}` for what an f-string puts in."""
    for file in (CHECKOUT / "model_config").rglob("*.py"):
        nodes = [*ast.walk(ast.parse(file.read_text("utf-8")))]
        formatted = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
        others = [[node] for node in nodes if isinstance(node, ast.Constant)]
        expressions = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
        known = expressions | {id(part) for parts in formatted for part in parts}
        for parts in [*formatted, *(it for it in others if id(it[0]) not in known)]:
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts
            )
            yield from re.findall(r"`(model-config [^`{][^`]*)`", text)


def why_refused(command: str) -> str:
    """Return what the command line refuses about a command, whatever its values."""
    _, *words = shlex.split(command)
    verb = root = get_command(app)
    while commands := getattr(verb, "commands", None):
        if not words or words[0] not in commands:
            return f"no such verb: {command}"
        verb = commands[words.pop(0)]
    # A verb keeps the names of its option for help, which are the root's.
    above = root.make_context("model-config", [], resilient_parsing=True)
    try:
        given, left, _ = verb.make_parser(typer.Context(verb, parent=above)).parse_args(words)
    except Exception as error:  # noqa: BLE001 - click's, which typer has a copy of
        return f"{error}: {command}"
    required = {it.name for it in verb.params if it.required or (verb.name, it.name) == INIT}
    lacking = {name for name in required if not given.get(name)}
    return f"{left or lacking}: {command}" if left or lacking else ""


def test_each_printed_command_is_one_that_the_command_line_takes():
    commands = {*printed_commands()}
    assert len(commands) > 40
    refused = []
    for command in commands:
        # An expression is a value, options that are there or not, or a model and its options.
        fillings = product(("x", "", " --prefix /ai"), repeat=command.count("{}"))
        texts = [command.replace("{}", "%s") % filling for filling in fillings]
        problems = [why_refused(text) for text in texts]
        refused += problems[:1] if all(problems) else []
    assert refused == []


def test_a_printed_command_gets_the_options_that_it_takes_and_lacks(
    run, released, project, monkeypatch
):
    def said(*arguments):
        return run("show", *arguments, code=2).err

    assert "`model-config local deploy`" in said("x", "--local")
    deploy = "`model-config local deploy --environment prod`"
    assert deploy in said("x", "--local", "-e", "prod")
    assert "qa` (there is no Pulumi.qa.yaml; stacks" in said("x", "--local", "-e", "qa")
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
        "`pulumi up --refresh --stack dev`": "`model-config local deploy --environment dev`",
        "`pulumi up --stack qa`, or": "`model-config local deploy --environment qa` (there is no "
            "Pulumi.qa.yaml; stacks with a file: dev, prod), or",
        "`model-config init DIR --from SPEC`": "`model-config init DIR --from SPEC`",
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
        "`aws ssm x`, `--local`":
            "`aws ssm x` (in a shell with the variables of `model-config local serve`), `--local`",
        "`--local`, `": "`--local`, `",
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
