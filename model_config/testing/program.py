"""Runs a project's whole program, as Pulumi's language host does, under Pulumi's mocks.

For a project's own tests: `findings(project)` returns the findings in its models and stack files,
and `deploy_under_mocks(project, "prod")` what a deploy would register and export. Neither needs
Pulumi's CLI or AWS.
"""

import asyncio
import gc
import runpy
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc, stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs
from pulumi.runtime.settings import get_root_resource, reset_options, set_root_resource

from model_config.plan import checks, registry, stack_file, validation
from model_config.plan.project import NAMESPACE, Project, StackConfig

__all__ = [
    "Deployed",
    "Recorder",
    "deploy_under_mocks",
    "findings",
    "run_program",
    "with_stand_ins",
]

#: The account and region in a recorder's answers.
ACCOUNT, REGION = "111122223333", "eu-west-1"
#: The invoke by which a program reads the outputs of its own last update.
OWN_OUTPUTS = "pulumi:pulumi:readStackOutputs"
# The mark of a secret has no public name.
_SIGNATURE, _SECRET = rpc._special_sig_key, rpc._special_secret_sig  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as a program registered it.

    `inputs` are plain values, secret ones too, whose names are in `secret`. `depends_on` has URNs.
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
    """Answers a program as the AWS provider would, and records what it registers, in that order.

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
        return {name: it for (type_, name), it in self.registered.items() if type_ == kind}

    def parameters(self) -> dict[str, Mapping[str, Any]]:
        """Return the inputs of every SSM parameter, by the parameter's name."""
        parameters = self.of_type("aws:ssm/parameter:Parameter").values()
        return {parameter.inputs["name"]: parameter.inputs for parameter in parameters}

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
                secret=frozenset(name for name, value in inputs.items() if _is_secret(value)),
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
        """Return a resource's id and its outputs, numbers as floats as AWS's provider does."""
        name = args.inputs.get("name", args.name)
        computed: dict[str, Any]
        match args.typ:
            case "pulumi:pulumi:StackReference":
                return name, {"name": name, "outputs": self._stacks[name], "secretOutputNames": []}
            case "aws:kms/key:Key":
                computed = {"arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0b5c", "keyId": "0b5c"}
            case "aws:ssm/parameter:Parameter":
                arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}"
                computed = {"arn": arn, "version": 4.0}
            case "aws:iam/policy:Policy":
                path = args.inputs.get("path", "/")
                computed = {"arn": f"arn:aws:iam::{ACCOUNT}:policy{path}{name}"}
            case "aws:cloudwatch/eventRule:EventRule":
                computed = {"arn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}", "name": name}
            case _:
                computed = {"arn": f"arn:{args.name}", "name": name}
        outputs = {**args.inputs, **computed}
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
    return answers.get(args.token, {})  # as those of Pulumi's testing guide, for a project's own


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET


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


@dataclass(frozen=True, slots=True)
class Deployed:
    """The resources that a program registered, and its outputs."""

    recorder: Recorder
    outputs: Mapping[str, Any]


def findings(project: Project) -> list[str]:
    """Return the findings that `model-config validate` would report, in all environments."""
    results = validation.validate(project, project.require_stacks(), secrets=False)
    return [f"{', '.join(it.environments)}: {it.finding}" for it in results if it.is_error]


def deploy_under_mocks(
    project: Project,
    stack: str,
    *,
    recorder: Recorder | None = None,
    preview: bool = False,
    **settings: str,
) -> Deployed:
    """Run a project's program for one of its stacks, with a placeholder text for each secret.

    `settings` are settings under `model-config:`, as text. They replace those in the stack's file.

    Raises:
        pulumi.RunError: the program refused its configuration. The text holds every finding.
        InvalidConfigurationError: the stack's file can't be read.
    """
    recorder = recorder or Recorder()
    config = with_stand_ins(
        stack_file.read_stack_file(project, stack), registry.read_modules(project)
    )
    given = {f"{NAMESPACE}:{key}": value for key, value in settings.items()}
    config = replace(config, values={**config.values, **given})
    return Deployed(recorder, run_program(project.root, config, recorder, preview=preview))


def with_stand_ins(
    config: StackConfig, modules: registry.Modules, given: Mapping[str, str] | None = None
) -> StackConfig:
    """Return a stack's configuration in which every secret of the models has a text.

    `given` has the texts of secrets by their config key; the others get a placeholder. A secret in
    plain text in the stack's file is left as it is, for the program to refuse.
    """
    keys = sorted(set(checks.secret_fields(modules.models.values())) - set(config.own()))
    texts = {key: (given or {}).get(key, f"stand-in for {key}") for key in keys}
    values = {f"{NAMESPACE}:{key}": text for key, text in texts.items()}
    # A setting in the file that is a secret stays one, for the program to refuse.
    secret_keys = config.secret_keys | set(values)
    return replace(config, values={**config.values, **values}, secret_keys=secret_keys)


def run_program(
    project: Path,
    config: StackConfig,
    mock: mocks.Mocks,
    monitor: mocks.MockMonitor | None = None,
    *,
    preview: bool = False,
) -> dict[str, Any]:
    """Run a project's program to its end, and return its outputs as plain values.

    `config` has the secrets in plain text among the values. `mock` answers registrations and
    invokes; a `monitor` of your own uses it.

    Raises:
        pulumi.RunError: the program refused its configuration.
    """
    with _fresh_runtime() as loop:
        monitor = monitor or (mock if isinstance(mock, MockMonitor) else None)
        mocks.set_mocks(
            mock,
            config.project,
            config.stack,
            preview,
            monitor=monitor,
            organization="organization",
        )
        _forget_root_stack()  # set_mocks leaves its own
        set_all_config(dict(config.values), list(config.secret_keys))
        return loop.run_until_complete(_run(project))


async def _run(project: Path) -> dict[str, Any]:
    def main() -> None:
        runpy.run_path(str(project / "__main__.py"), run_name="__main__")

    await stack.run_in_stack(main)
    root = cast(stack.Stack, get_root_resource())
    return cast(dict[str, Any], await _resolved(root.outputs))


async def _resolved(value: Any) -> Any:
    """Return a value with each output in it awaited. An unknown output becomes None."""
    if isinstance(value, pulumi.Output):
        return await _resolved(await value.future(with_unknowns=False))
    if isinstance(value, dict):
        return {key: await _resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [await _resolved(item) for item in value]
    return value


@contextmanager
def _fresh_runtime() -> Iterator[asyncio.AbstractEventLoop]:
    """Run with a new event loop, and reset Pulumi's global state afterwards."""
    threshold = gc.get_threshold()  # which the program raises
    loops: list[asyncio.AbstractEventLoop] = []

    def set_loop() -> None:
        # Mocks would create a loop in each thread and not close it. Garbage collection then may
        # print a traceback.
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    try:
        # set_mocks already schedules work on the loop. At the end, the registrations of a refused
        # program may still be running, some in other threads: the runner ends them.
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            # A refused program's futures end with the refusal, which is raised. asyncio would log
            # it for each of them too, at the latest when they are collected as garbage.
            loop.set_exception_handler(lambda *_: None)
            loop.set_default_executor(ThreadPoolExecutor(initializer=set_loop))
            yield loop
    finally:
        for thread_loop in loops:
            thread_loop.close()
        gc.set_threshold(*threshold)
        set_all_config({}, [])
        _forget_root_stack()
        reset_options()


def _forget_root_stack() -> None:
    set_root_resource(cast(pulumi.Resource, None))  # its type doesn't allow None
