"""A stack's file is read as Pulumi's engine reads it, and a broken one is refused."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.project import Project, StackConfig
from model_config.plan.stack_file import as_written, override_lines, read_stack_file


@pytest.fixture
def low_recursion_limit() -> Iterator[None]:
    """Half the usual limit: the time that YAML takes grows with the square of the depth."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(500)
    yield
    sys.setrecursionlimit(usual)


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


def test_a_value_is_the_text_that_the_engine_hands_over(project: Path) -> None:
    for line, text in ENGINE.items():
        config = read(project, f"config:\n  model-config:{line}\n")
        assert list(config.values.values()) == [text], line
        assert config.secret_keys == frozenset()


# What Pulumi 3.260's own package made of these lines of an override.
OVERRIDES = {
    "yes": "yes",
    "on": "on",
    "True": True,
    "~": None,
    "12:30:45": "12:30:45",
    "inf": "inf",
    "=": "=",
    "1e3": 1000,
    "1.10": 1.1,
    "0o17": 15,
    "0X1F": 31,
    "-0b101": -5,
    "0x_": "0x_",
    "1_000": 1000,
    "1_000.5": 1000.5,
    "1e1_": 10,
    "+_1": 1,
    "_1": "_1",
    "2024-02-30": "2024-02-30",
    "2024-10-21T10:00:00": "2024-10-21T10:00:00",
    "2024-10-21 10:00:00Z": "2024-10-21 10:00:00Z",
    "18446744073709551615": 18446744073709551615,
    '"2024-10-21"': "2024-10-21",
    "User:, Bot:": ["User:", "Bot:"],
    "a: , b:c": [{"a": None}, "b:c"],
    "{t:}": {"t:": None},
}
CHANGED = {
    "2024-10-21": "2024-10-21 00:00:00 +0000 UTC",
    "2024-1-2": "2024-01-02 00:00:00 +0000 UTC",
    "2024-10-21 10:00:00": "2024-10-21 10:00:00 +0000 UTC",
    "2024-10-21T10:00:00Z": "2024-10-21 10:00:00 +0000 UTC",
    "007": "7",
    "017": "15",
    "012345678901": "12345678901",
    "18446744073709551616": "1.8446744073709552e+19: it has more than 64 bits",
    "-9223372036854775809": "-9.223372036854776e+18: it has more than 64 bits",
    ".inf": "Infinity",  # the engine refuses the file
    ".NaN": "NaN",
}


def test_a_value_that_keeps_its_meaning_is_no_finding(project: Path) -> None:
    for written, value in OVERRIDES.items():
        config = read(project, f"config:\n  model-config:overrides: {{a: {{b: [{written}]}}}}\n")
        values = value if isinstance(value, list) else [value]
        assert json.loads(config.own()["overrides"]) == {"a": {"b": values}}, written
        assert config.findings == (), written


def test_a_value_that_yaml_changes_needs_quotation_marks(project: Path) -> None:
    for written, text in CHANGED.items():
        content = f"config:\n  model-config:overrides:\n    a:\n      - b: {written}\n"
        (finding,) = read(project, content).findings
        place = (finding.where, finding.file, finding.line)
        assert place == ("model-config:overrides.a.0.b", "Pulumi.dev.yaml", 4)
        assert finding.problem == f"without quotation marks, YAML reads {written} as {text}"
        assert finding.fix == f'put it in quotation marks: "{written}"'
        quoted = content.replace(written, f'"{written}"')
        assert read(project, quoted).findings == (), written


def test_a_key_that_yaml_changes_needs_quotation_marks(project: Path) -> None:
    for key in ("2024-10-21", "1.10", "017", "0x1F", "1e3", "True", "~", "null"):
        content = f"config: {{model-config:overrides: {{a: {{{key}: 1}}}}}}"
        (finding,) = read(project, content).findings
        assert finding.where == f"model-config:overrides.a.{key}"
        content = f"config: {{model-config:overrides: {{a: {{'{key}': 1, 5: 1, no: 1}}}}}}"
        assert read(project, content).findings == (), key


@pytest.mark.parametrize("merge", ["<<: *m", "<<: [*m]", "<<: {b: 2024-10-21}"])
def test_a_value_that_is_merged_is_checked_too(project: Path, merge: str) -> None:
    content = "x-shared: &m {b: 2024-10-21}\nconfig:\n  model-config:overrides:\n    a:\n      "
    (finding,) = read(project, f"{content}{merge}\n").findings
    assert finding.where == "model-config:overrides.a.b"
    own = read(project, f"{content}b: 1\n      <<: {{c: 1}}\n      d: 1\n")
    assert own.findings == ()
    assert override_lines(Project(project), "dev") == {"a/b": 5, "a/c": 6, "a/d": 7}


def test_a_whole_setting_is_text_and_what_is_not_ours_is_left_alone(project: Path) -> None:
    for written, count in (("1.10", 1), ("2.0", 1), ("prod", 0), ("7", 0)):
        config = read(project, f"config:\n  model-config:environment: {written}\n")
        assert len(config.findings) == count, written
    content = "config:\n  other:on: 2024-10-21\n  model-config:key: 0123\nenvironment: [07]\n"
    assert read(project, content).findings == ()  # a secret in plain text has its own finding


# Order and numbers


def engine_config(overrides: object) -> StackConfig:
    """Return a configuration as the engine hands it over: keys sorted, 2.0 written as 2."""
    text = json.dumps(overrides, sort_keys=True)
    return StackConfig("dev", {"model-config:overrides": text})


def overrides_of(project: Path, config: StackConfig) -> str:
    return as_written(config, Project(project)).own()["overrides"]


def test_an_override_has_the_order_and_the_numbers_of_the_file(project: Path) -> None:
    config = read(
        project,
        "config:\n  model-config:overrides:\n    z: {b: 2.0, a: [{y: 1e3, x: 1}]}\n    m: -0.0\n",
    )
    written = '{"z": {"b": 2.0, "a": [{"y": 1000.0, "x": 1}]}, "m": -0.0}'
    assert overrides_of(project, config) == config.own()["overrides"] == written
    engine = engine_config({"z": {"a": [{"x": 1, "y": 1000}], "b": 2}, "m": 0})
    assert overrides_of(project, engine) == written


def test_a_large_float_of_the_file_stays_one(project: Path) -> None:
    # As Pulumi 3.260 hands it over: it is another integer, and the same float.
    read(project, "config: {model-config:overrides: {a: 1234567890123456780.0}}")
    engine = engine_config({"a": 1234567890123456800})
    assert overrides_of(project, engine) == '{"a": 1.2345678901234568e+18}'


def test_what_the_file_does_not_have_is_sorted_after_it(project: Path) -> None:
    read(project, "config: {model-config:overrides: {z: {b: 2.0, a: true}, y: [1.0, 2.0]}}")
    engine = engine_config({"c": {"k": 1, "j": 2}, "z": {"b": 3, "a": 1, "0": 1}, "y": [1]})
    assert overrides_of(project, engine) == (
        '{"z": {"b": 3, "a": 1, "0": 1}, "y": [1], "c": {"j": 2, "k": 1}}'
    )


def test_a_text_has_the_line_end_it_begins_with(project: Path) -> None:
    # "\n~\n" reaches the program of Pulumi 3.260 as "~\n".
    read(project, "config:\n  model-config:overrides:\n    a: |\n\n      ~\n    b: x\n")
    engine = engine_config({"a": "~\n", "b": "\nx"})
    assert overrides_of(project, engine) == json.dumps({"a": "\n~\n", "b": "\nx"})


def test_a_file_that_only_the_engine_can_read_is_refused(project: Path) -> None:
    # Otherwise a deploy would lose the order of its overrides.
    with pytest.raises(InvalidConfigurationError) as refused:
        read(project, "config:\n  model-config:overrides: {b: !mine x, a: 1}\n")
    config = as_written(engine_config({"a": 1, "b": "x"}), Project(project))
    assert config.findings == refused.value.findings != ()


def test_without_a_file_overrides_are_sorted(project: Path) -> None:
    engine = replace(engine_config({}), values={"model-config:overrides": '{"b": 1, "a": 2.0}'})
    assert overrides_of(project, engine) == '{"a": 2.0, "b": 1}'
    broken = replace(engine, values={"model-config:overrides": "no map"})
    assert as_written(broken, Project(project)).values == broken.values


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


@pytest.mark.parametrize("key", ["confg", "Config", "configs"])
def test_a_misspelled_config_is_found(project: Path, key: str) -> None:
    # Pulumi 3.260 passes over a key that it doesn't know, and so deploys without any setting.
    (found,) = repeated(project, f"encryptionsalt: x\n{key}:\n  model-config:prefix: /x\n")
    assert found == (key, 2, "Pulumi ignores this key")


def test_an_anchor_is_no_repetition_and_pulumis_own_keys_are_no_misspellings(project: Path) -> None:
    content = "config:\n  a: &m {x: 1}\n  b: *m\n  c:\n    <<: *m\n    x: 2\n"
    assert repeated(project, content) == []
    keys = ("secretsprovider", "encryptedkey", "encryptionsalt", "environment", "x-shared")
    assert repeated(project, "".join(f"{key}: x\n" for key in keys)) == []


def test_a_file_that_sets_nothing_is_in_order(project: Path) -> None:
    for content in ("", "# nothing\n", "config:\n", "secretsprovider: awskms://k\n"):
        assert read(project, content) == StackConfig("dev", {}), content


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
        ("config:\n  a: " + "[" * 300 + "]" * 300, "nested too deeply"),
        ("config:\n  a: !!int x", "in line 2: the tag !!int is not supported"),
        ("config:\n  a: [!!bool x]", "in line 2: the tag !!bool is not supported"),
        ("config:\n  ? !!binary\n  : 1", "in line 2: the tag !!binary is not supported"),
        (b"config:\n  a: \xff\n", "it can't be read: 'utf-8' codec"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "latin-1",
)  # fmt: skip
@pytest.mark.usefixtures("low_recursion_limit")
def test_a_broken_file_is_refused_with_what_is_wrong(project, content, problem):
    with pytest.raises(InvalidConfigurationError) as refusal:
        read(project, content)
    (finding,) = refusal.value.findings
    assert finding.where == "Pulumi.dev.yaml"
    assert problem in finding.problem


def refusal(project: Path, stack: str = "dev") -> tuple[str, str, str]:
    with pytest.raises(InvalidConfigurationError) as refused:
        read_stack_file(Project(project), stack)
    (finding,) = refused.value.findings
    return finding.where, finding.problem, finding.fix


def test_a_file_that_is_not_there_is_refused_with_those_there_are(project: Path) -> None:
    assert "stacks with a file: none" in " ".join(refusal(project))
    for stack in ("prod", "eu.dev"):
        read(project, "config:\n", stack)
    (project / "Pulumi.yaml").touch()
    assert "stacks with a file: eu.dev, prod" in " ".join(refusal(project, "dve"))
    (project / "Pulumi.dev.yaml").mkdir()
    assert re.match("it can't be read: .*Is a directory", refusal(project)[1])


def test_a_file_with_the_wrong_ending_is_refused_with_the_right_one(project: Path) -> None:
    # Pulumi.yaml's ending is that of the stack files: Pulumi 3.260 doesn't read this one.
    (project / "Pulumi.staging.yml").write_text("config:\n")
    assert Project(project).stack_names() == ["staging"]
    where, _, fix = refusal(project, "staging")
    assert (where, fix) == ("Pulumi.staging.yml", "mv Pulumi.staging.yml Pulumi.staging.yaml")
