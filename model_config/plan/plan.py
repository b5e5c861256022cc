"""From a stack's configuration to a plan of what it deploys, all checked before any deploy."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, TypeAlias, cast, get_origin

from pydantic import JsonValue, ValidationError

from model_config.format import names
from model_config.format.codec import MAX_PARTS, PART_BYTES, size_in_bytes
from model_config.format.errors import CodecError, Finding, InvalidConfigurationError, ReleaseError
from model_config.format.release import Release, ReleaseText, write_release
from model_config.format.rollout import EMPTY
from model_config.format.text import nearest
from model_config.plan import aws, checks, hierarchy, stack_file
from model_config.plan.hierarchy import Leaf, ModelTree, Parameter, leaves
from model_config.plan.project import NAMESPACE, Project, StackConfig, set_secret_command
from model_config.plan.registry import Model, Modules, read_modules
from model_config.plan.settings import Settings, read_settings
from model_config.schema import Group, ModelConfig, SecretRef, Verbatim
from model_config.schema.group import subclasses_in, union_members, value_type
from model_config.schema.problems import nearest_field, problems_of

_Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model as it will be deployed to one environment, with the environment's overrides.

    `digest` and `release` are empty if a value can't be stored. `parameters` has one for each
    value, secret and part, without the release and the rollout.
    """

    name: str
    path: str
    config: ModelConfig
    digest: str
    parameters: tuple[Parameter, ...]
    release: ReleaseText

    @property
    def release_name(self) -> str:
        return names.release_name(self.path)

    @property
    def rollout_name(self) -> str:
        return names.rollout_name(self.path)


def plan_model(
    model: Model, settings: Settings, region: str | None
) -> tuple[PlannedModel, list[Finding]]:
    path, config = settings.path_of(model.name), model.config
    findings: list[Finding] = []
    parameters: list[Parameter] = []
    limit = f"at most {MAX_PARTS} parts of {PART_BYTES:,} bytes"
    for keys, value in leaves(config):
        where = "/".join((model.name, *keys))
        try:
            of_field = hierarchy.parameters_of(keys, value, path)
        except CodecError as error:
            findings.append(Finding(where, f"it can't be stored: {error}", "give it another value"))
            continue
        if (reserved := keys[0].lower()) in names.RESERVED:
            problem = f'a field at the top of a model can\'t be called "{keys[0]}"'
            reason = "the name is reserved, in upper and lower case, for the model's own"
            findings.append(Finding(where, problem, "rename it", f"{reason} {reserved}"))
        if not settings.fields and not isinstance(value, SecretRef):
            continue
        parameters += of_field
        if len(of_field) > MAX_PARTS:
            size = sum(size_in_bytes(str(parameter.content)) for parameter in of_field)
            problem = f"it takes {size:,} bytes, {len(of_field):,} parts"
            source = "(SSM API reference, PutParameter, Tier: Standard)"
            reason = f"{limit}, {MAX_PARTS * PART_BYTES:,} in all {source}"
            findings.append(Finding(where, problem, "shorten it", reason))
        # The last part has the longest name.
        findings += aws.check_name(of_field[-1].name, where, region)
    if not findings and not any(leaves(config)):
        fix = "give a field a value, or delete the model"
        findings.append(Finding(model.name, "it has no values", fix))
    rollout = names.rollout_name(path)
    findings += aws.check_name(rollout, f"{model.name}/{names.ROLLOUT}", region)
    digest, text = "", ReleaseText("", {})
    if not findings:  # otherwise the release would repeat the same findings
        where = f"{model.name}/{names.RELEASE}"
        try:
            release = Release.of(
                model.name,
                settings.environment,
                type(config).__name__,
                hierarchy.config_of(config),
                secrets=hierarchy.secrets_of(config),
                templates=hierarchy.templates_of(config),
                none=hierarchy.none_of(config),
            )
            digest, text = release.digest, write_release(release)
        except ReleaseError as error:
            problem = f"the model's whole configuration has {error}"
            fix = "store less in this model, or split it in two"
            reason = f"{limit}, so that an application reads a release in a few requests"
            findings.append(Finding(where, problem, fix, reason))
        for name in (names.release_name(path), *text.named_parts(path)):
            findings += aws.check_name(name, where, region)
    return PlannedModel(model.name, path, config, digest, tuple(parameters), text), findings


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stack deploys: its models in the order of their names, and every problem."""

    stack: str
    settings: Settings
    models: tuple[PlannedModel, ...]
    findings: tuple[Finding, ...]
    #: About each secret without a value, by its config key. A commit can't hold a secret, so only a
    #: deploy counts these.
    unset: Mapping[str, Finding]

    @property
    def path(self) -> str:
        return self.settings.environment_path


def plan_stack(modules: Modules, config: StackConfig) -> Plan:
    config = stack_file.as_written(config, modules.project)
    settings, findings = read_settings(config)
    findings += stack_file.check_ending(modules.project, config.stack)
    findings += checks.check_namespaces(config)
    findings += checks.check_regions(settings, config)
    findings += checks.check_choice(settings, config, modules.names)
    findings += checks.check_stacks(modules.project, config, settings)
    chosen = [name for name in modules.names if settings.models is None or name in settings.models]
    findings += [finding for name in chosen for finding in modules.broken.get(name, ())]

    models: list[Model] = []
    for name in chosen:
        if name in modules.models:
            changes = settings.overrides.get(name, {})
            model, problems = apply_overrides(modules.models[name], changes, config)
            models.append(model)
            findings += problems
    findings += checks.check_fallbacks(models, modules.names)
    # The stack's file may have the secrets of models that the stack leaves out. While a module is
    # broken, any unknown secret may belong to it.
    all_models = {**modules.models, **{model.name: model for model in models}}
    known = checks.secret_fields(all_models.values())
    findings += checks.check_keys(config, known, all_known=not modules.broken)
    findings += checks.check_secrets(config, known)
    unset = checks.unset_secrets(config, checks.secret_fields(models))

    planned = []
    for model in models:
        planned_model, problems = plan_model(model, settings, config.region)
        planned.append(planned_model)
        findings += problems
    findings += aws.check_collisions(
        (f"{model.name}/{parameter.path}", parameter.name)
        for model in planned
        for parameter in model.parameters
    )
    # Each has its release and rollout too.
    counts = {it.name: len(it.parameters) + len(it.release.parts) + 2 for it in planned}
    findings += aws.check_counts(Counter(counts))
    findings += checks.check_lengths(settings, (model.name for model in planned), config.region)
    return Plan(config.stack, settings, tuple(planned), tuple(findings), unset)


def plan_from_file(project: Project, stack: str) -> Plan:
    """Return the plan of a stack from the project's files, or raise if its file can't be read."""
    config = stack_file.read_stack_file(project, stack)  # a missing file runs no module
    return plan_stack(read_modules(project), config)


def is_protected(project: Project, stack: str) -> bool:
    with suppress(InvalidConfigurationError):  # which other commands show
        return read_settings(stack_file.read_stack_file(project, stack))[0].protect
    return False


def valid_plan(project: Project, stack: str) -> Plan:
    plan = plan_from_file(project, stack)
    if plan.findings:
        raise InvalidConfigurationError(plan.findings)
    return plan


def trees(plan: Plan) -> list[ModelTree]:
    return [
        ModelTree(
            it.name, it.path, type(it.config).__name__, it.digest or None, [*_leaves(it, plan)]
        )
        for it in plan.models
    ]


def _leaves(model: PlannedModel, plan: Plan) -> Iterator[Leaf]:
    values = list(leaves(model.config))
    for path, value in values if plan.settings.fields else ():
        if not isinstance(value, SecretRef):
            yield hierarchy.leaf("/".join(path), value)
    for path, value in values:  # secrets have a branch of their own
        if isinstance(value, SecretRef):
            unset = ", not set" if value.config_key in plan.unset else ""
            note = f"{value.config_key}{unset}"
            yield Leaf("/".join((names.SECRETS, *path)), "secret", None, note=note)
    yield Leaf(names.ROLLOUT, "rollout", size_in_bytes(EMPTY))
    if model.release.document:  # empty if a value can't be stored
        texts = [model.release.document, *model.release.parts.values()]
        yield Leaf(names.RELEASE, "release", sum(map(size_in_bytes, texts)), len(texts))


def apply_overrides(
    model: Model, overrides: JsonValue, config: StackConfig
) -> tuple[Model, list[Finding]]:
    """Return the model with its overrides applied, and what is wrong with the overrides.

    A group, a `dict[str, Group]` and any other dict are merged by key, as JSON Merge Patch says
    (RFC 7396), except that a null in what is new stays, and that one that has nothing to remove is
    a finding. Everything else is replaced, lists whole. If any override is invalid, the model is
    returned as its module defines it.
    """
    if overrides is None or overrides == {}:
        return model, []  # no second validation: a validator may change its value again
    overriding, path, changed = _Overriding(config), (model.name,), model.config
    if isinstance(overrides, dict):
        changed = cast(ModelConfig, overriding.group(type(changed), changed, overrides, path))
    else:
        problem = "a model's overrides are a map of groups and fields"
        overriding.refuse(path, problem, "write the field's name before the value")
    return (model if overriding.findings else replace(model, config=changed)), overriding.findings


@dataclass
class _Overriding:
    config: StackConfig
    findings: list[Finding] = field(default_factory=list)

    def group(
        self,
        kind: type[Group],
        current: object,
        overrides: Mapping[str, JsonValue],
        path: _Path,
    ) -> object:
        refused: set[_Path] = set()
        values: dict[str, Any] = {}
        if isinstance(current, Group):
            values = {name: getattr(current, name) for name in kind.model_fields}
        for name, override in overrides.items():
            if name not in kind.model_fields:
                problem = f"{kind.__name__} has no field of that name"
                self.refuse((*path, name), problem, nearest_field(name, kind.model_fields))
                continue
            annotation, value = kind.model_fields[name].annotation, values.get(name)
            if not _overrides_nothing(annotation, value, override):
                known = len(self.findings)
                values[name] = self._value(annotation, value, override, (*path, name))
                if len(self.findings) > known:
                    refused.add((name,))
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            numbers = "a text that looks like a number needs quotation marks"
            fix = f"give it a value that {kind.__name__} allows; {numbers}"
            for wrong in problems_of(error, kind):
                if wrong.path[:1] in refused:  # it was not changed
                    continue
                if wrong.type == "secret_ref":
                    self._refuse_secret((*path, *wrong.path))
                else:
                    self.refuse((*path, *wrong.path), wrong.text, wrong.fix or fix)
            return current

    def _value(self, annotation: Any, current: Any, override: JsonValue, path: _Path) -> object:
        members, groups = list(union_members(annotation)), subclasses_in(annotation, Group)
        if SecretRef in members:
            self._refuse_secret(path)
            return current
        if groups and NoneType in members and (override is None or override is False):
            if override is None:
                problem = "null doesn't say whether the group is meant to be off or unchanged"
                self.refuse(path, problem, "write false to switch it off, or remove the line")
            return None
        if isinstance(override, dict):
            if isinstance(current, Group):
                return self.group(type(current), current, override, path)
            if isinstance(current, dict) or any(get_origin(member) is dict for member in members):
                return self._dict(value_type(annotation, dict), current, override, path)
            if len(groups) == 1:
                return self.group(groups[0], None, override, path)
        return _verbatim_as(current, override)

    def _dict(
        self,
        annotation: Any,
        current: Any,
        override: Mapping[str, JsonValue],
        path: _Path,
    ) -> dict[str, object]:
        known = current if isinstance(current, dict) else None
        merged = dict(known or {})
        for key, value in override.items():
            if value is not None or known is None:
                merged[key] = self._value(annotation, merged.get(key), value, (*path, key))
            elif merged.pop(key, self) is self:
                problem = "null removes a key, and there is no key of that name"
                self.refuse((*path, key), problem, nearest(key, known))
        return merged

    def _refuse_secret(self, path: _Path) -> None:
        problem = "a secret can't be overridden: an override is plain text"
        command = set_secret_command("<key>", self.config.stack)
        self.refuse(path, problem, f"set the key of its SecretRef: {command}")

    def refuse(self, path: Iterable[str], problem: str, fix: str) -> None:
        where = f"{NAMESPACE}:overrides.{'.'.join(path)}"
        self.findings.append(self.config.finding(where, problem, fix))


def _verbatim_as(current: object, override: JsonValue) -> Any:
    if isinstance(current, Verbatim) and isinstance(override, str):
        return Verbatim(override)
    if isinstance(current, list) and isinstance(override, list):
        replaced = [*current, *[None] * len(override)]
        return [_verbatim_as(*pair) for pair in zip(replaced, override, strict=False)]
    if isinstance(current, Group | dict) and isinstance(override, dict):
        values = current if isinstance(current, dict) else vars(current)
        return {key: _verbatim_as(values.get(key), value) for key, value in override.items()}
    return override


def _overrides_nothing(annotation: Any, current: object, override: JsonValue) -> bool:
    # Of a group or a dict: a line of YAML that is commented out leaves null behind.
    members = {get_origin(kind) or kind for kind in union_members(annotation)}
    maps = {dict, NoneType, *subclasses_in(annotation, Group)}
    is_map = isinstance(current, Group | dict) or members <= maps
    return is_map and (override == {} or (override is None and NoneType not in members))
