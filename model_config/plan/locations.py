"""Finds the file and line of a finding, and what is wrong in a module that can't be run."""

from __future__ import annotations

import ast
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import FrameSummary

import yaml
from pydantic import ValidationError

from model_config import schema
from model_config.format.errors import Finding
from model_config.plan.messages import problems_of
from model_config.plan.project import Project
from model_config.plan.stack_file import items_of
from model_config.schema import Group

_KEY = re.compile(r"[\w.-]+:[\w.-]+")


def located(finding: Finding, project: Project) -> Finding:
    """Return the finding with its file, relative to the project, and its line if known."""
    if finding.file and finding.file.endswith(".yaml"):
        line = finding.line or _line_in_stack_file(project.root / finding.file, finding)
        return replace(finding, line=line)
    module = project.module(re.split("[/,]", finding.where)[0])
    if not module.is_file():
        return finding
    source = ModuleSource.read(module)
    start = source and source.model
    line = source.line(start, finding.where.split("/")[1:]) if source and start else 1
    line = finding.line or line
    return replace(finding, file=module.relative_to(project.root).as_posix(), line=line)


def _line_in_stack_file(file: Path, finding: Finding) -> int | None:
    """Return the line of the setting that the finding names, or of its nearest parent."""
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
    names = _KEY.findall(f"{finding.where} {finding.problem}")
    config, _ = _entry(root, "config")
    for name in names:
        segments = name.split(".")
        for count in range(len(segments), 0, -1):  # a key may have dots of its own
            key = ".".join(segments[:count])
            for spelling in (key, key.partition(":")[2]):
                node, line = _entry(config, spelling)
                if line is None:
                    continue
                for segment in segments[count:]:
                    node, below = _entry(node, segment)
                    if below is None:
                        break
                    line = below
                return line
    return None


def _entry(node: yaml.Node | None, name: str) -> tuple[yaml.Node | None, int | None]:
    """Return an entry of a map or list, and the line that it begins in."""
    return next(((value, line) for key, line, value in items_of(node) if key == name), (None, None))


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """The expressions of a module that give a model its values.

    Attributes:
        tree: the whole module.
        assigned: the expression of each name at the top of the module.
    """

    tree: ast.Module
    assigned: Mapping[str, ast.expr]
    _entries: dict[ast.expr, dict[str, tuple[int, ast.expr]]] = field(default_factory=dict)

    @classmethod
    def read(cls, module: Path) -> ModuleSource | None:
        """Return a module's source, or None if it isn't Python."""
        try:
            tree = ast.parse(module.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError, RecursionError):
            return None
        assigned: dict[str, ast.expr] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                assigned |= {name.id: node.value for name in targets if isinstance(name, ast.Name)}
        return cls(tree, assigned)

    @property
    def model(self) -> ast.expr | None:
        """The value of MODEL."""
        model = self.assigned.get("MODEL")
        return model and self._value(model)

    def call(self, frame: FrameSummary) -> ast.Call | None:
        """Return the call that a frame of a traceback is in."""
        place = (frame.lineno, frame.end_lineno, frame.colno, frame.end_colno)
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        return next(
            (
                node
                for node in calls
                if (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) == place
            ),
            None,
        )

    def path(self, wanted: ast.expr) -> tuple[str, ...] | None:
        """Return the path of an expression below MODEL, ("messages", "3"); None if it has none."""
        waiting: list[tuple[tuple[str, ...], ast.expr]] = [((), self.model)] if self.model else []
        seen: set[ast.expr] = set()
        while waiting:
            path, node = waiting.pop()
            if node is wanted:
                return path
            if node not in seen:
                seen.add(node)
                waiting += [
                    ((*path, name), value) for name, (_, value) in self._below(node).items()
                ]
        return None

    def line(self, node: ast.expr, path: Sequence[str]) -> int:
        """Return the line that gives the value at a path, or that of its nearest parent."""
        line = node.lineno
        for segment in path:
            if segment not in (below := self._below(node)):
                break
            line, node = below[segment]
        return line

    def _below(self, node: ast.expr) -> Mapping[str, tuple[int, ast.expr]]:
        """Return the line and value of an expression's arguments, items or entries, by name."""
        if node not in self._entries:
            self._entries[node] = {
                name: (place.lineno, self._value(value)) for name, place, value in _entries(node)
            }
        return self._entries[node]

    def _value(self, node: ast.expr) -> ast.expr:
        """Return what is assigned to a name of the module, or the expression itself."""
        followed: set[str] = set()
        while isinstance(node, ast.Name) and node.id in self.assigned and node.id not in followed:
            followed.add(node.id)
            node = self.assigned[node.id]
        return node


def _entries(node: ast.expr) -> Iterator[tuple[str, ast.expr | ast.keyword, ast.expr]]:
    match node:
        case ast.Call(keywords=keywords):
            yield from ((given.arg, given, given.value) for given in keywords if given.arg)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), key, value
        case ast.List(elts=items):
            for number, item in enumerate(items):
                if isinstance(item, ast.Starred):
                    break  # who knows how many items that is
                yield str(number), item, item


def findings_of(
    error: BaseException, model: str, path: Path, names: Mapping[str, object]
) -> Iterator[Finding]:
    """Yield each invalid value in a model's module, or the reason why it can't be imported.

    `error` is what the module raised, and `names` are its globals at that time.
    """
    file = f"{path.parent.name}/{path.name}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    line = frames[-1].lineno if frames else None
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line = error.lineno
    if not isinstance(error, ValidationError):
        problem = f"the module can't be imported: {type(error).__name__}: {error}"
        yield Finding(model, problem, _how_to_import(error, path), file=file, line=line)
        return
    source = ModuleSource.read(path)
    call = source.call(frames[-1]) if source and frames else None
    above = source.path(call) if source and call else None
    kind = names.get(error.title, getattr(schema, error.title, None))
    group = kind if isinstance(kind, type) and issubclass(kind, Group) else None
    for wrong in problems_of(error, group):
        where = (model, *((error.title,) if above is None else above), *wrong.path)
        if source and call:
            line = source.line(call, wrong.path)
        fix = wrong.fix or "correct the value in the module"
        yield Finding("/".join(where), wrong.text, fix, file=file, line=line)


def _how_to_import(error: BaseException, path: Path) -> str:
    name = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and (path.parent / f"{name}.py").is_file():
        private = name if name.startswith("_") else f"_{name}"
        rename = f", and rename {name}.py to {private}.py" if name != private else ""
        return f"write `from {path.parent.name}.{private} import ...`{rename}"
    return "correct the module"
