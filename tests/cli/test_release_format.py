"""docs/release-format.md says what the code does."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model_config.format import release
from model_config.format.rollout import Moved
from model_config.format.rollout_document import read_rollout

TEXT = (Path(__file__).parent.parent.parent / "docs" / "release-format.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


PLAIN, PACKED, IN_PARTS, PARTS, ROLLOUT = blocks("json")


def read(document: str) -> release.Release:
    parts = json.loads(PARTS)
    return release.read_release(
        document, "/ai/prod/support_chat", lambda names: {name: parts[name] for name in names}
    )


def test_the_three_forms_are_the_same_release():
    content = read(PLAIN)
    assert content.config["prompts"] == {"system": "You help {{name}}. Réponds en français."}
    assert content.secrets == {"api_key": "/ai/prod/support_chat/secrets/api_key"}
    assert read(PACKED) == read(IN_PARTS) == content
    assert "data" in json.loads(PACKED)
    assert release.part_names(IN_PARTS) == list(json.loads(PARTS))


def test_the_plain_form_is_what_the_deploy_writes():
    name = "/ai/prod/support_chat/release"
    assert release.write_release(read(PLAIN), name).document == PLAIN.strip()
    assert all(part.startswith(f"{name}/parts/") for part in json.loads(PARTS))


def test_the_rollout_is_one_that_can_be_read():
    document = read_rollout(ROLLOUT)
    assert document.moved == Moved("stable", 7, 6, "shorter answers", held=False)
    assert document.rollout is not None
    assert [step.percent for step in document.rollout.steps] == [5, 100]


def test_the_canonical_text_has_the_digest():
    (canonical,) = blocks("text")
    assert release.digest_of(json.loads(canonical)) == read(PLAIN).digest
    assert release.rfc8785.dumps(read(PLAIN).config).decode() == canonical.strip()


def test_the_figures_are_the_codes():
    assert f"{release.RELEASE_BYTES:,} bytes of an Advanced parameter" in TEXT
    assert f"at most {release.MAX_RELEASE_PARTS} parameters" in TEXT
    assert f"{release.MAX_UNPACKED_BYTES:,}" in TEXT
    assert f"`format` {release.FORMAT}." in TEXT


def test_every_field_is_described():
    fields = set(json.loads(PLAIN)) | set(json.loads(PACKED)) | set(json.loads(IN_PARTS))
    assert (
        set(re.findall(r"^\| `(\w+)` \| (?:number|string|object|list)", TEXT, re.MULTILINE))
        == fields
    )


STUB = """#!{python}
import json, sys
wanted = sys.argv[1:]
assert wanted[:3] == ["ssm", "get-parameter", "--name"], wanted
assert wanted[4:] == ["--with-decryption", "--query", "Parameter.Value", "--output", "text"]
print(json.load(open({values!r}))[wanted[3]])
"""


@pytest.mark.skipif(not shutil.which("jq"), reason="needs jq on PATH")
@pytest.mark.parametrize("document", [PLAIN, PACKED, IN_PARTS])
def test_the_shell_script_reads_every_form(document, tmp_path):
    values = tmp_path / "values.json"
    stored = {"/ai/prod/support_chat/release:stable": document.strip(), **json.loads(PARTS)}
    values.write_text(json.dumps(stored))
    aws = tmp_path / "aws"
    aws.write_text(STUB.format(python=sys.executable, values=str(values)))
    aws.chmod(0o755)
    (script,) = blocks("sh")
    ended = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == read(PLAIN).config
