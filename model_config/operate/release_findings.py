"""Releases, labels and histories that will cause problems for a reader or a later deploy."""

from collections.abc import Container, Iterator
from contextlib import suppress

from model_config.format.errors import AccessDeniedError, Finding
from model_config.format.names import PREVIOUS
from model_config.format.rollout import Rollout
from model_config.format.text import plural
from model_config.operate.environment import State
from model_config.operate.releases import KEPT, PastRelease, Releases

#: The number of deploys ahead of a failing one at which a warning starts.
WARN_AHEAD = 10


def release_findings(state: State, listed: Container[str]) -> Iterator[Finding]:
    """Yield problems of a model's releases, labels and rollout, given all parameters' names."""
    releases = state.releases
    if releases.newest.problem:
        yield Finding(
            f"{releases.model}: latest",
            releases.newest.problem,
            f"deploy it again: `pulumi up --refresh --stack {releases.environment}`",
        )
    for label in releases.labels:
        with suppress(AccessDeniedError):  # which is told where the releases are read
            yield from _label_findings(releases, label, listed)
    yield from unfinished(state)
    yield from (finding for _, finding in running_out(state))


def unfinished(state: State) -> Iterator[Finding]:
    """Yield a rollout that another tool has ended, and an interrupted promotion of several."""
    releases, together = state.releases, state.document.together
    if together and together.pending:
        count, option = len(together.releases), f"--label {together.label}"
        yield Finding(
            releases.model,
            f"a promotion of {plural(count, 'model')} to {together.label} as one was interrupted",
            f"`model-config promote --all --together {option} --environment "
            f"{releases.environment}`: it completes the promotion, or puts the labels back",
        )
    if problem := state.left_over:
        fix = f"`model-config rollout abort {releases.place}`"
        reason = "readers follow a rollout while its label is on the release that it began from"
        yield Finding(releases.model, problem, fix, reason)


def running_out(state: State) -> Iterator[tuple[int, Finding]]:
    """Yield the releases in use that will soon be dropped, with the number of safe deploys."""
    releases, rollout = state.releases, state.under_way
    newest, oldest = releases.newest.number, releases.oldest.number
    if rollout and rollout.release < oldest:
        yield 1, _candidate(releases, rollout, None)
    for release in releases:
        left = KEPT - (newest - release.number + 1)
        if left > WARN_AHEAD:
            continue
        if release.labels:
            yield left, _labelled_oldest(state, release, left)
        elif rollout and rollout.release == release.number:
            yield left, _candidate(releases, rollout, left)


def _label_findings(releases: Releases, label: str, listed: Container[str]) -> Iterator[Finding]:
    release = releases.select(label)
    where, promoted = f"{releases.model}: {label}", label.removesuffix(PREVIOUS)
    elsewhere = f"`{_promote(releases, promoted)} --release N`"
    if promoted != label and releases.on(promoted) is None:
        removal = _unlabel(releases, release, [label])
        problem = f"it is on release {release.number}, but {promoted} is on no release"
        yield Finding(where, problem, f"promote a release: {elsewhere}; or {removal}")
    if release.problem:
        problem = f"it is on a release that can't be read: {release.problem}"
        yield Finding(where, problem, f"move it to another release: {elsewhere}")
    names = release.content.secret_names(releases.path).values() if release.content else ()
    if missing := sorted(name for name in names if name not in listed):
        problem = f"release {release.number} names secrets that are gone: {', '.join(missing)}"
        fix = f"deploy them again, or move the label to another release: {elsewhere}"
        yield Finding(where, problem, fix)


def _labelled_oldest(state: State, release: PastRelease, left: int) -> Finding:
    releases, rollout = state.releases, state.under_way
    steps, left_behind = [], set[str]()
    for label in sorted(release.labels):
        promoted = label.removesuffix(PREVIOUS)
        if state.is_held(promoted):
            if label == promoted:  # its `-previous` comes along
                move = f"model-config rollback {releases.place} --label {label} --release N"
                steps.append(f"`{move}`, which holds it there")
            continue
        left_behind.add(f"{promoted}{PREVIOUS}")
        if rollout and label == rollout.label:
            steps.append(
                f"`model-config rollout finish {releases.place}`, or `model-config rollout abort "
                f"{releases.place}` and `{_promote(releases, label)} --release N`"
            )
        elif label == promoted:
            steps.append(f"`{_promote(releases, label)} --release N`")
    if any("--release N" in step for step in steps):
        same = "a newer release with the same values, which a deploy of them makes, or another"
        steps[-1] += f", N being {same} that you have verified"
    if left_behind:
        steps.append(_unlabel(releases, release, sorted(left_behind)))
    return Finding(
        where=releases.model,
        problem=f"{_when(left)} fails: release {release.number}, which has "
        f"{' and '.join(sorted(release.labels))}, is then the oldest of {KEPT}",
        fix=", then ".join(steps),
        reason=f"SSM keeps {KEPT} versions and refuses to drop one with a label "
        "(ParameterMaxVersionLimitExceeded)",
    )


def _candidate(releases: Releases, rollout: Rollout, left: int | None) -> Finding:
    about = f"release {rollout.release}, which a rollout gives to a share of the readers of "
    about += rollout.label
    abort, reason = f"`model-config rollout abort {releases.place}`", f"SSM keeps {KEPT} versions"
    if left is None:
        problem = f"{about}, is no longer in the history: those readers can't get it"
        return Finding(releases.model, problem, abort, reason)
    fix = f"`model-config rollout finish {releases.place}` or {abort}"
    reason += " and drops the oldest one, which has no label"
    return Finding(releases.model, f"{_when(left)} removes {about}", fix, reason)


def _when(left: int) -> str:
    if left <= 0:
        return "the next deploy of this model"
    return f"after {plural(left, 'more deploy')}, the next one of this model"


def _promote(releases: Releases, label: str) -> str:
    return f"model-config promote {releases.place} --label {label}"


def _unlabel(releases: Releases, release: PastRelease, labels: list[str]) -> str:
    return (
        f"`aws ssm unlabel-parameter-version --name {releases.name} --parameter-version "
        f"{release.number} --labels {' '.join(labels)}`"
    )
