"""Finds resources that a killed deploy created in AWS and that the stack's state lacks.

Every later `pulumi up` would fail with ParameterAlreadyExists. A resource that matches the plan
exactly belongs to the deploy and can be adopted. Any other belongs to somebody else, as does
everything under a key whose owner tag names another stack.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from model_config.format import codec, errors
from model_config.operate.services import Key, KeysAndPolicies
from model_config.operate.ssm import Ssm
from model_config.plan import project
from model_config.plan.aws import reader_policy
from model_config.plan.plan import Plan, PlannedModel
from model_config.plan.project import OWNER_TAG, Adoption, StackState

_KEY = "encryption-key"  # the logical name of the key, its alias and their component
_OTHER_ENVIRONMENT = (
    "give this stack another model-config:environment, or share the key with model-config:kmsKeyArn"
)


@dataclass(slots=True)
class Recovery:
    adopt: list[Adoption] = field(default_factory=list)
    whose: str = ""  #: The stack that they belong to, and how that is known.
    blocked: list[errors.Finding] = field(default_factory=list)  #: What can't be adopted.
    pending: list[str] = field(default_factory=list)  #: Interrupted operations, in words.
    refresh: list[str] = field(default_factory=list)  #: URNs whose state may be outdated.

    @property
    def is_needed(self) -> bool:
        return bool(self.adopt or self.blocked or self.pending)


def find_recovery(  # noqa: PLR0913 - the three sides of the comparison
    plan: Plan,
    secrets: Mapping[str, str],
    state: StackState,
    ssm: Ssm,
    aws: KeysAndPolicies,
    *,
    into_empty_state: bool = False,
) -> Recovery:
    """Return what to do before the plan can be deployed; `secrets` are texts by config key."""
    recovery = Recovery()
    for operation, urn in state.pending:
        recovery.pending.append(f"{operation} {urn.rsplit('::', 1)[-1]}")
        if operation == "updating":
            recovery.refresh.append(urn)
    # Without a key, a deploy has created nothing else.
    if key := _adopt_key(recovery, plan, state, aws):
        steps = [*_parameters(plan, secrets, state, ssm, key), *_policies(plan, state, aws, key)]
        recovery.adopt += (step for step in steps if isinstance(step, Adoption))
        recovery.blocked += (step for step in steps if isinstance(step, errors.Finding))
    if state.is_empty and recovery.adopt and not into_empty_state:
        recovery.blocked.append(
            errors.Finding(
                state.owner,
                f"the stack's state is empty, and AWS has {len(recovery.adopt)} resources that "
                f"match its plan (owner: {recovery.whose})",
                f"`model-config recover --environment {plan.stack} --into-empty-state` if this "
                f"stack deployed them and its state was lost. If the stack is new, "
                f"{_OTHER_ENVIRONMENT}",
                "a stack deletes what its state has, so another stack's resources would be lost",
            )
        )
    return recovery


def _adopt_key(
    recovery: Recovery, plan: Plan, state: StackState, aws: KeysAndPolicies
) -> str | None:
    """Adopt the key and its alias where the state lacks them; return the key's ARN, if any."""
    settings = plan.settings
    if settings.kms_key_arn:
        recovery.whose = "unknown, since the key of kmsKeyArn has no owner"
        return settings.kms_key_arn
    known = next(iter(state.ids.get(project.KEY, ())), None)
    aliased = aws.key(settings.key_alias, enabled=True)
    if aliased and known not in {None, aliased.id}:
        recovery.blocked.append(_foreign(settings.key_alias, "names another key"))
        return None
    if known:
        key = aliased or aws.key(known, enabled=True)
        recovery.whose = f"{state.owner}, whose state has the key"
    else:  # a deploy creates the key before its alias
        keys = [aliased] if aliased else aws.keys_described(settings.key_description)
        owners = {it.id: aws.owner(it.id) for it in keys}
        key = next((it for it in keys if owners[it.id] == state.owner), None)
        if key:
            recovery.whose = f"{state.owner}, as the key's tag says"
            recovery.adopt.append(Adoption(project.KEY, _KEY, key.id, _KEY))
        elif keys:
            recovery.blocked.append(_not_own(keys[0], owners[keys[0].id], state.owner))
    if key and aliased and not state.has(project.ALIAS, settings.key_alias):
        recovery.adopt.append(Adoption(project.ALIAS, _KEY, settings.key_alias, _KEY))
    return key.arn if key else None


def _not_own(key: Key, owner: str | None, stack: str) -> errors.Finding:
    if owner:
        problem = f"it encrypts this environment and belongs to the stack {owner}, not to {stack}"
        reason = f"its tag {OWNER_TAG} names its owner. A stack deletes what its state has, and "
        reason += "everything that a deleted key encrypted is lost"
        return errors.Finding(key.arn, problem, _OTHER_ENVIRONMENT, reason)
    problem = f"it encrypts this environment, and no tag says whether it belongs to {stack}"
    tag = f"--key-id {key.id} --tags TagKey={OWNER_TAG},TagValue={stack}"
    again = f"say so and run this again: `aws kms tag-resource {tag}`"
    fix = f"if this stack created it, {again}. If not, {_OTHER_ENVIRONMENT}"
    reason = f"earlier versions created keys without the tag {OWNER_TAG}"
    return errors.Finding(key.arn, problem, fix, reason)


def _parameters(
    plan: Plan, secrets: Mapping[str, str], state: StackState, ssm: Ssm, key: str
) -> Iterator[Adoption | errors.Finding]:
    listed = ssm.below(plan.path)
    wanted = {
        name: (model, text)
        for model in plan.models
        for name, text in _texts(model, secrets)
        if name in listed and not state.has(project.PARAMETER, name)
    }
    read = ssm.get(sorted(wanted))
    for name, (model, text) in wanted.items():
        is_rollout = name == model.rollout_name
        keys = {listed[name].key} if is_rollout else {key, key.rpartition("/")[2]}
        is_same = {
            "type": listed[name].type == ("String" if is_rollout else "SecureString"),
            "tier": listed[name].tier == "Standard",
            "key": listed[name].key in keys,
            "value": text is None or (name in read and read[name].text == text),
        }
        if differing := [aspect for aspect, same in is_same.items() if not same]:
            yield _foreign(name, f"has another {' and '.join(differing)}")
        else:
            logical_name = f"{model.name}{name.removeprefix(model.path)}"
            yield Adoption(project.PARAMETER, logical_name, name, model.name)


def _texts(model: PlannedModel, secrets: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    # Each with the text that the stored one must equal. Parts of releases are left out: a deploy
    # uses existing ones unchanged.
    for parameter in model.parameters:
        content = parameter.content
        if not isinstance(content, str):
            content = codec.encode(secrets[content.config_key])
        yield parameter.name, content
    yield model.rollout_name, None
    yield model.release_name, model.release.document


def _policies(
    plan: Plan, state: StackState, aws: KeysAndPolicies, key: str
) -> Iterator[Adoption | errors.Finding]:
    account = aws.account()
    for model in plan.models:
        arn = account.policy_arn(plan.settings.policy_name(model.name, account.region))
        document = None if state.has(project.POLICY, arn) else aws.policy(arn)
        if document == reader_policy(model.path, key, account):
            yield Adoption(project.POLICY, f"{model.name}/reader", arn, model.name)
        elif document is not None:
            yield _foreign(arn, "grants something else")


def _foreign(name: str, problem: str) -> errors.Finding:
    return errors.Finding(
        name,
        f"the stack's state lacks it, and it {problem} than the plan",
        "rename the program's resource, or delete this one if it is unneeded",
        "only a resource that matches the plan exactly is known to belong to this deploy",
    )
