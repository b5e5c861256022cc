"""Runs the model modules: every file in `models/`, each of which defines a `MODEL`."""

import ast
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import spec_from_file_location
from operator import attrgetter
from pathlib import Path
from threading import Timer
from types import ModuleType

from pydantic import ValidationError

from model_config import schema
from model_config.format.errors import Finding
from model_config.plan.hierarchy import leaves
from model_config.plan.project import Project
from model_config.schema import Group, ModelConfig, problems

_PACKAGE = "models"
SLOW_SECONDS = 10.0
#: The name of a model, and of its file.
MODULE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    config: ModelConfig


@dataclass(frozen=True, slots=True)
class Modules:
    project: Project
    models: Mapping[str, Model]
    broken: Mapping[str, tuple[Finding, ...]]  #: The findings of the other modules.

    @property
    def names(self) -> list[str]:
        return sorted({*self.models, *self.broken})


def read_modules(project: Project, only: str | None = None) -> Modules:
    models: dict[str, Model] = {}
    broken: dict[str, tuple[Finding, ...]] = {}
    with _models_package(project.models_folder):
        for name in project.model_names():
            if only in (None, name):
                read = _read(name, project.module(name))
                if isinstance(read, Model):
                    models[name] = read
                else:
                    broken[name] = tuple(read)
    # Those in subfolders would be ignored, unless a `_` marks them as shared.
    for file in sorted(project.models_folder.glob("*/**/*.py")):
        path = file.relative_to(project.models_folder)
        if not any(part.startswith(("_", ".")) for part in path.parts):
            where = path.with_suffix("").as_posix()
            problem = "a module in a subfolder of models/ is no model"
            shared = "let the subfolder's name begin with _ if its code is shared"
            fix = f"move it to models/{path.name}, or {shared}"
            reason = "a model has the name of its file, and so stands in models/ itself"
            file_name = f"{_PACKAGE}/{path.as_posix()}"
            broken[where] = (Finding(where, problem, fix, reason, file_name),)
    return Modules(project, models, broken)


def read_modules_twice(project: Project) -> Modules:
    """Run every module twice: a model whose values differ would get a release with each deploy."""
    first, second = read_modules(project), read_modules(project)
    steady, broken = dict(first.models), dict(first.broken)
    fix = "write a fixed value: no time, random number or environment variable"
    reason = "every deploy would write a new release, and its digest would not lead to a commit"
    for name in first.models.keys() & second.models.keys():
        # Compared as text: each run defines new classes, and NaN differs from itself.
        one, other = (
            {"/".join(path): repr(value) for path, value in leaves(run.models[name].config)}
            for run in (first, second)
        )
        if fields := [path for path in {**one, **other} if one.get(path) != other.get(path)]:
            problem = f"the value of {' and '.join(fields)} changes each time the module is run"
            file = f"{_PACKAGE}/{name}.py"
            broken[name] = (Finding(f"{name}/{fields[0]}", problem, fix, reason, file),)
            del steady[name]
    return Modules(project, steady, broken)


def _read(name: str, path: Path) -> Model | list[Finding]:
    file = f"{_PACKAGE}/{name}.py"
    if not MODULE_NAME.fullmatch(name):
        problem, reason = f"the name of {file} is not a Python identifier", "it is the model's name"
        return [Finding(name, problem, "rename the file", reason, file)]
    text = f"{file} has been running for {SLOW_SECONDS:.0f} seconds. Press Ctrl-C if it loops."
    slow = Timer(SLOW_SECONDS, print, [text], {"file": sys.stderr})
    slow.daemon = True
    slow.start()
    module = ModuleType(f"{_PACKAGE}.{name}")
    module.__file__, module.__package__ = str(path), _PACKAGE
    module.__spec__ = spec_from_file_location(module.__name__, path)
    sys.modules[module.__name__] = module  # pydantic resolves a class's annotations through it
    try:
        # Not through Python's bytecode cache, which misses an edit within a second.
        code = compile(path.read_bytes(), path, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - what a project is made of
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an exit() would look like a program without models
        return list(_findings_of(error, name, path))
    finally:
        slow.cancel()
    model = getattr(module, "MODEL", None)
    if isinstance(model, ModelConfig):
        return Model(name, model)
    problem = "the module has no MODEL"
    if isinstance(model, type):
        problem = f"MODEL is the class {model.__name__}, not an instance"
    elif model is not None:
        problem = f"MODEL is of type {type(model).__name__}, not a configuration"
    fix = (
        "write MODEL = ChatModel(...), EmbeddingModel(...), EndpointModel(...) or your own "
        "subclass of ModelConfig; shared code goes into a file whose name begins with _"
    )
    return [Finding(name, problem, fix, file=file)]


def _findings_of(error: BaseException, model: str, path: Path) -> Iterator[Finding]:
    file = f"{path.parent.name}/{path.name}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    line = frames[-1].lineno if frames else None
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line = error.lineno
    if not isinstance(error, ValidationError):
        problem, fix = f"the module can't be imported: {type(error).__name__}: {error}", ""
        name = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and (path.parent / f"{name}.py").is_file():
            private = name if name.startswith("_") else f"_{name}"
            rename = f", and rename {name}.py to {private}.py" if name != private else ""
            fix = f"write `from {path.parent.name}.{private} import ...`{rename}"
        yield Finding(model, problem, fix or "correct the module", file=file, line=line)
        return
    source = ModuleSource(path)
    call = source.call(frames[-1]) if frames else None
    above = source.path(call) if call else None
    names = vars(sys.modules[f"{_PACKAGE}.{model}"])
    kind = names.get(error.title, getattr(schema, error.title, None))
    group = kind if isinstance(kind, type) and issubclass(kind, Group) else None
    for wrong in problems.problems_of(error, group):
        where = (model, *((error.title,) if above is None else above), *wrong.path)
        fix = wrong.fix or "correct the value in the module"
        place = source.line(wrong.path, call) if call else line
        yield Finding("/".join(where), wrong.text, fix, file=file, line=place)


class ModuleSource:
    """The expressions of a module that give a model its values. None if it isn't Python."""

    def __init__(self, module: Path) -> None:
        try:
            self._tree = ast.parse(module.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError, RecursionError):
            self._tree = ast.Module([], [])
        self._assigned: dict[str, ast.expr] = {}
        for node in self._tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = [target.id for target in targets if isinstance(target, ast.Name)]
                self._assigned |= dict.fromkeys(named, node.value)
        self._entries: dict[ast.expr, dict[str, tuple[int, ast.expr]]] = {}
        self._model = self._value(ast.Name("MODEL"))

    def call(self, frame: traceback.FrameSummary) -> ast.Call | None:
        place = (frame.lineno, frame.end_lineno, frame.colno, frame.end_colno)
        position = attrgetter("lineno", "end_lineno", "col_offset", "end_col_offset")
        calls = (node for node in ast.walk(self._tree) if isinstance(node, ast.Call))
        return next((call for call in calls if position(call) == place), None)

    def path(self, wanted: ast.expr) -> tuple[str, ...] | None:
        waiting: list[tuple[tuple[str, ...], ast.expr]] = [((), self._model)]
        seen: set[ast.expr] = set()
        while waiting:
            path, node = waiting.pop()
            if node is wanted:
                return path
            if node not in seen:
                seen.add(node)
                below = self._below(node).items()
                waiting += [((*path, name), value) for name, (_, value) in below]
        return None

    def line(self, path: Sequence[str], start: ast.expr | None = None) -> int:
        return self._place(path, start)[0]

    def place(self, path: Sequence[str]) -> tuple[str | None, int]:
        """Return the file beside the module that has a value's text, or None, and the line."""
        line, node = self._place(path)
        match node:
            case ast.Call(func=ast.Name("text_beside"), args=[_, ast.Constant(str(name))]):
                return name, 1
        return None, line

    def _place(self, path: Sequence[str], start: ast.expr | None = None) -> tuple[int, ast.expr]:
        node = start or self._model
        line = getattr(node, "lineno", 1)  # a module without MODEL has it nowhere
        for segment in path:
            if segment not in (below := self._below(node)):
                break
            line, node = below[segment]
        return line, node

    def _below(self, node: ast.expr) -> Mapping[str, tuple[int, ast.expr]]:
        if node not in self._entries:
            self._entries[node] = {
                name: (place.lineno, self._value(value)) for name, place, value in _entries(node)
            }
        return self._entries[node]

    def _value(self, node: ast.expr) -> ast.expr:
        followed: set[str] = set()
        while isinstance(node, ast.Name) and node.id in self._assigned and node.id not in followed:
            followed.add(node.id)
            node = self._assigned[node.id]
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


@contextmanager
def _models_package(folder: Path) -> Iterator[None]:
    """Let modules import shared ones, such as `models._shared`, without side effects."""
    # They leave no `__pycache__` in the folder and nothing in `sys.modules`. What they print goes
    # to standard error, because standard output may be a command's JSON.
    before = {name: sys.modules.pop(name) for name in _loaded()}
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.dont_write_bytecode = writes_bytecode
        for name in _loaded():
            del sys.modules[name]
        sys.modules.update(before)


def _loaded() -> list[str]:
    below = f"{_PACKAGE}."
    return [name for name in sys.modules if name == _PACKAGE or name.startswith(below)]
