"""Simulates Pulumi's AWS provider on the local AWS: writes changes and deletes old resources.

It follows the provider's rules: a change of a parameter's name, of its data type or from Advanced
to Standard replaces it; a change of tags writes no new version; an existing parameter is not taken
over.
"""

import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal

from botocore.exceptions import ClientError
from pulumi.runtime import mocks
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs

from model_config.format.errors import LocalError
from model_config.local import local_aws, state
from model_config.plan.aws import Account
from model_config.plan.project import ALIAS, COMPONENT, KEY, PARAMETER, POLICY
from model_config.testing.program import answer, plain

Change = Literal["created", "updated", "replaced", "unchanged", "deleted"]
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
# A resource's id, and its outputs other than its inputs.
_Made = tuple[str, dict[str, Any]]


class LocalProvider(MockMonitor, mocks.Mocks):
    """Registers one environment's resources, compared with those of the last deploy."""

    def __init__(self, region: str, before: dict[str, state.Resource]) -> None:
        MockMonitor.__init__(self, self)
        self.before, self._region = before, region  # by "type::name", as are the next two
        self.registered: dict[str, state.Resource] = {}
        self.changes: dict[str, Change] = {}
        self._lock = threading.Lock()  # registrations arrive on several threads
        self._ignored: dict[str, Sequence[str]] = {}
        self._put: dict[str, Callable[[state.Resource, state.Resource | None], _Made]] = {
            PARAMETER: self._put_parameter,
            KEY: self._put_key,
            ALIAS: self._put_alias,
            POLICY: self._put_policy,
            RULE: _accept,
            TARGET: _accept,
        }

    def RegisterResource(self, request: Any) -> Any:
        """Register a resource with its options, which `new_resource` doesn't get."""
        key = f"{request.type}::{request.name}"
        if COMPONENT in request.parent:
            with self._lock:
                self._ignored[key] = request.ignoreChanges
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call] # pulumi's
        if resource := self.registered.get(key):
            resource.protect = request.protect
            resource.retain_on_delete = request.retainOnDelete
        return response

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        return answer(args, local_aws.ACCOUNT, self._region, self._former_outputs()), []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if not args.custom:
            return None, args.inputs  # a component, which has no counterpart in AWS
        key = f"{args.typ}::{args.name}"
        with self._lock:
            if key not in self._ignored:  # the project's own, which the local AWS leaves out
                return args.name, {"name": args.name, **args.inputs}
            if key in self.registered:
                raise LocalError(f"the program registers {key} twice: Pulumi refuses that")
            resource = state.Resource(args.typ, args.name, "", plain(args.inputs), {})
            self._register(key, resource)
        return resource.id, resource.outputs

    def delete_what_is_gone(self) -> None:
        """Delete what the program no longer registers, if it isn't protected. Dependents first."""
        gone = {key: old for key, old in self.before.items() if key not in self.registered}
        _refuse_protected(gone.values())
        for key, old in reversed(gone.items()):
            if not old.retain_on_delete:
                self._delete(old)
                self.changes[key] = "deleted"

    def _former_outputs(self) -> dict[str, Any]:
        """Return the last deploy's exports about its key."""
        inputs = [resource.inputs for resource in self.before.values()]
        if not (arn := next((it["keyId"] for it in inputs if "keyId" in it), None)):
            return {}
        alias = next((it.inputs["name"] for it in self.before.values() if it.type == ALIAS), None)
        return {"kms_key": {"arn": arn, "id": arn.rpartition("/")[2], "alias": alias}}

    def _register(self, key: str, resource: state.Resource) -> None:
        old = self.before.get(key)
        if old:
            resource.inputs |= {name: old.inputs[name] for name in self._ignored[key]}
        if old and old.inputs == resource.inputs and not self._was_edited(key, old):
            resource.id, resource.outputs = old.id, old.outputs
            self.changes[key] = "unchanged"
        else:
            self.changes[key] = "updated" if old else "created"
            try:
                resource.id, computed = self._put[resource.type](resource, old)
            except ClientError as error:
                raise LocalError(
                    f"{resource.inputs.get('name', resource.name)}: the local AWS refuses it, "
                    f"as AWS would: {error}"
                ) from None
            resource.outputs = {**resource.inputs, **computed}
        self.registered[key] = resource

    def _was_edited(self, key: str, old: state.Resource) -> bool:
        """Return whether a parameter was changed since the last deploy. This one undoes it."""
        if old.type != PARAMETER:
            return False
        version = local_aws.version_of(self._region, old.id)
        if "value" in self._ignored[key]:
            return version is None
        return version != int(old.outputs["version"])

    def _put_parameter(self, resource: state.Resource, old: state.Resource | None) -> _Made:
        inputs, key = resource.inputs, f"{resource.type}::{resource.name}"
        if old is not None and _must_be_replaced(old.inputs, inputs):
            _refuse_protected([old])
            self._delete(old)
            self.changes[key] = "replaced"
            old = None
        name, version = inputs["name"], old.outputs["version"] if old else 0
        same_tags = {"tags": inputs.get("tags")}
        is_same = old and {**old.inputs, **same_tags} == inputs | same_tags
        if not old or not is_same or self._was_edited(key, old):
            overwrite = old is not None or inputs.get("overwrite", False)
            version = local_aws.put_parameter(self._region, inputs, overwrite=overwrite)
        former_tags = old.inputs.get("tags", {}) if old else {}
        local_aws.tag_parameter(self._region, name, inputs.get("tags", {}), former_tags)
        account = Account(local_aws.ACCOUNT, self._region)
        return name, {"version": version, "arn": f"{account.parameter_arn}{name}"}

    def _put_key(self, resource: state.Resource, old: state.Resource | None) -> _Made:
        new = f"mrk-{uuid.uuid4().hex}" if "multiRegion" in resource.inputs else str(uuid.uuid4())
        key_id = old.id if old else new
        arn = local_aws.install_key(key_id, self._region, resource.inputs)
        return key_id, {"arn": arn, "keyId": key_id, "region": self._region}

    def _put_alias(self, resource: state.Resource, old: state.Resource | None) -> _Made:
        if old is not None:
            self._delete(old)
        local_aws.install_alias(self._region, resource.inputs)
        return resource.inputs["name"], {"region": self._region}

    def _put_policy(self, resource: state.Resource, old: state.Resource | None) -> _Made:
        if old is not None:
            self._delete(old)
        arn = local_aws.install_policy(resource.inputs)
        return arn, {"arn": arn}

    def _delete(self, resource: state.Resource) -> None:
        client = partial(local_aws.client, region=self._region)
        if resource.type == PARAMETER:
            client("ssm").delete_parameters(Names=[resource.id])
        elif resource.type == POLICY:
            client("iam").delete_policy(PolicyArn=resource.id)
        elif resource.type == ALIAS:
            client("kms").delete_alias(AliasName=resource.id)
        elif resource.type == KEY:
            client("kms").schedule_key_deletion(KeyId=resource.id)


def _accept(resource: state.Resource, _: state.Resource | None) -> _Made:
    """Accept a resource that the local AWS doesn't use."""
    return resource.name, {"name": resource.name}


def _refuse_protected(resources: Iterable[state.Resource]) -> None:
    if names := sorted(resource.name for resource in resources if resource.protect):
        raise LocalError(
            f"Pulumi refuses to delete or replace protected resources: {', '.join(names)}. Keep "
            "them as they are, or set model-config:protect to false, deploy, and then change them"
        )


def _must_be_replaced(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return (
        old["name"] != new["name"]
        or old.get("dataType") != new.get("dataType")
        or (old["tier"], new["tier"]) == ("Advanced", "Standard")
    )
