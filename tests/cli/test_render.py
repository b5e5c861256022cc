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


def test_a_group_or_a_list_is_printed_as_json(run, released):
    messages = [{"role": "user", "content": "Ask {{name}}: é"}]
    released({"messages": messages}, label="stable")
    filled = [{"role": "user", "content": "Ask Zoë: é"}]
    said = run("render", "chat", "messages", "--set", "name=Zoë")
    assert said.json == filled
    assert "Zoë: é" in said.out
    assert run("render", "chat", "messages/0", "--set", "name=Zoë").json == filled[0]


def test_which_release_and_which_values(run, tmp_path):
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"name": "Zoë", "count": 3}))
    for options, text in {
        "--label latest --set name=a=b --set count=1": "Hello a=b!\n[bold]1",
        f"--values {file} --set name=Max": "Hello Max!\n[bold]3",
        "--release 1 --set name=Zoë": "The first for Zoë",
    }.items():
        said = run("render", "chat", "prompts/system", *options.split())
        assert said.out.partition("\\n")[0] == text


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


def test_values_that_are_none_are_an_error(run, tmp_path):
    file = tmp_path / "values.json"
    for content, problem in {
        "": "can't be read: No such file or directory",
        "{": "is not JSON: ",
        "[" * 100_000: "is not JSON: ",
        "[]": "is not a JSON object",
        '{"name": null, "count": 1}': "name is of type NoneType: pass a str or an int",
    }.items():
        if content:
            file.write_text(content)
        said = run("render", "chat", "prompts/system", "--values", str(file), code=2)
        assert problem in said.err
    said = run("render", "chat", "prompts/system", "--set", "name", code=2)
    assert said.err == "--set takes NAME=TEXT, not 'name'\n"


def test_no_secret_is_read(run, ssm):
    ssm.delete_parameter(Name="/ai/dev/chat/secrets/keys/primary")
    run("render", "chat", "prompts/plain")
