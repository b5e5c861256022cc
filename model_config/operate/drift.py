"""Compares an environment in AWS with its newest releases and the program.

Every value is read, except for secrets and for parameters that belong to nobody: only their
existence and storage are compared. The key and the reader policies are compared too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC
from enum import Enum
from os.path import commonprefix  # of any texts, not only of paths
from typing import Any, Literal, TypeAlias

from model_config.format import codec, names
from model_config.format.errors import AccessDeniedError, Finding, ReleaseError
from model_config.format.release import part_hashes
from model_config.format.rollout import EMPTY
from model_config.operate.environment import State, read_states
from model_config.operate.release_findings import release_findings
from model_config.operate.releases import PastRelease, needed_parts, read_releases
from model_config.operate.services import KeysAndPolicies
from model_config.operate.ssm import ListedParameter, Ssm, released_models
from model_config.plan.aws import Account, key_policy, reader_policy
from model_config.plan.plan import Plan, PlannedModel
from model_config.plan.settings import Settings

DriftState: TypeAlias = Literal[
    "edited", "interrupted", "not deployed", "orphaned", "unmanaged", "unclear"
]

#: The meaning of each state, and what to do about it.
ADVICE: dict[DriftState, str] = {
    "edited": (
        "Somebody changed it by hand. To undo it: `pulumi up --refresh --stack {stack}` (a "
        "parameter of another type or tier first needs `aws ssm delete-parameter --name NAME`). To "
        "keep a value: write it into the model's module or the stack file first. "
        "Applications read the release and so don't see the change, except for a secret. A key "
        "or a policy may also be older than the program: the same command updates it."
    ),
    "interrupted": (
        "A deploy wrote some parameters but no release: applications still read the previous one. "
        "To finish it: `model-config recover --environment {stack}`, which adopts what the state "
        "lacks, and then `pulumi up --refresh --stack {stack}`."
    ),
    "not deployed": (
        "The program is ahead of AWS, or somebody deleted a rollout parameter: "
        "`pulumi up --refresh --stack {stack}`."
    ),
    "orphaned": (
        "An earlier program left it. After a deploy that was interrupted before its deletions: "
        "`pulumi up --refresh --stack {stack}`. Parts of releases: `model-config prune MODEL`, "
        "with --gone for a model that was removed."
    ),
    "unmanaged": (
        "Neither a release nor the program has it. Move it into a model's module "
        "(`model-config import`), or delete it: `aws ssm delete-parameter --name NAME`."
    ),
    "unclear": "The newest release can't be read, so the origin of the change is unknown: see "
    "below.",
}

#: The number of characters of a value that are shown.
_ROOM = 48


class NoText(Enum):
    ABSENT = "nothing"
    SECRET = "a secret"  # noqa: S105 - only a deploy knows its value
    UNREAD = "something"  # not read, since it may be a secret


Content: TypeAlias = str | NoText
Contents: TypeAlias = Mapping[str, Content]
_Listed: TypeAlias = Mapping[str, ListedParameter]


@dataclass(frozen=True, slots=True)
class Difference:
    """A parameter, the key or a reader policy that differs between program, release and AWS."""

    model: str  #: Empty if it belongs to none.
    path: str  #: Below the model; or the key's alias or ARN, or the policy's ARN.
    state: DriftState
    #: "value" or "document"; how it is stored, such as "type", "tier" or "key"; or of the key and
    #: the policies "alias", "state", "rotation" or "policy".
    aspect: str
    program: Content
    aws: Content
    release: Content = NoText.ABSENT
    listed: ListedParameter | None = None  #: If SSM has it.

    @property
    def name(self) -> str | None:
        """The full name or ARN, if AWS has it."""
        if self.listed:
            return self.listed.name
        return None if self.aspect in {"value", "document"} else self.path

    @property
    def text(self) -> str:
        """The contents, grouped by equality, and who wrote the parameter if not a deploy."""
        if self.aspect not in {"value", "document"}:
            text = f"{self.aspect}: {_shown(self.aws)}, not {_shown(self.program)}"
        else:
            contents = {"program": self.program, "release": self.release, "SSM": self.aws}
            texts = [content for content in contents.values() if isinstance(content, str)]
            begin = len(commonprefix(texts)) if len({*texts}) > 1 else 0  # noqa: RUF071 - as meant
            sides: dict[str, list[str]] = {}
            for side, content in contents.items():
                sides.setdefault(_shown(content, begin), []).append(side)
            text = "; ".join(f"{' and '.join(names)}: {shown}" for shown, names in sides.items())
        if self.listed is None or self.state == "not deployed":
            return text
        by = f" by {self.listed.by}" if self.listed.by.startswith("arn:") else ""
        return f"{text} (written {self.listed.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{by})"


def _shown(content: Content, begin: int = 0) -> str:
    """Return a content on one line; of a long text, the part around the first difference."""
    if not isinstance(content, str):
        return str(content.value)
    start = max(0, begin - 12) if len(content) > _ROOM else 0
    end = start + _ROOM
    shown = f"{'…' * (start > 0)}{content[start:end]}{'…' * (end < len(content))}"
    return shown.replace("\n", "\\n")


def without_plan(*, has_module: bool) -> str:
    if has_module:
        return "it has a release and a module, but is not one of this stack's models"
    return "it has a release, but no module in this project"


@dataclass(frozen=True, slots=True)
class Drift:
    count: int  #: The number of parameters in SSM.
    other_projects: list[str]
    differences: list[Difference] = field(default_factory=list)
    #: Labels and release histories that will cause problems.
    findings: list[Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  #: Errors that prevented a comparison.
    #: Missing permissions that prevented a comparison of the key or a policy.
    denied: list[str] = field(default_factory=list)


def find_drift(ssm: Ssm, plan: Plan) -> Drift:
    """Compare an environment with the program. `ssm` is a view (`Ssm.view`)."""
    access, listed = Access(), ssm.below(plan.path)
    if listed:
        released = released_models(listed, plan.path)
        models = [model.name for model in plan.models if model.name in released]
        watched = ssm.watch(models, "Reading policies", len(models))
        access = compare_access(KeysAndPolicies(ssm.region), plan.settings, watched)
    drift = find_parameter_drift(ssm, plan, access.key_names)
    drift.differences.extend(access.differences)
    drift.denied.extend(access.denied)
    return drift


def find_parameter_drift(ssm: Ssm, plan: Plan, key_names: AbstractSet[str] = frozenset()) -> Drift:
    path, listed = plan.path, ssm.below(plan.path)
    by_model: dict[str, dict[str, ListedParameter]] = {model.name: {} for model in plan.models}
    for name, parameter in listed.items():
        by_model.setdefault(names.parse(name, path).model, {})[name] = parameter
    released, planned = released_models(listed, path), {model.name for model in plan.models}
    states = read_states(ssm, path, [name for name in released if name in planned], listed)
    models = [
        _Deployed(ssm, model, states.get(model.name), by_model[model.name], plan.settings)
        for model in plan.models
    ]
    texts = ssm.texts(sorted({name for model in models for name in model.comparable}))
    drift = Drift(len(listed), [name for name in released if name not in planned])
    drift.differences.extend(_unmanaged(by_model, path, {*released, *planned}))
    for model in models:
        drift.differences.extend(_differences(model, texts, key_names))
        if isinstance(state := states.get(model.planned.name), State):
            drift.findings.extend(release_findings(state, listed))
    drift.problems.extend(sorted({*ssm.problems}))
    return drift


class _Deployed:
    def __init__(
        self,
        ssm: Ssm,
        planned: PlannedModel,
        state: State | str | None,
        listed: _Listed,
        settings: Settings,
    ) -> None:
        path, base = settings.environment_path, planned.path
        self.planned = planned
        #: All parameters below its path, and those that are values, secrets, or belong to nobody.
        self.listed = {name: (names.parse(name, path).kind, it) for name, it in listed.items()}
        kinds = {kind for kind, _ in self.listed.values()}
        self.values = {
            n: it for n, (kind, it) in self.listed.items() if kind in {"value", "secret"}
        }
        # The content of each parameter in the program, the newest release and the older ones.
        self.program: dict[str, Content] = {
            it.name: it.content if isinstance(it.content, str) else NoText.SECRET
            for it in planned.parameters
        }
        self.release, self.former = dict[str, Content](), dict[str, Content]()
        if isinstance(state, str):
            ssm.problems.append(state)
        releases = state.releases if isinstance(state, State) else None
        known = listed.keys() | self.program.keys()
        is_unexplained = self.values.keys() - self.program.keys()
        if releases and (is_unexplained or "release part" in kinds):
            releases = read_releases(ssm, path, planned.name, documents=True)
            for older in releases.newest_first[1:] if is_unexplained else ():
                if older.labels or not _is_in_parts(older):  # or else it costs requests
                    self.former |= contents_of(older, base, known)
        self.releases = releases  #: None if there are none or they can't be read.
        if releases:
            self.release = contents_of(releases.newest, base, known)
        if not settings.fields:  # a release holds values that have no parameter
            held = self.release.items()
            self.release = {n: it for n, it in held if n in known or it is NoText.SECRET}

    @property
    def is_known(self) -> bool:
        """Whether the newest release could be read, or there is no release."""
        if self.releases:
            return self.releases.newest.content is not None
        return self.planned.release_name not in self.listed

    @property
    def comparable(self) -> set[str]:
        both = self.program, self.release
        return {
            name
            for name in self.values
            if {type(contents[name]) for contents in both if name in contents} == {str}
        }

    def unneeded_parts(self) -> Iterator[ListedParameter]:
        parts = [listed for kind, listed in self.listed.values() if kind == "release part"]
        with suppress(ReleaseError):  # then it is unknown which parts it needs
            needed = needed_parts(self.releases) if parts and self.releases else set()
            yield from (part for part in parts if part.name not in needed)


def _is_in_parts(release: PastRelease) -> bool:
    try:
        return bool(part_hashes(release.document))
    except ReleaseError:
        return False


def contents_of(release: PastRelease, base: str, known: AbstractSet[str]) -> dict[str, Content]:
    """Return the content of each parameter of a release.

    It doesn't tell a group from a field that holds an object: names in `known` are fields'.
    """
    if release.content is None:
        return {}
    secrets = release.content.secret_names(base).values()
    contents: dict[str, Content] = dict.fromkeys(secrets, NoText.SECRET)
    for name, value in _fields(release.content.config, base, known):
        for number, text in enumerate(codec.split_at_lines(codec.encode(value)), start=1):
            contents[names.field_part(name, number)] = text
    return contents


def _fields(
    values: Mapping[str, codec.Value], base: str, known: AbstractSet[str]
) -> Iterator[tuple[str, codec.Value]]:
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
        yield Difference(planned.name, names.ROLLOUT, "not deployed", "value", EMPTY, NoText.ABSENT)
    if not values and model.is_known:
        document = planned.release.document
        stored = model.releases.newest.document if model.releases else None
        if stored != document:
            aws = _head(stored) if stored else NoText.ABSENT
            about = planned.name, names.RELEASE
            yield Difference(*about, "not deployed", "document", _head(document), aws, aws)


def _value_differences(model: _Deployed, texts: Mapping[str, str]) -> list[Difference]:
    program, release, values = model.program, model.release, model.values
    comparable, differences = model.comparable, []
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
            where = model.planned.name, name.removeprefix(f"{model.planned.path}/"), state, "value"
            sides = contents[0], aws, contents[1]
            differences.append(Difference(*where, *sides, values.get(name)))
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
    model: str, path: str, kind: names.Kind, listed: ListedParameter, key_names: AbstractSet[str]
) -> Iterator[Difference]:
    type_ = "String" if kind == "rollout" else "SecureString"
    stored = {"type": (type_, listed.type), "tier": ("Standard", listed.tier)}
    if type_ == listed.type == "SecureString" and key_names and listed.key not in key_names:
        stored["key"] = max(key_names, key=len), listed.key or "none"
    for aspect, (program, aws) in stored.items():
        if aws != program:
            yield Difference(model, path, "edited", aspect, program, aws, listed=listed)


def _only_in_ssm(model: str, path: str, state: DriftState, listed: ListedParameter) -> Difference:
    return Difference(model, path, state, "value", NoText.ABSENT, NoText.UNREAD, listed=listed)


def _unmanaged(
    by_model: Mapping[str, _Listed], path: str, models: AbstractSet[str]
) -> Iterator[Difference]:
    """Yield parameters that belong to no model, and parts that a removed model has left."""
    for model in sorted(by_model.keys() - models):
        for name, listed in sorted(by_model[model].items()):
            parsed = names.parse(name, path)
            state: DriftState = "orphaned" if parsed.kind == "release part" else "unmanaged"
            where = (model, parsed.path) if parsed.path else ("", model)
            yield _only_in_ssm(*where, state, listed)


def _head(document: str) -> str:
    return " ".join(str(json.loads(document)[key]) for key in ("schema", "digest"))


@dataclass(slots=True)
class Access:
    key_names: AbstractSet[str] = frozenset()  #: Empty if the key is unknown.
    differences: list[Difference] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)  #: Missing permissions, in words.

    def differs(self, model: str, resource: str, aspect: str, program: str, aws: str) -> None:
        self.differences.append(Difference(model, resource, "edited", aspect, program, aws))

    def compare(
        self, model: str, resource: str, program: Mapping[str, Any], aws: Mapping[str, Any]
    ) -> None:
        """Compare policy documents without regard to order; a text equals a list of that text."""
        expected, actual = _statements(program), _statements(aws)
        differences = [
            *(f"without {expected[key]}" for key in sorted(expected.keys() - actual.keys())),
            *(f"with another {actual[key]}" for key in sorted(actual.keys() - expected.keys())),
        ]
        if differences:
            self.differs(model, resource, "policy", "its document", ", ".join(differences))

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Note a missing permission and leave the block, so that the rest is compared."""
        try:
            yield
        except AccessDeniedError as error:
            self.denied.append(f"{what}: {error}")


def compare_access(aws: KeysAndPolicies, settings: Settings, models: Iterable[str]) -> Access:
    access, name, key = Access(), settings.kms_key_arn or settings.key_alias, None
    with access.noting("the key, its policy and the reader policies"):
        key = aws.key(name)
        if key is None:
            aspect = "key" if settings.kms_key_arn else "alias"
            access.differs("", name, aspect, "the environment's key", "nothing")
    if key is None:
        return access
    aliases = {name, f"{key.arn.rpartition(':')[0]}:{name}"} if name.startswith("alias/") else set()
    access.key_names = frozenset({key.arn, key.id, *aliases})
    if key.state != "Enabled":
        access.differs("", name, "state", "Enabled", key.state)
    if settings.kms_key_arn:  # its owner, perhaps another account, configures it
        account = aws.account()
    else:
        _, _, _, region, account_id, _ = key.arn.split(":", 5)
        account = Account(account_id, region)
        with access.noting("the key's rotation"):
            if not aws.rotates(key.id):
                access.differs("", name, "rotation", "on", "off")
        with access.noting("the key's policy"):
            access.compare("", name, key_policy(account), aws.key_policy(key.id))
    for model in models:
        arn = account.policy_arn(settings.policy_name(model, account.region))
        with access.noting(f"{model}'s reader policy"):
            policy = aws.policy(arn)
            if policy is None:
                access.differs(model, arn, "policy", "its document", "nothing")
            else:
                expected = reader_policy(settings.path_of(model), key.arn, account)
                access.compare(model, arn, expected, policy)
    return access


def _statements(document: Mapping[str, Any]) -> dict[str, str]:
    given = document.get("Statement", [])
    return {
        json.dumps(_plain(it), sort_keys=True): f"statement {it.get('Sid', 'without a name')}"
        for it in (given if isinstance(given, list) else [given])
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    items = value if isinstance(value, list) else [value]
    plain = (_plain(item) if isinstance(item, dict | list) else item for item in items)
    return sorted(json.dumps(item, sort_keys=True) for item in plain)
