"""A stack's file is read as Pulumi's engine reads it, and a broken one is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.project import Project
from model_config.plan.stack_config import StackConfig
from model_config.plan.stack_file import read_stack_file


@pytest.fixture
def usual_recursion_limit() -> Iterator[None]:
    """Hypothesis raises the limit while its tests run, and leaves it raised."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(raised)


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
    "n: 1e20": "100000000000000000000",
    "n: 1e21": "1e+21",
    "n: 12345678901234567890123": "1.2345678901234568e+22",
    "n: 9007199254740993": "9007199254740993",
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


def test_a_key_without_a_namespace_belongs_to_the_project_whatever_its_name(project: Path) -> None:
    # As Pulumi 3.260 does: `pulumi config set prefix /x` writes my-models:prefix.
    (project / "Pulumi.yaml").write_text("name: my-models\nruntime: python\n")
    config = read(project, "config:\n  prefix: /x\n")
    assert (config.project, config.own()) == ("my-models", {})
    assert config.values == {"my-models:prefix": "/x"}


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


def repeated(project: Path, content: str) -> list[tuple[str, int | None, str]]:
    findings = read(project, content).findings
    return [(finding.where, finding.line, finding.problem) for finding in findings]


def test_a_key_that_is_there_twice_is_found_with_both_lines_at_every_depth(project: Path) -> None:
    # As Pulumi 3.260 does, which then refuses to read the file at all.
    found = repeated(
        project,
        """config:
  aws:region: eu-west-1
  model-config:overrides:
    chat:
      limits: {max_retries: 1}
      generation:
        temperature: 1
        temperature: 2
      limits:
        list: [{a: 1, a: 1}]
  aws:region: eu-west-2
encryptionsalt: x
encryptionsalt: y
""",
    )
    assert sorted(found, key=lambda each: each[1] or 0) == [
        (
            "model-config:overrides.chat.generation.temperature",
            8,
            "it is set twice: here and in line 7",
        ),
        ("model-config:overrides.chat.limits", 9, "it is set twice: here and in line 5"),
        ("model-config:overrides.chat.limits.list.0.a", 10, "it is set twice: here and in line 10"),
        ("aws:region", 11, "it is set twice: here and in line 2"),
        ("encryptionsalt", 13, "it is set twice: here and in line 12"),
    ]


def test_a_key_in_two_spellings_is_there_twice(project: Path) -> None:
    content = "config:\n  prefix: /a\n  model-config:prefix: /b\n"
    problem = "it is set twice: here and in line 2"
    assert repeated(project, content) == [("model-config:prefix", 3, problem)]


def test_an_anchor_that_is_used_twice_is_no_repetition(project: Path) -> None:
    content = "config:\n  a: &m {x: 1}\n  b: *m\n  c:\n    <<: *m\n    x: 2\n"
    assert repeated(project, content) == []


@pytest.mark.parametrize("key", ["confg", "Config", "configs"])
def test_a_misspelled_config_is_found(project: Path, key: str) -> None:
    # Pulumi 3.260 passes over a key that it doesn't know, and so deploys without any setting.
    (found,) = repeated(project, f"encryptionsalt: x\n{key}:\n  model-config:prefix: /x\n")
    assert found == (key, 2, "Pulumi ignores this key")


def test_pulumis_own_keys_are_no_misspellings(project: Path) -> None:
    keys = ("secretsprovider", "encryptedkey", "encryptionsalt", "environment", "x-shared")
    assert repeated(project, "".join(f"{key}: x\n" for key in keys)) == []


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "config:\n", "secretsprovider: awskms://k\n"]
)
def test_a_file_that_sets_nothing_is_in_order(project: Path, content: str) -> None:
    assert read(project, content) == StackConfig("dev", {})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("config:\n  a: [1", "it is not valid YAML in line 2"),
        ("config:\n\ta: 1", "it is not valid YAML in line 2: found character '\\t'"),
        ("config: *a", "it is not valid YAML in line 1: found undefined alias"),
        ("config: !!python/name:os.system x", "in line 1: could not determine"),
        ("a: 1\n---\nb: 2", "it is not valid YAML in line 2: but found another document"),
        ("config: {x: \0}", "it is not valid YAML"),
        ("- a list", "it is not a map that has a `config` map"),
        ("just text", "it is not a map that has a `config` map"),
        ("config: [1]", "it is not a map that has a `config` map"),
        ("config: &c\n  a: *c", "it refers to itself"),
        ("config:\n  a: &l [1, *l]", "it refers to itself"),
        ("config:\n  a: " + "[" * 1_000 + "]" * 1_000, "nested too deeply"),
        ("config:\n  a: 0x_", "it can't be read: invalid literal for int"),
        (b"config:\n  a: \xff\n", "it can't be read: 'utf-8' codec"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "latin-1",
)  # fmt: skip
@pytest.mark.usefixtures("usual_recursion_limit")
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


def test_a_file_with_the_wrong_ending_is_refused_with_the_right_one(project: Path) -> None:
    # Pulumi.yaml's ending is that of the stack files: Pulumi 3.260 doesn't read this one.
    (project / "Pulumi.staging.yml").write_text("config:\n")
    assert Project(project).stack_names() == ["staging"]
    with pytest.raises(InvalidConfigurationError) as refusal:
        read_stack_file(Project(project), "staging")
    (finding,) = refusal.value.findings
    assert finding.where == "Pulumi.staging.yml"
    assert finding.fix == "mv Pulumi.staging.yml Pulumi.staging.yaml"


def test_a_project_without_any_stack_says_so(project: Path) -> None:
    with pytest.raises(InvalidConfigurationError, match="stacks with a file: none"):
        read_stack_file(Project(project), "dev")


def test_a_folder_in_the_files_place_is_refused(project: Path) -> None:
    (project / "Pulumi.dev.yaml").mkdir()
    with pytest.raises(InvalidConfigurationError, match=r"it can't be read: .*Is a directory"):
        read_stack_file(Project(project), "dev")
