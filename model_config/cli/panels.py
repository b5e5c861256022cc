"""The groups in which `--help` shows the verbs, in this order; a verb's file names its PANEL."""

from enum import StrEnum


class Panel(StrEnum):
    """A group of verbs."""

    PROJECT = "Write a project"
    REVIEW = "Review changes"
    READ = "Read releases"
    RELEASE = "Move releases to applications"
    OPERATE = "Look after an environment"
    PIPELINES = "Pipelines"
