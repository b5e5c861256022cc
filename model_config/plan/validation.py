"""Finds every problem of a project, in all its environments, and reports each once."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

from model_config.format.errors import Finding, InvalidConfigurationError
from model_config.format.text import invisible, plural
from model_config.plan import checks, lifecycle, stack_file
from model_config.plan.hierarchy import config_of, texts_in
from model_config.plan.plan import plan_stack
from model_config.plan.project import NAMESPACE, Project
from model_config.plan.registry import Modules, ModuleSource, read_modules_twice

#: "unset" is the notice about a secret that isn't set, which no commit can mend.
Severity: TypeAlias = Literal["finding", "unset", "notice"]


@dataclass(frozen=True, slots=True)
class Result:
    finding: Finding  #: Or a notice; with its file and line if known.
    environments: list[str]
    kind: Severity

    @property
    def is_error(self) -> bool:
        return self.kind == "finding"


def validate(project: Project, stacks: Iterable[str], *, secrets: bool) -> list[Result]:
    """Return all findings, then all notices. With `secrets`, an unset secret is a finding."""
    modules = read_modules_twice(project)
    environments: dict[tuple[Finding, Severity], list[str]] = {}
    for stack in stacks:
        for finding, kind in _check(modules, stack):
            counted: Severity = "finding" if kind == "unset" and secrets else kind
            environments.setdefault((located(finding, project), counted), []).append(stack)
    results = [Result(finding, where, kind) for (finding, kind), where in environments.items()]
    return sorted(results, key=lambda result: not result.is_error)


def located(finding: Finding, project: Project) -> Finding:
    if finding.file and finding.file.endswith(".yaml"):
        return finding._replace(line=finding.line or stack_file.line_in(project, finding))
    module = project.module(re.split("[/,]", finding.where)[0])
    if not module.is_file():
        return finding
    line = finding.line or ModuleSource(module).line(finding.where.split("/")[1:])
    return finding._replace(file=module.relative_to(project.root).as_posix(), line=line)


def _check(modules: Modules, stack: str) -> Iterator[tuple[Finding, Severity]]:
    try:
        config = stack_file.read_stack_file(modules.project, stack)
    except InvalidConfigurationError as error:
        yield from ((finding, "finding") for finding in error.findings)
        return
    plan = plan_stack(modules, config)
    yield from ((finding, "finding") for finding in plan.findings)
    yield from ((finding, "unset") for finding in plan.unset.values())
    try:
        retirements = lifecycle.read_lifecycle(modules.project)
    except InvalidConfigurationError as error:
        yield from ((finding, "finding") for finding in error.findings)
        retirements = {}
    for model in plan.models:
        values = config_of(model.config)
        for path, name, retirement in lifecycle.retiring(values, retirements, lifecycle.SOON):
            problem = f"{name} {retirement.text}"
            yield Finding(f"{model.name}/{path}", problem, "choose another model"), "notice"
        # As the module has it: what an override changes is the stack file's.
        values = config_of(modules.models[model.name].config)
        for path, text in texts_in(values, model.name):
            yield from _notices(path, text, None)
    secrets = checks.secret_fields(modules.models.values())  # in plain text, they are findings
    for key in sorted(config.values.keys() - {f"{NAMESPACE}:{key}" for key in secrets}):
        value: object = config.values[key]
        with suppress(ValueError, RecursionError):
            value = json.loads(config.values[key])
        for path, text in texts_in(value, key, "."):
            yield from _notices(path, text, config.file)


def _notices(where: str, text: str, file: str | None) -> Iterator[tuple[Finding, Severity]]:
    if checks.LOOKS_SECRET.search(text):
        fix = "if it is one, have its provider replace it, and use a SecretRef"
        yield Finding(where, "it looks like a secret", fix, file=file), "notice"
    if characters := invisible(text):
        line, column, code_point = characters[0]
        count = plural(len(characters), "invisible character")
        problem = f"it has {count}, the first {code_point} in line {line}, column {column}"
        fix = "delete them, unless a model is meant to read what a reviewer can't see"
        yield Finding(where, problem, fix, file=file), "notice"
