"""Find the model modules: every file in `models/` that holds a `MODEL`."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from pydantic import ValidationError

from model_config.core.errors import Finding
from model_config.core.settings import message_of
from model_config.schema import ModelConfig

#: The one folder that a user edits day to day.
MODELS_FOLDER = Path(__file__).parent.parent / "models"
_MODULE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its module says it: the file's name is the model's name."""

    name: str
    file: str
    config: ModelConfig


def model_names(folder: Path | None = None) -> list[str]:
    """Return the names of all model modules, broken ones too."""
    files = (folder or MODELS_FOLDER).glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def load_models(
    names: Iterable[str], findings: list[Finding], folder: Path | None = None
) -> list[Model]:
    """Return the models whose modules are in order, and report the others."""
    models = []
    for name in names:
        loaded = _load(name, (folder or MODELS_FOLDER) / f"{name}.py")
        if isinstance(loaded, Model):
            models.append(loaded)
        else:
            findings.extend(loaded)
    return models


def _load(name: str, path: Path) -> Model | list[Finding]:
    file = f"models/{path.name}"
    if not _MODULE_NAME.fullmatch(name):
        return [
            Finding(name, f"{file} has a name that is no Python identifier", "rename the file",
                    reason="the file's name is the model's name", file=file)
        ]  # fmt: skip
    try:
        module = _execute(name, path)
    except ValidationError as error:
        return [
            Finding(
                where="/".join((name, error.title, *map(str, detail["loc"]))),
                problem=message_of(detail),
                fix="correct the value in the module",
                file=file,
                line=_line_of(error, path),
            )
            for detail in error.errors()
        ]
    except (Exception, SystemExit) as error:  # an exit() would pass for a program without models
        return [
            Finding(name, f"the module can't be imported: {type(error).__name__}: {error}",
                    "correct the module", file=file, line=_line_of(error, path))
        ]  # fmt: skip
    model = getattr(module, "MODEL", None)
    if isinstance(model, ModelConfig):
        return Model(name, file, model)
    return [
        Finding(name, _why_no_model(model), "write MODEL = ChatModel(...), EmbeddingModel(...), "
                "EndpointModel(...) or your own subclass of ModelConfig", file=file)
    ]  # fmt: skip


def _why_no_model(model: object) -> str:
    if model is None:
        return "the module has no MODEL"
    if isinstance(model, type):
        return f"its MODEL is the class {model.__name__}, not a configuration made of it"
    return f"its MODEL is a {type(model).__name__}"


class _Uncached(SourceFileLoader):
    """Reads the source each time: Python's cache takes an edit within a second for the old file."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 -- importlib's signature
        return self.source_to_code(self.get_data(self.path), self.path)


def _execute(name: str, path: Path) -> ModuleType:
    """Run a module anew: an edited file counts even where the process has read it before."""
    full_name = f"model_config.models.{name}"
    loader = _Uncached(full_name, str(path))
    spec = importlib.util.spec_from_file_location(full_name, path, loader=loader)
    if spec is None:  # pragma: no cover -- only where no loader is given
        raise ImportError(path.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module  # pydantic resolves a class's annotations through it
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[full_name]
        raise
    return module


def _line_of(error: BaseException, path: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return lines[-1] if lines else None
