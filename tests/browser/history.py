"""A project with a history in its local AWS, created and served by a user's commands.

They run in processes of their own: Playwright keeps an event loop in the tests' process, and
Pulumi and moto conflict with it.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import boto3
from support.project import PROJECT

SECRETS = {
    "supportChatApiKey": "sk-chat-29f1c0ffee",
    "documentEmbeddingApiKey": "sk-embed-5ca1ab1e",
}
#: Markup in a prompt, which a page must not run: it would rename the page.
MARKUP = "<img src=x onerror=\"document.title='run'\"> or <script>document.title='run'</script>"
CHAT = "support_chat"


class Played:
    """A copy of the tests' project, and the commands that run in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self._environment = folder, environment

    @classmethod
    def new(cls, folder: Path, environment: dict[str, str]) -> Played:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT.root, folder, ignore=ignored)
        (folder / ".local").mkdir(mode=0o700)
        (folder / ".local" / "secrets.yaml").write_text(json.dumps(SECRETS))
        return cls(folder, environment)

    def copy(self, folder: Path) -> Played:
        """Return a copy that can be changed."""
        shutil.copytree(self.folder, folder)
        return Played(folder, self._environment)

    def run(self, *words: str) -> str:
        """Run `model-config` in it. The command must succeed."""
        ended = subprocess.run(
            self._command(words),
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def deploy(self, *stacks: str) -> None:
        for stack in stacks:
            self.run("local", "deploy", "--environment", stack)

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def passes(self, **time: float) -> None:
        """Make everything that is deployed older."""
        file = self.folder / ".local" / "state.json"

        def older(found: re.Match[str]) -> str:
            return (datetime.fromisoformat(found[0]) - timedelta(**time)).isoformat()

        file.write_text(re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", older, file.read_text()))

    def edit_by_hand(self, name: str, text: str) -> None:
        """Write a parameter without Pulumi, as in the console."""
        with self._running("local", "serve", "--port", "0") as printed:
            address = next(line for line in printed if "AWS_ENDPOINT_URL" in line).split("=")[1]
            session = boto3.Session("local", "local", region_name="eu-west-1")
            ssm = session.client("ssm", endpoint_url=address.strip())
            ssm.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)

    @contextmanager
    def served(self, *options: str, **variables: str) -> Iterator[str]:
        """Serve the pages; yield the printed address."""
        with self._running("ui", "--port", "0", *options, **variables) as printed:
            yield next(printed).split()[-1]

    @contextmanager
    def _running(self, *words: str, **variables: str) -> Iterator[Iterator[str]]:
        """Yield the lines that a command prints; interrupt it at the end, as by Ctrl-C."""
        environment = {**self._environment, "PYTHONUNBUFFERED": "1", **variables}
        with subprocess.Popen(
            self._command(words),
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                yield iter(process.stdout)
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
        assert process.returncode == 0

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "model_config", *words]


def play(project: Played) -> None:
    """Three weeks of a team: deploys, promotions, a rollback, a rollout, and an edit by hand."""
    prompt = "models/support_chat.md"
    project.deploy("dev", "prod")
    for stack in ("dev", "prod"):
        project.run("promote", "--all", "--environment", stack, "--local")
    project.passes(days=12)

    project.change(prompt, "in at most three sentences", "in at most two sentences")
    project.change(prompt, "no emoji, no", f"no emoji, no HTML ({MARKUP}), no")
    project.change("Pulumi.dev.yaml", "temperature: 0.7", "temperature: 0.4")
    project.deploy("dev")
    project.run("promote", CHAT, "--local", "--reason", "shorter answers, by the pilot's readers")
    project.passes(days=5)

    project.change(prompt, "name at most once.", "name at most once. Keep the tone of {{brand}}.")
    project.change("models/support_chat.py", "top_p=0.95", "top_p=0.9")
    project.deploy("dev", "prod")
    project.passes(days=1, hours=3)
    project.run("rollback", CHAT, "--local", "--reason", "answers lost the order's number")
    start = ("rollout", "start", CHAT, "--steps", "10,25,50,100", "--every", "2h")
    project.run(*start, "--environment", "prod", "--local", "--reason", "the brand's own voice")
    project.passes(hours=5)
    project.edit_by_hand("/ai/prod/passage_reranker/limits/timeout_seconds", "9")
