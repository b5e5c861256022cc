"""The options and arguments that several verbs take, their completion, and the verbs' groups."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from model_config.cli.context import project_or_none
from model_config.comparing.git import Repository
from model_config.format.errors import ModelConfigError, UsageError
from model_config.operate.rollout_plan import RolloutPlan

if TYPE_CHECKING:
    from model_config.operate import environment as operate


class Panel(StrEnum):
    """The groups of verbs in `--help`, in order. A verb's file names its group in PANEL."""

    PROJECT = "Write a project"
    REVIEW = "Review changes"
    READ = "Read releases"
    RELEASE = "Move releases to applications"
    OPERATE = "Look after an environment"
    PIPELINES = "Pipelines"


#: How long completion waits for AWS, in seconds. What takes longer, or fails, is left out.
_PATIENCE = 2.0


def complete_model() -> list[str]:
    project = project_or_none()
    return project.model_names() if project else []


def complete_environment() -> list[str]:
    project = project_or_none()
    return project.stack_names() if project else []


def complete_revision() -> list[str]:
    project = project_or_none()
    with suppress(ModelConfigError):
        return Repository(project.root).names() if project else []
    return []


def complete_label(context: typer.Context) -> list[str]:
    labels: set[str] = {"latest", "stable"}
    asked = Thread(target=lambda: labels.update(_labels(context)), daemon=True)
    asked.start()
    asked.join(_PATIENCE)
    return sorted(labels)


def _labels(context: typer.Context) -> list[str]:
    from model_config.cli.target import target

    given = context.params
    # When an option is completed, the arguments are not parsed yet.
    model = given["model"] or next(iter(context.args), "")
    environment, local = given["environment"] or "dev", bool(given["local"])
    with (
        suppress(ModelConfigError),
        target(environment, given["prefix"], local=local, quiet=True) as aws,
    ):
        return list(aws.releases(model, documents=False).labels)
    return []


Environment = Annotated[
    str,
    typer.Option(
        "--environment",
        "-e",
        envvar="MODEL_CONFIG_ENVIRONMENT",
        help="The environment.",
        autocompletion=complete_environment,
    ),
]
Environments = Annotated[
    list[str] | None,
    "Only this environment; may be repeated. Default: each that has a stack file.",
    "--environment",
    "-e",
    complete_environment,
]
Prefix = Annotated[
    str | None, "The prefix of all parameters. Default: from the stack file, or /ai."
]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        envvar="MODEL_CONFIG_LOCAL",
        help="Use the project's local AWS (see `model-config local deploy`).",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Target:
    environment: Environment = "dev"
    prefix: Prefix = None
    local: Local = False

    def open(self) -> AbstractContextManager[operate.Environment]:
        from model_config.cli.target import target

        return target(self.environment, self.prefix, local=self.local)


@dataclass(frozen=True, kw_only=True)
class TargetInRegions:
    environment: Environment = "dev"
    region: Annotated[
        list[str] | None,
        "The region; may be repeated. Default: from AWS's settings, or the stack file.",
    ] = None
    prefix: Prefix = None
    local: Local = False

    def open(self) -> AbstractContextManager[list[operate.Environment]]:
        from model_config.cli.target import targets

        return targets(self.environment, self.prefix, local=self.local, regions=self.region)


@dataclass(frozen=True, kw_only=True)
class Targets:
    environment: Environments = None
    prefix: Prefix = None
    local: Local = False

    def open(self) -> AbstractContextManager[list[operate.Environment]]:
        from model_config.cli.target import environments

        return environments(self.environment, self.prefix, local=self.local)


@dataclass(frozen=True, kw_only=True)
class Requirement:
    require: Annotated[
        Literal["evidence"] | None,
        '"evidence": refuse a release without enough evidence for its digest in evidence/.',
    ] = None
    max_age: Annotated[
        str | None, "The oldest that required evidence may be: 12h, 30d. Default: any age."
    ] = None


Model = Annotated[str, "The model's name.", "MODEL", complete_model]
AnyModel = Annotated[str | None, "Default: all models.", "[MODEL]", complete_model]
Label = Annotated[
    str | None,
    'The label to read, or "latest". Default: MODEL_CONFIG_LABEL, or stable.',
    complete_label,
]
Release = Annotated[int | None, "The number of the release to read, instead of a label."]
AsJson = Annotated[bool, "Print JSON.", "--json"]
ExitCode = Annotated[bool, "Exit with 1 if there are differences."]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 for any free one.")]
VariablePrefix = Annotated[str, "The prefix of each variable's name, such as CHAT_."]
Reason = Annotated[
    str | None,
    "The reason for `model-config history MODEL`, in at most 500 characters. Everyone who may read "
    "the model may read it.",
]
DryRun = Annotated[bool, "Only show what would change for the label's readers."]

#: The longest duration, far beyond any rollout.
LONGEST = timedelta(days=365)


def duration(text: str) -> timedelta:
    """Return the duration in an option such as "90s", "30m", "2h" or "1d"."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    match = re.fullmatch(r"(\d{1,8})\s*([smhd])", text.strip())
    given = timedelta(**{units[match[2]]: int(match[1])}) if match else None
    if given is None or given > LONGEST:
        raise UsageError(
            f"{text!r} is not a duration of at most {LONGEST.days} days: write a number and s, m, "
            "h or d, such as 30m"
        )
    return given


def plan_of(steps: str, every: str, reason: str | None) -> RolloutPlan:
    rule = "give increasing shares in percent, such as 5,25,50,100"
    try:
        given = tuple(float(percent) for percent in steps.split(","))
    except ValueError:
        raise UsageError(f"{steps!r} is not a list of steps: {rule}") from None
    percents = tuple(int(percent) if percent.is_integer() else percent for percent in given)
    if not all(0 <= percent <= 100 for percent in percents):  # noqa: PLR2004 - percent
        raise UsageError(f"each step must be from 0 to 100 percent, unlike {steps!r}")
    if sorted(set(percents)) != list(percents):
        raise UsageError(f"the steps {steps!r} don't increase: {rule}")
    return RolloutPlan(percents, duration(every), reason=reason)
