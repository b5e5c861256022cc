"""A project of its own for each test, an SSM with what the test releases, and the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from copy import copy
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from moto.ssm.models import ssm_backends

from model_config.cli import app as cli
from model_config.cli import target as target_module
from model_config.format import release
from model_config.format.prompt import texts
from model_config.format.rollout import EMPTY
from model_config.local import local_aws
from model_config.local.local_aws import as_strict_as_aws, client

CONFIG = {"provider": "openai", "generation": {"temperature": 0.2, "stop": ["</a>"]}}
one_client = cache(client)  # botocore takes a quarter of a second to make one


@pytest.fixture(autouse=True)
def _on_the_local_aws(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every verb works on the local AWS of the test's own project."""
    monkeypatch.setenv("MODEL_CONFIG_LOCAL", "1")
    monkeypatch.chdir(project)


def release_to(  # noqa: PLR0913 - what tests vary
    ssm: Any,
    config: Mapping[str, Any] = CONFIG,
    secrets: Mapping[str, str] | None = None,
    *,
    model: str = "chat",
    label: str | None = None,
    document: str | None = None,
    prefix: str = "/ai",
) -> int:
    """Write a release, its secrets and its rollout as a deploy does; return the number."""
    base = f"{prefix}/dev/{model}"
    content = release.Release.of(
        model, "dev", "ChatModel", config, secrets=secrets or (), templates=texts(config)
    )
    text = release.write_release(content)
    beside = {f"{base}/secrets/{path}": value for path, value in (secrets or {}).items()}
    for name, value in (beside | text.named_parts(base)).items():
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    with suppress(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=f"{base}/rollout", Value=EMPTY, Type="String")
    number = ssm.put_parameter(
        Name=f"{base}/release",
        Value=document or text.document,
        Type="SecureString",
        Tier="Standard",
        Overwrite=True,
    )["Version"]
    if label:
        ssm.label_parameter_version(Name=f"{base}/release", ParameterVersion=number, Labels=[label])
    return int(number)


def versions_of(name: str) -> list[Any]:
    """A parameter's versions, to be bent: SSM itself lets nobody."""
    return ssm_backends["123456789012"]["eu-west-1"]._parameters[name]


def more_versions(name: str, count: int) -> None:
    """Give a parameter so many versions that are like its newest one, and without labels."""
    versions = versions_of(name)
    while len(versions) < count:
        version = copy(versions[-1])
        version.version, version.labels = len(versions) + 1, []
        versions.append(version)


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An SSM that stays for the whole test, in place of the one that each verb loads and saves."""
    with mock_aws(), as_strict_as_aws():
        shared = one_client("ssm", "eu-west-1")
        monkeypatch.setattr(target_module, "_local_aws", lambda: nullcontext(nullcontext))
        monkeypatch.setattr(local_aws, "client", one_client)
        yield shared


@pytest.fixture
def requests_to(ssm: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What SSM is asked from here on: operations and names."""
    requests: list[tuple[str, list[str]]] = []
    really_ask = ssm._make_api_call

    def ask(operation: str, given: Any) -> Any:
        requests.append((operation, given.get("Names") or [given.get("Name", "")]))
        return really_ask(operation, given)

    monkeypatch.setattr(ssm, "_make_api_call", ask)
    return requests


@pytest.fixture
def released(ssm: Any) -> Callable[..., int]:
    """Write releases: `released(config, secrets, label=...)`."""
    return partial(release_to, ssm)


@pytest.fixture
def elsewhere(ssm: Any) -> Callable[..., int]:
    """Write releases to another region."""
    assert ssm
    return partial(release_to, one_client("ssm", "us-east-1"))


@pytest.fixture
def labels(ssm: Any) -> Callable[..., dict[str, int]]:
    """Tell which release each label is on."""

    def read(model: str = "chat", client: Any = ssm) -> dict[str, int]:
        history = client.get_parameter_history(Name=f"/ai/dev/{model}/release")["Parameters"]
        return {label: each["Version"] for each in history for label in each["Labels"]}

    return read


@pytest.fixture
def released_locally() -> Callable[..., int]:
    """Write releases to the local AWS itself, to be loaded by the next verb."""

    def write(*values: Any, **options: Any) -> int:
        with target_module.target("dev", None, local=True) as aws:
            return release_to(aws.ssm.client, *values, **options)

    return write


@dataclass(frozen=True)
class Output:
    """What a verb printed; `where` is its line about the AWS that it acted on."""

    out: str
    err: str
    where: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Output]:
    """Run the command line as a shell does; it must end with that exit code and no traceback."""

    def call(*arguments: str, code: int = 0) -> Output:
        monkeypatch.setattr(sys, "argv", ["model-config", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        first, _, rest = err.partition("\n")
        output = Output(out, rest, first) if first.startswith("On ") else Output(out, err)
        assert (caught.value.code or 0) == code, output
        return output

    return call
