"""The local AWS: the same program that `pulumi up` runs, under Pulumi's mocks, on moto.

It is a stand-in. It shows what is deployed and how it reads back; it can't show IAM, KMS
encryption or AWS's throttling, and it plays Pulumi's provider by the rules in `provider.py`.
"""

from model_config.local.environment import own_environment

# moto opens a boto3 session while it is imported, which fails where the developer's shell names
# an AWS profile that isn't there. So its first import happens here, before any other.
with own_environment():
    import moto.ssm.models  # noqa: F401
