"""Runs the model modules: every file in `models/`, each of which defines a `MODEL`."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from model_config.format.errors import Finding
from model_config.plan.hierarchy import leaves
from model_config.plan.locations import findings_of
from model_config.plan.project import Project
from model_config.schema import ModelConfig

_PACKAGE = "models"
#: The name of a model, and of its file.
MODULE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its module defines it: the file's name is the model's name."""

    name: str
    config: ModelConfig


@dataclass(frozen=True, slots=True)
class Modules:
    """All model modules of a project. One run serves every environment.

    Attributes:
        models: the models of the valid modules, by name.
        broken: the findings of the other modules, by name.
    """

    project: Project
    models: Mapping[str, Model]
    broken: Mapping[str, tuple[Finding, ...]]

    @property
    def names(self) -> list[str]:
        return sorted({*self.models, *self.broken})


def read_modules(project: Project, only: str | None = None) -> Modules:
    """Run every module of a project, or only that of one model."""
    models: dict[str, Model] = {}
    broken: dict[str, tuple[Finding, ...]] = {}
    with _models_package(project.models_folder):
        for name in project.model_names():
            if only is not None and name != only:
                continue
            read = _read(name, project.module(name))
            if isinstance(read, Model):
                models[name] = read
            else:
                broken[name] = tuple(read)
    return Modules(project, models, {**broken, **_in_subfolders(project.models_folder)})


def _in_subfolders(folder: Path) -> dict[str, tuple[Finding, ...]]:
    """Return the findings of modules that would be ignored, unless a `_` marks them as shared."""
    paths = (file.relative_to(folder) for file in sorted(folder.glob("*/**/*.py")))
    return {
        (name := path.with_suffix("").as_posix()): (
            Finding(
                name,
                "a module in a subfolder of models/ is no model",
                f"move it to models/{path.name}, or let the subfolder's name begin with _ if its "
                "code is shared",
                "a model has the name of its file, and so stands in models/ itself",
                f"{_PACKAGE}/{path.as_posix()}",
            ),
        )
        for path in paths
        if not any(part.startswith(("_", ".")) for part in path.parts)
    }


def read_modules_twice(project: Project) -> Modules:
    """Run every module of a project twice, to find values that differ between runs.

    A model with such a value counts as broken: every deploy would write a new release.
    """
    first, second = read_modules(project), read_modules(project)
    changing = {
        name: (
            Finding(
                f"{name}/{fields[0]}",
                f"the value of {' and '.join(fields)} changes each time the module is run",
                "write a fixed value: no time, random number or environment variable",
                "every deploy would write a new release, and its digest would not lead to a commit",
                f"{_PACKAGE}/{name}.py",
            ),
        )
        for name, model in first.models.items()
        if name in second.models and (fields := _changed_fields(model, second.models[name]))
    }
    steady = {name: model for name, model in first.models.items() if name not in changing}
    return Modules(project, steady, {**first.broken, **changing})


def _changed_fields(first: Model, second: Model) -> list[str]:
    # Compared as text: each run defines new classes, and NaN differs from itself.
    one, other = ({path: repr(value) for path, value in leaves(model.config)}
                  for model in (first, second))  # fmt: skip
    return ["/".join(path) for path in {**one, **other} if one.get(path) != other.get(path)]


def _read(name: str, path: Path) -> Model | list[Finding]:
    file = f"{_PACKAGE}/{name}.py"
    if not MODULE_NAME.fullmatch(name):
        return [
            Finding(name, f"the name of {file} is not a Python identifier", "rename the file",
                    reason="the file's name is the model's name", file=file)
        ]  # fmt: skip
    try:
        module = _execute(name, path)
    except (Exception, SystemExit) as error:  # an exit() would look like a program without models
        names = getattr(sys.modules.get(f"{_PACKAGE}.{name}"), "__dict__", {})
        return list(findings_of(error, name, path, names))
    model = getattr(module, "MODEL", None)
    if isinstance(model, ModelConfig):
        return Model(name, model)
    return [
        Finding(name, _why_no_model(model), "write MODEL = ChatModel(...), EmbeddingModel(...), "
                "EndpointModel(...) or your own subclass of ModelConfig; shared code goes into a "
                "file whose name begins with _", file=file)
    ]  # fmt: skip


def _why_no_model(model: object) -> str:
    if model is None:
        return "the module has no MODEL"
    if isinstance(model, type):
        return f"MODEL is the class {model.__name__}, not an instance"
    return f"MODEL is a {type(model).__name__}, not a configuration"


class _Uncached(SourceFileLoader):
    """Compiles the source each time: Python's bytecode cache misses an edit within a second."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 -- importlib's signature
        return self.source_to_code(self.get_data(self.path), self.path)


def _execute(name: str, path: Path) -> ModuleType:
    """Run a module afresh, even if this process has run it before, so that edits take effect."""
    full_name = f"{_PACKAGE}.{name}"
    loader = _Uncached(full_name, str(path))
    spec = importlib.util.spec_from_file_location(full_name, path, loader=loader)
    if spec is None:  # pragma: no cover -- only where no loader is given
        raise ImportError(path.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module  # pydantic resolves a class's annotations through it
    loader.exec_module(module)
    return module


@contextmanager
def _models_package(folder: Path) -> Iterator[None]:
    """Let modules import shared ones, such as `models._shared`, without side effects.

    They leave no `__pycache__` in the folder and nothing in `sys.modules`. What they print goes to
    standard error, because standard output may be a command's JSON.
    """
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_in_package(name)}
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.dont_write_bytecode = writes_bytecode
        for name in list(filter(_is_in_package, sys.modules)):
            del sys.modules[name]
        sys.modules.update(before)


def _is_in_package(module: str) -> bool:
    return module.partition(".")[0] == _PACKAGE
