"""The local AWS: the program that `pulumi up` runs, under Pulumi's mocks, on moto.

It shows which resources a deploy creates and how applications read them. It doesn't simulate IAM,
KMS encryption or throttling. `provider.py` simulates Pulumi's AWS provider.
"""

from model_config.local.environment import own_environment

# moto opens a boto3 session at import, which fails if the developer's shell names an AWS profile
# that doesn't exist. So moto is first imported here.
with own_environment():
    import moto.ssm.models  # noqa: F401
