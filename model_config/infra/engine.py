"""Reads the stack's configuration from Pulumi's engine, and stops the program on findings."""

import gc
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.runtime import config as engine_config
from pulumi.runtime import invoke

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.aws import Account
from model_config.plan.checks import changed_key
from model_config.plan.plan import Plan
from model_config.plan.project import StackConfig

#: The new objects that start a garbage collection, instead of Python's 700. A deploy creates many
#: objects that live until it ends. With 1,000 parameters, collecting took a quarter of the
#: program's processor time on the engine, and almost half under mocks.
GARBAGE_THRESHOLD = 10_000


def stack_config() -> StackConfig:
    """Return the stack's configuration with all its keys: `pulumi.Config` returns one at a time."""
    values = {key: str(value) for key, value in engine_config.CONFIG.get().items()}
    secret_keys = frozenset(filter(engine_config.is_config_secret, values))
    return StackConfig(
        pulumi.get_stack(),
        values,
        secret_keys,
        pulumi.get_project(),
        account=lambda: current_account().id,
    )


def stop_on_findings(plan: Plan) -> None:
    """Stop the program if there are findings: the engine prints a RunError without a traceback."""
    findings = [*plan.findings, *plan.unset.values()]
    if former := _own_outputs().get("kms_key"):
        changed = changed_key(plan.settings, former, f"Pulumi.{plan.stack}.yaml")
        findings += [changed] if changed else []
    if findings:
        raise pulumi.RunError(f"nothing was deployed: {InvalidConfigurationError(findings)}")
    gc.set_threshold(GARBAGE_THRESHOLD)


def _own_outputs() -> Mapping[str, Any]:
    """Return the outputs of the last update. A StackReference would add a resource to the state."""
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        answer = invoke("pulumi:pulumi:readStackOutputs", {"name": own}).value or {}
    except Exception as error:  # noqa: BLE001 -- what the engine reports is a plain Exception
        pulumi.log.warn(
            "The stack's own outputs can't be read, so a change of its key isn't noticed: "
            f"{error}. On a backend from before 2023, run `pulumi state upgrade`."
        )
        return {}
    return answer.get("outputs") or {}


def current_account() -> Account:
    """Ask the provider for the account and region, or raise pulumi.RunError."""
    try:
        account, region = aws.get_caller_identity().account_id, aws.get_region().region
    except Exception as error:  # noqa: BLE001 -- what the engine reports is a plain Exception
        raise pulumi.RunError(
            f"nothing was deployed, because AWS can't be reached: {error}\n"
            "  fix: check the credentials, the network and the stack's aws:region"
        ) from None
    # The mocks of Pulumi's testing guide answer with nothing.
    return Account(account or "", region or pulumi.Config("aws").get("region") or "")
