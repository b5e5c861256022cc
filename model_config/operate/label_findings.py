"""Releases, labels and histories that will make trouble for a reader or for the next deploy."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from model_config.format.errors import Finding
from model_config.format.names import PREVIOUS
from model_config.operate.history import KEPT
from model_config.operate.listed import PastRelease

#: Deploys ahead of the one that would fail from which on it is said: ours.
WARN_AHEAD = 10


def label_findings(
    model: str, release: str, past: Sequence[PastRelease], held: Container[str]
) -> Iterator[Finding]:
    """Yield what is wrong with a model's labels and history.

    Args:
        model: the model's name.
        release: the release parameter's name.
        past: the releases, newest first.
        held: the names of all parameters of the environment.
    """
    environment = release.split("/")[-3]
    if past and past[0].problem:
        yield Finding(
            f"{model}: latest",
            past[0].problem,
            f"deploy it anew: `pulumi up --refresh --stack {environment}`",
        )
    labelled = {label: each for each in past for label in each.labels}
    for label, each in sorted(labelled.items()):
        where = f"{model}: {label}"
        elsewhere = (
            f"`model-config promote {model} --to {label.removesuffix(PREVIOUS)} --release N "
            f"--environment {environment}`"
        )
        removal = (
            f"`aws ssm unlabel-parameter-version --name {release} --parameter-version "
            f"{each.number} --labels {label}`"
        )
        if label.endswith(PREVIOUS) and label.removesuffix(PREVIOUS) not in labelled:
            problem = f"it is on release {each.number}, and {label.removesuffix(PREVIOUS)} on none"
            yield Finding(where, problem, f"promote a release: {elsewhere}; or {removal}")
        if each.problem:
            problem = f"it is on a release that can't be read: {each.problem}"
            yield Finding(where, problem, f"put it elsewhere: {elsewhere}")
        yield from _missing_secrets(where, each, held, elsewhere)
        yield from _running_out(where, each, past[0].number, f"{elsewhere}, or {removal}")


def _missing_secrets(
    where: str, release: PastRelease, held: Container[str], elsewhere: str
) -> Iterator[Finding]:
    secrets = release.content.secrets.values() if release.content else ()
    if missing := sorted(name for name in secrets if name not in held):
        problem = f"release {release.number} names secrets that are gone: {', '.join(missing)}"
        yield Finding(where, problem, f"deploy them again, or put the label elsewhere: {elsewhere}")


def _running_out(where: str, release: PastRelease, newest: int, fix: str) -> Iterator[Finding]:
    left = KEPT - (newest - release.number + 1)
    if left > WARN_AHEAD:
        return
    deploys = "the next deploy" if left <= 0 else f"after {left} more, the deploy"
    yield Finding(
        where,
        f"{deploys} of this model fails: release {release.number} will be the oldest of {KEPT}",
        fix,
        f"SSM keeps {KEPT} versions and refuses to drop one with a label "
        "(ParameterMaxVersionLimitExceeded)",
    )
