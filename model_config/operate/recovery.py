"""Resources that an interrupted deploy created in AWS and that the stack's state lacks.

A deploy that is killed (an evicted runner, a job's time limit) leaves resources that its state
doesn't have. Every later `pulumi up` then fails with ParameterAlreadyExists. A resource that
matches the plan exactly belongs to the deploy and can be adopted; any other belongs to somebody
else. So does everything under a key whose owner tag names another stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from model_config.format.codec import encode
from model_config.format.errors import Finding
from model_config.format.names import ROLLOUT
from model_config.operate.keys_and_policies import Key, KeysAndPolicies
from model_config.operate.ssm import ListedParameter, Ssm
from model_config.plan.aws import reader_policy
from model_config.plan.plan import Plan, PlannedModel
from model_config.plan.project import (
    ALIAS,
    KEY,
    OWNER_TAG,
    PARAMETER,
    POLICY,
    Adoption,
    StackState,
)
from model_config.schema import SecretRef

_KEY = "encryption-key"  # the logical name of the key, its alias and their component
_OTHER_ENVIRONMENT = (
    "give this stack another model-config:environment, or share the key with model-config:kmsKeyArn"
)


@dataclass(slots=True)
class Recovery:
    """The steps that are necessary after an interrupted deploy.

    Attributes:
        adopt: the deploy's own resources.
        whose: the stack that they belong to, and how that is known.
        blocked: resources that have a name from the plan and can't be adopted.
        pending: the interrupted operations, in words.
        refresh: the URNs of resources whose state may be outdated.
    """

    adopt: list[Adoption] = field(default_factory=list)
    whose: str = ""
    blocked: list[Finding] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    refresh: list[str] = field(default_factory=list)

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
    """Return the steps that are necessary before the plan can be deployed.

    `secrets` are the texts of the stack's secrets, by config key. A state that is empty may be a
    new stack's, so resources are adopted into it only with `into_empty_state`.
    """
    recovery = Recovery()
    for operation, urn in state.pending:
        recovery.pending.append(f"{operation} {urn.rsplit('::', 1)[-1]}")
        if operation == "updating":
            recovery.refresh.append(urn)
    # Without a key, a deploy has created nothing else.
    if key := _adopt_key(recovery, plan, state, aws):
        _adopt_parameters(recovery, plan, secrets, state, ssm, key=key)
        _adopt_policies(recovery, plan, state, aws, key)
    if state.is_empty and recovery.adopt and not into_empty_state:
        recovery.blocked.append(
            Finding(
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
    known = next(iter(state.ids.get(KEY, ())), None)
    key = aliased = _usable_key(aws, settings.key_alias)
    if known is None:
        if key is None:  # the key is created before its alias
            key = _own_first(aws, settings.key_description, state.owner)
        if key is None:
            return None
        owner = aws.owner(key.id)
        if owner != state.owner:
            recovery.blocked.append(_not_own(key, owner, state.owner))
            return None
        recovery.whose = f"{owner}, as the key's tag says"
        recovery.adopt.append(Adoption(KEY, _KEY, key.id, _KEY))
    else:
        recovery.whose = f"{state.owner}, whose state has the key"
        if key is None:
            key = _usable_key(aws, known)
        elif key.id != known:
            recovery.blocked.append(_foreign(settings.key_alias, "names another key"))
            return None
    if aliased and not state.has(ALIAS, settings.key_alias):
        recovery.adopt.append(Adoption(ALIAS, _KEY, settings.key_alias, _KEY))
    return key.arn if key else None


def _usable_key(aws: KeysAndPolicies, name: str) -> Key | None:
    key = aws.key(name)
    return key if key and key.is_enabled else None


def _own_first(aws: KeysAndPolicies, description: str, owner: str) -> Key | None:
    """Return the key that has no alias yet; if there are several, the stack's own."""
    keys = aws.keys_described(description)
    return next((key for key in keys if aws.owner(key.id) == owner), keys[0] if keys else None)


def _not_own(key: Key, owner: str | None, stack: str) -> Finding:
    if owner:
        return Finding(
            key.arn,
            f"it encrypts this environment and belongs to the stack {owner}, not to {stack}",
            _OTHER_ENVIRONMENT,
            f"its tag {OWNER_TAG} names its owner. A stack deletes what its state has, and "
            "everything that a deleted key encrypted is lost",
        )
    tag = f"TagKey={OWNER_TAG},TagValue={stack}"
    return Finding(
        key.arn,
        f"it encrypts this environment, and no tag says whether it belongs to {stack}",
        f"if this stack created it, say so and run this again: `aws kms tag-resource --key-id "
        f"{key.id} --tags {tag}`. If not, {_OTHER_ENVIRONMENT}",
        f"earlier versions created keys without the tag {OWNER_TAG}",
    )


def _adopt_parameters(  # noqa: PLR0913 - the three sides of the comparison
    recovery: Recovery,
    plan: Plan,
    secrets: Mapping[str, str],
    state: StackState,
    ssm: Ssm,
    *,
    key: str,
) -> None:
    listed = ssm.below(plan.path)
    wanted = {
        name: (model, text)
        for model in plan.models
        for name, text in _texts(model, secrets)
        if name in listed and not state.has(PARAMETER, name)
    }
    texts = ssm.texts(sorted(wanted))
    for name, (model, text) in wanted.items():
        same_text = text is None or texts.get(name) == text
        if differing := list(_differing(listed[name], key, same_text=same_text)):
            recovery.blocked.append(_foreign(name, f"has another {' and '.join(differing)}"))
        else:
            logical_name = f"{model.name}{name.removeprefix(model.path)}"
            recovery.adopt.append(Adoption(PARAMETER, logical_name, name, model.name))


def _texts(model: PlannedModel, secrets: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield each parameter's name, and its text if the stored one must equal it.

    Parts of releases are left out: a deploy uses existing ones unchanged.
    """
    for parameter in model.parameters:
        if isinstance(parameter.content, SecretRef):
            yield parameter.name, encode(secrets[parameter.content.config_key])
        else:
            yield parameter.name, parameter.content
    yield model.rollout_name, None
    yield model.release_name, model.release.document


def _adopt_policies(
    recovery: Recovery, plan: Plan, state: StackState, aws: KeysAndPolicies, key: str
) -> None:
    account = aws.account()
    for model in plan.models:
        arn = account.policy_arn(plan.settings.policy_name(model.name, account.region))
        document = None if state.has(POLICY, arn) else aws.policy(arn)
        if document == reader_policy(model.path, key, account):
            recovery.adopt.append(Adoption(POLICY, f"{model.name}/reader", arn, model.name))
        elif document is not None:
            recovery.blocked.append(_foreign(arn, "grants something else"))


def _differing(listed: ListedParameter, key: str, *, same_text: bool) -> Iterator[str]:
    is_rollout = listed.name.endswith(f"/{ROLLOUT}")
    if listed.type != ("String" if is_rollout else "SecureString"):
        yield "type"
    if not is_rollout and listed.key not in {key, key.rpartition("/")[2]}:
        yield "key"
    if not same_text:
        yield "value"


def _foreign(name: str, problem: str) -> Finding:
    return Finding(
        name,
        f"the stack's state lacks it, and it {problem} than the plan",
        "rename the program's resource, or delete this one if it is unneeded",
        "only a resource that matches the plan exactly is known to belong to this deploy",
    )
