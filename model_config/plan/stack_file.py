"""Reads `Pulumi.<stack>.yaml` as Pulumi's engine does, for commands that run without it."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.format.text import closest
from model_config.plan.project import NAMESPACE, Project, StackConfig
from model_config.plan.settings import SETTING_KEYS

# The top-level keys that Pulumi 3.260 reads. It ignores all others.
_TOP = ("config", "secretsprovider", "encryptedkey", "encryptionsalt", "environment")
_TAG = "tag:yaml.org,2002:"
# Tags that yaml.v3 and PyYAML read differently if they are written out.
_TAGS = {"binary", "bool", "float", "int", "null", "omap", "pairs", "set", "timestamp"}

# The path of a value, "namespace:key.key", its key, or itself in a list, and the value.
_Entry: TypeAlias = tuple[str, yaml.Node, yaml.Node]


class _Loader(yaml.SafeLoader):
    """Reads plain scalars as Pulumi's engine does (observed with 3.260, which uses yaml.v3)."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        kind = (getattr(event, "tag", None) or "").removeprefix(_TAG)
        if kind in _TAGS:
            problem = f"the tag !!{kind} is not supported: write the value without it"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)

    def scan_plain(self) -> yaml.ScalarToken:
        token = super().scan_plain()
        # `[User:, Bot:]` is two texts: yaml.v3 ends one at a colon only before a space.
        is_cut = token.end_mark.index == self.index and self.peek() == ":"
        if self.flow_level and is_cut and self.peek(1) in ",[]{}":
            self.forward()
            token.value, token.end_mark = f"{token.value}:", self.get_mark()
        return token

    def integer(self, node: yaml.ScalarNode) -> float:
        text = node.value.replace("_", "")
        value = int(text, 8 if re.fullmatch("[-+]?0[0-7]+", text) else 0)
        return value if -(2**63) <= value < 2**64 else float(value)  # more than 64 bits

    def date(self, node: yaml.ScalarNode) -> str:
        try:  # as the engine prints it, though rarely what the user meant
            return f"{self.construct_yaml_timestamp(node):%Y-%m-%d %H:%M:%S} +0000 UTC"
        except ValueError:  # not a day of the calendar
            return str(node.value)


def _as_yaml_v3(loader: type[_Loader]) -> None:
    # PyYAML implements YAML 1.1, where `no` is a boolean, `12:30` a number and `1e3` text.
    binary, octal = "0[bB]_*[01][01_]*", "0[oO]?_*[0-7][0-7_]*"
    hexadecimal = "0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*"
    decimal = r"\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*"
    sign = "([-+]_*)?"
    special = "inf|Inf|INF|nan|NaN|NAN"
    day, time = r"\d{4}-\d\d?-\d\d?", r"\d\d?:\d\d?:\d\d?(\.\d+)?"
    forms = {
        "bool": ("true|True|TRUE|false|False|FALSE", "tTfF"),
        "int": (rf"{sign}({binary}|{octal}|{hexadecimal}|0|[1-9][\d_]*)", "-+0123456789"),
        "float": (rf"{sign}(({decimal})([eE]_*{sign}\d[\d_]*)?|\.({special}))", "-+.0123456789"),
        "timestamp": (rf"{day}([Tt]{time}(Z|[-+]\d\d:\d\d)| {time})?", "0123456789"),
    }
    kept = {f"{_TAG}merge", f"{_TAG}null"}
    loader.yaml_implicit_resolvers = {
        first: [resolver for resolver in resolvers if resolver[0] in kept]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for kind, (form, first) in forms.items():
        pattern = re.compile(f"^({form})$", re.ASCII)
        loader.add_implicit_resolver(f"{_TAG}{kind}", pattern, list(first))
    loader.add_constructor(f"{_TAG}int", loader.integer)
    loader.add_constructor(f"{_TAG}timestamp", loader.date)


_as_yaml_v3(_Loader)


def read_stack_file(project: Project, stack: str) -> StackConfig:
    """Return a stack's configuration, without the values of secrets, which are encrypted.

    Problems with single keys are among its findings; a file that is none, or isn't there, raises
    InvalidConfigurationError.
    """
    file, fix = project.stack_file(stack), "correct the file"
    try:
        return _read(file.read_text(encoding="utf-8"), stack, project.name)
    except FileNotFoundError:
        if findings := list(check_ending(project, stack)):
            raise InvalidConfigurationError(findings) from None
        known = ", ".join(project.stack_names()) or "none"
        problem, fix = "there is no such file", f"stacks with a file: {known}"
    except (OSError, ValueError) as error:
        problem, fix = f"it can't be read: {error}", "make it readable"
    except yaml.YAMLError as error:
        about = getattr(error, "problem", None) or "unreadable"
        problem = f"it is not valid YAML{line_of(error)}: {about}"
    except AttributeError:
        problem = "it is not a map that has a `config` map"
    except RecursionError:
        problem = "it refers to itself, or is nested too deeply"
    raise InvalidConfigurationError([Finding(file.name, problem, fix, file=file.name)])


def line_of(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" in line {mark.line + 1}" if mark else ""


def check_ending(project: Project, stack: str) -> Iterator[Finding]:
    """Yield the .yml of a stack: Pulumi takes the ending of Pulumi.yaml for stack files too."""
    right = project.stack_file(stack)
    wrong = right.with_suffix(".yml")
    if wrong.is_file():
        problem = "Pulumi ignores it: next to Pulumi.yaml, a stack's file must end in .yaml"
        move = f"mv {wrong.name} {right.name}"
        fix = f"move its content to {right.name}, and delete it" if right.exists() else move
        yield Finding(wrong.name, problem, fix, file=wrong.name)


def as_written(config: StackConfig, project: Project) -> StackConfig:
    """Return the engine's configuration with the order and numbers of the stack's file.

    The engine hands objects through Go's maps, which sort keys, and through JSON, which turns 2.0
    into 2. Both count in an override. Keys that the file doesn't have, such as those of a Pulumi
    ESC environment, come after the file's, sorted. The file's findings come with it.
    """
    try:
        file = read_stack_file(project, config.stack)
    except InvalidConfigurationError as error:
        # Without a file, the engine has all its values from elsewhere.
        is_broken = project.stack_file(config.stack).exists()
        findings = error.findings if is_broken else ()
        file = StackConfig(config.stack, {}, findings=findings)
    key, values = f"{NAMESPACE}:overrides", dict(config.values)
    with suppress(KeyError, ValueError, RecursionError):  # none, or a setting with a finding
        written = json.loads(file.values.get(key) or "null")
        values[key] = json.dumps(_as_written(json.loads(values[key]), written))
    return replace(config, values=values, findings=file.findings)


def _as_written(value: Any, written: Any) -> Any:
    if isinstance(value, dict):
        known = written if isinstance(written, dict) else {}
        names = [*(name for name in known if name in value), *sorted(value.keys() - known.keys())]
        return {name: _as_written(value[name], known.get(name)) for name in names}
    if isinstance(value, list):
        items = written if isinstance(written, list) and len(written) == len(value) else value
        return [_as_written(*pair) for pair in zip(value, items, strict=True)]
    if isinstance(value, str) and isinstance(written, str):
        # The engine writes YAML and reads it again, where a text loses the line end it begins with.
        return written if value == re.sub(r"\A[\n\x85\u2028\u2029]", "", written) else value
    # Of a large float, the engine writes 17 digits and zeros.
    is_large = isinstance(value, int) and isinstance(written, float)
    same = value == written or (is_large and float(value) == written)
    same &= not isinstance(value, bool) and not isinstance(written, bool)
    return written if same else value


@lru_cache
def _read(text: str, stack: str, project: str) -> StackConfig:
    loader = _Loader(text)
    root = loader.get_single_node()
    problems = _check_entries(root, project, loader)
    findings = tuple(problem._replace(file=f"Pulumi.{stack}.yaml") for problem in problems)
    content = (loader.construct_document(root) if root else None) or {}
    given = content.get("config") or {}
    values = {_full_key(key, project): value for key, value in given.items()}
    secret_keys = frozenset(key for key, value in values.items() if _holds_secret(value))
    texts = {key: _as_text(value) for key, value in values.items() if key not in secret_keys}
    return StackConfig(stack, texts, secret_keys, project, findings)


def _full_key(key: object, project: str) -> str:
    return str(key) if ":" in str(key) else f"{project}:{key}"


def line_in(project: Project, finding: Finding) -> int | None:
    """Return the line of the setting that a finding names, or of its nearest parent."""
    entries = _entries(project, project.root / str(finding.file))
    lines = {where: _line(key) for where, key, _ in reversed(entries)}
    for name in re.findall(r"[\w.-]+:[\w.-]+", f"{finding.where} {finding.problem}"):
        above = accumulate(name.split("."), "{}.{}".format)
        if known := [lines[where] for where in above if where in lines]:
            return known[-1]
    return None


def override_lines(project: Project, stack: str) -> dict[str, int]:
    """Return the line of each value that a stack's file overrides, by "model/path/of/value"."""
    start = f"{NAMESPACE}:overrides."
    return {
        where.removeprefix(start).replace(".", "/"): _line(key)
        # What is merged comes after what is written in its place.
        for where, key, value in reversed(_entries(project, project.stack_file(stack)))
        if where.startswith(start) and not isinstance(value, yaml.MappingNode)
    }


def _entries(project: Project, file: Path) -> list[_Entry]:
    try:
        root = _Loader(file.read_text(encoding="utf-8")).get_single_node()
        return [entry for _, entries in _nodes(root, project.name) for entry in entries]
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return []


def _nodes(root: yaml.Node | None, project: str) -> Iterator[tuple[str, list[_Entry]]]:
    # The path of every map and list, and its entries.
    seen, waiting = set(), [("", root)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:  # an alias of an anchor that was visited
            continue
        seen.add(id(node))
        items: list[_Entry] = []
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.tag != f"{_TAG}merge":
                    items.append((str(key.value), key, value))
                else:
                    merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
                    waiting += [(path, each) for each in merged]
        elif isinstance(node, yaml.SequenceNode):
            items = [(str(number), item, item) for number, item in enumerate(node.value)]
        entries = []
        for name, key, value in items:
            where = _full_key(name, project) if path == "config" else f"{path}.{name}".lstrip(".")
            entries.append((where, key, value))
            waiting.append((where, value))
        yield path, entries


def _check_entries(root: yaml.Node | None, project: str, loader: _Loader) -> Iterator[Finding]:
    for path, entries in _nodes(root, project):
        lines: dict[str, int] = {}
        for where, key, value in entries:
            line = _line(key)
            if not path and where not in _TOP and closest(where, ["config"]):
                yield Finding(where, "Pulumi ignores this key", 'did you mean "config"?', line=line)
            if where in lines:
                problem = f"it is set twice: here and in line {lines[where]}"
                fix = "keep one of the two: Pulumi refuses the file"
                yield Finding(where, problem, fix, line=line)
            lines.setdefault(where, line)
            namespace, _, name = where.partition(":")
            setting, _, below = name.partition(".")
            if namespace != NAMESPACE or setting not in SETTING_KEYS:
                continue
            changed = []
            if below and key is not value and isinstance(key, yaml.ScalarNode):
                changed.append((key, _as_text(loader.construct_object(key)) or "<nil>"))
            if isinstance(value, yaml.ScalarNode):
                changed.append((value, _as_value(value, loader, is_setting=not below)))
            for scalar, text in changed:
                if text != scalar.value:
                    problem = f"without quotation marks, YAML reads {scalar.value} as {text}"
                    fix = f'put it in quotation marks: "{scalar.value}"'
                    yield Finding(where, problem, fix, line=_line(scalar))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _as_value(node: yaml.ScalarNode, loader: _Loader, *, is_setting: bool) -> str:
    # A number in a text field is a finding of the field's class. A whole setting is text.
    kind = node.tag.removeprefix(_TAG)
    if kind not in {"timestamp", "int", "float"}:
        return str(node.value)
    value = loader.construct_object(node)
    if kind == "int" and isinstance(value, float):
        return f"{value}: it has more than 64 bits"
    # An octal number may be an id; and JSON, and so the engine, can hold no infinite one.
    is_octal = re.fullmatch("[-+]?0[0-9_]+", node.value)
    is_other = kind == "timestamp" or is_octal or not math.isfinite(value)
    return _as_text(value) if is_other or is_setting else str(node.value)


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    # Go writes a whole number without a fraction, and from 1e21 on with an exponent.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:  # noqa: PLR2004
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)
