"""Finds the file and line of a finding, for editors and reviews to show."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from model_config.format.errors import Finding
from model_config.plan.project import Project
from model_config.plan.stack_file import items_of

_KEY = re.compile(r"[\w.-]+:[\w.-]+")


def located(finding: Finding, project: Project) -> Finding:
    """Return the finding with its file, relative to the project, and its line if known."""
    if finding.file and finding.file.endswith(".yaml"):
        line = finding.line or _line_in_stack_file(project.root / finding.file, finding)
        return replace(finding, line=line)
    module = project.module(re.split("[/,]", finding.where)[0])
    if not module.is_file():
        return finding
    line = finding.line or _line_in_module(module, finding.where)
    return replace(finding, file=module.relative_to(project.root).as_posix(), line=line)


def _line_in_stack_file(file: Path, finding: Finding) -> int | None:
    """Return the line of the setting that the finding names, or of its nearest parent."""
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    names = _KEY.findall(f"{finding.where} {finding.problem}")
    config, _ = _entry(root, "config")
    for name in names:
        segments = name.split(".")
        for count in range(len(segments), 0, -1):  # a key may have dots of its own
            key = ".".join(segments[:count])
            for spelling in (key, key.partition(":")[2]):
                if (found := _entry(config, spelling))[1]:
                    return _deepest(*found, segments[count:])
    return None


def _deepest(node: yaml.Node | None, line: int | None, path: Iterable[str]) -> int | None:
    for name in path:
        node, below = _entry(node, name)
        if below is None:
            break
        line = below
    return line


def _entry(node: yaml.Node | None, name: str) -> tuple[yaml.Node | None, int | None]:
    """Return an entry of a map or list, and the line that it begins in."""
    entries = ((value, line) for each, line, value in items_of(node) if each == name)
    return next(entries, (None, None))


def _line_in_module(module: Path, where: str) -> int:
    """Return the line that gives the field its value, or that of its nearest parent, or 1."""
    try:
        tree = ast.parse(module.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return 1
    for statement in tree.body:
        names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
        if isinstance(statement, ast.Assign | ast.AnnAssign) and "MODEL" in names:
            return _line_of_argument(statement.value, statement.lineno, where.split("/")[1:])
    return 1


def _line_of_argument(node: ast.expr | None, line: int, path: Sequence[str]) -> int:
    for name in path:
        given = node.keywords if isinstance(node, ast.Call) else []
        argument = next((each for each in given if each.arg == name), None)
        if argument is None:
            break
        node, line = argument.value, argument.lineno
    return line
