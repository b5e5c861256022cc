"""The project under Pulumi's real engine: copies of it, a backend in a folder, an AWS of its own.

AWS is the local one, on a loopback port; the provider is `pulumi-resource-aws` where there is
one, else the stand-in beside this file.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from support.project import CHECKOUT, PROJECT

CONSUMER = CHECKOUT / "examples" / "consumer"
INSTALLED_PLUGINS = Path.home() / ".pulumi" / "plugins"
SECRETS = {
    "supportChatApiKey": "sk-e2e-chat-9d1c7b {{no placeholder}}",
    "documentEmbeddingApiKey": "sk-e2e-embedding-40a5f2",
}
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
_SERVE_AWS = (
    "import sys; from pathlib import Path\n"
    "from model_config.local.serve import serve\n"
    "from model_config.plan.project import Project\n"
    "serve(Project(Path(sys.argv[1])), 0, lambda port: print(port, flush=True))\n"
)


class Stack:
    """One stack: its files, which a test may edit, its backend, and the AWS it deploys to.

    Attributes:
        name: "dev" or "prod".
        project: the copy of the project.
        folder: everything that the CLI writes stands somewhere in it.
        environment: the environment variables of the CLI.
        printed: what all commands printed so far.
    """

    def __init__(self, name: str, project: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.project = project
        self.folder = project.parent
        self.printed: list[str] = []
        self.environment = environment
        services = ("ssm", "kms", "iam", "events")
        self.ssm, self.kms, self.iam, self.events = map(self._client, services)
        self.pulumi("stack", "init", "--no-select")

    def beside(self, project: Path) -> Stack:
        """Return a new stack of another project, of the same name in the same backend."""
        return Stack(self.name, project, self.environment)

    def pulumi(self, *command: str, stdin: str | None = None) -> str:
        """Run a command that succeeds, and return its standard output."""
        ended = self._run(command, stdin)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def printed_by(self, *command: str) -> str:
        """Run a command, and return all that it printed."""
        ended = self._run(command)
        return ended.stdout + ended.stderr

    def refused(self, *command: str) -> str:
        """Run a command that fails, and return all that it printed."""
        ended = self._run(command)
        assert ended.returncode != 0, ended.stdout
        return ended.stdout + ended.stderr

    def model_config(self, *command: str) -> str:
        """Run a verb in this project's folder, on its AWS, and return its standard output."""
        ended = self._run_verb(command)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def model_config_refused(self, *command: str) -> str:
        """Run a verb that fails, and return all that it printed."""
        ended = self._run_verb(command)
        assert ended.returncode == 2, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def set_secret(self, key: str, value: str) -> None:
        self.pulumi("config", "set", "--secret", key, stdin=value)  # never on a command line

    def up(self) -> None:
        self.pulumi("up", "--yes", "--skip-preview")

    def plan(self) -> dict[str, str]:
        """Return what a preview would do to which resource; not what it reads or leaves."""
        steps = json.loads(self.pulumi("preview", "--json"))["steps"]
        changes = [step for step in steps if step["op"] not in {"same", "read"}]
        return {step["urn"].rsplit("::", 1)[-1]: step["op"] for step in changes}

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--json"))

    def resources(self) -> list[dict[str, Any]]:
        """Return what the state holds, secrets encrypted."""
        return json.loads(self.pulumi("stack", "export"))["deployment"].get("resources", [])

    def override(self, old: str, new: str) -> None:
        """Replace a line of the stack's file."""
        file = self.project / f"Pulumi.{self.name}.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def add_model(self, name: str, fields: str) -> Path:
        file = self.project / "models" / f"{name}.py"
        file.write_text(
            "from model_config.schema import ModelConfig\n"
            f"class Own(ModelConfig):\n    {fields}\n"
            "MODEL = Own()\n"
        )
        return file

    def in_aws(self) -> dict[str, str]:
        """Return every parameter that AWS holds, decrypted, by its name."""
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(
            Path="/", Recursive=True, WithDecryption=True
        )
        return {item["Name"]: item["Value"] for page in pages for item in page["Parameters"]}

    def versions(self) -> dict[str, int]:
        """Return the version of every parameter that AWS holds."""
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(Path="/", Recursive=True)
        return {item["Name"]: item["Version"] for page in pages for item in page["Parameters"]}

    def told(self) -> dict[str, list[str]]:
        """Return the ARNs of the targets of each rule that AWS holds, by the rule's name."""
        return {
            rule["Name"]: [
                target["Arn"]
                for target in self.events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            ]
            for rule in self.events.list_rules()["Rules"]
        }

    def _run(
        self, command: tuple[str, ...], stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            ["pulumi", *command, "--stack", self.name, "--non-interactive", "--color", "never"],  # noqa: S607
            cwd=self.project,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.printed += [ended.stdout, ended.stderr]
        return ended

    def _run_verb(self, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-c", "from model_config.cli import main; main()", *command],
            cwd=self.project,
            env={**self.environment, **_CREDENTIALS},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.printed += [ended.stdout, ended.stderr]
        return ended

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name="eu-west-1",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The dev stack, deployed. Tests share it, so none deploys anything to it."""
    folder = tmp_path_factory.mktemp("dev")
    with _aws(folder / "aws") as endpoint, _provider(endpoint) as environment:
        stack = _new_stack("dev", folder, environment)
        stack.up()
        yield stack


@pytest.fixture(scope="session")
def emptied_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An AWS and its provider for one test after the other: `new_stack` empties it."""
    with _aws(tmp_path_factory.mktemp("aws")) as endpoint, _provider(endpoint) as environment:
        yield environment


@pytest.fixture
def new_stack(emptied_aws: dict[str, str], tmp_path: Path) -> Callable[[str], Stack]:
    """Make a stack with its secrets set and nothing deployed: `new_stack("dev")`."""
    reset = f"{emptied_aws['AWS_ENDPOINT_URL']}/moto-api/reset"
    urlopen(Request(reset, method="POST")).close()  # noqa: S310 -- on loopback
    return lambda name: _new_stack(name, tmp_path, emptied_aws)


@pytest.fixture
def own_dev(new_stack: Callable[[str], Stack]) -> Stack:
    """A dev stack, deployed, of one test's own."""
    stack = new_stack("dev")
    stack.up()
    return stack


@pytest.fixture
def dev_without_aws(tmp_path: Path) -> Iterator[Stack]:
    """A dev stack where nothing answers in the place of AWS."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with _provider(f"http://127.0.0.1:{port}") as environment:
        yield _new_stack("dev", tmp_path, environment)


@pytest.fixture(params=["reference", "AWS"])
def consumer(own_dev: Stack, request: pytest.FixtureRequest) -> Stack:
    """The example of a consumer, in a stack beside `own_dev`: by reference, or from AWS alone."""
    project = own_dev.folder / "consumer"
    _copy(("__main__.py", "Pulumi.yaml"), CONSUMER, project)
    shutil.copytree(CONSUMER / "app", project / "app")
    (project / "build").mkdir()
    (project / "build" / "library.py").touch()
    stack = own_dev.beside(project)
    if request.param == "reference":
        stack.pulumi("config", "set", "modelStack", "organization/model-config/dev")
    else:
        stack.pulumi("config", "set", "environment", "dev")
    stack.pulumi("config", "set", "aws:region", "eu-west-1")
    return stack


@pytest.fixture
def policy_pack(tmp_path: Path) -> str:
    """A copy of the policy pack, with the environment that `make test-engine` makes."""
    environment = CHECKOUT / "policy" / ".venv"
    if not environment.exists():
        pytest.skip("the policy pack has no environment: `make policy/.venv/installed` makes it")
    pack = tmp_path / "policy"
    source = CHECKOUT / "policy"
    modules = sorted(module.name for module in source.glob("*.py"))
    _copy((*modules, "PulumiPolicy.yaml", "requirements.txt"), source, pack, environment)
    return str(pack)


def _new_stack(name: str, folder: Path, environment: dict[str, str]) -> Stack:
    project = folder / "project"
    shutil.copytree(PROJECT.root, project, ignore=shutil.ignore_patterns("__pycache__"))
    (project / ".venv").symlink_to(sys.prefix)
    (folder / "backend").mkdir()
    (folder / "home").mkdir()
    if INSTALLED_PLUGINS.exists():
        (folder / "home" / "plugins").symlink_to(INSTALLED_PLUGINS)
    own = {
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
    }
    stack = Stack(name, project, {**environment, **own})
    for key, value in SECRETS.items():
        stack.set_secret(key, value)
    return stack


def _copy(
    names: Iterable[str], source: Path, target: Path, environment: Path = Path(sys.prefix)
) -> None:
    """Copy a program's files; it runs in the environment of the tests unless another is given."""
    target.mkdir()
    for name in names:
        shutil.copy(source / name, target)
    (target / ".venv").symlink_to(environment)


@contextmanager
def _aws(folder: Path) -> Iterator[str]:
    """Serve the local AWS, with AWS's own managed policies, and yield its URL."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    with _printing_port("-c", _SERVE_AWS, str(folder), environment=environment) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _provider(endpoint: str) -> Iterator[dict[str, str]]:
    """Start the stand-in if there is no real provider, and yield the CLI's environment."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_MAX_ATTEMPTS": "2",
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase of the tests",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if shutil.which("pulumi-resource-aws") or any(INSTALLED_PLUGINS.glob("resource-aws-v*")):
        yield environment
        return
    stand_in = Path(__file__).parent / "provider.py"
    with _printing_port(str(stand_in), environment=environment) as port:
        yield {**environment, "PULUMI_DEBUG_PROVIDERS": f"aws:{port}"}


@contextmanager
def _printing_port(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[int]:
    """Run Python until the block ends, and yield the port that it printed."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
