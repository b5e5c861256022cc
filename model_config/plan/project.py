"""A project: a folder that a team owns, with its models, stack files and Pulumi program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from model_config.format.errors import Finding, InvalidConfigurationError, ProjectNotFoundError
from model_config.plan.stack_config import NAMESPACE

# Pulumi takes the extension of Pulumi.yaml for stack files too, and so ignores Pulumi.dev.yml.
_START, _END, _WRONG_END = "Pulumi.", ".yaml", ".yml"


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that holds `Pulumi.yaml`, the stack files, `__main__.py` and `models/`."""

    root: Path

    @classmethod
    def find(cls, folder: Path) -> Project:
        """Return the project of a folder: the folder itself, or the nearest one above it.

        Raises:
            ProjectNotFoundError: neither the folder nor one above it is a project.
        """
        for candidate in (folder, *folder.parents):
            if (candidate / "Pulumi.yaml").is_file() and (candidate / "models").is_dir():
                return cls(candidate)
        raise ProjectNotFoundError(
            f"{folder} is not in a project: neither it nor a folder above it has a Pulumi.yaml and "
            "a models folder. Change to a project, name one with --project or "
            "MODEL_CONFIG_PROJECT, or create one with `model-config init`"
        )

    @property
    def name(self) -> str:
        """The name in `Pulumi.yaml`. It is the namespace of config keys that have none."""
        try:
            content = yaml.safe_load((self.root / "Pulumi.yaml").read_text(encoding="utf-8"))
            return str(content["name"])
        except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError):
            return NAMESPACE  # Pulumi reports what is wrong with the file

    @property
    def models_folder(self) -> Path:
        """The folder with one module for each model."""
        return self.root / "models"

    def model_names(self) -> list[str]:
        """Return the names of all model modules, including broken ones."""
        files = self.models_folder.glob("*.py")
        return sorted(file.stem for file in files if not file.stem.startswith("_"))

    def module(self, model: str) -> Path:
        """Return the file of a model's module, whether it exists or not."""
        return self.models_folder / f"{model}.py"

    def stack_file(self, stack: str) -> Path:
        """Return the file of a stack, whether it exists or not."""
        return self.root / f"{_START}{stack}{_END}"

    def unread_stack_file(self, stack: str) -> Path | None:
        """Return the file of a stack that Pulumi ignores because of its extension, if any."""
        file = self.root / f"{_START}{stack}{_WRONG_END}"
        return file if file.is_file() else None

    def stack_names(self) -> list[str]:
        """Return the names of the stacks that have a file, even one that Pulumi ignores."""
        return sorted(
            {
                file.name.removeprefix(_START).removesuffix(end)
                for end in (_END, _WRONG_END)
                for file in self.root.glob(f"{_START}?*{end}")
            }
        )

    def require_stacks(self) -> list[str]:
        """Return the names of the stacks that have a file.

        Raises:
            InvalidConfigurationError: there is no stack file.
        """
        if names := self.stack_names():
            return names
        fix = "write one for each environment, such as Pulumi.dev.yaml"
        raise InvalidConfigurationError([Finding(str(self.root), "there is no stack file", fix)])
