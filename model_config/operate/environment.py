"""An environment in one region: its name, its path, and the client that reads and changes it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from model_config.format.names import environment_path
from model_config.operate.releases import Releases, read_releases
from model_config.operate.ssm import Ssm, released_models
from model_config.reader.configuration import Configuration
from model_config.reader.reader import Reader

#: Locks the local AWS while it is read, and yields a stamp that differs after any change; None on
#: AWS, where changes can't be detected.
Hold = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment in one region."""

    name: str
    prefix: str
    ssm: Ssm
    stack: str = ""  #: Empty without a project.
    region: str | None = None  #: Only if the user named one.
    is_local: bool = False
    hold: Hold = nullcontext  #: The context in which it is read or changed.

    @property
    def path(self) -> str:
        return environment_path(self.prefix, self.name)

    @property
    def region_option(self) -> str:
        return f" --region {self.region}" if self.region else ""

    def where(self, model: str) -> str:
        """Return a model and its location for display: "chat in dev (eu-west-1)"."""
        return f"{model} in {self.name}{f' ({self.region})' if self.region else ''}"

    def configuration(
        self, model: str, label: str | None, release: int | None, *, secrets: bool = False
    ) -> Configuration:
        """Return a model's configuration, with its secrets locked unless requested."""
        reader = Reader(self.name, prefix=self.prefix, client=self.ssm.client, secrets=secrets)
        return reader.get(model, label=label, release=release)

    def releases(self, model: str, *, documents: bool = True) -> Releases:
        return read_releases(self.ssm, self.path, model, documents=documents)

    def models(self) -> list[str]:
        """Return the names of the models that have a release."""
        return released_models(self.ssm.below(self.path), self.path)
