"""An AWS inside this process, with the state of the last run."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import boto3
from botocore.client import BaseClient
from moto import mock_aws
from moto.core.base_backend import BackendDict
from moto.kms.models import Key, kms_backends
from moto.ssm.models import Parameter, ssm_backends

from model_config.local.environment import own_environment
from model_config.local.refusals import as_strict_as_aws, pages_as_long_as_in_aws
from model_config.local.state import State
from model_config.plan.stack_state import ALIAS, KEY, POLICY

ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"


@contextmanager
def local_aws() -> Iterator[None]:
    """Answer every AWS request of this process from memory, whatever the environment's settings."""
    with own_environment(), mock_aws(), as_strict_as_aws(), pages_as_long_as_in_aws():
        yield


@functools.cache
def client(service: str, region: str) -> BaseClient:
    """Return a client of the local AWS, the same one each time: a deploy asks for ten."""
    return _session().client(service, region_name=region)


@functools.cache
def _session() -> boto3.Session:
    """Return the shared session, so that botocore loads its service descriptions once."""
    return boto3.Session()


def restore(state: State) -> None:
    """Replace the contents of the local AWS by a saved state.

    The API can't do this, since versions, labels and dates must be the saved ones.
    """
    BackendDict.reset()
    resources = [each for those in state.environments.values() for each in those.values()]
    for resource in resources:
        if resource.type == KEY:
            install_key(resource.id, resource.outputs["region"], resource.inputs)
    for resource in resources:
        if resource.type == ALIAS:
            install_alias(resource.outputs["region"], resource.inputs)
        if resource.type == POLICY:
            install_policy(resource.inputs)
    for region, parameters in state.parameters.items():
        held = ssm_backends[ACCOUNT][region]._parameters  # noqa: SLF001
        for name, versions in parameters.items():
            held[name] = [_version(name, version) for version in versions]
            for key in {version["keyid"] for version in versions} - {None}:
                stand_in_for_key(key)


def snapshot() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every parameter's versions, by region and name, as `restore` takes them."""
    return {
        region: {
            name: [_fields(version) for version in versions]
            for name, versions in backend._parameters.items()  # noqa: SLF001
            if versions
        }
        for region, backend in ssm_backends[ACCOUNT].items()
    }


def put_parameter(region: str, inputs: dict[str, Any], *, overwrite: bool) -> int:
    """Write a parameter, and return its version."""
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


def tag_parameter(region: str, name: str, tags: dict[str, str], former: dict[str, str]) -> None:
    """Replace a parameter's former tags."""
    ssm, parameter = client("ssm", region), {"ResourceType": "Parameter", "ResourceId": name}
    if stale := sorted(former.keys() - tags.keys()):
        ssm.remove_tags_from_resource(**parameter, TagKeys=stale)
    new = [{"Key": key, "Value": value} for key, value in tags.items()]
    ssm.add_tags_to_resource(**parameter, Tags=new)


def install_key(key_id: str, region: str, inputs: dict[str, Any]) -> str:
    """Create a KMS key with a given id, and return its ARN."""
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
    """Point an alias at a key."""
    kms_backends[ACCOUNT][region].create_alias(inputs["targetKeyId"], inputs["name"])


def install_policy(inputs: dict[str, Any]) -> str:
    """Create a managed policy, and return its ARN."""
    policy = client("iam", DEFAULT_REGION).create_policy(
        PolicyName=inputs["name"],
        Path=inputs["path"],
        Description=inputs["description"],
        PolicyDocument=inputs["policy"],
    )["Policy"]
    return str(policy["Arn"])


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
