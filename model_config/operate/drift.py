"""Compares an environment in AWS with its newest releases and the program.

Every value is read, except for secrets and for parameters that belong to nobody: only their
existence and storage are compared. The key and the reader policies are compared too.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC
from enum import Enum
from os.path import commonprefix  # of any texts, not only of paths
from typing import Any, Literal, TypeAlias

from model_config.format import codec, errors, names, rollout
from model_config.format.release import part_hashes
from model_config.operate.environment import State, read_states
from model_config.operate.release_findings import release_findings
from model_config.operate.releases import PastRelease, needed_parts, read_releases
from model_config.operate.services import Key, KeysAndPolicies
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
        "Neither a release nor the program has it. Move it into a model's module (`model-config "
        "import NAME --as MODEL`), or delete it: `aws ssm delete-parameter --name NAME`."
    ),
    "unclear": "The newest release can't be read, so the origin of the change is unknown: see "
    "below.",
}


class NoText(Enum):
    ABSENT = "nothing"
    SECRET = "a secret"  # noqa: S105 - only a deploy knows its value
    UNREAD = "something"  # not read, since it may be a secret


Content: TypeAlias = str | NoText


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
    # On one line; of a long text, the part around the first difference.
    if not isinstance(content, str):
        return str(content.value)
    room = 48
    start = max(0, begin - 12) if len(content) > room else 0
    end = start + room
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
    findings: list[errors.Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  #: Errors that prevented a comparison.
    #: Missing permissions that prevented a comparison of the key or a policy.
    denied: list[str] = field(default_factory=list)


def find_drift(ssm: Ssm, plan: Plan) -> Drift:
    """Compare an environment with the program. `ssm` is a view (`Ssm.view`)."""
    denied, settings, differences = list[str](), plan.settings, list[Difference]()
    key_names: set[str] = set()
    name = settings.kms_key_arn or settings.key_alias
    if listed := ssm.below(plan.path):
        aws, released = KeysAndPolicies(ssm.region), released_models(listed, plan.path)
        key = None
        with _noting(denied, "the key, its policy and the reader policies"):
            if (key := aws.key(name)) is None:
                aspect = "key" if settings.kms_key_arn else "alias"
                differences.append(
                    Difference("", name, "edited", aspect, "the environment's key", "nothing")
                )
        if key:
            key_names = {key.arn, key.id}
            if name.startswith("alias/"):
                key_names |= {name, f"{key.arn.rpartition(':')[0]}:{name}"}
            models = [model.name for model in plan.models if model.name in released]
            watched = ssm.watch(models, "Reading policies", len(models))
            differences += _access_differences(aws, settings, key, watched, denied)
    drift = find_parameter_drift(ssm, plan, key_names)
    drift.differences.extend(differences)
    drift.denied.extend(denied)
    return drift


def find_parameter_drift(ssm: Ssm, plan: Plan, key_names: Collection[str] = ()) -> Drift:
    """Compare parameters; where the names of the key are known, also which key they are under."""
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
    for other in sorted(by_model.keys() - {*released, *planned}):
        for name, parameter in sorted(by_model[other].items()):
            # Of no model, but for parts, which a removed model has left.
            parsed = names.parse(name, path)
            state: DriftState = "orphaned" if parsed.kind == "release part" else "unmanaged"
            where = (other, parsed.path) if parsed.path else ("", other)
            drift.differences.append(_only_in_ssm(*where, state, parameter))
    for model in models:
        drift.differences.extend(model.differences(texts, key_names))
        if isinstance(known := states.get(model.planned.name), State):
            drift.findings.extend(release_findings(known, listed))
    drift.problems.extend(sorted({*ssm.problems}))
    return drift


class _Deployed:
    """A model as the program, its releases and SSM have it."""

    def __init__(
        self,
        ssm: Ssm,
        planned: PlannedModel,
        state: State | str | None,
        listed: Mapping[str, ListedParameter],
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
            try:
                releases = read_releases(ssm, path, planned.name, documents=True)
            except errors.AccessDeniedError as error:  # such as an older one under another key
                ssm.problems.append(str(error))
                is_unexplained = set()
            for older in releases.newest_first[1:] if is_unexplained else ():
                if older.labels or not _is_in_parts(older):  # or else it costs requests
                    self.former |= contents_of(older, base, known)
        self.releases = releases  #: None if there are none or they can't be read.
        if releases:
            self.release = contents_of(releases.newest, base, known)
        # Without `fields`, now or at the last deploy, a release's values have no parameters.
        if not settings.fields or "value" not in kinds:
            held = self.release.items()
            self.release = {n: it for n, it in held if n in listed or it is NoText.SECRET}
        # Whether the newest release could be read, or there is no release.
        self.is_known = planned.release_name not in self.listed
        if releases:
            self.is_known = releases.newest.content is not None

    @property
    def comparable(self) -> set[str]:
        both = self.program, self.release
        return {
            name
            for name in self.values
            if {type(contents[name]) for contents in both if name in contents} == {str}
        }

    def differences(
        self, texts: Mapping[str, str], key_names: Collection[str]
    ) -> Iterator[Difference]:
        planned, model = self.planned, self.planned.name
        values = self._values(texts)
        yield from values
        unowned = {it.path for it in values if it.state in {"unmanaged", "orphaned"}}
        for name, (kind, listed) in self.listed.items():
            if (path := self._below(name)) in unowned:
                continue
            type_ = "String" if kind == "rollout" else "SecureString"
            stored = {"type": (type_, listed.type), "tier": ("Standard", listed.tier)}
            if type_ == listed.type == "SecureString" and key_names and listed.key not in key_names:
                stored["key"] = max(key_names, key=len), listed.key or "none"
            for aspect, (program, aws) in stored.items():
                if aws != program:
                    yield Difference(model, path, "edited", aspect, program, aws, listed=listed)
        for part in self._unneeded_parts():
            yield _only_in_ssm(model, self._below(part.name), "orphaned", part)
        absent: Content = NoText.ABSENT
        if self.releases and planned.rollout_name not in self.listed:
            yield Difference(model, names.ROLLOUT, "not deployed", "value", rollout.EMPTY, absent)
        newest = self.releases.newest.document if self.releases else None
        is_told = any(it.program != it.release for it in values)
        if not is_told and self.is_known and newest != planned.release.document:
            ours, theirs = _head(planned.release.document), _head(newest) if newest else absent
            about = model, names.RELEASE
            yield Difference(*about, "not deployed", "document", ours, theirs, theirs)

    def _unneeded_parts(self) -> list[ListedParameter]:
        parts = [listed for kind, listed in self.listed.values() if kind == "release part"]
        # If a release can't be read, it is unknown which parts it needs.
        with suppress(errors.ReleaseError, errors.AccessDeniedError):
            needed = needed_parts(self.releases) if parts and self.releases else set()
            return [part for part in parts if part.name not in needed]
        return []

    def _values(self, texts: Mapping[str, str]) -> list[Difference]:
        comparable, differences = self.comparable, []
        for name in sorted({*self.program, *self.release, *self.values}):
            program, release = (it.get(name, NoText.ABSENT) for it in (self.program, self.release))
            aws: Content = NoText.ABSENT
            if name in comparable:
                if name not in texts:
                    continue
                aws = texts[name]
            elif name in self.values:
                aws = self.release.get(name, self.program.get(name, NoText.UNREAD))
            if state := self._state(program, release, aws, is_former=name in self.former):
                where = self.planned.name, self._below(name), state, "value"
                differences.append(Difference(*where, program, aws, release, self.values.get(name)))
        if any(difference.state == "interrupted" for difference in differences):
            # A parameter that an interrupted deploy had not reached yet belongs to that deploy.
            states: dict[DriftState, DriftState] = {"not deployed": "interrupted"}
            return [replace(it, state=states.get(it.state, it.state)) for it in differences]
        return differences

    def _state(
        self, program: Content, release: Content, aws: Content, *, is_former: bool
    ) -> DriftState | None:
        if not self.is_known:
            return None if program == aws else "unclear"
        if program is release is NoText.ABSENT:
            return "orphaned" if is_former else "unmanaged"
        if aws == release:
            return None if program == release else "not deployed"
        # A deploy deletes after it has written the release, so no deploy deleted what the newest
        # release still has.
        return "interrupted" if aws == program and aws is not NoText.ABSENT else "edited"

    def _below(self, name: str) -> str:
        return name.removeprefix(f"{self.planned.path}/")


def _is_in_parts(release: PastRelease) -> bool:
    try:
        return bool(part_hashes(release.document))
    except errors.ReleaseError:
        return False


def contents_of(release: PastRelease, base: str, known: AbstractSet[str]) -> dict[str, Content]:
    """Return the content of each parameter of a release; names in `known` are fields."""
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


def _only_in_ssm(model: str, path: str, state: DriftState, listed: ListedParameter) -> Difference:
    return Difference(model, path, state, "value", NoText.ABSENT, NoText.UNREAD, listed=listed)


def _head(document: str) -> str:
    return " ".join(str(json.loads(document)[key]) for key in ("schema", "digest"))


@contextmanager
def _noting(denied: list[str], what: str) -> Iterator[None]:
    """Note a missing permission and leave the block, so that the rest is compared."""
    try:
        yield
    except errors.AccessDeniedError as error:
        denied.append(f"{what}: {error}")


def _access_differences(
    aws: KeysAndPolicies, settings: Settings, key: Key, models: Iterable[str], denied: list[str]
) -> Iterator[Difference]:
    name = settings.kms_key_arn or settings.key_alias
    if key.state != "Enabled":
        yield Difference("", name, "edited", "state", "Enabled", key.state)
    if settings.kms_key_arn:  # its owner, perhaps another account, configures it
        account = aws.account()
    else:
        _, _, _, region, account_id, _ = key.arn.split(":", 5)
        account = Account(account_id, region)
        with _noting(denied, "the key's rotation"):
            if not aws.rotates(key.id):
                yield Difference("", name, "edited", "rotation", "on", "off")
        with _noting(denied, "the key's policy"):
            if differing := _differing(key_policy(account), aws.key_policy(key.id)):
                yield Difference("", name, "edited", "policy", "its document", differing)
    for model in models:
        arn = account.policy_arn(settings.policy_name(model, account.region))
        with _noting(denied, f"{model}'s reader policy"):
            policy = aws.policy(arn)
            expected = reader_policy(settings.path_of(model), key.arn, account)
            if differing := "nothing" if policy is None else _differing(expected, policy):
                yield Difference(model, arn, "edited", "policy", "its document", differing)


def _differing(program: Mapping[str, Any], aws: Mapping[str, Any]) -> str:
    """Compare policy documents without regard to order; a text equals a list of that text."""
    expected, actual = _statements(program), _statements(aws)
    missing = [f"without {expected[key]}" for key in sorted(expected.keys() - actual.keys())]
    other = [f"with another {actual[key]}" for key in sorted(actual.keys() - expected.keys())]
    return ", ".join(missing + other)


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
