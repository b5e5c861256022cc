"""Plans a stack from its file, without Pulumi's engine and without AWS."""

from __future__ import annotations

from model_config.format.errors import InvalidConfigurationError
from model_config.plan.plan import Plan, plan_stack
from model_config.plan.project import Project
from model_config.plan.registry import read_modules
from model_config.plan.stack_file import read_stack_file


def plan_from_file(project: Project, stack: str) -> Plan:
    """Return the plan of a stack, from the project's files as they are now.

    Raises:
        InvalidConfigurationError: the stack's file can't be read.
    """
    config = read_stack_file(project, stack)  # first, so that a missing file runs no module
    return plan_stack(read_modules(project), config)


def valid_plan(project: Project, stack: str) -> Plan:
    """Return the plan of a stack as `plan_from_file` does, but refuse one with findings.

    Raises:
        InvalidConfigurationError: the project has findings.
    """
    plan = plan_from_file(project, stack)
    if plan.findings:
        raise InvalidConfigurationError(plan.findings)
    return plan
