"""The groups of verbs in `--help`, in order. A verb's file names its group in PANEL."""

from enum import StrEnum


class Panel(StrEnum):
    """A group of verbs."""

    PROJECT = "Write a project"
    REVIEW = "Review changes"
    READ = "Read releases"
    RELEASE = "Move releases to applications"
    OPERATE = "Look after an environment"
    PIPELINES = "Pipelines"
