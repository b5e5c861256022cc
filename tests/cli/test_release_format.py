"""docs/release-format.md says what the code does."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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


def test_the_three_forms_are_the_same_release_as_the_deploy_writes_it():
    content = read(PLAIN)
    assert content.config["prompts"] == {"system": "You help {{name}}. Réponds en français."}
    assert content.secrets == ("api_key",)
    assert release.write_release(content).document == PLAIN.strip()
    assert read(PACKED) == read(IN_PARTS) == content
    assert "zlib" in json.loads(PACKED)
    names = [f"{MODEL}/release/parts/{part}" for part in release.part_hashes(IN_PARTS)]
    assert names == list(json.loads(PARTS))
    document = read_rollout(ROLLOUT)
    assert document.moved == Moved("stable", 7, 6, "shorter answers", held=False)
    assert document.rollout is not None
    assert [step.percent for step in document.rollout.steps] == [5, 100]


def test_the_figures_are_the_codes_and_every_field_is_described():
    text = " ".join(TEXT.split())
    assert f"{PART_BYTES:,} bytes of a Standard parameter" in text
    assert f"at most {MAX_PARTS} parameters" in text
    assert f"at most {MAX_PARTS} parts" in text
    assert f"{release.MAX_UNPACKED_BYTES:,}" in text
    assert f"`format` {release.FORMAT}." in text
    fields = {field for form in FORMS for field in json.loads(form)}
    described = re.findall(r"^\| `(\w+)` \| (?:number|string|object|list)", TEXT, re.MULTILINE)
    assert set(described) == fields


# The programs, each with AWS's client replaced by one that reads a file.

AWS_CLI = """#!/bin/sh
value="{values}$4"
[ "$1 $2 $3" = "ssm get-parameter --name" ] && shift 4 &&
[ "$*" = "--with-decryption --query Parameter.Value --output text" ] && cat "$value" && echo
"""
JAVASCRIPT_SDK = """
import {{ readFileSync }} from "node:fs";
export class GetParameterCommand {{ constructor(input) {{ this.input = input; }} }}
export class SSMClient {{
  async send({{ input }}) {{
    if (!input.WithDecryption) throw new Error("not decrypted");
    const values = JSON.parse(readFileSync({values!r}, "utf8"));
    return {{ Parameter: {{ Value: values[input.Name] }} }};
  }}
}}
"""
# Starting node takes longer than reading a release, so one process runs the program for each case.
JAVASCRIPT_CASES = """
import {{ readFileSync, writeFileSync }} from "node:fs";
const ended = [];
for (const [number, values] of JSON.parse(readFileSync(0, "utf8")).entries()) {{
  writeFileSync({values!r}, JSON.stringify(values));
  let text = "", problem = "";
  console.log = line => {{ text = `${{line}}\\n`; }};
  try {{ await import(`./read-release.mjs?${{number}}`); }}
  catch (error) {{ problem = `${{error}}`; }}
  ended.push([text, problem]);
}}
process.stdout.write(JSON.stringify(ended));
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


Stored = dict[str, str]


class Ended(NamedTuple):
    text: str
    problem: str


Program = Callable[[list[Stored]], list[Ended]]


def one_by_one(command: list[str], store: Callable[[Stored], object]) -> Program:
    def run(values: Stored) -> Ended:
        store(values)
        ended = subprocess.run(
            [*command, MODEL, "stable"], capture_output=True, text=True, check=False
        )
        return Ended(ended.stdout, ended.stderr if ended.returncode else "")

    return lambda cases: [run(values) for values in cases]


def case(document: str, parts: Stored) -> Stored:
    return {f"{MODEL}/release:stable": document, **parts}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored") / "values.json"


def written(folder: Path, files: dict[str, str], values: Path) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.format(values=str(values)))


@pytest.fixture(scope="module")
def in_shell(tmp_path_factory: pytest.TempPathFactory) -> Program:
    if not shutil.which("jq"):
        pytest.skip("needs jq on PATH")
    folder = tmp_path_factory.mktemp("shell")
    values = folder / "values"
    written(folder, {"aws": AWS_CLI}, values)
    (folder / "aws").chmod(0o755)
    script = f"PATH={folder}:$PATH\n{blocks('sh')[0]}"

    def store(given: Stored) -> None:
        for name, text in given.items():
            file = Path(f"{values}{name}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    return one_by_one(["/bin/sh", "-c", script, "read-release"], store)


@pytest.fixture(scope="module")
def in_node(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    if not shutil.which("node"):
        pytest.skip("needs node on PATH")
    folder = tmp_path_factory.mktemp("node")
    package = folder / "node_modules" / "@aws-sdk" / "client-ssm"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    written(package, {"index.js": JAVASCRIPT_SDK}, stored)
    # What has types in TypeScript is inferred, so the program is JavaScript too.
    (folder / "read-release.mjs").write_text(blocks("ts")[0])
    written(folder, {"cases.mjs": JAVASCRIPT_CASES}, stored)

    def call(cases: list[Stored]) -> list[Ended]:
        program = ["node", str(folder / "cases.mjs"), MODEL, "stable"]
        answer = subprocess.run(
            program, input=json.dumps(cases), capture_output=True, text=True, check=True
        )
        return [Ended(*ended) for ended in json.loads(answer.stdout)]

    return call


@pytest.fixture(scope="module")
def in_go(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
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
    program = [str(folder / "read-release")]
    return one_by_one(program, lambda values: stored.write_text(json.dumps(values)))


@pytest.fixture(params=["in_shell", "in_node", "in_go"])
def program(request: pytest.FixtureRequest) -> Program:
    return request.getfixturevalue(request.param)


def names_inside() -> tuple[str, dict[str, str]]:
    """Return a release whose secrets' names leave no room for its parts' hashes."""
    noise = " ".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(250))
    secrets = [f"key{n:040}" for n in range(90)]
    content = release.Release.of("support_chat", "prod", "C", {"t": noise}, secrets=secrets)
    written = release.write_release(content)
    assert "secrets" not in json.loads(written.document)
    return written.document, written.named_parts(MODEL)


def test_each_program_reads_every_form_and_refuses_what_was_changed(program):
    parts = json.loads(PARTS)
    inside, others = names_inside()
    texts = [read(PLAIN).text] * len(FORMS)
    texts.append(release.read_release(inside, MODEL, lambda _: others).text)
    changed = {**json.loads(PLAIN), "config": '{"provider":"other"}'}
    refused = {
        "the configuration was changed": case(json.dumps(changed), parts),
        "format": case(json.dumps({**json.loads(PLAIN), "format": 1}), parts),
        "another model's": case(json.dumps({**json.loads(PLAIN), "model": "other"}), parts),
        "was changed": case(IN_PARTS, dict.fromkeys(parts, "AAAA")),
    }
    cases = [case(document.strip(), parts) for document in FORMS] + [case(inside, others)]
    ended = program([*cases, *refused.values()])
    assert ended[: len(cases)] == [Ended(f"{text}\n", "") for text in texts]
    for problem, answer in zip(refused, ended[len(cases) :], strict=True):
        assert problem in answer.problem
        assert not answer.text


@pytest.mark.parametrize("program", ["in_node", "in_go"], indirect=True)
def test_the_programs_conform(program):
    folder = Path(__file__).parents[2] / "docs" / "conformance"
    releases = json.loads((folder / "releases.json").read_text())
    # The programs print the text, and use neither values nor names.
    refusals = [
        it for it in json.loads((folder / "refusals.json").read_text()) if it["of"] == "text"
    ]
    cases = [*releases, *refusals]
    answers = program([case(it["document"], it["parts"]) for it in cases])
    for it, ended in zip(cases, answers, strict=True):
        if it in releases:
            assert ended == (f"{it['config']}\n", ""), it["name"]
        else:
            assert ended.problem, it["name"]
