"""What costs each test the same time and never differs between tests is made once for the run."""

import functools
import gc
from typing import Any

import botocore.session
import botocore.useragent
import moto.backend_index
import moto.core.models
import moto.core.responses
import moto.kms.models
import pulumi.runtime.resource
import typer.main
from botocore.auth import SigV4Auth
from botocore.hooks import EventAliaser
from botocore.loaders import JSONFileLoader
from pulumi.runtime.proto import source_pb2

from model_config.reader.store import _PlainDicts

# The command line, of 40 verbs: 15 ms for each call.
typer.main.get_command = functools.cache(typer.main.get_command)
# AWS's description of a service, and the list of them all: up to 70 ms for each session.
JSONFileLoader.load_file = staticmethod(functools.cache(JSONFileLoader().load_file))
_PlainDicts.load_file = staticmethod(functools.cache(_PlainDicts().load_file))
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
# The private part of a key in moto, which only signing uses: 50 ms for each key.
moto.kms.models.generate_private_key = functools.cache(moto.kms.models.generate_private_key)
# moto's 1,300 addresses for programs that use `requests`, which none here does: 10 ms each start.
moto.core.models.RESPONSES_METHODS.clear()
# The methods of moto's class for a service: a tenth of each request.
moto.core.responses.method_names_from_class = functools.cache(
    moto.core.responses.method_names_from_class
)
# Its patterns of all services' addresses, tried one after the other: those of ours come first.
_SERVICES = {"ssm", "kms", "iam", "sts"}
moto.backend_index.backend_url_patterns.sort(key=lambda each: each[0] not in _SERVICES)
_sign = SigV4Auth.add_auth


def _sign_for_a_server(auth: SigV4Auth, request: Any) -> None:
    if ".amazonaws.com/" not in request.url or not auth.credentials:
        _sign(auth, request)


# The signature, which moto doesn't read, what a request says of its sender, and the answer's name:
# a third of each request.
SigV4Auth.add_auth = _sign_for_a_server
botocore.useragent.UserAgentString.to_string = lambda _: "a test"
moto.core.responses.gen_amzn_requestid_long = lambda _: "an answer"
# The new name of an event, which each client looks for among forty old ones.
_new_name = functools.cache(functools.partial(EventAliaser._alias_event_name, EventAliaser(None)))
EventAliaser._alias_event_name = lambda _, name: _new_name(name)
# Where in the program a resource is: for the engine's errors alone, and a quarter of a deploy.
pulumi.runtime.resource._get_stack_trace = source_pb2.StackTrace

# moto, pulumi and boto3 are a million objects that stay. The collector needs not look at them.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
