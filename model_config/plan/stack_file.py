"""Reads `Pulumi.<stack>.yaml` as Pulumi's engine does, for commands that run without it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.plan.messages import closest
from model_config.plan.project import Project
from model_config.plan.stack_config import StackConfig

_Item: TypeAlias = tuple[str, int, yaml.Node]  # name, line and value

# The top-level keys that Pulumi 3.260 reads. It ignores all others.
_TOP = ("config", "secretsprovider", "encryptedkey", "encryptionsalt", "environment")
# From these numbers on, Go writes a float with an exponent, and reads an integer as a float.
_EXPONENT, _INTEGERS = 1e21, 2**64
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Reads plain scalars as Pulumi's engine does (observed with 3.260, which uses yaml.v3)."""

    def number(self, node: yaml.ScalarNode) -> float:
        """Return 1.0 as 1, because the engine passes numbers on as JSON."""
        value = float(self.construct_yaml_float(node))
        return int(value) if value.is_integer() and abs(value) < _EXPONENT else value

    def integer(self, node: yaml.ScalarNode) -> float:
        """Return an integer of more than 64 bits as a float."""
        value = self.construct_yaml_int(node)
        return value if abs(value) < _INTEGERS else float(value)

    def date(self, node: yaml.ScalarNode) -> str:
        """Return a date as the engine prints it, though rarely what the user meant."""
        try:
            return f"{self.construct_yaml_timestamp(node):%Y-%m-%d %H:%M:%S} +0000 UTC"
        except ValueError:  # not a day of the calendar
            return str(node.value)


def _resolve_scalars_as_yaml_1_2() -> None:
    # PyYAML implements YAML 1.1, where `no` is a boolean, `12:30` a number and `1e3` text.
    forms = {
        "bool": ("true|True|TRUE|false|False|FALSE", "tTfF"),
        "int": (r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|[1-9][0-9_]*|0)", "-+0123456789"),
        "float": (
            r"[-+]?((\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF|nan|NaN|NAN))",
            "-+.0123456789",
        ),
    }
    tags = {f"tag:yaml.org,2002:{name}": form for name, form in forms.items()}
    _Loader.yaml_implicit_resolvers = {
        first: [each for each in resolvers if each[0] not in tags]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for tag, (form, first) in tags.items():
        _Loader.add_implicit_resolver(tag, re.compile(f"^({form})$"), list(first))
    _Loader.add_constructor("tag:yaml.org,2002:int", _Loader.integer)
    _Loader.add_constructor("tag:yaml.org,2002:float", _Loader.number)
    _Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.date)


_resolve_scalars_as_yaml_1_2()


def read_stack_file(project: Project, stack: str) -> StackConfig:
    """Return a stack's configuration, without the values of secrets, which are encrypted.

    Problems with single keys are among its findings.

    Raises:
        InvalidConfigurationError: the file doesn't exist, or is not a stack file.
    """
    file = project.stack_file(stack)
    try:
        return _read(file.read_text(encoding="utf-8"), stack, project.name)
    except FileNotFoundError:
        if findings := list(check_ending(project, stack)):
            raise InvalidConfigurationError(findings) from None
        known = ", ".join(project.stack_names()) or "none"
        fix = f"stacks with a file: {known}"
        raise _refusal(file, "there is no such file", fix) from None
    except (OSError, ValueError) as error:
        raise _refusal(file, f"it can't be read: {error}", "make it readable") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        problem = f"it is not valid YAML{where}: {getattr(error, 'problem', None) or 'unreadable'}"
        raise _refusal(file, problem, "correct the file") from None
    except AttributeError:
        problem = "it is not a map that has a `config` map"
        raise _refusal(file, problem, "correct the file") from None
    except RecursionError:
        problem = "it refers to itself, or is nested too deeply"
        raise _refusal(file, problem, "correct the file") from None


def check_ending(project: Project, stack: str) -> Iterator[Finding]:
    """Yield a stack's file that Pulumi ignores because of its extension."""
    if wrong := project.unread_stack_file(stack):
        right = project.stack_file(stack)
        move = f"mv {wrong.name} {right.name}"
        yield Finding(
            wrong.name,
            "Pulumi ignores it: next to Pulumi.yaml, a stack's file must end in .yaml",
            f"move its content to {right.name}, and delete it" if right.exists() else move,
            file=wrong.name,
        )


def _read(text: str, stack: str, project: str) -> StackConfig:
    loader = _Loader(text)
    root = loader.get_single_node()
    file = f"Pulumi.{stack}.yaml"
    findings = (*_misspelled(root, file), *_repeated(root, project, file))
    content = (loader.construct_document(root) if root else None) or {}
    given = content.get("config") or {}
    values = {_full_key(key, project): value for key, value in given.items()}
    secret_keys = frozenset(key for key, value in values.items() if _holds_secret(value))
    texts = {key: _as_text(value) for key, value in values.items() if key not in secret_keys}
    return StackConfig(stack, texts, secret_keys, project, findings)


def _full_key(key: object, project: str) -> str:
    return str(key) if ":" in str(key) else f"{project}:{key}"


def _misspelled(root: yaml.Node | None, file: str) -> Iterator[Finding]:
    """Yield a key that looks like a misspelled `config`, with which all settings are ignored."""
    for name, line, _ in items_of(root):
        if name not in _TOP and closest(name, ["config"]):
            yield Finding(name, "Pulumi ignores this key", 'did you mean "config"?', "", file, line)


def _repeated(root: yaml.Node | None, project: str, file: str) -> list[Finding]:
    """Return every key that a map has twice, at any depth."""
    findings, seen, waiting = [], set(), [("", root)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:  # an alias of an anchor that was visited
            continue
        seen.add(id(node))
        lines: dict[str, int] = {}
        for name, line, value in items_of(node):
            where = _full_key(name, project) if path == "config" else f"{path}.{name}".lstrip(".")
            if where in lines:
                problem = f"it is set twice: here and in line {lines[where]}"
                fix = "keep one of the two: Pulumi refuses the file"
                findings.append(Finding(where, problem, fix, "", file, line))
            lines.setdefault(where, line)
            waiting.append((where, value))
    return findings


def items_of(node: yaml.Node | None) -> Iterator[_Item]:
    """Yield the entries of a map or list, each with the line that it begins in."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag != _MERGE:
                yield key.value, key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield str(number), item.start_mark.line + 1, item


def _holds_secret(value: Any) -> bool:
    """Return whether a value is, or contains at any depth, Pulumi's `secure:` form."""
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _refusal(file: Path, problem: str, fix: str) -> InvalidConfigurationError:
    return InvalidConfigurationError([Finding(file.name, problem, fix, file=file.name)])
