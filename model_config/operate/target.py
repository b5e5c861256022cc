"""An environment in AWS, and the client for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from model_config.format.names import environment_path
from model_config.operate.inventory import Inventory
from model_config.operate.labels.labels import Labels
from model_config.operate.labels.record import read_record
from model_config.operate.releases.releases import Releases, read_releases
from model_config.operate.rollouts.parameter import interrupted_promotion
from model_config.reader.configuration import Configuration
from model_config.reader.reader import Reader


@dataclass(frozen=True)
class Target:
    """An environment, and the client for it.

    Attributes:
        prefix: the prefix of its parameters in SSM.
        client: the client for SSM; None: each room creates its own.
        region: the region, if the user named one.
    """

    environment: str
    prefix: str
    client: Any = None
    region: str | None = None

    @property
    def region_option(self) -> str:
        """The option for the region in a printed command."""
        return f" --region {self.region}" if self.region else ""

    def where(self, model: str) -> str:
        """Return a model and its location for display: "chat in dev (eu-west-1)"."""
        return f"{model} in {self.environment}{f' ({self.region})' if self.region else ''}"

    def configuration(
        self, model: str, label: str | None, release: int | None, *, secrets: bool = False
    ) -> Configuration:
        """Return a model's configuration, with its secrets locked unless requested.

        Raises:
            ModelConfigError: as `Reader.get`.
        """
        reader = Reader(self.environment, prefix=self.prefix, client=self.client, secrets=secrets)
        return reader.get(model, label=label, release=release)

    @cached_property
    def labels(self) -> Labels:
        """The environment's labels. Without a client, they open one at their first request."""
        return Labels(self.environment, prefix=self.prefix, client=self.client)

    @property
    def path(self) -> str:
        """The environment's path, "/ai/prod"."""
        return environment_path(self.prefix, self.environment)

    def releases(self, model: str) -> Releases:
        """Return a model's releases with all their documents.

        Raises:
            ModelNotFoundError: the model has no releases.
            StoreError: AWS is unavailable or refuses.
        """
        return read_releases(self.labels.store, self.path, model, documents=True)

    def interrupted_promotion(self, releases: Releases) -> str | None:
        """Return the label whose promotion was interrupted; None if there is none or it is unknown.

        Raises:
            StoreError: AWS can't be reached.
        """
        if not releases.held:
            return None
        stored, _ = read_record(self.labels.store, self.path, releases.model)
        return interrupted_promotion(stored.document, releases) if stored else None

    def models(self) -> list[str]:
        """Return the names of the models that have a release.

        Raises:
            StoreError: AWS is unavailable or refuses.
        """
        return Inventory(self.client).models_below(self.path)
