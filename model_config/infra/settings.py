"""Between Pulumi's engine and the pure rooms: the stack's configuration in, findings out."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi.runtime import config as engine_config

from model_config.core.errors import Finding, InvalidConfigurationError
from model_config.core.settings import StackConfig


@dataclass(frozen=True, slots=True)
class Account:
    """Where the stack is deployed to: an AWS account and region."""

    id: str
    region: str


def stack_config() -> StackConfig:
    """Return the configuration that the engine handed to this program.

    `pulumi.Config` answers for one key; only the engine's own mapping tells which keys there are,
    and so which are misspelled.
    """
    values = {key: str(value) for key, value in engine_config.CONFIG.get().items()}
    secret_keys = frozenset(filter(engine_config.is_config_secret, values))
    return StackConfig(pulumi.get_stack(), values, secret_keys)


def stop_on(findings: Sequence[Finding]) -> None:
    """End the program before it registers anything, if something is wrong.

    Raises:
        pulumi.RunError: with every finding; the engine prints its text, not a traceback.
    """
    if findings:
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


def collect_less_garbage() -> None:
    """Let Python look for garbage more rarely: after 10,000 new objects, not after 700.

    A deploy makes many small objects that live until it ends. Looking through them again and
    again takes almost half of a large stack's time under mocks, and finds little. Looking more
    rarely still saves little more time, and lets memory grow.
    """
    gc.set_threshold(10_000)
