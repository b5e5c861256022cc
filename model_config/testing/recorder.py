"""Records what a program registers under Pulumi's mocks, and answers as the AWS provider would."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.runtime import mocks, rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs

#: The account and region in a recorder's answers.
ACCOUNT, REGION = "111122223333", "eu-west-1"
#: The invoke by which a program reads the outputs of its own last update.
OWN_OUTPUTS = "pulumi:pulumi:readStackOutputs"
_SIGNATURE = rpc._special_sig_key  # noqa: SLF001 -- the mark of a secret has no public name


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as a program registered it.

    Attributes:
        inputs: its inputs as plain values, including secret ones.
        secret: the names of the inputs that are marked as secret.
        depends_on: the URNs of the resources it depends on.
    """

    type: str
    name: str
    urn: str
    parent: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    secret: frozenset[str]
    depends_on: frozenset[str]
    depends_by_input: Mapping[str, tuple[str, ...]]
    ignores: frozenset[str]
    protect: bool
    retain_on_delete: bool


class Recorder(MockMonitor, mocks.Mocks):
    """Answers a program as the AWS provider would, and records what it registers.

    Attributes:
        registered: every resource by its type and name, in the order of registration.

    Args:
        outputs: the outputs of stacks, by their full name "organization/project/stack": of other
            stacks, for StackReferences, and of the stack itself at its last update.
    """

    def __init__(self, outputs: Mapping[str, Any] | None = None) -> None:
        MockMonitor.__init__(self, self)
        self.registered: dict[tuple[str, str], Resource] = {}
        self._stacks = outputs or {}
        self._guard = threading.Lock()  # registrations arrive on several threads

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the resources of a type, by name."""
        return {name: each for (type_, name), each in self.registered.items() if type_ == kind}

    def parameters(self) -> dict[str, Mapping[str, Any]]:
        """Return the inputs of every SSM parameter, by the parameter's name."""
        found = self.of_type("aws:ssm/parameter:Parameter").values()
        return {each.inputs["name"]: each.inputs for each in found}

    def RegisterResource(self, request: Any) -> Any:
        """Register a resource, and record it with its options."""
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call] # pulumi's
        key = request.type, request.name
        if request.type == "pulumi:pulumi:Stack":  # set_mocks registers another one first
            return response
        with self._guard:
            if key in self.registered:
                raise AssertionError(f"{key} is registered twice, which Pulumi refuses")
            inputs = rpc.deserialize_properties(request.object)
            self.registered[key] = Resource(
                *key,
                urn=response.urn,
                parent=request.parent,
                inputs=plain(inputs),
                outputs=plain(self.resources[response.urn].state),
                secret=frozenset(name for name in inputs if _is_secret(inputs[name])),
                depends_on=frozenset(request.dependencies),
                depends_by_input={
                    name: tuple(others.urns)
                    for name, others in request.propertyDependencies.items()
                },
                ignores=frozenset(request.ignoreChanges),
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
            )
        return response

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Answer an invoke of the program."""
        outputs = self._stacks.get(args.args.get("name", ""), {})
        return answer(args, ACCOUNT, REGION, outputs), []

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Return a resource's id and outputs."""
        if args.typ == "pulumi:pulumi:StackReference":
            name = args.inputs["name"]
            return name, {"name": name, "outputs": self._stacks[name], "secretOutputNames": []}
        outputs = {**args.inputs, **_computed(args)}
        return str(outputs.get("id", f"{args.name}-id")), outputs


def answer(
    args: MockCallArgs, account: str, region: str, own_outputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the answer to an invoke of the program."""
    answers: dict[str, dict[str, Any]] = {
        "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": account},
        "aws:index/getRegion:getRegion": {"region": region},
        OWN_OUTPUTS: {"outputs": own_outputs},
    }
    return answers[args.token]


def _computed(args: MockResourceArgs) -> dict[str, Any]:
    """Return the outputs that AWS computes. Numbers arrive as floats."""
    name = args.inputs.get("name", args.name)
    match args.typ:
        case "aws:kms/key:Key":
            return {"arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0b5c", "keyId": "0b5c"}
        case "aws:ssm/parameter:Parameter":
            arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}"
            return {"arn": arn, "version": 4.0}
        case "aws:iam/policy:Policy":
            return {"arn": f"arn:aws:iam::{ACCOUNT}:policy{args.inputs.get('path', '/')}{name}"}
        case "aws:cloudwatch/eventRule:EventRule":
            return {"arn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}", "name": name}
        case _:
            return {"arn": f"arn:{args.name}", "name": name}


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_SIGNATURE) == rpc._special_secret_sig  # noqa: SLF001


def plain(value: Any) -> Any:
    """Return a mock's argument without secret marks, and with whole numbers as ints."""
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return plain(value.get("value"))
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
