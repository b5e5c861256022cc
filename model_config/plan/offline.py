"""A stack's plan worked out from its file, without Pulumi's engine and without AWS."""

from __future__ import annotations

from model_config.plan.plan import Plan, plan_stack
from model_config.plan.project import Project
from model_config.plan.registry import read_modules
from model_config.plan.stack_file import read_stack_file


def plan_from_file(project: Project, stack: str) -> Plan:
    """Return what a deploy of a stack would do, as the project's files are now.

    Raises:
        InvalidConfigurationError: the stack's file can't be read.
    """
    config = read_stack_file(project, stack)  # before any module is run
    return plan_stack(read_modules(project), config)
