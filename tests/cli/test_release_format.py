"""docs/release-format.md says what the code does."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model_config.format import release
from model_config.format.codec import MAX_PARTS, PART_BYTES
from model_config.format.rollout import Moved, read_rollout

TEXT = (Path(__file__).parent.parent.parent / "docs" / "release-format.md").read_text("utf-8")
MODEL = "/ai/prod/support_chat"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


PLAIN, PACKED, IN_PARTS, PARTS, ROLLOUT = blocks("json")
FORMS = [PLAIN, PACKED, IN_PARTS]


def read(document: str) -> release.Release:
    return release.read_release(document, MODEL, lambda _: json.loads(PARTS))


def test_the_three_forms_are_the_same_release():
    content = read(PLAIN)
    assert content.config["prompts"] == {"system": "You help {{name}}. Réponds en français."}
    assert content.secrets == ("api_key",)
    assert read(PACKED) == read(IN_PARTS) == content
    assert "zlib" in json.loads(PACKED)
    names = [f"{MODEL}/release/parts/{part}" for part in release.part_hashes(IN_PARTS)]
    assert names == list(json.loads(PARTS))


def test_the_plain_form_is_what_the_deploy_writes():
    assert release.write_release(read(PLAIN)).document == PLAIN.strip()


def test_the_rollout_is_one_that_can_be_read():
    document = read_rollout(ROLLOUT)
    assert document.moved == Moved("stable", 7, 6, "shorter answers", held=False)
    assert document.rollout is not None
    assert [step.percent for step in document.rollout.steps] == [5, 100]


def test_the_figures_are_the_codes():
    assert f"{PART_BYTES:,} bytes of a Standard parameter" in TEXT
    assert f"at most {MAX_PARTS} parameters" in TEXT
    assert f"at most {MAX_PARTS} parts" in TEXT
    assert f"{release.MAX_UNPACKED_BYTES:,}" in TEXT
    assert f"`format` {release.FORMAT}." in TEXT


def test_every_field_is_described():
    fields = {field for form in FORMS for field in json.loads(form)}
    assert (
        set(re.findall(r"^\| `(\w+)` \| (?:number|string|object|list)", TEXT, re.MULTILINE))
        == fields
    )


# The programs, each with AWS's client replaced by one that reads a file.

AWS_CLI = """#!{python}
import json, sys
wanted = sys.argv[1:]
assert wanted[:3] == ["ssm", "get-parameter", "--name"], wanted
assert wanted[4:] == ["--with-decryption", "--query", "Parameter.Value", "--output", "text"]
print(json.load(open({values!r}))[wanted[3]])
"""
JAVASCRIPT_SDK = """
import {{ readFileSync }} from "node:fs";
const values = JSON.parse(readFileSync({values!r}, "utf8"));
export class GetParameterCommand {{ constructor(input) {{ this.input = input; }} }}
export class SSMClient {{
  async send({{ input }}) {{
    if (!input.WithDecryption) throw new Error("not decrypted");
    return {{ Parameter: {{ Value: values[input.Name] }} }};
  }}
}}
"""
GO_CONFIG = """package config
import "context"
func LoadDefaultConfig(context.Context) (int, error) {{ return 0, nil }}
"""
GO_SSM = """package ssm
import ("context"; "encoding/json"; "os")
type GetParameterInput struct {{ Name *string; WithDecryption *bool }}
type Parameter struct {{ Value *string }}
type Output struct {{ Parameter *Parameter }}
type Client struct {{ values map[string]string }}
func NewFromConfig(int) *Client {{
	text, _ := os.ReadFile("{values}")
	client := &Client{{}}
	json.Unmarshal(text, &client.values)
	return client
}}
func (c *Client) GetParameter(_ context.Context, input *GetParameterInput) (*Output, error) {{
	value := c.values[*input.Name]
	return &Output{{&Parameter{{&value}}}}, nil
}}
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored") / "values.json"


def written(folder: Path, files: dict[str, str], values: Path) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.format(values=str(values), python=sys.executable))


@pytest.fixture(scope="module")
def in_shell(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if not shutil.which("jq"):
        pytest.skip("needs jq on PATH")
    folder = tmp_path_factory.mktemp("shell")
    written(folder, {"aws": AWS_CLI}, stored)
    (folder / "aws").chmod(0o755)
    script = f"PATH={folder}:$PATH\n{blocks('sh')[0]}"
    return ["/bin/sh", "-c", script, "read-release"]


@pytest.fixture(scope="module")
def in_node(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if not shutil.which("node"):
        pytest.skip("needs node on PATH")
    folder = tmp_path_factory.mktemp("node")
    package = folder / "node_modules" / "@aws-sdk" / "client-ssm"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    written(package, {"index.js": JAVASCRIPT_SDK}, stored)
    # What has types in TypeScript is inferred, so the program is JavaScript too.
    (folder / "read-release.mjs").write_text(blocks("ts")[0])
    return ["node", str(folder / "read-release.mjs")]


@pytest.fixture(scope="module")
def in_go(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if not shutil.which("go"):
        pytest.skip("needs go on PATH")
    folder = tmp_path_factory.mktemp("go")
    sdk = "github.com/aws/aws-sdk-go-v2"
    written(folder, {"sdk/config/config.go": GO_CONFIG, "sdk/service/ssm/ssm.go": GO_SSM}, stored)
    (folder / "sdk" / "go.mod").write_text(f"module {sdk}\n\ngo 1.21\n")
    requirement = f"require {sdk} v0.0.0\nreplace {sdk} => ./sdk\n"
    (folder / "go.mod").write_text(f"module release\n\ngo 1.21\n\n{requirement}")
    (folder / "main.go").write_text(blocks("go")[0])
    offline = {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    build = ["go", "build", "-o", "read-release"]
    subprocess.run(build, cwd=folder, env={**os.environ, **offline}, check=True)
    return [str(folder / "read-release")]


@pytest.fixture(params=["in_shell", "in_node", "in_go"])
def program(request: pytest.FixtureRequest) -> list[str]:
    return request.getfixturevalue(request.param)


def run(program: list[str], stored: Path, document: str, parts: dict[str, str]) -> Any:
    stored.write_text(json.dumps({f"{MODEL}/release:stable": document, **parts}))
    return subprocess.run([*program, MODEL, "stable"], capture_output=True, text=True, check=False)


def names_inside() -> tuple[str, dict[str, str]]:
    """Return a release whose secrets' names leave no room for its parts' hashes."""
    noise = " ".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(250))
    secrets = [f"key{n:040}" for n in range(90)]
    content = release.Release.of("support_chat", "prod", "C", {"t": noise}, secrets=secrets)
    written = release.write_release(content)
    assert "secrets" not in json.loads(written.document)
    return written.document, written.named_parts(MODEL)


def test_each_program_reads_every_form_and_refuses_what_was_changed(program, stored):
    parts = json.loads(PARTS)
    for document in FORMS:
        ended = run(program, stored, document.strip(), parts)
        assert ended.stdout == read(PLAIN).text + "\n", ended.stderr
    document, others = names_inside()
    ended = run(program, stored, document, others)
    text = release.read_release(document, MODEL, lambda _: others).text
    assert ended.stdout == text + "\n", ended.stderr

    changed = {**json.loads(PLAIN), "config": '{"provider":"other"}'}
    refused = [
        (json.dumps(changed), parts, "the configuration was changed"),
        (json.dumps({**json.loads(PLAIN), "format": 1}), parts, "format"),
        (json.dumps({**json.loads(PLAIN), "model": "other"}), parts, "another model's"),
        (IN_PARTS, dict.fromkeys(parts, "AAAA"), "was changed"),
    ]
    for document, texts, problem in refused:
        ended = run(program, stored, document, texts)
        assert ended.returncode != 0
        assert problem in ended.stderr


@pytest.mark.parametrize("program", ["in_node", "in_go"], indirect=True)
def test_the_programs_conform(program, stored):
    conformance = Path(__file__).parents[2] / "docs" / "conformance"
    for case in json.loads((conformance / "releases.json").read_text()):
        ended = run(program, stored, case["document"], case["parts"])
        assert ended.stdout == case["config"] + "\n", case["name"]
    for case in json.loads((conformance / "refusals.json").read_text()):
        if case["of"] == "text":  # the programs print the text, and use neither values nor names
            ended = run(program, stored, case["document"], case["parts"])
            assert ended.returncode != 0, case["name"]
