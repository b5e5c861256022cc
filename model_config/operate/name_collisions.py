"""Names in KMS and IAM that a deploy needs and that are already taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from model_config.format.errors import AccessDeniedError, Finding
from model_config.operate.made_resources import MadeResources
from model_config.plan.settings import Settings

_FIX = (
    "if a deploy of this stack was interrupted, `model-config recover`. Otherwise another stack "
    "deploys the environment: give this one another model-config:environment, or share it with "
    "model-config:models and model-config:kmsKeyArn"
)


def taken_names(
    made: MadeResources,
    settings: Settings,
    new_models: Sequence[str],
    *,
    first_deploy: bool,
) -> Iterator[Finding]:
    """Yield names that are taken. Names that the caller may not look up are left to the deploy.

    Needs `kms:DescribeKey` on the key behind the alias, `iam:GetPolicy` and `iam:GetPolicyVersion`.

    Args:
        made: reads KMS and IAM.
        settings: the stack's settings.
        new_models: the models without a release, whose reader policies a deploy creates.
        first_deploy: whether the stack has not created its key yet.

    Raises:
        StoreError: AWS is unavailable.
    """
    with suppress(AccessDeniedError):
        if first_deploy and not settings.kms_key_arn and made.key(settings.key_alias):
            yield Finding(
                settings.key_alias,
                "the alias already exists",
                _FIX,
                "an alias is unique in an account and region",
            )
    if not new_models:
        return
    account = made.account()
    for name in (settings.policy_name(model, account.region) for model in new_models):
        with suppress(AccessDeniedError):
            if made.policy(account.policy_arn(name)) is not None:
                yield Finding(
                    name,
                    "the reader policy already exists",
                    _FIX,
                    "a policy's name is unique in an account",
                )
