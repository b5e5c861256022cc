"""What costs each test the same time and never differs between tests is made once for the run."""

import functools
import gc

import moto.core.models
import moto.kms.models
import typer.main
from botocore.loaders import JSONFileLoader

# The command line, of 40 verbs: 15 ms for each call.
typer.main.get_command = functools.cache(typer.main.get_command)
# AWS's description of a service: up to 100 ms for each session.
JSONFileLoader.load_file = functools.cache(JSONFileLoader.load_file)
# The private part of a key in moto, which only signing uses: 50 ms for each key.
moto.kms.models.generate_private_key = functools.cache(moto.kms.models.generate_private_key)
# moto's 1,300 addresses for programs that use `requests`, which none here does: 10 ms each start.
moto.core.models.RESPONSES_METHODS.clear()

# moto, pulumi and boto3 are a million objects that stay. The collector needs not look at them.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
