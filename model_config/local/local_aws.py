"""An AWS inside this process, with the state of the last run.

moto accepts requests that AWS refuses. Here they are refused, so that a local deploy fails where
AWS would.
"""

import functools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

import boto3
from botocore.client import BaseClient
from moto import mock_aws
from moto.core.base_backend import BackendDict
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.kms.models import Key, kms_backends
from moto.ssm.exceptions import ValidationException
from moto.ssm.models import Parameter, ssm_backends
from moto.ssm.responses import SimpleSystemManagerResponse

from model_config.format.codec import PART_BYTES, size_in_bytes
from model_config.local import own_environment
from model_config.local.state import State, StateFolder
from model_config.plan.aws import check_name
from model_config.plan.project import ALIAS, KEY, POLICY

ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
# SSM API reference, PutParameter, Tier.
_TIER_BYTES = {"Standard": PART_BYTES, "Advanced": 8192}


@contextmanager
def local_aws() -> Iterator[None]:
    """Answer every AWS request of this process from memory, whatever the environment's settings."""
    with own_environment(), mock_aws(), as_strict_as_aws(), pages_as_long_as_in_aws():
        yield


#: One session, so that botocore loads its service descriptions once.
_session = functools.cache(boto3.Session)


@functools.cache  # a deploy asks for the same client ten times
def client(service: str, region: str) -> BaseClient:
    return _session().client(service, region_name=region)


def restore(state: State) -> None:
    """Replace the contents by a saved state, with its versions, labels and dates."""
    BackendDict.reset()
    resources = [it for environment in state.environments.values() for it in environment.values()]
    for resource in sorted(resources, key=lambda it: it.type != KEY):  # an alias needs its key
        if resource.type == KEY:
            install_key(resource.id, resource.outputs["region"], resource.inputs)
        elif resource.type == ALIAS:
            install_alias(resource.outputs["region"], resource.inputs)
        elif resource.type == POLICY:
            install_policy(resource.inputs)
    for region, parameters in state.parameters.items():
        held = ssm_backends[ACCOUNT][region]._parameters  # noqa: SLF001
        for name, versions in parameters.items():
            held[name] = [_version(name, version) for version in versions]
            for key in {version["keyid"] for version in versions} - {None}:
                stand_in_for_key(key)


def snapshot() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every parameter's versions, by region and name."""
    held = {
        region: {
            name: [_fields(version) for version in versions]
            for name, versions in backend._parameters.items()  # noqa: SLF001
            if versions
        }
        for region, backend in ssm_backends[ACCOUNT].items()
    }
    # moto has a region from the first request on, which must not count as a change.
    return {region: parameters for region, parameters in held.items() if parameters}


class LiveState:
    """Gives one caller at a time the saved state of the local AWS, and saves the caller's changes.

    Another process may write the same file in the meantime, so the state is reused only if the file
    hasn't changed. Use it inside `local_aws()`.
    """

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._threads = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._read()  # a damaged state is an error at the start, not of the first caller

    @contextmanager
    def held(self) -> Iterator[tuple[int, int]]:
        """Load the state, and yield a stamp that differs after any change."""
        with self._threads, self._folder.locked():
            self._read()
            yield self._stamp or (0, 0)
            self._write()

    def _read(self) -> None:
        stamp = self._folder.stamp()
        if stamp != self._stamp:
            self._state = self._folder.load()
            restore(self._state)
            self._stamp = stamp

    def _write(self) -> None:
        parameters = snapshot()
        if parameters != self._state.parameters:
            self._stamp = None  # if it can't be saved, the next caller loads what is saved
            self._state = replace(self._state, parameters=parameters)
            self._folder.save(self._state)
            self._stamp = self._folder.stamp()


def put_parameter(region: str, inputs: dict[str, Any], *, overwrite: bool) -> int:
    stand_in_for_key(inputs.get("keyId", ""))
    written = client("ssm", region).put_parameter(
        Name=inputs["name"],
        Value=inputs["value"],
        Type=inputs["type"],
        Tier=inputs["tier"],
        Overwrite=overwrite,
        **({"KeyId": inputs["keyId"]} if "keyId" in inputs else {}),
    )
    return int(written["Version"])


def version_of(region: str, name: str) -> int | None:
    versions = ssm_backends[ACCOUNT][region]._parameters.get(name)  # noqa: SLF001
    return int(versions[-1].version) if versions else None


def tag_parameter(region: str, name: str, tags: dict[str, str], former: dict[str, str]) -> None:
    ssm, parameter = client("ssm", region), {"ResourceType": "Parameter", "ResourceId": name}
    if stale := sorted(former.keys() - tags.keys()):
        ssm.remove_tags_from_resource(**parameter, TagKeys=stale)
    new = [{"Key": key, "Value": value} for key, value in tags.items()]
    ssm.add_tags_to_resource(**parameter, Tags=new)


def install_key(key_id: str, region: str, inputs: dict[str, Any]) -> str:
    key = Key(
        policy=inputs["policy"],
        key_usage="ENCRYPT_DECRYPT",
        key_spec="SYMMETRIC_DEFAULT",
        description=inputs["description"],
        account_id=ACCOUNT,
        region=region,
    )
    key.arn = key.arn.replace(key.id, key_id)
    key.id = key_id
    key.key_rotation_status = inputs["enableKeyRotation"]
    keys = kms_backends[ACCOUNT][region].keys
    if key_id in keys:  # a changed key keeps its aliases
        key.aliases = keys[key_id].aliases
    keys[key_id] = key
    kms_backends[ACCOUNT][region].tag_resource(key_id, inputs.get("tags", {}))
    return str(key.arn)


def stand_in_for_key(arn: str) -> None:
    """Create a key that belongs to no stack, unless it exists."""
    if not arn.startswith("arn:"):
        return
    region, key_id = arn.split(":")[3], arn.rpartition("/")[2]
    keys = kms_backends[ACCOUNT][region].keys
    if key_id not in keys:
        inputs = {"policy": "{}", "description": "an existing key", "enableKeyRotation": True}
        install_key(key_id, region, inputs)
        keys[key_id].arn = arn


def install_alias(region: str, inputs: dict[str, Any]) -> None:
    kms_backends[ACCOUNT][region].create_alias(inputs["targetKeyId"], inputs["name"])


def install_policy(inputs: dict[str, Any]) -> str:
    created = client("iam", DEFAULT_REGION).create_policy(
        PolicyName=inputs["name"],
        Path=inputs["path"],
        Description=inputs["description"],
        PolicyDocument=inputs["policy"],
    )
    return str(created["Policy"]["Arn"])


_SAVED_FIELDS = (
    "parameter_type", "description", "allowed_pattern", "keyid", "version", "data_type", "labels",
    "tier", "policies",
)  # fmt: skip


def _fields(parameter: Parameter) -> dict[str, Any]:
    return {
        **{name: getattr(parameter, name) for name in _SAVED_FIELDS},
        "value": parameter.decrypt(parameter.value),
        "last_modified_date": parameter.last_modified_date.isoformat(),
    }


def _version(name: str, fields: dict[str, Any]) -> Parameter:
    modified = datetime.fromisoformat(fields["last_modified_date"])
    return Parameter(account_id=ACCOUNT, name=name, **{**fields, "last_modified_date": modified})


@contextmanager
def as_strict_as_aws() -> Iterator[None]:
    """Make moto's PutParameter refuse requests that AWS refuses according to its documentation."""
    put = SimpleSystemManagerResponse.put_parameter

    def strict_put(response: SimpleSystemManagerResponse) -> ActionResult:
        request, backend = json.loads(response.body), response.ssm_backend
        versions = backend._parameters.get(request["Name"])  # noqa: SLF001 -- no public way
        for reason in refusals(request, versions[-1] if versions else None, backend.region_name):
            raise ValidationException(reason)
        key, kms = request.get("KeyId"), kms_backends[backend.account_id][backend.region_name]
        if key not in {None, "alias/aws/ssm"} and kms.any_id_to_key_id(key) not in kms.keys:
            raise JsonRESTError("InvalidKeyId", f"There is no key {key} in {backend.region_name}")
        return put(response)

    with patch.object(SimpleSystemManagerResponse, "put_parameter", strict_put):
        yield


@contextmanager
def pages_as_long_as_in_aws() -> Iterator[None]:
    """Make DescribeParameters honour MaxResults: each of moto's own pages takes as long as all."""

    def describe(response: SimpleSystemManagerResponse) -> ActionResult:
        get = response._get_param  # noqa: SLF001 -- moto's way
        start, size = int(get("NextToken") or 0), int(get("MaxResults") or 10)
        listed = response.ssm_backend.describe_parameters(get("Filters"), get("ParameterFilters"))
        page = [parameter.describe_response_object() for parameter in listed[start : start + size]]
        more = {"NextToken": str(start + size)} if len(listed) > start + size else {}
        return ActionResult({"Parameters": page, **more})

    with patch.object(SimpleSystemManagerResponse, "describe_parameters", describe):
        yield


def refusals(request: dict[str, Any], current: Parameter | None, region: str) -> Iterator[str]:
    """Yield why AWS would refuse a PutParameter request; `current` is the newest version."""
    name, value = str(request["Name"]), str(request.get("Value", ""))
    for finding in check_name(f"/{name.removeprefix('/')}", name, region):
        yield f"{finding.problem}: {finding.reason}"
    if re.search(r"\{\{.*\}\}", value, re.DOTALL):
        yield "Parameter value can't nest another parameter: it holds {{...}}"

    current_tier = str(current.tier) if current else "Standard"
    tier = str(request.get("Tier", current_tier))
    limit = _TIER_BYTES.get(tier, PART_BYTES)
    if size_in_bytes(value) > limit:
        yield f"{tier} tier parameters support a maximum parameter value of {limit} bytes"
    if current is None or not request.get("Overwrite"):
        return  # moto itself refuses to create an existing parameter
    if (current_tier, tier) == ("Advanced", "Standard"):
        yield "This parameter uses the advanced-parameter tier and can't go back to standard"
    if request.get("Type", current.parameter_type) != current.parameter_type:
        yield "The parameter's type can't be changed"
