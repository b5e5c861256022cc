"""`model-config schema`: the JSON Schema of the stack files, and the line that names it."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from support.json_schema import validator

LINE = "# yaml-language-server: $schema=.editor/stack.schema.json\n"


def test_the_schema_is_written_and_the_stack_files_name_it_in_their_first_line(run, project: Path):
    dev, prod = project / "Pulumi.dev.yaml", project / "Pulumi.prod.yaml"
    content = dev.read_bytes().replace(b"\n", b"\r\n")  # line ends stay as they are
    dev.write_bytes(content)
    ours = "# yaml-language-server: $schema=https://example.com/ours.json\n" + prod.read_text()
    prod.write_text(ours)  # another schema is left alone
    out = run("schema").out
    assert ".editor/stack.schema.json" in out
    assert "Pulumi.dev.yaml" in out
    assert dev.read_bytes() == LINE.encode() + content
    assert prod.read_text() == ours
    schema = validator(json.loads((project / ".editor" / "stack.schema.json").read_text()))
    for file in (dev, prod):
        schema.validate(yaml.safe_load(file.read_text()))
    assert run("validate").out == "No findings in dev, prod.\n"
    before = {file: file.read_bytes() for file in project.iterdir() if file.is_file()}
    assert "Pulumi.dev.yaml" not in run("schema").out
    assert {file: file.read_bytes() for file in before} == before


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
    run("schema")
    (project / "Pulumi.staging.yaml").write_text("config:\n")  # it doesn't name the schema
    assert "Pulumi.staging.yaml" in run("schema", "--check", code=1).out


def test_as_long_as_a_module_is_broken_there_is_no_schema(run, project: Path):
    (project / "models" / "broken.py").write_text("MODEL = 1/0")
    assert "broken (models/broken.py:1)" in run("schema", code=2).err
    assert not (project / ".editor" / "stack.schema.json").exists()
