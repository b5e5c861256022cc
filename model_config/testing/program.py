"""Run a project's program whole, as Pulumi's language host does, under Pulumi's mocks.

For a project's own tests: `findings(project)` gives what is wrong with its models and stack files,
`deploy_under_mocks(project, "prod")` what a deploy would register and export, without Pulumi's CLI
and without AWS.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import runpy
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc, stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs
from pulumi.runtime.settings import get_root_resource, reset_options, set_root_resource

from model_config.plan.project import Project
from model_config.plan.registry import Modules, read_modules
from model_config.plan.secrets import secret_fields
from model_config.plan.stack_config import NAMESPACE, StackConfig
from model_config.plan.stack_file import read_stack_file
from model_config.plan.validation import validate

#: The account and region that a recorded program is deployed to, unless its stack says otherwise.
ACCOUNT, REGION = "111122223333", "eu-west-1"
ORGANIZATION = "organization"
#: What a program asks for the outputs of its own last update.
OWN_OUTPUTS = "pulumi:pulumi:readStackOutputs"
_SIGNATURE = rpc._special_sig_key  # noqa: SLF001 -- how a secret is marked has no public name


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as a program registered it.

    Attributes:
        inputs: its inputs as plain values, secret ones too.
        secret: the names of the inputs that reached the engine marked as secret.
        depends_on: the URNs it waits for.
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
    """Answers a program as the AWS provider would, and keeps what it registers.

    Attributes:
        registered: every resource by its type and name, in the order of registration.

    Args:
        outputs: what stacks export, by their full name "organization/project/stack": other ones,
            for StackReferences, and the stack itself after its last update.
    """

    def __init__(self, outputs: Mapping[str, Any] | None = None) -> None:
        MockMonitor.__init__(self, self)
        self.registered: dict[tuple[str, str], Resource] = {}
        self._stacks = outputs or {}
        self._answers: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
        self._guard = threading.Lock()  # registrations arrive on several threads

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the resources of a type, by name."""
        return {name: each for (type_, name), each in self.registered.items() if type_ == kind}

    def parameters(self) -> dict[str, Mapping[str, Any]]:
        """Return the inputs of every SSM parameter, by the parameter's name."""
        found = self.of_type("aws:ssm/parameter:Parameter").values()
        return {each.inputs["name"]: each.inputs for each in found}

    def RegisterResource(self, request: Any) -> Any:
        """Register, and keep the resource with the options it came with."""
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call] # pulumi's
        key = request.type, request.name
        if request.type == "pulumi:pulumi:Stack":  # set_mocks registers one of its own before ours
            return response
        with self._guard:
            if key in self.registered:
                raise AssertionError(f"{key} is registered twice, which Pulumi refuses")
            inputs, outputs = self._answers.get(key, ({}, {}))
            self.registered[key] = Resource(
                *key,
                urn=response.urn,
                parent=request.parent,
                inputs=plain(inputs),
                outputs=plain(outputs),
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
        """Answer what the program asks the provider."""
        answers = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
            "aws:index/getRegion:getRegion": {"region": REGION},
            OWN_OUTPUTS: {"outputs": self._stacks.get(args.args.get("name", ""), {})},
        }
        return answers[args.token], []

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Return a resource's id and outputs."""
        if args.typ == "pulumi:pulumi:StackReference":
            name = args.inputs["name"]
            return name, {"name": name, "outputs": self._stacks[name], "secretOutputNames": []}
        outputs = {**args.inputs, **_computed(args)}
        with self._guard:
            self._answers[args.typ, args.name] = args.inputs, outputs
        return str(outputs.get("id", f"{args.name}-id")), outputs


def _computed(args: MockResourceArgs) -> dict[str, Any]:
    """Return the outputs that AWS decides on. Numbers arrive as floats."""
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


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a program registered and exported."""

    recorder: Recorder
    outputs: Mapping[str, Any]


def findings(project: Project) -> list[str]:
    """Return what `model-config validate` would refuse, in any environment; [] is as it should be.

    Args:
        project: the project.
    """
    results = validate(project, project.require_stacks(), secrets=False)
    return [
        f"{', '.join(result.environments)}: {result.finding}"
        for result in results
        if result.is_error
    ]


def deploy_under_mocks(
    project: Project,
    stack: str,
    *,
    recorder: Recorder | None = None,
    preview: bool = False,
    **settings: str,
) -> Deployed:
    """Run a project's program for one of its stacks, each secret with a text that stands in for it.

    Args:
        project: the project.
        stack: one of its stacks; its file is read.
        recorder: what to record with. Default: a new one.
        preview: whether the program is told that it only previews.
        settings: settings under `model-config:` beside or instead of those in the file, as text.

    Raises:
        pulumi.RunError: the program refused its configuration; the text holds every finding.
        InvalidConfigurationError: the stack's file can't be read.
    """
    recorder = recorder or Recorder()
    config = with_stand_ins(read_stack_file(project, stack), read_modules(project))
    given = {f"{NAMESPACE}:{key}": value for key, value in settings.items()}
    config = replace(config, values={**config.values, **given})
    outputs = run_program(project.root, config, recorder, preview=preview)
    return Deployed(recorder, outputs)


def with_stand_ins(
    config: StackConfig, modules: Modules, given: Mapping[str, str] | None = None
) -> StackConfig:
    """Return a stack's configuration in which every secret of the models has a text.

    A key that stands in the stack's file in plain text is left there, for the program to refuse.

    Args:
        config: the stack's configuration, as its file has it.
        modules: the models.
        given: the texts of some secrets by their config key. The others get a stand-in.
    """
    keys = sorted(set(secret_fields(modules.models.values())) - set(config.own()))
    texts = {key: (given or {}).get(key, f"stand-in for {key}") for key in keys}
    values = {f"{NAMESPACE}:{key}": text for key, text in texts.items()}
    return replace(
        config,
        values={**config.values, **values},
        # A setting that was given as a secret stays one, for the program to refuse.
        secret_keys=config.secret_keys | set(values),
    )


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_SIGNATURE) == rpc._special_secret_sig  # noqa: SLF001


def run_program(
    project: Path,
    config: StackConfig,
    mock: mocks.Mocks,
    monitor: mocks.MockMonitor | None = None,
    *,
    preview: bool = False,
) -> dict[str, Any]:
    """Run the project's program to its end and return what it exported, as plain values.

    Args:
        project: the folder of `__main__.py`.
        config: the stack and its configuration, secrets in plain text among the values.
        mock: what answers registrations and invokes.
        monitor: a monitor of your own, which holds the mock; one that is both need not be named.
        preview: whether the program is told that it only previews.

    Raises:
        pulumi.RunError: the program refused its configuration.
    """
    with _fresh_runtime() as loop:
        monitor = monitor or (mock if isinstance(mock, MockMonitor) else None)
        mocks.set_mocks(
            mock, config.project, config.stack, preview, monitor=monitor, organization=ORGANIZATION
        )
        _forget_root_stack()  # set_mocks leaves one of its own
        set_all_config(dict(config.values), list(config.secret_keys))
        return loop.run_until_complete(_run(project))


async def _run(project: Path) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    await stack.run_in_stack(lambda: _run_main(project))
    root = get_root_resource()
    if isinstance(root, stack.Stack):
        outputs = await _resolved(root.outputs)
    return outputs


def _run_main(project: Path) -> None:
    runpy.run_path(str(project / "__main__.py"), run_name="__main__")


async def _resolved(value: Any) -> Any:
    """Return the value with each output in it awaited; one that is unknown becomes None."""
    if isinstance(value, pulumi.Output):
        return await _resolved(await value.future(with_unknowns=False))
    if isinstance(value, dict):
        return {key: await _resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [await _resolved(item) for item in value]
    return value


@contextmanager
def _fresh_runtime() -> Iterator[asyncio.AbstractEventLoop]:
    """Leave nothing of Pulumi's global state behind."""
    threshold = gc.get_threshold()  # which the program raises
    # Python reports tasks of a program that was refused half-way; the refusal says it all.
    asyncio_log = logging.getLogger("asyncio")
    level = asyncio_log.level
    asyncio_log.setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # set_mocks already schedules work on it
    try:
        yield loop
    finally:
        # A program that was refused half-way has registrations under way in other threads.
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)
        asyncio_log.setLevel(level)
        gc.set_threshold(*threshold)
        set_all_config({}, [])
        _forget_root_stack()
        reset_options()


def _forget_root_stack() -> None:
    set_root_resource(cast(pulumi.Resource, None))  # typed as if there always were one


def plain(value: Any) -> Any:
    """Return what a mock was handed, without secret marks and with whole numbers as ints."""
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return plain(value.get("value"))
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
