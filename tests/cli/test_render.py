"""`model-config render`."""

import json
import sys

import pytest

CONFIG = {
    "prompts": {"system": "Hello {{ name }}!\n[bold]{{count}}\\n \x1b {{{\n", "plain": "{}"},
    "n": 5,
}


@pytest.fixture(autouse=True)
def chat(released):
    released({"prompts": {"system": "The first for {{name}}"}})
    released(CONFIG, {"keys/primary": "sk-very-secret"}, label="stable")


def test_the_text_is_printed_exactly(run):
    said = run("render", "chat", "prompts/system", "--set", "name=Zoë {{count}}", "--set", "count=")
    assert said.out == "Hello Zoë {{count}}!\n[bold]\\n \x1b {{{\n"
    assert said.err == ""
    assert run("render", "chat", "prompts/plain").out == "{}"


def test_a_terminal_gets_a_line_end_after_it(run, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("render", "chat", "prompts/plain").out == "{}\n"


def test_a_text_may_have_equals_signs(run):
    said = run("render", "chat", "prompts/system", "--label", "latest", "--set", "name=a=b",
               "--set", "count=1")  # fmt: skip
    assert said.out.startswith("Hello a=b!")


def test_another_release_is_rendered_by_its_number(run):
    said = run("render", "chat", "prompts/system", "--release", "1", "--set", "name=Zoë")
    assert said.out == "The first for Zoë"


def test_values_come_from_a_file_too(run, tmp_path):
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"name": "Zoë", "count": 3}))
    said = run("render", "chat", "prompts/system", "--values", str(file), "--set", "name=Max")
    assert said.out.startswith("Hello Max!\n[bold]3")


def test_every_variable_that_is_missing_or_unknown_is_named(run):
    said = run("render", "chat", "prompts/system", "--set", "nmae=x", code=2)
    assert said.out == ""
    assert said.err == (
        "prompts/system of release 2 of chat in dev can't be rendered: no value for name, count; "
        "not a variable of the text: nmae (it has name, count)\n"
    )


def test_a_field_without_a_text_is_an_error_that_names_those_there_are(run):
    for field in ("n", "keys/primary", "secrets/keys/primary"):
        said = run("render", "chat", field, code=2)
        assert f"has no text '{field}'. Its texts: prompts/system, prompts/plain" in said.err


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "can't be read: No such file or directory"),
        ("{", "is not JSON: "),
        ("[" * 100_000, "is not JSON: "),
        ("[]", "is not a JSON object"),
        ('{"name": null, "count": 1}', "name is of type NoneType: pass a str or an int"),
    ],
)
def test_a_file_that_holds_no_values_is_an_error(run, tmp_path, content, problem):
    file = tmp_path / "values.json"
    if content is not None:
        file.write_text(content)
    said = run("render", "chat", "prompts/system", "--values", str(file), code=2)
    assert problem in said.err


def test_a_setting_without_a_name_and_a_text_is_an_error(run):
    said = run("render", "chat", "prompts/system", "--set", "name", code=2)
    assert said.err == "--set takes NAME=TEXT, not 'name'\n"


def test_no_secret_is_read(run, ssm):
    ssm.delete_parameter(Name="/ai/dev/chat/secrets/keys/primary")
    run("render", "chat", "prompts/plain")
