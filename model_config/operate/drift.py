"""Compares an environment in AWS with its newest releases and the program.

Every value is read, except for secrets and for parameters that belong to nobody: only their
existence and storage are compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from model_config.format.codec import Value, encode, split_at_lines
from model_config.format.errors import Finding, ReleaseError
from model_config.format.names import RELEASE, ROLLOUT, Kind, field_part, parse
from model_config.format.release import part_hashes
from model_config.format.rollout import EMPTY
from model_config.operate.difference import Content, Difference, DriftState, NoText
from model_config.operate.environment import state_of
from model_config.operate.keys_and_policies import Access, KeysAndPolicies, compare_access
from model_config.operate.release_findings import release_findings
from model_config.operate.releases import (
    PastRelease,
    Releases,
    needed_parts,
    read_each,
    read_releases,
)
from model_config.operate.ssm import ListedParameter, Ssm, released_models
from model_config.plan.plan import Plan, PlannedModel

Contents: TypeAlias = Mapping[str, Content]
_Listed: TypeAlias = Mapping[str, ListedParameter]


@dataclass(frozen=True, slots=True)
class Drift:
    """The differences between an environment, its releases and the program."""

    differences: list[Difference]
    findings: list[Finding]  #: Labels and release histories that will cause problems.
    other_projects: list[str]
    problems: list[str]  #: Errors that prevented a comparison.
    denied: list[str]  #: Missing permissions that prevented a comparison of the key or a policy.
    count: int  #: The number of parameters in SSM.


def find_drift(ssm: Ssm, plan: Plan) -> Drift:
    """Compare an environment's parameters, its key and the reader policies with the program.

    `ssm` is a view (`Ssm.view`).
    """
    released = released_models(ssm.below(plan.path), plan.path)
    access = Access()
    if ssm.below(plan.path):
        models = [model.name for model in plan.models if model.name in released]
        watched = ssm.watch(models, "Reading policies", len(models))
        access = compare_access(KeysAndPolicies(ssm.region), plan.settings, watched)
    drift = find_parameter_drift(ssm, plan, access.key_names)
    return replace(
        drift, differences=[*drift.differences, *access.differences], denied=access.denied
    )


def find_parameter_drift(ssm: Ssm, plan: Plan, key_names: AbstractSet[str] = frozenset()) -> Drift:
    """Compare only the parameters. `key_names` are the names of their key, if it is known."""
    path, planned = plan.path, {model.name for model in plan.models}
    listed = ssm.below(path)
    by_model: dict[str, dict[str, ListedParameter]] = {}
    for name, parameter in listed.items():
        by_model.setdefault(parse(name, path).model, {})[name] = parameter
    released = released_models(listed, path)
    releases = read_each(ssm, path, [name for name in released if name in planned], listed)
    fields = plan.settings.fields
    models = [
        _deployed(ssm, model, releases.get(name), by_model.get(name, {}), has_fields=fields)
        for name, model in ((model.name, model) for model in plan.models)
    ]
    rollouts = {model.planned.rollout_name for model in models} & listed.keys()
    texts = ssm.texts(sorted({name for model in models for name in model.comparable()} | rollouts))
    differences = list(_unmanaged(by_model, path, {*released, *planned}))
    findings: list[Finding] = []
    for model in models:
        differences += _differences(model, texts, key_names)
        if model.releases:
            state = state_of(model.releases, texts.get(model.planned.rollout_name))
            findings += release_findings(state, listed)
    others = [name for name in released if name not in planned]
    return Drift(differences, findings, others, sorted({*ssm.problems}), [], len(listed))


@dataclass(frozen=True, slots=True)
class _Deployed:
    """A model of the program, and what SSM has of it."""

    planned: PlannedModel
    releases: Releases | None  #: None if there are none or they can't be read.
    listed: Mapping[str, tuple[Kind, ListedParameter]]  #: All parameters below its path.
    values: _Listed  #: Those that are values, secrets, or belong to nobody.
    # The content of each parameter in the program, the newest release and the older ones.
    program: Contents
    release: Contents
    former: Contents

    @property
    def is_known(self) -> bool:
        """Whether the newest release could be read, or there is no release."""
        if self.releases:
            return self.releases.newest.content is not None
        return self.planned.release_name not in self.listed

    def comparable(self) -> set[str]:
        """Return the values to read: no secrets, and nothing that is nobody's."""
        both = self.program, self.release
        return {
            name
            for name in self.values
            if {type(contents[name]) for contents in both if name in contents} == {str}
        }

    def unneeded_parts(self) -> Iterator[ListedParameter]:
        """Yield parts of releases that no release in the history names."""
        parts = [listed for kind, listed in self.listed.values() if kind == "release part"]
        with suppress(ReleaseError):  # then it is unknown which parts it needs
            needed = needed_parts(self.releases) if parts and self.releases else set()
            yield from (part for part in parts if part.name not in needed)


def _deployed(
    ssm: Ssm,
    planned: PlannedModel,
    releases: Releases | str | None,
    listed: _Listed,
    *,
    has_fields: bool,
) -> _Deployed:
    path = planned.path.rpartition("/")[0]
    kinds = {name: (parse(name, path).kind, it) for name, it in listed.items()}
    values = {name: it for name, (kind, it) in kinds.items() if kind in {"value", "secret"}}
    program = {
        it.name: it.content if isinstance(it.content, str) else NoText.SECRET
        for it in planned.parameters
    }
    if isinstance(releases, str):
        ssm.problems.append(releases)
        releases = None
    known, former = kinds.keys() | program.keys(), dict[str, Content]()
    is_unexplained = values.keys() - program.keys()
    if releases and (is_unexplained or any(kind == "release part" for kind, _ in kinds.values())):
        releases = read_releases(ssm, path, planned.name, documents=True)
        for older in releases.newest_first[1:] if is_unexplained else ():
            if older.labels or not _is_in_parts(older):  # or else it costs requests
                former |= contents_of(older, planned.path, known)
    release = contents_of(releases.newest, planned.path, known) if releases else {}
    if not has_fields:  # a release holds values that have no parameter
        release = {n: it for n, it in release.items() if n in known or it is NoText.SECRET}
    return _Deployed(planned, releases, kinds, values, program, release, former)


def _is_in_parts(release: PastRelease) -> bool:
    try:
        return bool(part_hashes(release.document))
    except ReleaseError:
        return False


def contents_of(release: PastRelease, base: str, known: AbstractSet[str]) -> dict[str, Content]:
    """Return the content of each parameter of a release.

    A release doesn't distinguish a group from a field that holds an object: a name in `known` is
    that of a field.
    """
    if release.content is None:
        return {}
    names = release.content.secret_names(base).values()
    contents: dict[str, Content] = dict.fromkeys(names, NoText.SECRET)
    for name, value in _fields(release.content.config, base, known):
        for number, text in enumerate(split_at_lines(encode(value)), start=1):
            contents[field_part(name, number)] = text
    return contents


def _fields(
    values: Mapping[str, Value], base: str, known: AbstractSet[str]
) -> Iterator[tuple[str, Value]]:
    for key, value in values.items():
        name = f"{base}/{key}"
        if isinstance(value, Mapping) and value and name not in known:
            yield from _fields(value, name, known)
        else:
            yield name, value


def _differences(
    model: _Deployed, texts: Mapping[str, str], key_names: AbstractSet[str]
) -> Iterator[Difference]:
    planned = model.planned
    values = _value_differences(model, texts)
    yield from values
    unowned = {it.path for it in values if it.state in {"unmanaged", "orphaned"}}
    for name, (kind, listed) in model.listed.items():
        if (below := name.removeprefix(f"{planned.path}/")) not in unowned:
            yield from _storage_differences(planned.name, below, kind, listed, key_names)
    for listed in model.unneeded_parts():
        below = listed.name.removeprefix(f"{planned.path}/")
        yield _only_in_ssm(planned.name, below, "orphaned", listed)
    if model.releases and planned.rollout_name not in model.listed:
        yield Difference(planned.name, ROLLOUT, "not deployed", "value", EMPTY, NoText.ABSENT)
    if not values and model.is_known:
        document = planned.release.document
        stored = model.releases.newest.document if model.releases else None
        if stored != document:
            sides = _head(document), _head(stored) if stored else NoText.ABSENT
            yield Difference(planned.name, RELEASE, "not deployed", "document", *sides, sides[1])


def _value_differences(model: _Deployed, texts: Mapping[str, str]) -> list[Difference]:
    """Return the values that differ. A value that couldn't be read is left out."""
    program, release, values = model.program, model.release, model.values
    comparable, differences = model.comparable(), []
    for name in sorted({*program, *release, *values}):
        if name in comparable:
            if name not in texts:
                continue
            aws: Content = texts[name]
        elif name in values:
            aws = release.get(name, program.get(name, NoText.UNREAD))
        else:
            aws = NoText.ABSENT
        contents = program.get(name, NoText.ABSENT), release.get(name, NoText.ABSENT), aws
        if state := _state(*contents, is_known=model.is_known, is_former=name in model.former):
            path, listed = name.removeprefix(f"{model.planned.path}/"), values.get(name)
            where = model.planned.name, path, state, "value"
            differences.append(
                Difference(*where, contents[0], aws, contents[1], name if listed else None, listed)
            )
    if any(difference.state == "interrupted" for difference in differences):
        # A parameter that an interrupted deploy had not reached yet belongs to that deploy.
        states: dict[DriftState, DriftState] = {"not deployed": "interrupted"}
        return [replace(it, state=states.get(it.state, it.state)) for it in differences]
    return differences


def _state(
    program: Content, release: Content, aws: Content, *, is_known: bool, is_former: bool
) -> DriftState | None:
    if not is_known:
        return None if program == aws else "unclear"
    if program is release is NoText.ABSENT:
        return "orphaned" if is_former else "unmanaged"
    if aws == release:
        return None if program == release else "not deployed"
    # A deploy deletes after it has written the release, so no deploy deleted what the newest
    # release still has.
    return "interrupted" if aws == program and aws is not NoText.ABSENT else "edited"


def _storage_differences(
    model: str, path: str, kind: Kind, listed: ListedParameter, key_names: AbstractSet[str]
) -> Iterator[Difference]:
    """Yield how a parameter is stored if it differs from how a deploy stores it."""
    type_ = "String" if kind == "rollout" else "SecureString"
    stored = {"type": (type_, listed.type), "tier": ("Standard", listed.tier)}
    if type_ == listed.type == "SecureString" and key_names and listed.key not in key_names:
        stored["key"] = max(key_names, key=len), listed.key or "none"
    for aspect, (program, aws) in stored.items():
        if aws != program:
            yield Difference(
                model, path, "edited", aspect, program, aws, name=listed.name, listed=listed
            )


def _only_in_ssm(model: str, path: str, state: DriftState, listed: ListedParameter) -> Difference:
    absent, unread = NoText.ABSENT, NoText.UNREAD
    return Difference(model, path, state, "value", absent, unread, name=listed.name, listed=listed)


def _unmanaged(
    by_model: Mapping[str, _Listed], path: str, models: AbstractSet[str]
) -> Iterator[Difference]:
    """Yield parameters that belong to no model, and parts that a removed model has left."""
    for model in sorted(by_model.keys() - models):
        for name, listed in sorted(by_model[model].items()):
            parsed = parse(name, path)
            state: DriftState = "orphaned" if parsed.kind == "release part" else "unmanaged"
            where = (model, parsed.path) if parsed.path else ("", model)
            yield _only_in_ssm(*where, state, listed)


def _head(document: str) -> str:
    return " ".join(str(json.loads(document)[key]) for key in ("schema", "digest"))
