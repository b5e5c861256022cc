"""The status of an environment: for each model its releases, labels, rollout and drift.

One request lists 50 parameters, or returns a model's history. Newest releases, rollouts and
labelled releases are read ten in a request. Of the other values, only those written after the
newest release are read; `find_drift` can read all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from model_config.format.errors import ModelNotFoundError, StoreError, StoreUnavailableError
from model_config.format.names import model_path, release_name, rollout_name
from model_config.format.rollout import Rollout
from model_config.operate.cached_inventory import CachedInventory
from model_config.operate.drift.drift import Drift, find_drift
from model_config.operate.drift.states import DriftedParameter
from model_config.operate.inventory import released_models
from model_config.operate.releases.releases import Releases, read_releases
from model_config.operate.rollouts.parameter import document_of, under_way
from model_config.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The status of a model in an environment.

    Attributes:
        releases: its releases; None if there are none, or they can't be read.
        rollout: the rollout in progress, if there is one.
        drifted: its differences from the program; None if they are unknown.
        problem: why its releases can't be read, or None.
    """

    model: str
    releases: Releases | None
    rollout: Rollout | None
    drifted: tuple[DriftedParameter, ...] | None
    problem: str | None = None

    @property
    def digest(self) -> str | None:
        """The digest of the newest release, or None if it can't be read."""
        return self.releases.newest.digest if self.releases else None

    @property
    def drift(self) -> dict[str, int] | None:
        """The number of differences by state; None if they are unknown."""
        return None if self.drifted is None else Counter(each.state for each in self.drifted)


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """The status of an environment.

    Attributes:
        models: the project's models; without a project, all that have a release.
        drift: the drift; None if there is no program to compare with.
        other_projects: models that have a release but are not in the project.
        problems: errors while reading, in words.
    """

    environment: str
    models: tuple[ModelStatus, ...]
    drift: Drift | None
    other_projects: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_status(inventory: CachedInventory, path: str, plan: Plan | None) -> EnvironmentStatus:
    """Return an environment's status, with its drift if there is a plan to compare with.

    The path is the environment's, "/ai/prod".

    Raises:
        StoreError: the parameters can't be listed, or AWS is unavailable.
    """
    listed = inventory.below(path)
    released = released_models(listed, path)
    names = [model.name for model in plan.models] if plan else released
    there = [name for name in names if name in released]
    newest = [release_name(model_path(path, name)) for name in there]
    rollouts = {rollout_name(model_path(path, name)): name for name in there}
    texts = inventory.texts([*(f"{name}:{listed[name].version}" for name in newest), *rollouts])
    found = dict(
        zip(
            there,
            inventory.map(lambda name: _read(inventory, path, name), there, "Reading releases"),
            strict=True,
        )
    )
    _fetch_labelled(inventory, [each for each in found.values() if isinstance(each, Releases)])
    drift = find_drift(inventory, plan, "recent") if plan else None
    documents = {name: document_of(texts.get(parameter)) for parameter, name in rollouts.items()}

    def status(name: str) -> ModelStatus:
        releases = found.get(name)
        drifted = tuple(each for each in drift.parameters if each.model == name) if drift else None
        if not isinstance(releases, Releases):
            return ModelStatus(name, None, None, drifted, releases)
        return ModelStatus(name, releases, under_way(documents[name], releases), drifted)

    return EnvironmentStatus(
        path.rpartition("/")[2],
        tuple(map(status, names)),
        drift,
        tuple(name for name in released if name not in names),
        tuple(sorted(set(inventory.problems))),
    )


def _read(inventory: CachedInventory, path: str, model: str) -> Releases | str:
    """Return a model's releases with the newest opened, or why they can't be read."""
    try:
        releases = read_releases(inventory, path, model, documents=False)
        releases.newest.digest  # noqa: B018 - fails here if it is denied
    except StoreUnavailableError:
        raise
    except (StoreError, ModelNotFoundError) as error:
        return str(error)
    return releases


def _fetch_labelled(inventory: CachedInventory, found: Sequence[Releases]) -> None:
    """Fetch the labelled releases into the inventory's cache, ten a request."""
    versions = ([f"{each.name}:{n}" for n in sorted({*each.labels.values()})] for each in found)
    for names in zip_longest(*versions):  # a request takes only one version of each parameter
        inventory.texts([name for name in names if name])


def unread_status(environment: str, plan: Plan | None, problem: str) -> EnvironmentStatus:
    """Return the status of an environment that can't be read: its models' names, and why."""
    planned = plan.models if plan else ()
    models = tuple(ModelStatus(model.name, None, None, None) for model in planned)
    return EnvironmentStatus(environment, models, None, problems=(problem,))
