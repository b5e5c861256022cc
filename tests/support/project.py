"""The project that the tests stand on: frozen, so that nobody's edit turns a test red."""

from dataclasses import replace
from pathlib import Path

from model_config.plan.project import Project, StackConfig
from model_config.plan.stack_file import read_stack_file

CHECKOUT = Path(__file__).parents[2]
PROJECT = Project(CHECKOUT / "tests" / "project")
SECRETS = {
    "model-config:supportChatApiKey": 'sk-chat-3f9a {{"not a reference"}}',
    "model-config:documentEmbeddingApiKey": "sk-embedding-77c1",
}


def stack_config(stack: str, **settings: str) -> StackConfig:
    """Return a stack's configuration as the engine hands it over, with every secret set."""
    given = read_stack_file(PROJECT, stack)
    values = {f"model-config:{key}": value for key, value in settings.items()}
    return replace(
        given,
        values={**given.values, **SECRETS, **values},
        secret_keys=given.secret_keys | set(SECRETS),
    )


def write_model(project: Project, name: str, fields: str) -> None:
    """Write a module with a class of its own: `write_model(project, "chat", "a: int = 1; …")`."""
    project.models_folder.mkdir(exist_ok=True)
    project.module(name).write_text(
        "from model_config.schema import ModelConfig, SecretRef\n"
        "class Own(ModelConfig):\n"
        + "".join(f"    {field}\n" for field in fields.split("; "))
        + "MODEL = Own()\n"
    )
