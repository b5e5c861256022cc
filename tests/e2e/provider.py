"""Stands in for `pulumi-resource-aws` where there is none: the few resources that the stack needs.

The engine asks it over gRPC as it asks the real one; it asks AWS through boto3. The rules are the
real provider's own: an existing parameter is not taken over, its version is unknown in a preview
that changes its value, and a change of name, of data type or from Advanced to Standard replaces it.

Run it with AWS_ENDPOINT_URL set; it prints the port for PULUMI_DEBUG_PROVIDERS=aws:PORT.
"""

# ruff: noqa: ARG002, N802 -- the names and arguments are those of the engine's protocol

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterator
from concurrent import futures
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import boto3
import grpc
from botocore.exceptions import ClientError
from google.protobuf import json_format, struct_pb2
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

Properties = dict[str, Any]
_GONE = {
    "ParameterNotFound", "NotFoundException", "NoSuchEntity", "ResourceNotFoundException",
}  # fmt: skip


class Kind:
    """One type of resource: what a change of it means, and the calls that make it.

    Attributes:
        replaced_by: the inputs of which a change means another resource.
        computed: the outputs that AWS decides, unknown until the resource is made.
        raised_by_value: the outputs that a change of `value` leaves unknown.
    """

    replaced_by: tuple[str, ...] = ("name",)
    computed: tuple[str, ...] = ("arn",)
    raised_by_value: tuple[str, ...] = ()

    def __init__(self, ssm: Any, kms: Any, iam: Any, events: Any) -> None:
        self.ssm, self.kms, self.iam, self.events = ssm, kms, iam, events

    def replaces(self, olds: Properties, news: Properties) -> list[str]:
        return [key for key in self.replaced_by if olds.get(key) != news.get(key)]

    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        """Create it, or update the one that was found; return its id."""
        raise NotImplementedError

    def tag(self, found: str, tags: dict[str, str], gone: Collection[str]) -> None:
        """Set tags and take others away."""

    def read(self, found: str) -> Properties:
        raise NotImplementedError

    def delete(self, found: str, olds: Properties) -> None:
        raise NotImplementedError


class Parameter(Kind):
    replaced_by = ("name", "dataType")
    computed = ("arn", "version", "dataType")
    raised_by_value = ("version",)

    def replaces(self, olds: Properties, news: Properties) -> list[str]:
        back = (olds.get("tier"), news.get("tier")) == ("Advanced", "Standard")
        return [*super().replaces(olds, news), *(["tier"] if back else [])]

    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        given = {"Name": "name", "Value": "value", "Type": "type", "KeyId": "keyId", "Tier": "tier"}
        overwrite = found is not None or news.get("overwrite", False)
        if found is None or any(olds.get(name) != news.get(name) for name in given.values()):
            request = {key: news[name] for key, name in given.items() if name in news}
            self.ssm.put_parameter(Overwrite=overwrite, **request)
        return str(news["name"])

    def tag(self, found: str, tags: dict[str, str], gone: Collection[str]) -> None:
        which = {"ResourceType": "Parameter", "ResourceId": found}
        if gone:
            self.ssm.remove_tags_from_resource(TagKeys=gone, **which)
        self.ssm.add_tags_to_resource(Tags=_pairs(tags, "Key", "Value"), **which)

    def read(self, found: str) -> Properties:
        held = self.ssm.get_parameter(Name=found, WithDecryption=True)["Parameter"]
        only = {"Key": "Name", "Option": "Equals", "Values": [found]}
        described = self.ssm.describe_parameters(ParameterFilters=[only])["Parameters"][0]
        tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=found)
        return {
            "name": found, "value": held["Value"], "type": held["Type"], "arn": held["ARN"],
            "version": held["Version"], "dataType": held["DataType"], "tier": described["Tier"],
            "keyId": described.get("KeyId", ""),  # a String has none
            "tags": {tag["Key"]: tag["Value"] for tag in tags["TagList"]},
        }  # fmt: skip

    def delete(self, found: str, olds: Properties) -> None:
        self.ssm.delete_parameter(Name=found)


class Key(Kind):
    replaced_by = ("multiRegion",)
    computed = ("arn", "keyId")

    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        several = news.get("multiRegion", False)
        key = found or str(self.kms.create_key(MultiRegion=several)["KeyMetadata"]["KeyId"])
        self.kms.update_key_description(KeyId=key, Description=news["description"])
        self.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=news["policy"])
        rotates = news["enableKeyRotation"]
        (self.kms.enable_key_rotation if rotates else self.kms.disable_key_rotation)(KeyId=key)
        return key

    def tag(self, found: str, tags: dict[str, str], gone: Collection[str]) -> None:
        if gone:
            self.kms.untag_resource(KeyId=found, TagKeys=gone)
        self.kms.tag_resource(KeyId=found, Tags=_pairs(tags, "TagKey", "TagValue"))

    def read(self, found: str) -> Properties:
        key = self.kms.describe_key(KeyId=found)["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":  # the real provider takes it for gone, too
            raise LookupError
        tags = self.kms.list_resource_tags(KeyId=found)["Tags"]
        rotation = self.kms.get_key_rotation_status(KeyId=found)
        return {
            "arn": key["Arn"], "keyId": found, "description": key["Description"],
            "enableKeyRotation": rotation["KeyRotationEnabled"],
            "policy": self.kms.get_key_policy(KeyId=found, PolicyName="default")["Policy"],
            "tags": {tag["TagKey"]: tag["TagValue"] for tag in tags},
        }  # fmt: skip

    def delete(self, found: str, olds: Properties) -> None:
        days = int(olds["deletionWindowInDays"])
        self.kms.schedule_key_deletion(KeyId=found, PendingWindowInDays=days)


class Alias(Kind):
    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        put = self.kms.update_alias if found else self.kms.create_alias
        put(AliasName=news["name"], TargetKeyId=news["targetKeyId"])
        return str(news["name"])

    def read(self, found: str) -> Properties:
        key = self.kms.describe_key(KeyId=found)["KeyMetadata"]
        arn = key["Arn"].replace(f"key/{key['KeyId']}", found)
        return {"name": found, "arn": arn, "targetKeyId": key["KeyId"]}

    def delete(self, found: str, olds: Properties) -> None:
        self.kms.delete_alias(AliasName=found)


class Policy(Kind):
    replaced_by = ("name", "path", "description")

    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        if found is None:
            created = self.iam.create_policy(
                PolicyName=news["name"], Path=news["path"], Description=news["description"],
                PolicyDocument=news["policy"],
            )  # fmt: skip
            return str(created["Policy"]["Arn"])
        if olds["policy"] != news["policy"]:
            before = self.iam.get_policy(PolicyArn=found)["Policy"]["DefaultVersionId"]
            self.iam.create_policy_version(
                PolicyArn=found, PolicyDocument=news["policy"], SetAsDefault=True
            )
            self.iam.delete_policy_version(PolicyArn=found, VersionId=before)
        return found

    def tag(self, found: str, tags: dict[str, str], gone: Collection[str]) -> None:
        if gone:
            self.iam.untag_policy(PolicyArn=found, TagKeys=gone)
        self.iam.tag_policy(PolicyArn=found, Tags=_pairs(tags, "Key", "Value"))

    def read(self, found: str) -> Properties:
        held = self.iam.get_policy(PolicyArn=found)["Policy"]
        in_force = self.iam.get_policy_version(PolicyArn=found, VersionId=held["DefaultVersionId"])
        return {
            "arn": found, "name": held["PolicyName"], "path": held["Path"],
            "description": held["Description"],
            "tags": {tag["Key"]: tag["Value"] for tag in held["Tags"]},
            "policy": json.dumps(in_force["PolicyVersion"]["Document"]),
        }  # fmt: skip

    def delete(self, found: str, olds: Properties) -> None:
        attached = self.iam.list_entities_for_policy(PolicyArn=found)
        if any(attached[kind] for kind in ("PolicyRoles", "PolicyUsers", "PolicyGroups")):
            # AWS refuses this, and the AWS that tests deploy to does not.
            error = {"Code": "DeleteConflict", "Message": "it is attached to an entity"}
            raise ClientError({"Error": error}, "DeletePolicy")
        self.iam.delete_policy(PolicyArn=found)


class Rule(Kind):
    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        # An existing one is taken over, as PutRule and PutTargets do.
        self.events.put_rule(Name=news["name"], EventPattern=news["eventPattern"])
        return str(news["name"])

    def tag(self, found: str, tags: dict[str, str], gone: Collection[str]) -> None:
        which = {"ResourceARN": self.events.describe_rule(Name=found)["Arn"]}
        if gone:
            self.events.untag_resource(TagKeys=gone, **which)
        self.events.tag_resource(Tags=_pairs(tags, "Key", "Value"), **which)

    def read(self, found: str) -> Properties:
        held = self.events.describe_rule(Name=found)
        tags = self.events.list_tags_for_resource(ResourceARN=held["Arn"])["Tags"]
        return {
            "name": found, "arn": held["Arn"], "eventPattern": held["EventPattern"],
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
        }  # fmt: skip

    def delete(self, found: str, olds: Properties) -> None:
        self.events.delete_rule(Name=found)


class Target(Kind):
    replaced_by = ("rule", "targetId")
    computed = ()

    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        target = {"Id": news["targetId"], "Arn": news["arn"]}
        self.events.put_targets(Rule=news["rule"], Targets=[target])
        return f"{news['rule']}-{news['targetId']}"

    def read(self, found: str) -> Properties:
        rule, _, name = found.rpartition("-")
        for target in self.events.list_targets_by_rule(Rule=rule)["Targets"]:
            if target["Id"] == name:
                return {"rule": rule, "targetId": name, "arn": target["Arn"]}
        raise LookupError(found)

    def delete(self, found: str, olds: Properties) -> None:
        self.events.remove_targets(Rule=olds["rule"], Ids=[olds["targetId"]])


class Role(Kind):
    replaced_by = ()
    computed = ("arn", "name")

    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        name = found or f"role-{uuid.uuid4()}"
        if found is None:
            trust = news["assumeRolePolicy"]
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        return name

    def read(self, found: str) -> Properties:
        return {"name": found, "arn": self.iam.get_role(RoleName=found)["Role"]["Arn"]}

    def delete(self, found: str, olds: Properties) -> None:
        self.iam.delete_role(RoleName=found)


class Attachment(Kind):
    replaced_by = ("role", "policyArn")
    computed = ()

    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        self.iam.attach_role_policy(RoleName=news["role"], PolicyArn=news["policyArn"])
        return f"{news['role']} {news['policyArn']}"

    def read(self, found: str) -> Properties:
        role, arn = found.split()
        attached = self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        if arn not in [policy["PolicyArn"] for policy in attached]:
            raise LookupError(found)
        return {"role": role, "policyArn": arn}

    def delete(self, found: str, olds: Properties) -> None:
        self.iam.detach_role_policy(RoleName=olds["role"], PolicyArn=olds["policyArn"])


class Accepted(Kind):
    """A resource that is taken as it is: AWS is not asked."""

    replaced_by = ()
    computed = ("arn", "name")

    def put(self, found: str | None, olds: Properties, news: Properties) -> str:
        return found or f"accepted-{uuid.uuid4()}"

    def read(self, found: str) -> Properties:
        return {"name": found, "arn": f"arn:aws:accepted:::{found}"}

    def delete(self, found: str, olds: Properties) -> None:
        pass


_KINDS = {
    "aws:ssm/parameter:Parameter": Parameter,
    "aws:kms/key:Key": Key,
    "aws:kms/alias:Alias": Alias,
    "aws:iam/policy:Policy": Policy,
    "aws:cloudwatch/eventRule:EventRule": Rule,
    "aws:cloudwatch/eventTarget:EventTarget": Target,
    # What the example of a consumer makes besides.
    "aws:iam/role:Role": Role,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Attachment,
    "aws:lambda/function:Function": Accepted,
}


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine. What it keeps is its clients, for the region it is told."""

    def Attach(self, request, context):
        return Empty()

    def Cancel(self, request, context):
        return Empty()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse()

    def Configure(self, request, context):
        self._region = request.variables["aws:config:region"]
        # One after the other: boto3 can't make clients in two threads at once.
        *clients, self._sts = map(self._client, ("ssm", "kms", "iam", "events", "sts"))
        self._kinds = {name: kind(*clients) for name, kind in _KINDS.items()}
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Invoke(self, request, context):
        if request.tok == "aws:index/getRegion:getRegion":
            answer = {"id": self._region, "region": self._region}
        elif request.tok == "aws:ssm/getParameter:getParameter":
            with _refusals_told(context, "reading a parameter"):
                answer = self._parameter(_dict(request.args))
        else:
            with _refusals_told(context, "asking for the account"):
                account = self._sts.get_caller_identity()["Account"]
            answer = {"id": account, "accountId": account}
        return provider_pb2.InvokeResponse(**{"return": _struct(answer)})

    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):
        olds, news = _dict(request.old_inputs), _dict(request.news)
        replaces, changed = self._kind(request.urn).replaces(olds, news), _changed(olds, news)
        response, diff = provider_pb2.DiffResponse, provider_pb2.PropertyDiff
        return response(
            changes=response.DIFF_SOME if changed else response.DIFF_NONE,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces),  # the name is taken as long as the old one stands
            diffs=changed,
            hasDetailedDiff=True,
            detailedDiff={
                key: diff(kind=diff.UPDATE_REPLACE if key in replaces else diff.UPDATE)
                for key in changed
            },
        )

    def Create(self, request, context):
        kind, news = self._kind(request.urn), _dict(request.properties)
        if request.preview:
            outputs = {**news, **dict.fromkeys(kind.computed, UNKNOWN)}
            return provider_pb2.CreateResponse(properties=_struct(outputs))
        with _refusals_told(context, f"creating {news.get('name', 'the key')}"):
            made = kind.put(None, {}, news)
            kind.tag(made, news.get("tags", {}), ())
            outputs = {**news, **kind.read(made)}
        return provider_pb2.CreateResponse(id=made, properties=_struct(outputs))

    def Update(self, request, context):
        kind, news = self._kind(request.urn), _dict(request.news)
        before, olds = _dict(request.olds), _dict(request.old_inputs)
        if request.preview:
            raised = kind.raised_by_value if "value" in _changed(olds, news) else ()
            outputs = {**before, **news, **dict.fromkeys(raised, UNKNOWN)}
            return provider_pb2.UpdateResponse(properties=_struct(outputs))
        tags = news.get("tags", {})
        with _refusals_told(context, f"updating {request.id}"):
            kind.put(request.id, olds, news)
            kind.tag(request.id, tags, sorted(olds.get("tags", {}).keys() - tags.keys()))
            outputs = {**news, **kind.read(request.id)}
        return provider_pb2.UpdateResponse(properties=_struct(outputs))

    def Read(self, request, context):
        kind, inputs = self._kind(request.urn), _dict(request.inputs)
        try:
            with _refusals_told(context, f"reading {request.id}"):
                held = kind.read(request.id)
        except LookupError:
            return provider_pb2.ReadResponse()  # without an id: it is gone
        if not inputs:  # an import knows the id alone
            inputs = {
                key: value for key, value in held.items() if value and key not in kind.computed
            }
        if "policy" in inputs and json.loads(held["policy"]) == json.loads(inputs["policy"]):
            held["policy"] = inputs["policy"]  # AWS gives it back with other spaces
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=_struct({**_dict(request.properties), **held}),
            inputs=_struct({key: held.get(key, value) for key, value in inputs.items()}),
        )

    def Delete(self, request, context):
        try:
            with _refusals_told(context, f"deleting {request.id}"):
                self._kind(request.urn).delete(request.id, _dict(request.properties))
        except LookupError:
            pass  # somebody was faster
        return Empty()

    def _parameter(self, asked: Properties) -> Properties:
        found = boto3.client("ssm", region_name=asked.get("region", self._region)).get_parameter(
            Name=asked["name"], WithDecryption=asked.get("withDecryption", True)
        )["Parameter"]
        return {
            "name": found["Name"], "arn": found["ARN"], "version": found["Version"],
            "type": found["Type"], "value": found["Value"],
        }  # fmt: skip

    def _kind(self, urn: str) -> Kind:
        return self._kinds[urn.split("::")[2].rpartition("$")[2]]

    def _client(self, service: str) -> Any:
        return boto3.client(service, region_name=self._region)


@contextmanager
def _refusals_told(context: grpc.ServicerContext, doing: str) -> Iterator[None]:
    """Tell the engine what AWS refused.

    Raises:
        LookupError: there is no such resource.
    """
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise LookupError from None
        context.abort(grpc.StatusCode.UNKNOWN, f"{doing}: {error}")


def _changed(olds: Properties, news: Properties) -> list[str]:
    return sorted(key for key in {*olds, *news} if olds.get(key) != news.get(key))


def _dict(struct: struct_pb2.Struct) -> Properties:
    return json_format.MessageToDict(struct)


def _struct(properties: Properties) -> struct_pb2.Struct:
    return json_format.ParseDict(properties, struct_pb2.Struct())


def _pairs(tags: dict[str, str], key: str, value: str) -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags.items()]


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)  # noqa: T201
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
