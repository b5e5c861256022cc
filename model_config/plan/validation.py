"""Finds every problem of a project, in all its environments, and reports each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.plan.locations import located
from model_config.plan.plan import plan_stack
from model_config.plan.project import Project
from model_config.plan.registry import Modules, read_modules_twice
from model_config.plan.stack_file import read_stack_file


@dataclass(frozen=True, slots=True)
class Result:
    """A finding, with its file and line if they are known, and the environments it is in.

    Attributes:
        level: "error", or "notice" for a secret that isn't set, which no commit can mend.
    """

    finding: Finding
    environments: list[str]
    level: Literal["error", "notice"]

    @property
    def is_error(self) -> bool:
        """Whether the finding is an error."""
        return self.level == "error"


def validate(project: Project, stacks: Iterable[str], *, secrets: bool) -> list[Result]:
    """Return every problem in these environments, errors first.

    Args:
        secrets: whether a secret that isn't set is an error.
    """
    modules = read_modules_twice(project)
    found: dict[tuple[Finding, bool], list[str]] = {}
    for stack in stacks:
        for finding, is_error in _findings(modules, stack, secrets=secrets):
            found.setdefault((located(finding, project), is_error), []).append(stack)
    results = [
        Result(finding, where, "error" if is_error else "notice")
        for (finding, is_error), where in found.items()
    ]
    return sorted(results, key=lambda result: not result.is_error)


def _findings(modules: Modules, stack: str, *, secrets: bool) -> Iterator[tuple[Finding, bool]]:
    try:
        plan = plan_stack(modules, read_stack_file(modules.project, stack))
    except InvalidConfigurationError as error:
        yield from ((finding, True) for finding in error.findings)
        return
    yield from ((finding, True) for finding in plan.findings)
    yield from ((finding, secrets) for finding in plan.unset_findings)
