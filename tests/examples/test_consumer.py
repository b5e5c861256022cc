"""examples/consumer: another project, fed with what our own program exports."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
from support.project import CHECKOUT, PROJECT, stack_config
from support.ssm_recorder import Ssm

import model_config
from model_config.plan.project import StackConfig
from model_config.testing.fake import FakeReader
from model_config.testing.program import Recorder, run_program

CONSUMER = CHECKOUT / "examples" / "consumer"
# pulumi_aws warns of one of its own when its part for Lambda is imported.
pytestmark = pytest.mark.filterwarnings("ignore:aws.lambda.*has been deprecated:DeprecationWarning")
STACK = "organization/model-config/prod"
FUNCTION = "aws:lambda/function:Function"
ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def with_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: with_floats(item) for key, item in value.items()}
    return float(value) if type(value) is int else value


@pytest.fixture(scope="module")
def exports() -> dict[str, Any]:
    """What a deploy of prod exports, as another stack gets it."""
    outputs = run_program(PROJECT.root, stack_config("prod"), Recorder())
    received: dict[str, Any] = with_floats(outputs)
    assert type(received["models"]["support_chat"]["release"]["version"]) is float
    return received


FROM_AWS = {"environment": "prod"}
REFERENCE = {"modelStack": STACK}


def run(
    exports: dict[str, Any], source: dict[str, str], **config: str
) -> tuple[Ssm, dict[str, Any]]:
    values = {f"model-config:{key}": value for key, value in {**source, **config}.items()}
    provider = Ssm({STACK: exports}, {"/ai/prod/support_chat/release": 4})
    return provider, run_program(CONSUMER, StackConfig("prod", values), provider)


def variables(provider: Recorder) -> dict[str, str]:
    function = provider.registered[FUNCTION, "support-bot"].inputs
    return dict(function["environment"]["variables"])


@pytest.mark.parametrize("source", [FROM_AWS, REFERENCE], ids=["AWS", "reference"])
def test_the_function_follows_stable_unless_told_otherwise_and_reads_one_model(
    exports: dict[str, Any], source: dict[str, str]
):
    provider, outputs = run(exports, source)
    assert variables(provider) == {
        "MODEL_CONFIG_ENVIRONMENT": "prod",
        "MODEL_CONFIG_PREFIX": "/ai",
        "MODEL_CONFIG_LABEL": "stable",
    }
    assert outputs["newest_release"] == "/ai/prod/support_chat/release:4"

    attached = {
        name: each.inputs["policyArn"]
        for (kind, name), each in provider.registered.items()
        if kind == ATTACHMENT
    }
    assert attached == {
        "writes-logs": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "reads-model": exports["models"]["support_chat"]["reader_policy_arn"],
    }
    role = provider.registered[ROLE, "support-bot"].inputs
    assert "inlinePolicies" not in role
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert {kind for kind, _ in provider.registered} == {FUNCTION, ROLE, ATTACHMENT}
    assert provider.registered[FUNCTION, "support-bot"].inputs["role"] == "arn:support-bot"

    # A release is pinned as a whole number.
    for config, other in {
        ("label", "canary"): {"MODEL_CONFIG_LABEL": "canary"},
        ("release", "7"): {"MODEL_CONFIG_RELEASE": "7"},
        ("release", "newest"): {"MODEL_CONFIG_RELEASE": "4"},
    }.items():
        provider, _ = run(exports, source, **dict([config]))
        same = {"MODEL_CONFIG_ENVIRONMENT": "prod", "MODEL_CONFIG_PREFIX": "/ai"}
        assert variables(provider) == same | other


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {name: module}):  # dataclasses look their module up there
        spec.loader.exec_module(module)
    return module


class Provider200:
    """In OpenAI's place: keeps the request and answers it."""

    def __init__(self, host: str, timeout: float) -> None:
        self.to = (host, timeout)
        Provider200.last = self

    def request(self, method: str, path: str, body: str, headers: dict[str, str]) -> None:
        self.asked = (method, path, json.loads(body), headers)

    def getresponse(self) -> Any:
        return self

    def read(self) -> str:
        return json.dumps({"choices": [{"message": {"content": "Yes."}}]})


CHAT = {
    "model_id": "gpt",
    "prompts": {"system": "You talk to {{customer_name}}."},
    "generation": {"temperature": 0.5, "max_output_tokens": 9},
    "limits": {"timeout_seconds": 2.5},
}


class ReaderWithoutAws(FakeReader):
    """A reader without AWS that takes what the handler gives."""

    def __init__(self, environment: str, *, prefix: str) -> None:
        super().__init__(
            {"support_chat": CHAT},
            secrets={"support_chat": {"api_key": "sk-secret"}},
            environment=environment,
            release=int(os.environ.get("MODEL_CONFIG_RELEASE", "4")),
        )
        self.prefix = prefix


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(model_config, "Reader", ReaderWithoutAws)
    monkeypatch.setitem(os.environ, "MODEL_CONFIG_ENVIRONMENT", "prod")
    monkeypatch.setitem(os.environ, "MODEL_CONFIG_PREFIX", "/company")
    module = load(CONSUMER / "app" / "handler.py", "handler")
    monkeypatch.setattr(module, "HTTPSConnection", Provider200)
    return module


QUESTION = {
    "customer": "c-1",
    "question": "Is it open?",
    "variables": {"customer_name": "Ada"},
}


def test_the_handler_reads_while_it_starts_and_not_again_for_a_request(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    asked = list(handler.reader.requests)
    assert asked
    assert handler.reader.prefix == "/company"
    answered = handler.handle(QUESTION, None)
    handler.handle(QUESTION, None)
    assert handler.reader.requests == asked
    assert (answered["answer"], answered["release"]) == ("Yes.", 4)
    assert answered["digest"].startswith("sha256:")
    monkeypatch.setenv("MODEL_CONFIG_RELEASE", "7")  # it is pinned
    pinned = load(CONSUMER / "app" / "handler.py", "handler")
    monkeypatch.setattr(pinned, "HTTPSConnection", Provider200)
    assert pinned.handle(QUESTION, None)["release"] == 7


def test_the_secret_goes_to_the_provider_and_nowhere_else(
    handler: ModuleType, capfd: pytest.CaptureFixture[str]
):
    answered = handler.handle(QUESTION, None)
    method, path, body, headers = Provider200.last.asked
    assert Provider200.last.to == ("api.openai.com", 2.5)
    assert (method, path) == ("POST", "/v1/chat/completions")
    assert headers["Authorization"] == "Bearer sk-secret"
    assert body["messages"][0]["content"] == "You talk to Ada."
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("gpt", 0.5, 9)
    assert "sk-secret" not in json.dumps([answered, body]) + "".join(capfd.readouterr())
