"""Compares an environment in SSM with its releases and the program.

One request lists 50 parameters, returns 50 releases of a model's history, or reads ten values. So
values are read last, and if there are many, only those that somebody other than a deploy may have
written. Secrets are never read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias

from model_config.format.errors import Finding
from model_config.format.names import RELEASE, ROLLOUT, parse
from model_config.format.rollout_document import EMPTY
from model_config.operate.drift.access import Access, AccessSearch
from model_config.operate.drift.deployed_model import DeployedModel, read_model
from model_config.operate.drift.parameters import ListedParameter, NoText
from model_config.operate.drift.states import (
    DriftedAccess,
    DriftedParameter,
    State,
    ThreeWay,
    check_attributes,
    compare,
    only_in_ssm,
)
from model_config.operate.inventory import Inventory, released_models
from model_config.operate.made_resources import MadeResources
from model_config.operate.releases.findings import release_findings
from model_config.operate.rollouts.parameter import document_of, under_way
from model_config.plan.plan import Plan
from model_config.plan.planned_model import PlannedModel
from model_config.reader.store import BATCH

#: The number of requests up to which every value is read, whatever its version says.
ENOUGH = 110

#: Which values are read: only those written after their model's newest release; the usual
#: selection, as described above; or all.
Values: TypeAlias = Literal["recent", "usual", "all"]
Listed = dict[str, ListedParameter]


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found.

    Attributes:
        parameters: the parameters whose contents differ.
        access: the differences of the key, its alias and the reader policies.
        findings: labels and release histories that will cause problems.
        other_projects: models that have a release but are not in the program.
        problems: errors that prevented a comparison.
        notes: missing permissions that prevented a comparison of the key or a policy.
        count: the number of parameters in SSM.
        not_read: the number of values that were not read, since their versions show that only
            deploys wrote them, or since they are older than the newest release and only recent
            values were requested.
    """

    parameters: list[DriftedParameter]
    access: list[DriftedAccess]
    findings: list[Finding]
    other_projects: list[str]
    problems: list[str]
    notes: list[str]
    count: int
    not_read: int


def find_drift(inventory: Inventory, plan: Plan, values: Values = "usual") -> Drift:
    """Compare an environment three ways.

    With "recent" values, the key and the policies are not compared either, and older releases are
    opened only to explain a difference.

    Raises:
        StoreError: the parameters can't be listed, or AWS is unavailable.
    """
    path, planned = plan.path, {model.name for model in plan.models}
    listed = inventory.below(path)
    by_model = _by_model(listed, path)
    released = set(released_models(listed, path))
    access = Access()
    if listed and values != "recent":
        search = AccessSearch(plan.settings, MadeResources(inventory.region))
        both = sorted(released & planned)
        access = search.access(inventory.watch(both, "Reading policies", len(both)))

    def read(model: PlannedModel) -> DeployedModel:
        there = by_model.get(model.name, {})
        return read_model(inventory, model, there, documents=values != "recent")

    models = inventory.map(read, plan.models, "Reading releases")
    count = sum(len(model.to_read()) for model in models)
    if values == "recent":
        select = DeployedModel.written_since
    elif values == "usual" and inventory.requests + count / BATCH > ENOUGH:
        select = DeployedModel.doubtful
    else:
        select = DeployedModel.to_read
    asked = {name for model in models for name in select(model)}
    rollouts = {model.planned.rollout_name for model in models} & listed.keys()
    texts = inventory.texts(sorted(asked | rollouts))

    parameters = list(_unmanaged(by_model, path, released | planned))
    findings: list[Finding] = []
    for model in models:
        parameters += _of_model(model, texts, asked, access.key_names)
        if model.releases:
            document = document_of(texts.get(model.planned.rollout_name))
            rollout = under_way(document, model.releases)
            findings += release_findings(model.releases, listed, rollout)
    return Drift(
        parameters,
        access.drifted,
        findings,
        sorted(released - planned),
        sorted(inventory.problems),
        access.notes,
        len(listed),
        count - len(asked),
    )


def _by_model(listed: Listed, path: str) -> dict[str, Listed]:
    models: dict[str, Listed] = {}
    for name, each in listed.items():
        models.setdefault(parse(name, path).model, {})[name] = each
    return models


def _of_model(
    model: DeployedModel,
    texts: Mapping[str, str],
    asked: AbstractSet[str],
    keys: AbstractSet[str],
) -> Iterator[DriftedParameter]:
    planned = model.planned
    values = compare(model, model.ssm(texts, asked))
    yield from values
    nobodys = {each.path for each in values if each.state in {"unmanaged", "orphaned"}}
    for name, (kind, each) in model.listed.items():
        if (below := name.removeprefix(f"{planned.path}/")) not in nobodys:
            yield from check_attributes(planned.name, below, kind, each, keys)
    for each in model.unneeded_parts():
        below = each.name.removeprefix(f"{planned.path}/")
        yield only_in_ssm(planned.name, below, "orphaned", each)
    if model.releases and planned.rollout_name not in model.listed:
        contents = ThreeWay(EMPTY, NoText.ABSENT, NoText.ABSENT)
        yield DriftedParameter(planned.name, ROLLOUT, "not deployed", "value", contents, None)
    if not values and model.known:
        yield from _release(model)


def _release(model: DeployedModel) -> Iterator[DriftedParameter]:
    """Yield the release as a difference if its document differs and all values are equal."""
    document = model.planned.release.document
    stored = model.releases.newest.document if model.releases else None
    if stored != document:
        release = _head(stored) if stored else NoText.ABSENT
        contents = ThreeWay(_head(document), release, release)
        name = model.planned.name
        yield DriftedParameter(name, RELEASE, "not deployed", "document", contents, None)


def _head(document: str) -> str:
    return " ".join(str(json.loads(document)[key]) for key in ("schema", "digest"))


def _unmanaged(
    by_model: Mapping[str, Listed], path: str, models: AbstractSet[str]
) -> Iterator[DriftedParameter]:
    """Yield parameters that belong to no model, and parts that a removed model has left."""
    for model in sorted(by_model.keys() - models):
        for name, each in sorted(by_model[model].items()):
            parsed = parse(name, path)
            state: State = "orphaned" if parsed.kind == "release part" else "unmanaged"
            where = (model, parsed.path) if parsed.path else ("", model)
            yield only_in_ssm(*where, state, each)
