"""Between Pulumi's engine and the plan: the stack's configuration in, findings out."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi.runtime import config as engine_config

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.plan import Plan
from model_config.plan.policies import Account
from model_config.plan.stack_config import StackConfig


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

    Raises:
        pulumi.RunError: with every finding, secrets without a value among them; the engine prints
            its text, not a traceback.
    """
    if findings := [*plan.findings, *plan.unset_findings]:
        raise pulumi.RunError(str(InvalidConfigurationError(findings)))


def current_account() -> Account:
    """Ask the provider which account and region it deploys to.

    Raises:
        pulumi.RunError: AWS can't be asked: no credentials, no region, no network.
    """
    try:
        return Account(aws.get_caller_identity().account_id, aws.get_region().region)
    except Exception as error:  # noqa: BLE001 -- what the engine reports is a plain Exception
        raise pulumi.RunError(
            f"AWS can't be asked which account this is, nothing was deployed: {error}\n"
            "  fix: check the credentials, the network and the stack's aws:region"
        ) from None
