"""`model-config validate`: what is wrong, in which environments, and in which line."""

from pathlib import Path

import pytest
from rich.text import Text
from support.project import write_model

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
def set_secrets(project: Path):
    for stack in ("dev", "prod"):
        with (project / f"Pulumi.{stack}.yaml").open("a") as file:
            for key in ("supportChatApiKey", "documentEmbeddingApiKey"):
                file.write(f"  model-config:{key}:\n    secure: v1:AAAA:BBBB\n")


def test_a_fresh_checkout_is_in_order_and_says_which_secrets_to_set(run, edit, project):
    said = run("validate")
    assert said.out == "No findings in dev, prod.\n"
    assert f"pulumi config set --secret {SECRET} --stack prod" in said.err
    out = run("validate", "--secrets", code=1).out
    assert out.count("is not set") == 4
    assert f"pulumi config set --secret {SECRET} --stack dev" in out
    edit("Pulumi.dev.yaml", "temperature:", "temprature:")  # beside a finding they are one line
    for option, count in (("", 4), (" -e dev", 2)):
        err = run("validate", *option.split(), code=1).err
        lists = f"`model-config validate --secrets{option}` lists them"
        assert err == f"{count} secrets are not set: {lists}.\n"
    run("validate", "-e", "prod")
    assert "stacks with a file: dev, prod" in run("validate", "-e", "staging", code=1).out
    for file in project.glob("Pulumi.*.yaml"):
        file.unlink()
    assert "there is no stack file" in run("validate", code=2).err


def test_a_broken_module_is_reported_once_for_all_environments(run, project):
    (project / "models" / "broken.py").write_text("\n\nMODEL = 1/0\n")
    (line,) = run("validate", code=1).out.splitlines()
    environments, place, problem, _ = line.split("\t")
    assert (environments, place) == ("dev, prod", "broken (models/broken.py:3)")
    assert "ZeroDivisionError" in problem


def errors(said):
    return [each for each in said.json if each["level"] == "error"]


def test_a_finding_is_placed_in_the_line_that_it_is_about(run, edit):
    in_stack = edit("Pulumi.dev.yaml", "temperature:", "temprature:")
    in_module = edit(
        "models/support_chat.py", 'text_beside(__file__, "support_chat.md")', "'x' * 300_000"
    )
    prompt, *_, override = sorted(
        errors(run("validate", "--json", code=1)), key=lambda each: each["where"], reverse=True
    )
    assert (prompt["where"], prompt["environments"]) == (
        "support_chat/prompts/system", ["dev", "prod"],
    )  # fmt: skip
    assert (prompt["file"], prompt["line"]) == ("models/support_chat.py", in_module)
    assert override["environments"] == ["dev"]
    assert (override["file"], override["line"]) == ("Pulumi.dev.yaml", in_stack)
    assert override["fix"] == 'did you mean "temperature"?'


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


def test_file_and_line_are_unbroken_on_a_narrow_terminal(run, edit, monkeypatch):
    in_module = edit("models/support_chat.py", "temperature=0.2", "temprature=0.2")
    in_stack = edit("Pulumi.prod.yaml", "        min_count: 2", "        min_coutn: 2")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes the pipe for a terminal
    monkeypatch.setenv("COLUMNS", "80")
    out = run("validate", code=1).out
    assert f" models/support_chat.py:{in_module} " in out
    assert f" Pulumi.prod.yaml:{in_stack} " in out
    assert all(len(Text.from_ansi(each).plain) <= 80 for each in out.splitlines())


def test_a_misspelled_field_in_a_module_names_the_nearest(run, project):
    table = [
        ("EmbeddingModel(dimensoins=8)", "dimensoins", "dimensions"),
        ("Generation(temprature=1)", "temprature", "temperature"),
        ("Own(inner={'limts': {'max_retrys': 1}})", "inner/limts", "limits"),
        ("Own(inner={'limits': {'max_retrys': 1}})", "inner/limits/max_retrys", "max_retries"),
    ]
    for number, (model, *_) in enumerate(table):
        (project / "models" / f"own{number}.py").write_text(
            "from model_config.schema import *\n"
            "class Inner(Group):\n    limits: CallLimits = CallLimits()\n"
            "class Own(ModelConfig):\n    inner: Inner | None\n"
            f"MODEL = {model}\n"
        )
    found = {each["where"]: each for each in errors(run("validate", "--json", code=1))}
    for number, (_, where, fix) in enumerate(table):
        finding = found[f"own{number}/{where}"]
        assert "has no field of that name" in finding["problem"]
        assert finding["fix"] == f'did you mean "{fix}"?'
        assert (finding["file"], finding["line"]) == (f"models/own{number}.py", 6)


def test_what_is_refused_before_a_deploy_and_in_it(run, project, edit):
    (project / "models" / "clock.py").write_text(
        "import time\nfrom model_config.schema import ModelConfig\n"
        "class Clock(ModelConfig):\n    at: float\nMODEL = Clock(at=time.time_ns())\n"
    )
    edit("Pulumi.yaml", "name: model-config", "name: my-models")
    protect = edit("Pulumi.prod.yaml", "model-config:protect", "protect")
    count = edit(
        "Pulumi.prod.yaml", "max_count: 8", "instance_type: 2024-10-21\n        max_count: 8"
    )
    found = {
        each["where"]: each for each in errors(run("validate", "-e", "prod", "--json", code=1))
    }
    places = {where: (each["file"], each["line"]) for where, each in found.items()}
    date = "model-config:overrides.passage_reranker.instances.instance_type"
    assert places == {
        "clock/at": ("models/clock.py", 5),
        "my-models:protect": ("Pulumi.prod.yaml", protect),
        date: ("Pulumi.prod.yaml", count),
    }
    assert "changes each time" in found["clock/at"]["problem"]
    assert "put it in quotation marks" in found[date]["fix"]
    said = run("local", "deploy", "-e", "prod", code=2).err
    for text in ("clock/at", "my-models:protect", "put it in quotation marks"):
        assert text in said


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
    in_module = [*(f"gw/texts/{number}" for number in range(len(KEYS))), "gw/headers/x"]
    in_stack = ["model-config:overrides.gw.headers.y", "other:token"]
    assert {
        each["where"]: (each["level"], each["environments"], each["file"]) for each in said.json
    } == {
        **dict.fromkeys(in_module, ("notice", ["dev", "prod"], "models/gw.py")),
        **dict.fromkeys(in_stack, ("notice", ["dev"], "Pulumi.dev.yaml")),
    }
    printed = run("validate")
    assert printed.err.count("it looks like a secret") == len(KEYS) + 3
    assert not [key for key in KEYS if key in said.out + printed.out + printed.err]


@pytest.mark.usefixtures("set_secrets")
def test_an_encrypted_secret_counts_as_set_and_one_in_plain_text_is_a_finding(run, edit):
    said = run("validate", "--secrets")
    assert (said.out, said.err) == ("No findings in dev, prod.\n", "")
    edit("Pulumi.dev.yaml", f"  {SECRET}:\n    secure: v1:AAAA:BBBB", f"  {SECRET}: {KEYS[0]}")
    said = run("validate", code=1)
    assert (said.out.count("is in plain text"), said.err) == (1, "")  # and no notice beside it


@pytest.mark.usefixtures("set_secrets")
def test_characters_that_nobody_can_see_are_a_notice(run, project):
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    with (project / "models" / "support_chat.md").open("a") as prompt:
        prompt.write(f"\nbr\u200bief{hidden} 👩\u200d💻\n")
    said = run("validate")
    assert "support_chat/prompts/system" in said.err
    assert "it has 5 invisible characters, the first U+200B in line" in said.err
    assert "::notice file=models/support_chat.py" in run("validate", "--github").out


def test_thirty_models_are_all_looked_at(run, project):
    for number in range(30):
        write_model(Project(project), f"m{number}", f"a: int = {number}")
    assert run("validate").out == "No findings in dev, prod.\n"
    assert len(run("tree", "--json").json["models"]) == 33


def test_a_setting_is_found_in_its_file(tmp_path: Path):
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  model-config:overrides:\n    a:\n      b:\n        c: 1\n      list:\n"
        "        - 0\n        - 1\n  model-config:with.dots: 1\n  short: 2\n"
    )
    for where, line in {
        "overrides.a.b.c": 5,
        "overrides.a.nowhere": 3,
        "overrides.a.list.1": 8,
        "with.dots": 9,
        "short": 10,
        "nowhere": None,
    }.items():
        finding = Finding(f"model-config:{where}", "", "", file="Pulumi.dev.yaml")
        assert located(finding, Project(tmp_path)).line == line, where


def test_a_field_is_found_in_its_module(tmp_path: Path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.py").write_text(
        "from x import X\nMODEL = X(\n    a=1,\n    b=Y(\n        c=2,\n    ),\n)\n"
    )
    for where, line in {"m": 2, "m/a": 3, "m/b/c": 5, "m/b/nowhere": 4, "m/release": 2}.items():
        found = located(Finding(where, "", ""), Project(tmp_path))
        assert (found.file, found.line) == ("models/m.py", line)
    finding = Finding("all models together", "", "")  # which is about no file
    assert located(finding, Project(tmp_path)) == finding
