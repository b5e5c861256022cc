"""`model-config schema`: the JSON Schema of the stack files, and the line that names it."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from support.json_schema import validator

LINE = "# yaml-language-server: $schema=.editor/stack.schema.json\n"


def test_the_schema_is_written_and_the_stack_files_name_it_in_their_first_line(run, project: Path):
    before = (project / "Pulumi.dev.yaml").read_text()
    out = run("schema").out
    assert ".editor/stack.schema.json" in out
    assert "Pulumi.dev.yaml" in out
    assert (project / "Pulumi.dev.yaml").read_text() == LINE + before
    schema = validator(json.loads((project / ".editor" / "stack.schema.json").read_text()))
    for stack in ("dev", "prod"):
        schema.validate(yaml.safe_load((project / f"Pulumi.{stack}.yaml").read_text()))
    assert run("validate").out == "No findings in dev, prod.\n"


def test_a_second_run_changes_nothing(run, project: Path):
    run("schema")
    before = {file: file.read_bytes() for file in project.iterdir() if file.is_file()}
    assert "Pulumi.dev.yaml" not in run("schema").out
    assert {file: file.read_bytes() for file in before} == before


def test_another_schema_that_a_file_names_is_left_alone(run, project: Path):
    file = project / "Pulumi.dev.yaml"
    text = "# yaml-language-server: $schema=https://example.com/ours.json\n" + file.read_text()
    file.write_text(text)
    run("schema")
    assert file.read_text() == text


def test_line_ends_stay_as_they_are(run, project: Path):
    file = project / "Pulumi.dev.yaml"
    content = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(content)
    run("schema")
    assert file.read_bytes() == LINE.encode() + content


def test_check_fails_until_it_is_written_and_again_when_a_model_changes(run, project: Path):
    said = run("schema", "--check", code=1)
    assert ".editor/stack.schema.json is out of date" in said.out
    assert "model-config schema" in said.out
    assert not (project / ".editor" / "stack.schema.json").exists()
    run("schema")
    assert run("schema", "--check").out == ".editor/stack.schema.json is up to date.\n"
    module = project / "models" / "support_chat.py"
    module.write_text(module.read_text().replace("supportChatApiKey", "otherKey"))
    run("schema", "--check", code=1)


def test_check_names_a_new_stack_file_that_does_not_name_the_schema(run, project: Path):
    run("schema")
    (project / "Pulumi.staging.yaml").write_text("config:\n")
    assert "Pulumi.staging.yaml" in run("schema", "--check", code=1).out


def test_as_long_as_a_module_is_broken_there_is_no_schema(run, project: Path):
    (project / "models" / "broken.py").write_text("MODEL = 1/0")
    assert "broken (models/broken.py:1)" in run("schema", code=2).err
    assert not (project / ".editor" / "stack.schema.json").exists()
