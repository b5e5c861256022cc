"""`model-config validate`: what is wrong, in which environments, and in which line."""

from pathlib import Path

import pytest
from rich.text import Text

from model_config.cli.output import _escaped
from model_config.format.errors import Finding
from model_config.plan.project import Project
from model_config.plan.validation import located

SECRET = "model-config:supportChatApiKey"


@pytest.fixture
def edit(project: Path):
    def call(file: str, old: str, new: str) -> int:
        """Replace a text, and return the line it is in."""
        text = (project / file).read_text()
        assert text.count(old) == 1
        (project / file).write_text(text.replace(old, new))
        return text[: text.index(old)].count("\n") + 1

    return call


@pytest.fixture
def line_of(project: Path):
    def call(file: str, text: str) -> int:
        before, _, _ = (project / file).read_text().partition(text)
        return before.count("\n") + 1

    return call


@pytest.fixture
def set_secrets(project: Path):
    for stack in ("dev", "prod"):
        with (project / f"Pulumi.{stack}.yaml").open("a") as file:
            for key in ("supportChatApiKey", "documentEmbeddingApiKey"):
                file.write(f"  model-config:{key}:\n    secure: v1:AAAA:BBBB\n")


def test_a_fresh_checkout_is_in_order_and_says_which_secrets_to_set(run):
    said = run("validate")
    assert said.out == "No findings in dev, prod.\n"
    assert f"pulumi config set --secret {SECRET} --stack prod" in said.err


def test_beside_a_finding_the_secrets_to_set_are_one_line(run, edit):
    edit("Pulumi.dev.yaml", "temperature:", "temprature:")
    err = run("validate", code=1).err
    assert err == "4 secrets are not set: `model-config validate --secrets` lists them.\n"
    err = run("validate", "-e", "dev", code=1).err
    assert err == "2 secrets are not set: `model-config validate --secrets -e dev` lists them.\n"


def test_secrets_that_are_not_set_count_where_that_is_asked_for(run):
    out = run("validate", "--secrets", code=1).out
    assert out.count("is not set") == 4
    assert f"pulumi config set --secret {SECRET} --stack dev" in out


@pytest.mark.usefixtures("set_secrets")
def test_an_encrypted_secret_counts_as_set(run):
    said = run("validate", "--secrets")
    assert (said.out, said.err) == ("No findings in dev, prod.\n", "")


def test_a_broken_module_is_reported_once_for_all_environments(run, project):
    (project / "models" / "broken.py").write_text("\n\nMODEL = 1/0\n")
    (line,) = run("validate", code=1).out.splitlines()
    environments, place, problem, _ = line.split("\t")
    assert environments == "dev, prod"
    assert place == "broken (models/broken.py:3)"
    assert "ZeroDivisionError" in problem


def errors(said):
    return [each for each in said.json if each["level"] == "error"]


def test_a_mistyped_override_is_placed_in_the_line_of_the_stack_file(run, edit):
    line = edit("Pulumi.dev.yaml", "temperature:", "temprature:")
    (finding,) = [
        each for each in run("validate", "--json", code=1).json if each["level"] == "error"
    ]
    assert finding["environments"] == ["dev"]
    assert (finding["file"], finding["line"]) == ("Pulumi.dev.yaml", line)
    assert finding["fix"] == 'did you mean "temperature"?'


def test_a_value_that_is_too_large_is_placed_at_its_argument(run, edit):
    line = edit(
        "models/support_chat.py", 'text_beside(__file__, "support_chat.md")', "'x' * 300_000"
    )
    findings = errors(run("validate", "--json", code=1))
    (prompt,) = [each for each in findings if each["where"] == "support_chat/prompts/system"]
    assert (prompt["file"], prompt["line"]) == ("models/support_chat.py", line)
    assert prompt["environments"] == ["dev", "prod"]


def test_annotations_name_file_and_line(run, edit):
    line = edit("Pulumi.prod.yaml", "protect: true", "protekt: true")
    lines = run("validate", "--github", code=1).out.splitlines()
    assert lines[0] == (
        f"::error file=Pulumi.prod.yaml,line={line},title=model-config%3Aprotekt (prod)::there is "
        'no such setting, and no model has a secret with that key%0Afix: did you mean "protect"?'
    )
    assert lines[1].startswith("::notice file=Pulumi.dev.yaml,title=")
    assert all(each.startswith("::") for each in lines)


def test_an_annotation_can_not_be_ended_by_its_text():
    assert _escaped("50%\r\n::error::no, a:b") == "50%25%0D%0A::error::no, a:b"
    assert _escaped("a:b,c%", ":,") == "a%3Ab%2Cc%25"


def test_a_stack_file_that_can_not_be_read_does_not_hide_the_others(run, project, edit):
    (project / "Pulumi.dev.yaml").write_text("config: [")
    edit("Pulumi.prod.yaml", "max_count: 8", "max_count: many")
    findings = errors(run("validate", "--json", code=1))
    assert [each["environments"] for each in findings] == [["dev"], ["prod"]]
    assert findings[1]["where"] == "model-config:overrides.passage_reranker.instances.max_count"


def test_file_and_line_are_unbroken_on_a_narrow_terminal(run, edit, line_of, monkeypatch):
    line = edit("models/support_chat.py", "temperature=0.2", "temprature=0.2")
    edit("Pulumi.prod.yaml", "        min_count: 2", "        min_coutn: 2")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes the pipe for a terminal
    monkeypatch.setenv("COLUMNS", "80")
    out = run("validate", code=1).out
    assert f" models/support_chat.py:{line} " in out
    assert f" Pulumi.prod.yaml:{line_of('Pulumi.prod.yaml', 'min_coutn')} " in out
    assert all(len(Text.from_ansi(each).plain) <= 80 for each in out.splitlines())


@pytest.mark.parametrize(
    ("model", "where", "fix"),
    [
        ("EmbeddingModel(dimensoins=8)", "dimensoins", "dimensions"),
        ("Generation(temprature=1)", "temprature", "temperature"),
        ("Own(inner={'limts': {'max_retrys': 1}})", "inner/limts", "limits"),
        ("Own(inner={'limits': {'max_retrys': 1}})", "inner/limits/max_retrys", "max_retries"),
    ],
)
def test_a_misspelled_field_in_a_module_names_the_nearest(run, project, model, where, fix):
    (project / "models" / "own.py").write_text(
        "from model_config.schema import *\n"
        "class Inner(Group):\n    limits: CallLimits = CallLimits()\n"
        "class Own(ModelConfig):\n    inner: Inner | None\n"
        f"MODEL = {model}\n"
    )
    found = {each["where"]: each for each in errors(run("validate", "--json", code=1))}
    finding = found[f"own/{where}"]
    assert "has no field of that name" in finding["problem"]
    assert finding["fix"] == f'did you mean "{fix}"?'
    assert (finding["file"], finding["line"]) == ("models/own.py", 6)


def test_a_value_that_changes_by_itself_is_refused_before_and_in_a_deploy(run, project):
    (project / "models" / "clock.py").write_text(
        "import time\nfrom model_config.schema import ModelConfig\n"
        "class Clock(ModelConfig):\n    at: float\nMODEL = Clock(at=time.time_ns())\n"
    )
    (finding,) = errors(run("validate", "--json", code=1))
    assert (finding["where"], finding["file"], finding["line"]) == (
        "clock/at",
        "models/clock.py",
        5,
    )
    assert "changes each time" in finding["problem"]
    assert "clock/at" in run("local", "deploy", code=2).err


@pytest.mark.parametrize(
    "verb", [["validate"], ["tree"], ["digest"], ["local", "deploy"]], ids=" ".join
)
def test_a_module_that_prints_does_not_spoil_json(run, project, verb):
    with (project / "models" / "support_chat.py").open("a") as module:
        module.write("\nprint('hello from the module')\n")
    said = run(*verb, "--json")
    assert said.json
    assert "hello from the module" in said.err


def test_what_is_wrong_with_a_stack_file_is_placed_in_its_line(run, edit, project):
    edit("Pulumi.dev.yaml", "  model-config:tags:", "  model-confg:tags:")
    line = edit("Pulumi.dev.yaml", "aws:region: eu-west-1", "aws:region: eu-wset-1")
    edit("Pulumi.prod.yaml", "        min_count: 2", "        min_count: 2\n        min_count: 3")
    (project / "Pulumi.staging.yml").touch()
    found = {
        each["where"]: (each["environments"], each["file"], each["line"])
        for each in errors(run("validate", "--json", code=1))
    }
    assert found == {
        "model-confg:tags": (["dev"], "Pulumi.dev.yaml", line + 3),
        "aws:region": (["dev"], "Pulumi.dev.yaml", line),
        "model-config:overrides.passage_reranker.instances.min_count": (
            ["prod"], "Pulumi.prod.yaml", 12,
        ),
        "Pulumi.staging.yml": (["staging"], "Pulumi.staging.yml", None),
    }  # fmt: skip


def test_a_setting_without_its_namespace_is_refused_before_and_in_a_deploy(run, edit):
    edit("Pulumi.yaml", "name: model-config", "name: my-models")
    line = edit("Pulumi.prod.yaml", "model-config:protect", "protect")
    (finding,) = errors(run("validate", "--json", code=1))
    assert (finding["where"], finding["line"]) == ("my-models:protect", line)
    assert "my-models:protect" in run("local", "deploy", "-e", "prod", code=2).err


KEYS = (
    "sk-proj-AbCdEf0123456789AbCdEf01",
    "sk-ant-api03-AbCdEf0123456789",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "xoxb-0123456789-abcdef",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "-----BEGIN RSA PRIVATE KEY-----\nMII",
    "Authorization: Bearer abcdef0123456789abcdef",
    "postgres://user:pass@host/db",
)
PLAIN = (
    "sk-learn-compatible-classifier",
    "Bearer internationalization-of-names",
    "Bearer {{token}}",
    "https://{{user}}:{{password}}@host/",
    "ask-me-anything-0123456789",
    "-----BEGIN CERTIFICATE-----",
)


@pytest.mark.usefixtures("set_secrets")
def test_a_value_that_looks_like_a_secret_is_a_notice(run, project):
    (project / "models" / "gw.py").write_text(
        "from model_config.schema import ModelConfig\n"
        "class Gateway(ModelConfig):\n    texts: list[str]\n    headers: dict[str, str]\n"
        f"MODEL = Gateway(texts={list(KEYS + PLAIN)!r}, headers={{'x': {KEYS[0]!r}}})\n"
    )
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write(f"  other:token: {KEYS[3]}\n  model-config:overrides:\n    gw:\n")
        file.write(f"      headers: {{y: {KEYS[2]}}}\n")
    text = (project / "Pulumi.dev.yaml").read_text()
    (project / "Pulumi.dev.yaml").write_text(text.replace("  model-config:overrides", "  x:y", 1))
    said = run("validate", "--json")
    assert {
        each["where"]: (each["level"], each["environments"], each["file"]) for each in said.json
    } == {
        **{
            f"gw/texts/{number}": ("notice", ["dev", "prod"], "models/gw.py")
            for number in range(len(KEYS))
        },
        "gw/headers/x": ("notice", ["dev", "prod"], "models/gw.py"),
        "model-config:overrides.gw.headers.y": ("notice", ["dev"], "Pulumi.dev.yaml"),
        "other:token": ("notice", ["dev"], "Pulumi.dev.yaml"),
    }
    printed = run("validate")
    assert printed.err.count("it looks like a secret") == len(KEYS) + 3
    assert not [key for key in KEYS if key in said.out + printed.out + printed.err]


@pytest.mark.usefixtures("set_secrets")
def test_a_secret_in_plain_text_is_a_finding_and_no_notice_beside_it(run, edit):
    edit("Pulumi.dev.yaml", f"  {SECRET}:\n    secure: v1:AAAA:BBBB", f"  {SECRET}: {KEYS[0]}")
    said = run("validate", code=1)
    assert (said.out.count("is in plain text"), said.err) == (1, "")


@pytest.mark.usefixtures("set_secrets")
def test_characters_that_nobody_can_see_are_a_notice(run, project):
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    with (project / "models" / "support_chat.md").open("a") as prompt:
        prompt.write(f"\nbr\u200bief{hidden} 👩\u200d💻\n")
    said = run("validate")
    assert "support_chat/prompts/system" in said.err
    assert "it has 5 invisible characters, the first U+200B in line" in said.err
    assert "::notice file=models/support_chat.py" in run("validate", "--github").out


def test_an_unquoted_date_is_refused_before_and_in_a_deploy(run, edit):
    line = edit("Pulumi.dev.yaml", "temperature: ", "stop: [2024-10-21]\n        temperature: ")
    (finding,) = [
        each for each in errors(run("validate", "--json", code=1)) if "quotation" in each["fix"]
    ]
    assert (finding["file"], finding["line"]) == ("Pulumi.dev.yaml", line)
    assert "put it in quotation marks" in run("local", "deploy", code=2).err


def test_one_environment_alone(run, edit):
    edit("Pulumi.dev.yaml", "temperature:", "temprature:")
    run("validate", "-e", "prod")
    run("validate", "-e", "dev", code=1)
    assert "stacks with a file: dev, prod" in run("validate", "-e", "staging", code=1).out


def test_a_project_without_stack_files_is_refused(run, project):
    for file in project.glob("Pulumi.*.yaml"):
        file.unlink()
    assert "there is no stack file" in run("validate", code=2).err


def test_thirty_models_are_all_looked_at(run, project):
    text = (project / "models" / "support_chat.py").read_text()
    text = text.replace("supportChat", "m{n}")
    for number in range(30):
        (project / "models" / f"m{number}.py").write_text(text.replace("{n}", str(number)))
    assert run("validate").out == "No findings in dev, prod.\n"
    assert len(run("tree", "--json").json["models"]) == 33


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("model-config:overrides.a.b.c", 5),
        ("model-config:overrides.a.nowhere", 3),
        ("model-config:overrides.a.list.1", 8),
        ("model-config:with.dots", 9),
        ("model-config:short", 10),
        ("model-config:nowhere", None),
    ],
)
def test_a_setting_is_found_in_its_file(tmp_path: Path, where: str, line: int | None):
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  model-config:overrides:\n    a:\n      b:\n        c: 1\n      list:\n"
        "        - 0\n        - 1\n  model-config:with.dots: 1\n  short: 2\n"
    )
    finding = Finding(where, "", "", file="Pulumi.dev.yaml")
    assert located(finding, Project(tmp_path)).line == line


@pytest.mark.parametrize(
    ("where", "line"),
    [("m", 2), ("m/a", 3), ("m/b/c", 5), ("m/b/nowhere", 4), ("m/release", 2)],
)
def test_a_field_is_found_in_its_module(tmp_path: Path, where: str, line: int):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.py").write_text(
        "from x import X\nMODEL = X(\n    a=1,\n    b=Y(\n        c=2,\n    ),\n)\n"
    )
    found = located(Finding(where, "", ""), Project(tmp_path))
    assert (found.file, found.line) == ("models/m.py", line)


def test_a_finding_about_no_file_has_no_place(tmp_path: Path):
    finding = Finding("all models together", "", "")
    assert located(finding, Project(tmp_path)) == finding
