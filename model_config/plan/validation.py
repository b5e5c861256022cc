"""Finds every problem of a project, in all its environments, and reports each once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.format.text import invisible, plural
from model_config.plan.checks import LOOKS_SECRET, secret_fields
from model_config.plan.hierarchy import config_of
from model_config.plan.lifecycle import SOON, read_lifecycle, retiring
from model_config.plan.plan import Plan, plan_stack
from model_config.plan.project import NAMESPACE, Project, StackConfig
from model_config.plan.registry import Modules, ModuleSource, read_modules_twice
from model_config.plan.stack_file import line_in, read_stack_file

#: "unset" is the notice about a secret that isn't set, which no commit can mend.
Severity: TypeAlias = Literal["finding", "unset", "notice"]


@dataclass(frozen=True, slots=True)
class Result:
    """A finding or a notice, with its file and line if known, and the environments it is in."""

    finding: Finding
    environments: list[str]
    kind: Severity

    @property
    def is_error(self) -> bool:
        """Whether it stops a deploy."""
        return self.kind == "finding"


def validate(project: Project, stacks: Iterable[str], *, secrets: bool) -> list[Result]:
    """Return every finding and notice in these environments, findings first.

    With `secrets`, a secret that isn't set is a finding.
    """
    modules = read_modules_twice(project)
    environments: dict[tuple[Finding, Severity], list[str]] = {}
    for stack in stacks:
        for finding, kind in _check(modules, stack):
            counted: Severity = "finding" if kind == "unset" and secrets else kind
            environments.setdefault((located(finding, project), counted), []).append(stack)
    results = [Result(finding, where, kind) for (finding, kind), where in environments.items()]
    return sorted(results, key=lambda result: not result.is_error)


def located(finding: Finding, project: Project) -> Finding:
    """Return the finding with its file, relative to the project, and its line if known."""
    if finding.file and finding.file.endswith(".yaml"):
        return replace(finding, line=finding.line or line_in(project, finding))
    module = project.module(re.split("[/,]", finding.where)[0])
    if not module.is_file():
        return finding
    line = finding.line or ModuleSource(module).line(finding.where.split("/")[1:])
    return replace(finding, file=module.relative_to(project.root).as_posix(), line=line)


def _check(modules: Modules, stack: str) -> Iterator[tuple[Finding, Severity]]:
    try:
        config = read_stack_file(modules.project, stack)
    except InvalidConfigurationError as error:
        yield from ((finding, "finding") for finding in error.findings)
        return
    plan = plan_stack(modules, config)
    yield from ((finding, "finding") for finding in plan.findings)
    yield from ((finding, "unset") for finding in plan.unset_findings)
    yield from _retiring(plan, modules.project)
    for model in plan.models:
        # As the module has it: what an override changes is the stack file's.
        values = config_of(modules.models[model.name].config)
        yield from ((notice, "notice") for notice in _notices(model.name, values, "/", None))
    for key, values in _plain_values(config, modules):
        yield from ((notice, "notice") for notice in _notices(key, values, ".", config.file))


def _retiring(plan: Plan, project: Project) -> Iterator[tuple[Finding, Severity]]:
    """Yield a notice for each value that names a model that lifecycle.yaml retires soon."""
    try:
        retirements = read_lifecycle(project)
    except InvalidConfigurationError as error:
        yield from ((finding, "finding") for finding in error.findings)
        return
    for model in plan.models:
        for path, name, retirement in retiring(config_of(model.config), retirements, SOON):
            problem = f"{name} {retirement.text}"
            yield Finding(f"{model.name}/{path}", problem, "choose another model"), "notice"


def _plain_values(config: StackConfig, modules: Modules) -> Iterator[tuple[str, Any]]:
    """Yield what is in a stack's file, but for a model's secrets, which are findings."""
    secrets = {f"{NAMESPACE}:{key}" for key in secret_fields(modules.models.values())}
    for key in sorted(config.values.keys() - secrets):
        try:
            yield key, json.loads(config.values[key])
        except (ValueError, RecursionError):
            yield key, config.values[key]


def _notices(where: str, value: Any, separator: str, file: str | None) -> Iterator[Finding]:
    """Yield a notice for each text that looks like a secret or holds what nobody can see."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            yield from _notices(f"{where}{separator}{name}", item, separator, file)
        return
    if not isinstance(value, str):
        return
    if LOOKS_SECRET.search(value):
        yield Finding(
            where,
            "it looks like a secret",
            "if it is one, have its provider replace it, and use a SecretRef",
            file=file,
        )
    if characters := invisible(value):
        line, column, code_point = characters[0]
        yield Finding(
            where,
            f"it has {plural(len(characters), 'invisible character')}, the first {code_point} in "
            f"line {line}, column {column}",
            "delete them, unless a model is meant to read what a reviewer can't see",
            file=file,
        )
