"""A stack's file is read as Pulumi's engine reads it, and a broken one is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.project import Project
from model_config.plan.settings import StackConfig
from model_config.plan.stack_file import read_stack_file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def read(project: Path, content: str | bytes, stack: str = "dev") -> StackConfig:
    data = content.encode() if isinstance(content, str) else content
    (project / f"Pulumi.{stack}.yaml").write_bytes(data)
    return read_stack_file(Project(project), stack)


# What `pulumi config --json` of Pulumi 3.260 printed for these very lines.
ENGINE = {
    "prefix: /ai": "/ai",
    "protect: true": "true",
    "protect: False": "false",
    "protect: yes": "yes",
    "protect: off": "off",
    "keyDeletionWindowDays: 7": "7",
    'keyDeletionWindowDays: "7"': "7",
    "n: 0.2": "0.2",
    "n: 1.0": "1",
    "n: 1e3": "1000",
    "n: 0777": "511",
    "n: 0o777": "511",
    "t: 12:30:00": "12:30:00",
    "d: 2024-01-01": "2024-01-01 00:00:00 +0000 UTC",
    "d: 2024-01-01T10:00:00Z": "2024-01-01 10:00:00 +0000 UTC",
    "nothing:": "",
    "nothing: null": "",
}


@pytest.mark.parametrize(("line", "text"), ENGINE.items(), ids=list(ENGINE))
def test_a_value_is_the_text_that_the_engine_hands_over(
    project: Path, line: str, text: str
) -> None:
    config = read(project, f"config:\n  model-config:{line}\n")
    assert list(config.values.values()) == [text]
    assert config.secret_keys == frozenset()


def test_lists_and_maps_are_json_of_what_the_engine_makes_of_their_items(project: Path) -> None:
    config = read(project, "config: {o: {5: a, true: b, x: [1.0, no, 2024-01-01, null, 1e3]}}")
    assert json.loads(config.own()["o"]) == {
        "5": "a",
        "true": "b",
        "x": [1, "no", "2024-01-01 00:00:00 +0000 UTC", None, 1000],
    }


def test_a_day_that_does_not_exist_is_a_text(project: Path) -> None:
    config = read(project, "config:\n  model-config:d: 2024-02-30")
    assert config.values == {"model-config:d": "2024-02-30"}


def test_a_key_without_a_namespace_is_the_projects_own(project: Path) -> None:
    config = read(project, "config:\n  prefix: /x\n  aws:region: eu-west-1\n")
    assert config.values == {"model-config:prefix": "/x", "aws:region": "eu-west-1"}
    assert config.own() == {"prefix": "/x"}
    assert config.region == "eu-west-1"
    assert config.file == "Pulumi.dev.yaml"


def test_secrets_are_keys_without_a_value_however_deep_they_stand(project: Path) -> None:
    config = read(
        project,
        """
encryptionsalt: v1:abc=
config:
  chatKey:
    secure: v1:encrypted
  model-config:overrides:
    chat:
      list: [{secure: v1:encrypted}]
  model-config:tags:
    secure: plain
    other: 1
""",
    )
    assert config.own_secret_keys() == {"chatKey", "overrides"}
    assert config.own() == {"tags": '{"secure": "plain", "other": 1}'}


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "config:\n", "secretsprovider: awskms://k\n"]
)
def test_a_file_that_sets_nothing_is_in_order(project: Path, content: str) -> None:
    assert read(project, content) == StackConfig("dev", {})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("config:\n  a: [1", "it is no YAML in line 2"),
        ("config:\n\ta: 1", "it is no YAML in line 2: found character '\\t'"),
        ("config: *a", "it is no YAML in line 1: found undefined alias"),
        ("config: !!python/name:os.system x", "it is no YAML in line 1: could not determine"),
        ("a: 1\n---\nb: 2", "it is no YAML in line 2: but found another document"),
        ("config: {x: \0}", "it is no YAML"),
        ("- a list", "it is no map with a `config` map"),
        ("just text", "it is no map with a `config` map"),
        ("config: [1]", "it is no map with a `config` map"),
        ("config: &c\n  a: *c", "it refers to itself"),
        ("config:\n  a: &l [1, *l]", "it refers to itself"),
        ("config:\n  a: " + "[" * 2_000 + "]" * 2_000, "nested too deeply"),
        ("config:\n  a: 0x_", "it can't be read: invalid literal for int"),
        (b"config:\n  a: \xff\n", "it can't be read: 'utf-8' codec"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "latin-1",
)  # fmt: skip
def test_a_broken_file_is_refused_with_what_is_wrong(
    project: Path, content: str | bytes, problem: str
) -> None:
    with pytest.raises(InvalidConfigurationError) as refusal:
        read(project, content)
    (finding,) = refusal.value.findings
    assert finding.where == "Pulumi.dev.yaml"
    assert problem in finding.problem


def test_a_missing_file_is_refused_with_the_stacks_there_are(project: Path) -> None:
    for stack in ("prod", "eu.dev"):
        read(project, "config:\n", stack)
    (project / "Pulumi.yaml").touch()
    with pytest.raises(InvalidConfigurationError, match=r"stacks with a file: eu\.dev, prod$"):
        read_stack_file(Project(project), "dve")


def test_a_project_without_any_stack_says_so(project: Path) -> None:
    with pytest.raises(InvalidConfigurationError, match="stacks with a file: none"):
        read_stack_file(Project(project), "dev")


def test_a_folder_in_the_files_place_is_refused(project: Path) -> None:
    (project / "Pulumi.dev.yaml").mkdir()
    with pytest.raises(InvalidConfigurationError, match=r"it can't be read: .*Is a directory"):
        read_stack_file(Project(project), "dev")
