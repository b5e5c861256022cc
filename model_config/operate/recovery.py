"""Resources that an interrupted deploy created in AWS and that the stack's state lacks.

A deploy that is killed (an evicted runner, a job's time limit) leaves resources that its state
doesn't have. Every later `pulumi up` then fails with ParameterAlreadyExists. A resource that
matches the plan exactly belongs to the deploy and can be adopted; any other belongs to somebody
else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from model_config.format.codec import encode
from model_config.format.errors import Finding
from model_config.format.names import ROLLOUT
from model_config.operate.drift.parameters import ListedParameter
from model_config.operate.inventory import Inventory
from model_config.operate.made_resources import Key, MadeResources
from model_config.plan.plan import Plan
from model_config.plan.planned_model import PlannedModel
from model_config.plan.policies import reader_policy
from model_config.plan.stack_state import ALIAS, KEY, PARAMETER, POLICY, Adoption, StackState
from model_config.schema import SecretRef

_KEY = "encryption-key"  # the logical name of the key, its alias and their component


@dataclass(slots=True)
class Recovery:
    """The steps that are necessary after an interrupted deploy.

    Attributes:
        adopt: the deploy's own resources.
        blocked: resources with a name from the plan that differ from the plan.
        pending: the interrupted operations, in words.
        refresh: the URNs of resources that were being changed, whose state may be outdated.
    """

    adopt: list[Adoption] = field(default_factory=list)
    blocked: list[Finding] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    refresh: list[str] = field(default_factory=list)

    @property
    def is_needed(self) -> bool:
        """Whether anything has to be done before the next deploy."""
        return bool(self.adopt or self.blocked or self.pending)


class RecoverySearch:
    """Compares a plan, the stack's state and AWS.

    Args:
        plan: the plan of the next deploy.
        secrets: the texts of the stack's secrets, by config key.
        inventory: reads SSM.
        made: reads KMS and IAM, in the deploy's account and region.
    """

    def __init__(
        self,
        plan: Plan,
        secrets: Mapping[str, str],
        inventory: Inventory,
        made: MadeResources,
    ) -> None:
        self._plan, self._secrets = plan, secrets
        self._inventory, self._made = inventory, made

    def recovery(self, state: StackState) -> Recovery:
        """Return the steps that are necessary for a state.

        Raises:
            StoreError: AWS is unavailable or refuses.
        """
        found = Recovery()
        for operation, urn in state.pending:
            found.pending.append(f"{operation} {urn.rsplit('::', 1)[-1]}")
            if operation == "updating":
                found.refresh.append(urn)
        if key := self._adopt_key(found, state):  # without a key, a deploy has created nothing else
            self._adopt_parameters(found, state, key)
            self._adopt_policies(found, state, key)
        return found

    def _adopt_key(self, found: Recovery, state: StackState) -> str | None:
        """Adopt the key and its alias where the state lacks them; return the key's ARN, if any."""
        settings = self._plan.settings
        if settings.kms_key_arn:
            return settings.kms_key_arn
        known = next(iter(state.ids.get(KEY, ())), None)
        target = self._usable(settings.key_alias)
        if target is None:  # the key is created before its alias
            described = settings.key_description
            key = self._usable(known) if known else self._made.key_described(described)
            if key is not None and known is None:
                found.adopt.append(Adoption(KEY, _KEY, key.id, _KEY))
            return key.arn if key else None
        if target.id != known:
            if known is not None or target.description != settings.key_description:
                problem = "names another key"
                found.blocked.append(_foreign(settings.key_alias, problem))
                return None
            found.adopt.append(Adoption(KEY, _KEY, target.id, _KEY))
        if not state.has(ALIAS, settings.key_alias):
            found.adopt.append(Adoption(ALIAS, _KEY, settings.key_alias, _KEY))
        return target.arn

    def _usable(self, name: str) -> Key | None:
        key = self._made.key(name)
        return key if key and key.is_enabled else None

    def _adopt_parameters(self, found: Recovery, state: StackState, key: str) -> None:
        listed = self._inventory.below(self._plan.path)
        wanted = {
            name: (model, text)
            for model in self._plan.models
            for name, text in self._texts(model)
            if name in listed and not state.has(PARAMETER, name)
        }
        texts = self._inventory.texts(sorted(wanted))
        for name, (model, text) in wanted.items():
            same_text = text is None or texts.get(name) == text
            if differing := list(_differing(listed[name], key, same_text=same_text)):
                found.blocked.append(_foreign(name, f"has another {' and '.join(differing)}"))
            else:
                logical_name = f"{model.name}{name.removeprefix(model.path)}"
                found.adopt.append(Adoption(PARAMETER, logical_name, name, model.name))

    def _texts(self, model: PlannedModel) -> Iterator[tuple[str, str | None]]:
        """Yield each parameter's name, and its text if the stored one must equal it.

        Parts of releases are left out: a deploy uses existing ones unchanged.
        """
        for parameter in model.parameters:
            if isinstance(parameter.content, SecretRef):
                yield parameter.name, encode(self._secrets[parameter.content.config_key])
            else:
                yield parameter.name, parameter.content
        yield model.rollout_name, None
        yield model.release_name, model.release.document

    def _adopt_policies(self, found: Recovery, state: StackState, key: str) -> None:
        account = self._made.account()
        for model in self._plan.models:
            arn = account.policy_arn(self._plan.settings.policy_name(model.name, account.region))
            document = None if state.has(POLICY, arn) else self._made.policy(arn)
            if document == reader_policy(model.path, key, account):
                found.adopt.append(Adoption(POLICY, f"{model.name}/reader", arn, model.name))
            elif document is not None:
                found.blocked.append(_foreign(arn, "grants something else"))


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
        "adopt it with `model-config import`, rename the program's resource, or delete it if "
        "it is unneeded",
        "only a resource that matches the plan exactly is known to belong to this deploy",
    )
