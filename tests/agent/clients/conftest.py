"""OpenFeature's clients for TypeScript, Go and Java, built once."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.agent import TOKEN
from support.project import CHECKOUT

EXAMPLES = CHECKOUT / "examples" / "clients"
HERE = Path(__file__).parent


def needed(program: str) -> str:
    if (found := shutil.which(program)) is None:
        pytest.skip(f"{program} is not installed")
    return found


def documented(language: str) -> str:
    """Return the program that reads without the agent."""
    text = (CHECKOUT / "docs" / "release-format.md").read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


@pytest.fixture(scope="session")
def typescript(
    tmp_path_factory: pytest.TempPathFactory, users_environment: dict[str, str]
) -> Callable[[str], list[str]]:
    """Install the example's packages, and return the command of one of its programs."""
    node, npm, folder = needed("node"), needed("npm"), tmp_path_factory.mktemp("typescript")
    for file in ("package.json", "openfeature.ts"):
        shutil.copy(EXAMPLES / "typescript" / file, folder)
    (folder / "ssm.ts").write_text(documented("ts"))
    shutil.copy(HERE / "driver.ts", folder)
    install = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(install, cwd=folder, check=True, env=users_environment)
    loader = (folder / "node_modules" / "tsx" / "dist" / "loader.mjs").as_uri()
    return lambda program: [node, "--import", loader, str(folder / f"{program}.ts")]


@pytest.fixture(scope="session")
def go(
    tmp_path_factory: pytest.TempPathFactory, users_environment: dict[str, str]
) -> Callable[[str], list[str]]:
    """Build the example's programs, and return the command of one."""
    compiler, folder = needed("go"), tmp_path_factory.mktemp("go")
    shutil.copytree(EXAMPLES / "go", folder, dirs_exist_ok=True)
    for name in ("driver", "ssm", "bin"):
        (folder / name).mkdir()
    shutil.copy(HERE / "driver.go", folder / "driver" / "main.go")
    (folder / "ssm" / "main.go").write_text(documented("go"))
    build = [compiler, "build", "-o", "bin/", "./openfeature", "./ssm", "./driver"]
    subprocess.run(build, cwd=folder, check=True, env=users_environment)
    return lambda program: [str(folder / "bin" / program)]


@pytest.fixture(scope="session")
def java(
    tmp_path_factory: pytest.TempPathFactory, users_environment: dict[str, str]
) -> Callable[[str], list[str]]:
    """Build the driver, and return its command."""
    compiler, run, maven = needed("javac"), needed("java"), needed("mvn")
    folder = tmp_path_factory.mktemp("java")
    shutil.copytree(HERE / "java", folder, dirs_exist_ok=True)
    goals = ["compile", "dependency:build-classpath", "-Dmdep.outputFile=classpath"]
    environment = {**users_environment, "JAVA_HOME": str(Path(compiler).resolve().parents[1])}
    subprocess.run(
        [maven, "--quiet", "--batch-mode", *goals], cwd=folder, check=True, env=environment
    )
    path = f"{folder / 'target' / 'classes'}:{(folder / 'classpath').read_text()}"
    return lambda program: [run, "-cp", path, program.capitalize()]


@pytest.fixture(scope="session", params=["typescript", "go", "java"])
def language(request: pytest.FixtureRequest) -> Callable[[str], list[str]]:
    """Return the commands of one language's programs, then of the next."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session", params=["typescript", "go"])
def language_of_examples(request: pytest.FixtureRequest) -> Callable[[str], list[str]]:
    """Return the commands of one language's programs, and then the other's."""
    return request.getfixturevalue(request.param)


class Driver:
    """A client in a process of its own, which answers questions in JSON."""

    def __init__(self, command: list[str], address: str, token: str) -> None:
        self._process = subprocess.Popen(
            [*command, address, token], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *questions: dict[str, Any]) -> list[dict[str, Any]]:
        print(json.dumps(questions), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def evaluate(self, kind: str, flag: str, default: Any, **unit: str) -> dict[str, Any]:
        (said,) = self.ask({"type": kind, "flag": flag, "default": default, **unit})
        return said

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()


@pytest.fixture
def connect(serve: Any) -> Iterator[Callable[..., Driver]]:
    """Return a driver of a client of the agent."""
    drivers: list[Driver] = []

    def start(language: Callable[[str], list[str]], token: str = TOKEN) -> Driver:
        drivers.append(Driver(language("driver"), serve(), token))
        return drivers[-1]

    yield start
    for driver in drivers:
        driver.end()
