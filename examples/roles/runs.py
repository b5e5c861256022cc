"""The workflow runs that may assume each role. GitHub asks for approval by a job's environment."""

from __future__ import annotations

from dataclasses import dataclass

from scope import Scope


@dataclass(frozen=True, slots=True)
class Runs:
    """One kind of run.

    Attributes:
        subject: the part of the token's subject after the repository: "environment:prod".
        workflows: the workflow files in `.github/workflows` that may define the job.
        ref: the branch's ref; None for pull requests, each of which has its own ref.
    """

    subject: str
    workflows: tuple[str, ...]
    ref: str | None


def previews(scope: Scope) -> Runs:
    """Return the runs that preview a pull request."""
    subject = f"environment:{scope.stack}-preview"
    return Runs(subject, ("pull-request.yml",), None)


def deploys(scope: Scope) -> Runs:
    """Return the runs that deploy."""
    subject = f"environment:{scope.stack}"
    return Runs(subject, ("deploy-environment.yml",), scope.ref)


def promotions(scope: Scope) -> Runs:
    """Return the runs that move labels and finish rollouts."""
    subject = f"environment:{scope.stack}-promote"
    return Runs(subject, ("deploy-environment.yml", "rollouts.yml"), scope.ref)


def drift_checks(scope: Scope) -> Runs:
    """Return the runs that compare AWS with what was deployed."""
    return Runs(f"ref:{scope.ref}", ("drift.yml", "deploy-environment.yml"), scope.ref)
