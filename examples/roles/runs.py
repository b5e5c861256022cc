"""Which runs may take which role. A job's environment is where GitHub asks for an approval."""

from __future__ import annotations

from dataclasses import dataclass

from scope import Scope


@dataclass(frozen=True, slots=True)
class Runs:
    """One kind of run.

    Attributes:
        subject: what the token's subject says after the repository: "environment:prod".
        workflows: the files that the job may stand in, in `.github/workflows`.
        ref: the branch's ref; None for pull requests, each of which has a ref of its own.
    """

    subject: str
    workflows: tuple[str, ...]
    ref: str | None


def previews(scope: Scope) -> Runs:
    """Return the runs that look at a pull request's plan."""
    subject = f"environment:{scope.github_environment}-preview"
    return Runs(subject, ("pull-request.yml",), None)


def deploys(scope: Scope) -> Runs:
    """Return the runs that deploy."""
    subject = f"environment:{scope.github_environment}"
    return Runs(subject, ("deploy-environment.yml",), scope.ref)


def promotions(scope: Scope) -> Runs:
    """Return the runs that move labels, and that finish rollouts."""
    subject = f"environment:{scope.github_environment}-promote"
    return Runs(subject, ("deploy-environment.yml", "rollouts.yml"), scope.ref)


def looks(scope: Scope) -> Runs:
    """Return the runs that compare what is there with what should be."""
    return Runs(f"ref:{scope.ref}", ("drift.yml", "deploy-environment.yml"), scope.ref)
