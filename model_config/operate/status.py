"""An environment as it is: each model's releases, labels, rollout and drift, and its hierarchy."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from model_config.format.codec import Value
from model_config.format.names import RELEASE, ParameterName, parse
from model_config.format.rollout import Rollout
from model_config.operate.drift import Difference, Drift, find_parameter_drift
from model_config.operate.environment import State, read_states
from model_config.operate.promotion import apart
from model_config.operate.release_findings import unfinished
from model_config.operate.releases import Releases, read_releases
from model_config.operate.ssm import Ssm, released_models
from model_config.plan.hierarchy import Leaf, ModelTree, leaf
from model_config.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class ModelStatus:
    model: str
    releases: Releases | None  #: None if they are unknown, as are the differences.
    rollout: Rollout | None
    differences: tuple[Difference, ...] | None
    problem: str | None = None
    notices: tuple[str, ...] = ()
    interrupted: str | None = None  #: The label whose promotion was interrupted.

    @property
    def digest(self) -> str | None:
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
    """Return an environment's status, with its parameters' drift from a plan. `ssm` is a view."""
    listed = ssm.below(path)
    released = released_models(listed, path)
    names = [model.name for model in plan.models] if plan else released
    there = [name for name in names if name in released]
    states = read_states(ssm, path, there, listed)
    drift = find_parameter_drift(ssm, plan) if plan else None
    known = {name: state for name, state in states.items() if isinstance(state, State)}

    def status(name: str) -> ModelStatus:
        of_model = tuple(it for it in drift.differences if it.model == name) if drift else None
        state = states.get(name)
        if not isinstance(state, State):
            return ModelStatus(name, None, None, of_model, state)
        problems = (finding.problem for finding in unfinished(state))
        notices = (*problems, *apart(name, known))
        shown = (name, state.releases, state.under_way, of_model, None, notices, state.interrupted)
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


#: A parameter's parsed name, and its version.
_Parameters = list[tuple[ParameterName, int]]


def deployed_trees(ssm: Ssm, path: str) -> list[ModelTree]:
    by_model: dict[str, _Parameters] = {}
    for name, listed in ssm.below(path).items():
        parsed = parse(name, path)
        by_model.setdefault(parsed.model, []).append((parsed, listed.version))
    models = ssm.watch(sorted(by_model), "Reading releases", len(by_model))
    return [_tree(ssm, path, model, by_model[model]) for model in models]


def _tree(ssm: Ssm, path: str, model: str, parameters: _Parameters) -> ModelTree:
    if not any(name.kind == "release" for name, _ in parameters):
        return ModelTree(model, f"{path}/{model}", None, None, list(_leaves(parameters, {})))
    releases = read_releases(ssm, path, model, documents=False)
    content = releases.newest.content
    return ModelTree(
        model,
        f"{path}/{model}",
        content.schema if content else None,
        content.digest if content else None,
        list(_leaves(parameters, content.config if content else {})),
        release=releases.newest.number,
        releases=len(releases),
        labels=releases.labels,
        held=tuple(releases.held),
    )


def _leaves(parameters: _Parameters, config: Mapping[str, Value]) -> Iterator[Leaf]:
    together: dict[str, _Parameters] = {}
    # Values before secrets before the release, and a field's tenth part after its second.
    order = ("value", "secret", "rollout", "release", "release part")
    parameters.sort(key=lambda it: (order.index(it[0].kind), it[0].field, it[0].part))
    for name, version in parameters:
        field = RELEASE if name.kind == "release part" else name.field
        together.setdefault(field, []).append((name, version))
    for field, parts in together.items():
        versions = tuple(version for _, version in parts)
        kind = parts[0][0].kind
        if kind in {"release", "release part"}:
            yield Leaf(field, "release", None, len(parts), versions[:1])
        elif kind in {"secret", "rollout"}:
            yield Leaf(field, kind, None, 1, versions)
        elif (value := _value(config, field)) is None:
            yield Leaf(field, "unknown", None, len(parts), versions, "not in the newest release")
        else:
            yield leaf(field, value, versions)


def _value(config: Mapping[str, Value], path: str) -> Value:
    value: Any = config
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value  # type: ignore[no-any-return]
