"""What an application must have installed, seen in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

READ = """
import sys
for name in ("pulumi", "pulumi_aws", "pydantic", "pydantic_core", "typer", "click", "rich", "moto"):
    sys.modules[name] = None  # importing it fails

from model_config import Reader
from model_config.format.release import Release, write_release
from model_config.operate.labels import make
from model_config.operate.releases import Releases
from model_config.reader.files import fallback_document
from model_config.testing.fake import FakeReader

config = {"generation": {"temperature": 0.2}}
name = "/ai/prod/chat/release"
content = Release.of("chat", "prod", "Chat", config, secrets=["k"])
texts = {name: write_release(content).document, "/ai/prod/chat/secrets/k": "text"}

class Client:
    def get_parameters(self, Names, WithDecryption):
        there = texts.keys() & {each.partition(":")[0] for each in Names}
        return {"Parameters": [{"Name": n, "Version": 1, "Value": texts[n]} for n in there]}

chat = Reader("prod", client=Client()).get("chat")
assert fallback_document([chat])
print(chat["generation"]["temperature"], chat.secrets["k"].reveal())
"""

COLD_START = """
import sys
from model_config import Reader
from model_config.reader.store import Store
try:
    Store(region="eu-west-1")._client()
finally:
    late = {"asyncio", "boto3", "pydantic", "model_config.reader.share"} & sys.modules.keys()
    print(sorted(late))
"""

DEPLOY = """
import sys
for name in ("boto3", "botocore"):
    sys.modules[name] = None
import model_config, model_config.schema, model_config.format.release, model_config.reader
from model_config.format import names
print("Reader" in model_config.__all__)
"""

TYPED = """
import sys
for name in ("pydantic", "pydantic_core"):
    sys.modules[name] = None
from model_config.testing.fake import FakeReader
chat = FakeReader({"chat": {"n": 1}}).get("chat")
try:
    from model_config.schema import ChatModel
    chat.as_model(ChatModel)
except ModuleNotFoundError as error:
    print(error, error.name)
"""

PYDANTIC = (
    "model_config.schema, as_model() and schema= need pydantic, which a plain install "
    "leaves out: pip install pydantic pydantic"
)

LAZY = """
import sys
import model_config
assert "boto3" not in sys.modules
try:
    model_config.Raeder
except AttributeError as error:
    print(error)
"""

CONSUMER = """
import sys
for name in ("pydantic", "typer", "rich", "boto3", "botocore", "moto", "rfc8785"):
    sys.modules[name] = None
from model_config.consumer import ModelStack
print(ModelStack.from_aws(environment="prod") is not None)
"""

OPENFEATURE = """
import sys
for name in ("pydantic", "typer", "rich", "moto", "starlette", "uvicorn", "yaml"):
    sys.modules[name] = None
from model_config.openfeature import ModelConfigProvider
from model_config.testing.fake import FakeReader
provider = ModelConfigProvider(FakeReader({"chat": {"n": 1}}))
print(provider.resolve_integer_details("chat/n", 0).value)
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (READ, "0.2 text"),
        (COLD_START, "[]"),
        (DEPLOY, "True"),
        (TYPED, PYDANTIC),
        (CONSUMER, "True"),
        (OPENFEATURE, "1"),
        (LAZY, "module 'model_config' has no attribute 'Raeder'"),
    ],
)
def test_a_process_needs_only_what_its_part_needs(program: str, said: str) -> None:
    project = Path(__file__).parents[1]
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=project,
        env={"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.stdout.strip() == said, child.stderr
