"""Renders a new project's files, and the changes that upgrade an older project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path

from model_config.format.errors import UsageError
from model_config.plan.project import Project
from model_config.scaffold import Kind
from model_config.scaffold.module import module_files
from model_config.scaffold.requirement import Requirement

_TEMPLATE = Path(__file__).parent / "template"
#: The name of the example model in a new project, by class.
EXAMPLES: dict[Kind, str] = {
    "chat": "support_chat",
    "embedding": "document_embedding",
    "reranker": "passage_reranker",
    "endpoint": "passage_reranker",
    "custom": "ticket_router",
}
_DESCRIPTION = "AI model configurations"
# The rule for names of Pulumi projects: https://www.pulumi.com/docs/iac/concepts/projects/
_PROJECT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_NO_ACCOUNT = '# aws:allowedAccountIds: ["111122223333"]'
_NO_REQUIREMENT = """\
# Name the source of model-config here, because it is not on a public index.
# model-config[cli,deploy] @ git+https://git.example.com/model-config@<commit>"""
#: The files that a team leaves unchanged, and that a newer package may write differently.
_UPGRADED = (".github/", "Makefile", "constraints.txt")


def project_files(
    name: str, kind: Kind, requirement: Requirement, account: str | None
) -> dict[str, bytes]:
    """Return a new project's files, by their path in it.

    Args:
        name: the project's name.
        kind: the class of the example model.
        requirement: the requirement of the package.
        account: the only AWS account that it may be deployed to; None for any.

    Raises:
        UsageError: the name or the account is not valid.
    """
    _check(name, account)
    example = EXAMPLES[kind]
    words = {
        "${PROJECT}": name,
        "${DESCRIPTION}": _DESCRIPTION,
        EXAMPLES["chat"]: example,
        _NO_ACCOUNT: f'aws:allowedAccountIds: ["{account}"]' if account else _NO_ACCOUNT,
        _NO_REQUIREMENT: requirement.text,
    }
    texts = {path: _filled(text, words) for path, text in _template()}
    texts["Pulumi.yaml"] = texts["Pulumi.yaml"].partition("template:")[0]
    own = {path: text.encode() for path, text in texts.items() if not path.startswith("models/")}
    return {**own, **module_files(example, kind), **requirement.files}


def _check(name: str, account: str | None) -> None:
    if not _PROJECT_NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" is not a valid name for a project: use at most 100 letters, digits, "_", '
            '"." and "-". Rename the folder'
        )
    if account is not None and not re.fullmatch(r"[0-9]{12}", account):
        raise UsageError(f"{account!r} is not a valid AWS account: use its 12 digits")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, filling in words.items():
        text = text.replace(word, filling)
    return text


def upgrade(project: Project) -> str:
    """Return the upgrade of a project to this version of the package, as a diff.

    It covers the files that a team leaves unchanged: the workflows, the Makefile and the versions.
    """
    return "".join(
        _diff(project, path, text) for path, text in _template() if path.startswith(_UPGRADED)
    )


def _diff(project: Project, path: str, text: str) -> str:
    file = project.root / path
    exists = file.is_file()
    before = file.read_text("utf-8") if exists else ""
    lines = unified_diff(
        before.splitlines(keepends=True),
        text.splitlines(keepends=True),
        f"a/{path}" if exists else "/dev/null",
        f"b/{path}",
    )
    unfinished = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + unfinished for line in lines)


def _template() -> Iterator[tuple[str, str]]:
    """Yield each file's path in the project, and its text."""
    for file in sorted(_TEMPLATE.rglob("*")):
        if file.is_file() and file.parent.name != "__pycache__":
            yield file.relative_to(_TEMPLATE).as_posix(), file.read_text("utf-8")
