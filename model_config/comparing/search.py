"""Searches: for values, with the places where they are written, and for commits with a digest."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import tee
from typing import NamedTuple, TypeAlias

from model_config.comparing import changes, git, snapshot
from model_config.comparing.snapshot import Snapshot
from model_config.format.codec import Value
from model_config.format.errors import ReleaseNotFoundError, UsageError
from model_config.format.text import plural
from model_config.plan.hierarchy import config_of
from model_config.plan.plan import Plan
from model_config.plan.project import Project
from model_config.plan.registry import ModuleSource
from model_config.plan.stack_file import override_lines
from model_config.schema.problems import nearest_field

#: The time limit of a regular expression, in seconds, over all values.
TIME_LIMIT = 5
_FIELD = re.compile(r"(?P<field>[\w.-]+(?:/[\w.-]+)*)=(?P<value>.*)", re.DOTALL)
# Only another process can be stopped while it matches an expression.
_MATCHER = """
import json, re, sys
texts, patterns = json.load(sys.stdin)
try:
    anywhere, whole = (pattern and re.compile(pattern) for pattern in patterns)
except (re.error, OverflowError, RecursionError) as error:
    sys.exit(str(error))
def line(text, is_field):
    match = whole.fullmatch(text) if whole and is_field else None
    match = match or anywhere.search(text)
    return match and text.count("\\n", 0, match.start())
json.dump([line(*text) for text in texts], sys.stdout)
"""


class Place(NamedTuple):
    """A file of the project, by its path from the project's folder, and a line in it."""

    file: str
    line: int
    is_text: bool = False  #: The file is the value, line by line.


class Searched(NamedTuple):
    """The values of one model, as the project or a release has them. Secrets are not among them."""

    environment: str
    model: str
    config: Mapping[str, Value]
    release: int | None = None
    labels: Sequence[str] = ()
    place: Callable[[str], Place] | None = None


class Hit(NamedTuple):
    """A value that matches, with the line of its text that does."""

    environment: str
    model: str
    path: str
    text: str
    release: int | None
    labels: Sequence[str]
    file: str | None = None
    line: int | None = None


def search(query: str, searched: Iterable[Searched], *, regex: bool = False) -> list[Hit]:
    """Return the values that contain a text, or those of the field in "FIELD=VALUE" that equal it.

    Case does not count in a text. A field is named by the end of its path. UsageError: there is no
    text, or the regular expression is none or took longer than `TIME_LIMIT`.
    """
    if not query.strip():
        raise UsageError("there is nothing to search for: give a text, or FIELD=VALUE")
    named = _FIELD.fullmatch(query)
    values = [
        (
            one,
            "/".join(path),
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
        )
        for one in searched
        for path, value in changes.leaves(dict(one.config), in_lists=True)
    ]
    end, wanted = (f"/{named['field']}", named["value"]) if named else ("", None)
    texts = [(text, bool(end) and f"/{path}".endswith(end)) for _, path, text in values]
    lines = (_expression if regex else _plain)(query, wanted, texts)
    hits = []
    for (one, path, text), number in zip(values, lines, strict=True):
        if number is not None:
            place = one.place(path) if one.place else None
            if place and place.is_text:
                place = place._replace(line=place.line + number)
            about = one.environment, one.model, path, text.split("\n")[number]
            hits.append(Hit(*about, one.release, one.labels, *(place[:2] if place else ())))
    return hits


def no_hit(query: str, searched: Sequence[Searched]) -> str:
    """Return the text for no hits, with the nearest field if no value has that in "FIELD=VALUE"."""
    models = plural(len({it.model for it in searched}), "model")
    environments = plural(len({it.environment for it in searched}), "environment")
    said = f"No value of {models} in {environments} matches."
    values = (changes.leaves(dict(one.config), in_lists=True) for one in searched)
    paths = [path for of_one in values for path, _ in of_one]
    named = _FIELD.fullmatch(query)
    if named is None or any(f"/{named['field']}/" in f"/{'/'.join(path)}/" for path in paths):
        return said
    names = {name for path in paths for name in path if not name.isdigit()}
    near = nearest_field(named["field"].rpartition("/")[2], names)
    return f'{said} None has a value for "{named["field"]}": {near}'


def _plain(
    query: str, wanted: str | None, texts: Iterable[tuple[str, bool]]
) -> Iterator[int | None]:
    for text, is_field in texts:
        folded = text.casefold()
        start = folded.find(query.casefold())
        equal = is_field and wanted is not None and folded == wanted.casefold()
        yield 0 if equal else folded.count("\n", 0, start) if start >= 0 else None


def _expression(
    query: str, wanted: str | None, texts: Iterable[tuple[str, bool]]
) -> Iterator[int | None]:
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-c", _MATCHER],
            input=json.dumps([[*texts], [query, wanted]]),
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"the regular expression was stopped after {TIME_LIMIT} seconds: write a simpler one, "
            "without repetitions inside repetitions"
        ) from None
    if done.returncode:
        raise UsageError(f"{query!r} is no regular expression: {done.stderr.strip()}")
    yield from json.loads(done.stdout)


def planned(plan: Plan, project: Project) -> Iterator[Searched]:
    for model in plan.models:
        place = places(project, plan.stack, model.name)
        environment = plan.settings.environment
        yield Searched(environment, model.name, config_of(model.config), place=place)


def places(project: Project, stack: str, model: str) -> Callable[[str], Place]:
    """Return what gives the place of a value: in a stack file, a prompt's file or the module."""
    source, overridden = ModuleSource(project.module(model)), override_lines(project, stack)
    folder = project.models_folder.name

    def place(path: str) -> Place:
        parts = path.split("/") if path else []
        for end in range(len(parts), 0, -1):
            if line := overridden.get("/".join((model, *parts[:end]))):
                return Place(project.stack_file(stack).name, line)
        beside, line = source.place(parts)
        return Place(f"{folder}/{beside or f'{model}.py'}", line, is_text=beside is not None)

    return place


#: The newest commits, among those that changed a configuration, that `find_each` searches. Set by
#: this package: each one takes about half a second.
RECENT = 50
_UNSHALLOW = "run `git fetch --unshallow` first"

_Read: TypeAlias = tuple[git.Commit, Snapshot | str]  # the text says why its code fails
#: Passes items on and shows progress. It takes the items, what they are, and how many.
Progress: TypeAlias = Callable[[Iterable[_Read], str, int], Iterable[_Read]]


class Match(NamedTuple):
    """A model with a digest, in one environment of a commit."""

    commit: str
    date: str
    author: str
    subject: str
    environment: str
    model: str


def find_commits(  # noqa: PLR0913 - what a search is given
    project: Project,
    digest: str,
    environment: str | None,
    revision: str,
    *,
    whole: bool,
    progress: Progress,
    left_out: Callable[[str], object],
) -> list[Match]:
    """Return the commits up to a revision that have a digest, or its beginning, newest first.

    Unless the whole history is searched, they end with the commit that introduced the digest.
    `left_out` is called with the reason for each commit whose code fails. A UsageError says that
    the clone is shallow and the answer may be in the part it lacks.
    """
    repository = git.Repository(project.root)
    is_shallow = repository.is_shallow()
    if is_shallow and whole:
        raise UsageError(f"this clone is shallow and lacks part of the history: {_UNSHALLOW}")
    with closing(_read(project, revision, progress)) as read:
        matches, end = _trace(read, digest, environment, left_out, whole=whole)
    if is_shallow and end:
        raise UsageError(
            f"{end[:9]}, the oldest commit of this shallow clone, already has the digest, and an "
            f"older one may have introduced it: {_UNSHALLOW}"
        )
    if matches:
        return matches
    where = f" in {environment}" if environment else ""
    text = f"no commit up to {revision} has a model with the digest {digest}{where}"
    if _models(snapshot.of_working_tree(project), digest, environment):
        reason = "the working tree has it, so it is not committed yet"
    elif is_shallow:
        reason = f"this clone is shallow and lacks older commits: {_UNSHALLOW}"
    else:
        reason = "another branch may have it: name the branch with --from"
    raise ReleaseNotFoundError(f"{text}; {reason}")


def find_each(project: Project, digests: Iterable[str], progress: Progress) -> dict[str, Match]:
    """Return the commit that introduced each whole digest, for those found in recent commits."""
    is_shallow, names = git.Repository(project.root).is_shallow(), sorted(digests)
    with closing(_read(project, "HEAD", progress, RECENT)) as read:
        traces = [
            _trace(same, name) for same, name in zip(tee(read, len(names)), names, strict=True)
        ]
    return {
        digest: matches[-1]
        for digest, (matches, end) in zip(names, traces, strict=True)
        if matches and not (is_shallow and end)
    }


def _read(
    project: Project, revision: str, progress: Progress, most: int | None = None
) -> Generator[_Read]:
    """Yield each commit's configuration, newest first. Several are described concurrently."""
    repository = git.Repository(project.root)
    commits = repository.commits(repository.commit(revision), snapshot.RELEVANT)[:most]

    def described(commit: git.Commit) -> _Read:
        try:
            return commit, snapshot.of_commit(project, commit.id)
        except UsageError as error:
            return commit, str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            yield from progress(pool.map(described, commits), "Reading commits", len(commits))
        finally:
            pool.shutdown(cancel_futures=True)


def _trace(
    read: Iterable[_Read],
    digest: str,
    environment: str | None = None,
    left_out: Callable[[str], object] = str,
    *,
    whole: bool = False,
) -> tuple[list[Match], str | None]:
    """Follow a digest from its newest commit back to where its ancestors don't have it.

    Return the matches, and the commit at which the history ends before that, if it does.
    """
    matches, above, end = list[Match](), set[str](), None
    for commit, described in read:
        if matches and not whole and commit.id not in above:
            continue
        if isinstance(described, str):
            left_out(described)
        models = [] if isinstance(described, str) else _models(described, digest, environment)
        matches += [Match(commit.id, *commit[2:], *model) for model in models]
        above.discard(commit.id)
        if models or isinstance(described, str):  # it may have come from further back
            above.update(commit.parents)
            end = commit.id if matches and not commit.parents else end
        if matches and not whole and not above:
            break
    return matches, end


def _models(described: Snapshot, digest: str, environment: str | None) -> list[tuple[str, str]]:
    return [
        (stack, name)
        for stack, models in described.environments.items()
        for name, release in models.models.items()
        if release.digest.startswith(digest) and environment in {None, stack}
    ]
