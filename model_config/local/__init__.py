"""The local AWS: the program that `pulumi up` runs, under Pulumi's mocks, on moto.

It shows which resources a deploy creates and how applications read them. It doesn't simulate IAM,
KMS encryption or throttling. `provider.py` simulates Pulumi's AWS provider.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from unittest.mock import patch

#: Valid only in the local AWS.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


@contextmanager
def own_environment() -> Iterator[None]:
    """Hide every AWS setting of the environment: profiles, credentials, endpoints, regions."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with patch.dict(os.environ, {**kept, **CREDENTIALS, **nowhere}, clear=True):
        yield


# moto opens a boto3 session at import, which fails if the developer's shell names an AWS profile
# that doesn't exist. So moto is first imported here.
with own_environment():
    # moto's SSM imports its EC2, a third of a command's time, for commands on its instances.
    ec2 = ModuleType("moto.ec2")
    ec2.ec2_backends = {}  # type: ignore[attr-defined]
    is_ours = sys.modules.setdefault("moto.ec2", ec2) is ec2
    import moto.ssm.models  # noqa: F401

    if is_ours:
        del sys.modules["moto.ec2"]
