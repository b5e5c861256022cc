"""Names in KMS and IAM that a deploy would make, and somebody else has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from model_config.format.errors import AccessDeniedError, Finding
from model_config.operate.made_resources import MadeResources
from model_config.plan.policies import Account
from model_config.plan.settings import Settings

_FIX = (
    "if a deploy of this stack died, `model-config recover`. Otherwise another stack deploys the "
    "environment: give this one another model-config:environment, or share it with "
    "model-config:models and model-config:kmsKeyArn"
)


def taken_names(
    made: MadeResources,
    settings: Settings,
    region: str,
    new_models: Sequence[str],
    *,
    first_deploy: bool,
) -> Iterator[Finding]:
    """Yield names that are taken. What may not be asked for is left for the deploy to find.

    Needs `kms:DescribeKey` on the key behind the alias, `iam:GetPolicy` and `iam:GetPolicyVersion`.

    Args:
        made: what asks KMS and IAM.
        settings: the stack's settings.
        region: where it is deployed to.
        new_models: the models without a release, of which a deploy makes the reader policies.
        first_deploy: whether the stack has made no key yet.

    Raises:
        StoreError: AWS can't be asked.
    """
    with suppress(AccessDeniedError):
        if first_deploy and not settings.kms_key_arn and made.key(settings.key_alias):
            yield Finding(
                settings.key_alias,
                "there is such an alias already",
                _FIX,
                "an alias is on one key of an account and region",
            )
    if not new_models:
        return
    account = Account(made.account_id(), region)
    for name in (settings.policy_name(model, region) for model in new_models):
        with suppress(AccessDeniedError):
            if made.policy(account.policy_arn(name)) is not None:
                yield Finding(
                    name,
                    "there is such a reader policy already",
                    _FIX,
                    "IAM's names are the whole account's",
                )
