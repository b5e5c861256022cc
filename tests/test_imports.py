"""What an application must have installed, seen in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

APPLICATION = """
import sys
from model_config import CredentialsError, Reader
sys.modules["model_config.reader.crt"] = None  # as without the extra
try:
    Reader("prod", region="eu-west-1").get("chat")
except CredentialsError as error:
    late = {"asyncio", "boto3", "pydantic", "model_config.reader.share"}
    print("a cold start leaves out", *sorted(late - sys.modules.keys()))

missing = "pulumi pulumi_aws pydantic pydantic_core typer click rich moto starlette uvicorn yaml"
for name in missing.split():
    sys.modules[name] = None  # importing it fails

from model_config.format.release import Release, write_release
from model_config.operate.labels import make
from model_config.operate.releases import Releases
from model_config.reader.files import fallback_document
from model_config.testing.fake import FakeReader

name = "/ai/prod/chat/release"
content = Release.of("chat", "prod", "Chat", {"n": 0.2}, secrets=["k"])
texts = {name: write_release(content).document, "/ai/prod/chat/secrets/k": "text"}

class Client:
    def get_parameters(self, Names, WithDecryption):
        there = texts.keys() & {each.partition(":")[0] for each in Names}
        return {"Parameters": [{"Name": n, "Version": 1, "Value": texts[n]} for n in there]}

chat = Reader("prod", client=Client()).get("chat")
assert fallback_document([chat])
print(chat["n"], chat.secrets["k"].reveal())

from model_config.openfeature import ModelConfigProvider
provider = ModelConfigProvider(FakeReader({"chat": {"n": 1}}))
print(provider.resolve_integer_details("chat/n", 0).value)

try:
    from model_config.schema import ChatModel
    chat.as_model(ChatModel)
except ModuleNotFoundError as error:
    print(error, error.name)
"""
USES = """\
a cold start leaves out asyncio boto3 model_config.reader.share pydantic
0.2 text
1
model_config.schema, as_model() and schema= need pydantic, which a plain install leaves out: \
pip install pydantic pydantic
"""

DEPLOY = """
import sys
import model_config
assert "boto3" not in sys.modules
try:
    model_config.Raeder
except AttributeError as error:
    print(error)

missing = "boto3 botocore pydantic typer rich moto rfc8785"
for name in missing.split():
    sys.modules[name] = None
from model_config.consumer import ModelStack
print(ModelStack.from_aws(environment="prod") is not None)

del sys.modules["pydantic"]
import model_config.schema, model_config.format.release, model_config.reader
print("Reader" in model_config.__all__)
"""
NAMES = "module 'model_config' has no attribute 'Raeder'\nTrue\nTrue\n"


@pytest.mark.parametrize(("program", "said"), [(APPLICATION, USES), (DEPLOY, NAMES)])
def test_a_process_needs_only_what_its_part_needs(program: str, said: str) -> None:
    project = Path(__file__).parents[1]
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=project,
        env={"PYTHONPATH": str(project), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.stdout == said, child.stderr
