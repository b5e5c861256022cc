"""A project, the folder that a team owns, and its stacks' configurations and states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from model_config.format.errors import Finding, InvalidConfigurationError, ProjectNotFoundError

#: The namespace of this package's config keys, before the colon.
NAMESPACE = "model-config"
#: The tag of a KMS key that names the stack that created it, "project/stack".
OWNER_TAG = "model-config:owner"


@dataclass(frozen=True, slots=True)
class StackConfig:
    """A stack's configuration.

    `values` has the text of each "namespace:key"; an object or list is JSON text. A secret key
    without a value is encrypted. `project` is the project's name, the namespace of keys that have
    none, and `findings` are those of the stack's file, if the configuration was read from it.
    `account` asks for the account of a deploy, which isn't known without the engine.
    """

    stack: str
    values: Mapping[str, str]
    secret_keys: frozenset[str] = frozenset()
    project: str = NAMESPACE
    findings: tuple[Finding, ...] = ()
    account: Callable[[], str] = str

    @property
    def file(self) -> str:
        return f"Pulumi.{self.stack}.yaml"

    @property
    def region(self) -> str | None:
        return self.values.get("aws:region")

    def own(self) -> dict[str, str]:
        """Return the values under `model-config:`, by their short key."""
        names = {key: key.removeprefix(f"{NAMESPACE}:") for key in self.values}
        return {name: self.values[key] for key, name in names.items() if name != key}

    def own_secret_keys(self) -> set[str]:
        names = {key: key.removeprefix(f"{NAMESPACE}:") for key in self.secret_keys}
        return {name for key, name in names.items() if name != key}

    def finding(self, where: str, problem: str, fix: str, reason: str = "") -> Finding:
        return Finding(where, problem, fix, reason, self.file)


def set_secret_command(key: str, stack: str) -> str:
    # Pulumi prompts for the value, so no shell keeps it.
    return f"pulumi config set --secret {NAMESPACE}:{key} --stack {stack}"


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that holds `Pulumi.yaml`, the stack files, `__main__.py` and `models/`."""

    root: Path

    @classmethod
    def find(cls, folder: Path) -> Project:
        """Return the project that a folder is in, or raise ProjectNotFoundError."""
        for candidate in (folder, *folder.parents):
            if (candidate / "Pulumi.yaml").is_file() and (candidate / "models").is_dir():
                return cls(candidate)
        raise ProjectNotFoundError(
            f"{folder} is not in a project: neither it nor a folder above it has a Pulumi.yaml and "
            "a models folder. Change to a project, name one with --project or "
            "MODEL_CONFIG_PROJECT, or create one with `model-config init DIR --from SPEC`"
        )

    @property
    def name(self) -> str:
        """The name in `Pulumi.yaml`. It is the namespace of config keys that have none."""
        try:
            return _name_in((self.root / "Pulumi.yaml").read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError):
            return NAMESPACE  # Pulumi reports what is wrong with the file

    @property
    def models_folder(self) -> Path:
        return self.root / "models"

    def model_names(self) -> list[str]:
        files = self.models_folder.glob("*.py")
        return sorted(file.stem for file in files if not file.stem.startswith("_"))

    def module(self, model: str) -> Path:
        return self.models_folder / f"{model}.py"

    def stack_file(self, stack: str) -> Path:
        return self.root / f"Pulumi.{stack}.yaml"

    def stack_names(self) -> list[str]:
        """Return the names of the stacks that have a file, even a .yml, which Pulumi ignores."""
        files = [*self.root.glob("Pulumi.?*.yaml"), *self.root.glob("Pulumi.?*.yml")]
        return sorted({file.stem.removeprefix("Pulumi.") for file in files})

    def require_stacks(self) -> list[str]:
        if names := self.stack_names():
            return names
        fix = "write one for each environment, such as Pulumi.dev.yaml"
        raise InvalidConfigurationError([Finding(str(self.root), "there is no stack file", fix)])


@lru_cache
def _name_in(text: str) -> str:
    return str(yaml.safe_load(text)["name"])


PARAMETER = "aws:ssm/parameter:Parameter"
KEY, ALIAS = "aws:kms/key:Key", "aws:kms/alias:Alias"
POLICY = "aws:iam/policy:Policy"
#: How the types of the package's components begin, the parents of all its resources.
COMPONENT = f"{NAMESPACE}:index:"


@dataclass(frozen=True, slots=True)
class StackState:
    owner: str  #: "project/stack", as its key's owner tag has it.
    ids: Mapping[str, frozenset[str]]  #: By type.
    urns: Mapping[str, str]  #: Of each component, by its name.
    pending: Sequence[tuple[str, str]]  #: What an interrupted deploy left: kind and URN.

    @property
    def is_empty(self) -> bool:
        """Whether it has no resource in AWS, not even one that a deploy was creating."""
        return not self.pending and not any(kind.startswith("aws:") for kind in self.ids)

    def has(self, kind: str, id_: str) -> bool:
        return id_ in self.ids.get(kind, frozenset())


@dataclass(frozen=True, slots=True)
class Adoption:
    """A resource to import into the state; `name` and `parent` are logical names."""

    type: str
    name: str
    id: str
    parent: str
