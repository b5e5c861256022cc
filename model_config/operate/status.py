"""The status of an environment: for each model its releases, labels, rollout and drift."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from model_config.format.names import model_path, rollout_name
from model_config.format.rollout import Rollout
from model_config.operate.difference import Difference
from model_config.operate.drift import Drift, find_parameter_drift
from model_config.operate.environment import state_of
from model_config.operate.promotion import apart
from model_config.operate.release_findings import unfinished
from model_config.operate.releases import Releases, read_each
from model_config.operate.ssm import Ssm, released_models
from model_config.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The status of a model: its releases and differences are None if they are unknown."""

    model: str
    releases: Releases | None
    rollout: Rollout | None
    differences: tuple[Difference, ...] | None
    problem: str | None = None
    notices: tuple[str, ...] = ()
    interrupted: str | None = None  #: The label whose promotion was interrupted.

    @property
    def digest(self) -> str | None:
        """The digest of the newest release, or None if it can't be read."""
        return self.releases.newest.digest if self.releases else None

    @property
    def drift(self) -> dict[str, int] | None:
        """The number of differences by state; None if they are unknown."""
        return None if self.differences is None else Counter(it.state for it in self.differences)


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """The status of an environment; without a project, of all models that have a release."""

    environment: str
    models: tuple[ModelStatus, ...]
    drift: Drift | None
    other_projects: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_status(ssm: Ssm, path: str, plan: Plan | None) -> EnvironmentStatus:
    """Return an environment's status, with its drift if there is a plan to compare with.

    The key and the reader policies are not compared. `ssm` is a view (`Ssm.view`).
    """
    listed = ssm.below(path)
    released = released_models(listed, path)
    names = [model.name for model in plan.models] if plan else released
    there = [name for name in names if name in released]
    all_releases = read_each(ssm, path, there, listed)
    rollouts = {name: rollout_name(model_path(path, name)) for name in there}
    texts = ssm.texts([name for name in rollouts.values() if name in listed])
    drift = find_parameter_drift(ssm, plan) if plan else None

    states = {
        name: state_of(releases, texts.get(rollouts[name]))
        for name, releases in all_releases.items()
        if isinstance(releases, Releases)
    }

    def status(name: str) -> ModelStatus:
        of_model = tuple(it for it in drift.differences if it.model == name) if drift else None
        releases = all_releases.get(name)
        if not isinstance(releases, Releases):
            return ModelStatus(name, None, None, of_model, releases)
        state = states[name]
        problems = (finding.problem for finding in unfinished(state))
        notices = (*problems, *apart(name, states))
        shown = (name, releases, state.under_way, of_model, None, notices, state.interrupted)
        return ModelStatus(*shown)

    return EnvironmentStatus(
        path.rpartition("/")[2],
        tuple(map(status, names)),
        drift,
        tuple(name for name in released if name not in names),
        tuple(sorted(set(ssm.problems))),
    )


def unread_status(environment: str, plan: Plan | None, problem: str) -> EnvironmentStatus:
    """Return the status of an environment that can't be read: its models' names, and why."""
    planned = plan.models if plan else ()
    models = tuple(ModelStatus(model.name, None, None, None) for model in planned)
    return EnvironmentStatus(environment, models, None, problems=(problem,))
