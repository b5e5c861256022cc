"""A project of two small models, so that a deploy takes a fraction of the usual one's time."""

from pathlib import Path

import pytest
from support.project import PROJECT

from model_config.local.deploy import deployed
from model_config.plan.project import Project

CHAT = """
from model_config.schema import Group, ModelConfig, Prompt, SecretRef, text_beside
class Generation(Group):
    temperature: float = 0.2
    top_p: float | None = None
class Prompts(Group):
    system: Prompt = text_beside(__file__, "support_chat.md")
    templates: dict[str, Prompt] = {"greeting": "Hello {{customer_name}}, how can I help?"}
class Chat(ModelConfig):
    provider: str = "openai"
    generation: Generation = Generation(top_p=0.95)
    prompts: Prompts = Prompts()
    api_key: SecretRef = SecretRef("supportChatApiKey")
MODEL = Chat()
"""
EMBEDDING = """
from model_config.schema import ModelConfig, SecretRef
class Embedding(ModelConfig):
    dimensions: int = 1024
    api_key: SecretRef = SecretRef("documentEmbeddingApiKey")
MODEL = Embedding()
"""
STACK = """config:
  aws:region: eu-west-1
  model-config:protect: {protect}
  model-config:tags: {{environment: {name}}}
"""


@pytest.fixture(scope="session")
def _files() -> dict[Path, bytes]:
    kept = ("Pulumi.yaml", "__main__.py", "models/support_chat.md")
    texts = {
        "models/support_chat.py": CHAT,
        "models/document_embedding.py": EMBEDDING,
        "Pulumi.dev.yaml": STACK.format(name="dev", protect="false")
        + "  model-config:overrides: {support_chat: {generation: {temperature: 0.7}}}\n",
        "Pulumi.prod.yaml": STACK.format(name="prod", protect="true"),
    } | {name: (PROJECT.root / name).read_text() for name in kept}
    return {Path(name): text.encode() for name, text in texts.items()}


@pytest.fixture(scope="session")
def _first_state(_files: dict[Path, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("deployed")
    for name, content in _files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    with deployed(Project(root), "dev"):
        pass
    return root / ".local"
