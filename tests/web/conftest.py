"""The pages of a project with two environments on moto, requested as by a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from starlette.testclient import TestClient

from model_config.format import release
from model_config.format.rollout import EMPTY
from model_config.local import local_aws
from model_config.operate.environment import Environment
from model_config.operate.ssm import Ssm
from model_config.plan.project import Project
from model_config.web import server
from model_config.web.server import make_app
from model_config.web.site import Site

TOKEN = "a-token-that-was-printed"
SECRET = "sk-live-29f1c0ffee"
PROMPT = (
    "You are the assistant of {{company}}.\nBe kind & brief.\n<script>alert('prompt')</script>\n"
)
CONFIG = {
    "model_id": "gpt-4.1",
    "generation": {"temperature": 0.5, "stop": ["</a>"]},
    "prompts": {"system": PROMPT},
}
MODULE = f"""
from model_config.schema import Group, ModelConfig, SecretRef

class Generation(Group):
    temperature: float = 0.5
    stop: list[str] = ["</a>"]

class Prompts(Group):
    system: str = {PROMPT!r}

class Own(ModelConfig):
    model_id: str = "gpt-4.1"
    generation: Generation = Generation()
    prompts: Prompts = Prompts()
    api_key: SecretRef = SecretRef("key")

MODEL = Own()
"""
one_client = cache(local_aws.client)  # botocore takes a quarter of a second to make one


class Deployer:
    """Writes what a deploy writes."""

    def __init__(self, ssm: Any) -> None:
        self.ssm = ssm

    def release(
        self,
        config: dict[str, Any] = CONFIG,
        *,
        model: str = "chat",
        environment: str = "dev",
        label: str | None = None,
        document: str | None = None,
    ) -> int:
        base = f"/ai/{environment}/{model}"
        templates = ["prompts/system", "prompts/templates/greeting", "messages/*/content"]
        content = release.Release.of(
            model, environment, "Own", config, secrets=["api_key"], templates=templates
        )
        text = release.write_release(content)
        self.put(f"{base}/secrets/api_key", SECRET)
        for name, part in text.named_parts(base).items():
            self.put(name, part)
        self.put(f"{base}/rollout", EMPTY, kind="String", new=True)
        number = self.put(f"{base}/release", document or text.document)
        if label:
            self.ssm.label_parameter_version(
                Name=f"{base}/release", ParameterVersion=number, Labels=[label]
            )
        return number

    def put(
        self,
        name: str,
        text: str,
        *,
        kind: str = "SecureString",
        tier: str = "Standard",
        new: bool = False,
    ) -> int:
        try:
            answer = self.ssm.put_parameter(
                Name=name, Value=text, Type=kind, Tier=tier, Overwrite=not new
            )
        except self.ssm.exceptions.ParameterAlreadyExists:
            return 1
        return int(answer["Version"])


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are sent whole, with their status, even on a busy machine."""
    monkeypatch.setattr(server, "PATIENCE", 60)


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield one_client("ssm", "eu-west-1")


@pytest.fixture
def deploy(ssm: Any) -> Callable[..., int]:
    return Deployer(ssm).release


def new_project(root: Path) -> Project:
    """Write a project of one model, chat, and the environments dev and prod."""
    own = Project(root)
    own.models_folder.mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: model-config\nruntime: python\n")
    for stack in ("dev", "prod"):
        own.stack_file(stack).write_text("config:\n  aws:region: eu-west-1\n")
    own.module("chat").write_text(MODULE)
    return own


@pytest.fixture
def own_project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "repository" / "project")


def environment(stack: str, client: Any) -> Environment:
    return Environment(stack, "/ai", Ssm(client, threads=1), stack, is_local=True)


def site_of(ssm: Any, project: Project) -> Site:
    return Site([environment(stack, ssm) for stack in ("dev", "prod")], project)


@pytest.fixture
def site(ssm: Any, own_project: Project) -> Site:
    return site_of(ssm, own_project)


def browser(site: Site) -> TestClient:
    """A browser that opened the printed address."""
    app = make_app(site, token=TOKEN, port=4580)
    client = TestClient(app, base_url="http://127.0.0.1:4580")
    client.cookies.set("model-config-4580", TOKEN)
    return client


@pytest.fixture
def client(site: Site) -> TestClient:
    return browser(site)


def deploy_three(deploy: Callable[..., int]) -> None:
    """Three releases in dev, stable on the second, and one in prod."""
    deploy({**CONFIG, "generation": {"temperature": 0.1, "stop": []}})
    deploy({**CONFIG, "model_id": "gpt-4.0"}, label="stable")
    deploy()
    deploy(environment="prod", label="stable")


@pytest.fixture
def three_releases(deploy: Callable[..., int]) -> None:
    deploy_three(deploy)


NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)
