"""How long each page of `model-config ui` takes, on the local AWS with 50 models of 20 releases.

Two environments hold them. "At once" is the first page of a server that has just printed its
address. The other figures are of one server: each page as it is asked for the first time, and
again. Run it with `make bench`; a slow page never makes it fail.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

from _measure import Row, clean_environment, report, row

from model_config.format.release import config_text, digest_of, write_release
from model_config.local.local_aws import LiveState, client, local_aws
from model_config.local.state import StateFolder
from model_config.operate.releases import read_releases
from model_config.operate.ssm import Ssm
from model_config.plan.project import Project

SOURCE = Path(__file__).parent.parent / "project"
STACKS = ("dev", "prod")
BOUND = 300  # ms
MODEL = "chat_025"
PAGES = {
    "overview": "/",
    "model": f"/model/dev/{MODEL}",
    "release": f"/release/dev/{MODEL}/latest",
    "compare two releases": f"/compare/dev@19/dev@20/{MODEL}",
    "compare two environments": f"/compare/dev@stable/prod@latest/{MODEL}",
    "compare all models": "/compare/dev@latest/prod@latest",
    "rollout": f"/rollout/dev/{MODEL}",
    "drift": "/drift/dev",
}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "model_config", *words]


def make_project(folder: Path, models: int) -> Project:
    """Create this many copies of the chat model of the tests' project."""
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("models", "__pycache__"))
    (folder / "models").mkdir()
    for number in range(models):
        for kind in (".py", ".md"):
            text = (SOURCE / "models" / f"support_chat{kind}").read_text()
            name = f"chat_{number:03}"
            (folder / "models" / f"{name}{kind}").write_text(text.replace("support_chat", name))
    for stack in STACKS:
        (folder / f"Pulumi.{stack}.yaml").write_text("config:\n  aws:region: eu-west-1\n")
        deploy = command("local", "deploy", "--environment", stack)
        subprocess.run(deploy, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return Project(folder)


def add_releases(project: Project, count: int) -> None:
    """Write releases as later deploys do; the newest one matches the project."""
    with local_aws(), LiveState(StateFolder(project)).held():
        ssm = client("ssm", "eu-west-1")
        for stack in STACKS:
            for model in project.model_names():
                releases = read_releases(Ssm(ssm), f"/ai/{stack}", model, documents=True)
                content = releases.newest.open()
                for number in range(2, count + 1):
                    config = dict(content.config)
                    if number < count:
                        config["model_id"] = f"gpt-{number}"
                    text = config_text(config)
                    written = write_release(content._replace(text=text, digest=digest_of(text)))
                    for name, part in written.named_parts(releases.path).items():
                        ssm.put_parameter(
                            Name=name, Value=part, Type="SecureString", Overwrite=True
                        )
                    ssm.put_parameter(Name=releases.name, Value=written.document, Overwrite=True)
                ssm.label_parameter_version(
                    Name=releases.name, ParameterVersion=count - 1, Labels=["stable"]
                )


@contextmanager
def served(project: Project) -> Iterator[Callable[[str], float]]:
    """Serve the pages; yield a function that requests one and returns its milliseconds."""
    ui = command("ui", "--local", "--port", "0")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(path: str) -> float:
        begun = time.perf_counter()
        with browser.open(origin + path) as answer:
            answer.read()
        return (time.perf_counter() - begun) * 1_000

    with subprocess.Popen(ui, cwd=project.root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        origin, _, token = process.stdout.readline().split()[-1].partition("/?")
        ask(f"/static/icon.svg?{token}")  # accepts the token, and builds no page
        try:
            yield ask
        finally:
            process.terminate()


def rows(project: Project) -> Iterator[Row]:
    for name, path in PAGES.items():
        with served(project) as ask:
            yield bounded(f"{name}, at once", ask(path))
    with served(project) as ask:
        for name, path in PAGES.items():
            for which in ("first", "second"):
                yield bounded(f"{name}, {which}", ask(path))


def bounded(name: str, ms: float) -> Row:
    return row(name, "ms", ms, None, f"ours <= {BOUND}: {'ok' if ms <= BOUND else 'over'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--releases", type=int, default=20)
    asked = parser.parse_args()
    clean_environment()
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "project", asked.models)
        add_releases(project, asked.releases)
        title = f"{asked.models} models of {asked.releases} releases"
        report("web.json", title, rows(project))


if __name__ == "__main__":
    main()
