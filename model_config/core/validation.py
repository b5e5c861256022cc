"""Everything that is wrong with a checkout, in all its environments, each thing once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model_config.core import registry
from model_config.core.environments import Environment, read_environment
from model_config.core.errors import Finding, InvalidConfigurationError
from model_config.core.places import placed
from model_config.core.settings import NAMESPACE, set_secret_command


@dataclass(frozen=True, slots=True)
class Result:
    """A finding, placed where it can be, and the environments it is in.

    Attributes:
        counts: whether it is wrong; else it is what nobody can commit, a secret that isn't set.
    """

    finding: Finding
    environments: list[str]
    counts: bool


def validate(project: Path, stacks: Iterable[str], *, secrets: bool) -> list[Result]:
    """Return all that is wrong, and last what doesn't count.

    Args:
        project: the folder of the stack files.
        stacks: the environments to look at.
        secrets: whether a secret that isn't set counts.
    """
    found: dict[tuple[Finding, bool], list[str]] = {}
    for stack in stacks:
        for finding, counts in _findings(project, stack, secrets=secrets):
            in_place = placed(finding, project, registry.MODELS_FOLDER)
            found.setdefault((in_place, counts), []).append(stack)
    results = [Result(finding, where, counts) for (finding, counts), where in found.items()]
    return sorted(results, key=lambda result: not result.counts)


def _findings(project: Path, stack: str, *, secrets: bool) -> Iterator[tuple[Finding, bool]]:
    try:
        environment = read_environment(project, stack)
    except InvalidConfigurationError as error:
        yield from ((finding, True) for finding in error.findings)
        return
    yield from ((finding, True) for finding in environment.findings)
    yield from ((finding, secrets) for finding in _unset(environment))


def _unset(environment: Environment) -> Iterator[Finding]:
    for key, models in environment.unset.items():
        yield Finding(
            where=", ".join(models),
            problem=f"the secret {NAMESPACE}:{key} is not set",
            fix=set_secret_command(key, environment.stack),
            file=f"Pulumi.{environment.stack}.yaml",
        )
