"""Between Pulumi's engine and the plan: the stack's configuration in, findings out."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.runtime import config as engine_config
from pulumi.runtime import invoke

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.key_choice import changed_key
from model_config.plan.plan import Plan
from model_config.plan.policies import Account
from model_config.plan.stack_config import StackConfig

#: New objects after which Python looks for garbage, instead of 700. A deploy makes many objects
#: that live until it ends. With 1,000 parameters, looking through them again and again took a
#: quarter of the program's processor time on the engine, and almost half under mocks.
GARBAGE_THRESHOLD = 10_000


def stack_config() -> StackConfig:
    """Return the configuration that the engine handed to this program.

    `pulumi.Config` answers for one key; only the engine's own mapping tells which keys there are,
    and so which are misspelled.
    """
    values = {key: str(value) for key, value in engine_config.CONFIG.get().items()}
    secret_keys = frozenset(filter(engine_config.is_config_secret, values))
    return StackConfig(pulumi.get_stack(), values, secret_keys, pulumi.get_project())


def stop_on_findings(plan: Plan) -> None:
    """End the program before it registers anything, if something is wrong.

    If nothing is, the deploy begins.

    Raises:
        pulumi.RunError: with every finding, secrets without a value among them; the engine prints
            its text, not a traceback.
    """
    findings = [*plan.findings, *plan.unset_findings]
    if former := _own_outputs().get("kms_key"):
        changed = changed_key(plan.settings, former, f"Pulumi.{plan.stack}.yaml")
        findings += [changed] if changed else []
    if findings:
        raise pulumi.RunError(str(InvalidConfigurationError(findings)))
    gc.set_threshold(GARBAGE_THRESHOLD)


def _own_outputs() -> Mapping[str, Any]:
    """Return what this stack's last update exported; nothing before the first.

    It is what a StackReference asks, without a resource of its own in the state. A backend from
    before 2023, which knows no projects, can't answer.
    """
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        answer = invoke("pulumi:pulumi:readStackOutputs", {"name": own}).value
    except Exception as error:  # noqa: BLE001 -- what the engine reports is a plain Exception
        pulumi.log.warn(
            "This stack's own outputs can't be read, so nobody can tell whether its key is still "
            f"the one it had: {error}. On a backend from before 2023 run `pulumi state upgrade`."
        )
        return {}
    outputs: Mapping[str, Any] = answer["outputs"]
    return outputs


def current_account() -> Account:
    """Ask the provider which account and region it deploys to.

    Raises:
        pulumi.RunError: AWS can't be reached: no credentials, no region, no network.
    """
    try:
        return Account(aws.get_caller_identity().account_id, aws.get_region().region)
    except Exception as error:  # noqa: BLE001 -- what the engine reports is a plain Exception
        raise pulumi.RunError(
            f"AWS can't be reached, so nothing was deployed: {error}\n"
            "  fix: check the credentials, the network and the stack's aws:region"
        ) from None
