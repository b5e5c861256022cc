"""A search in values, and where a value is written. Secrets are never among the values."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from model_config.format.codec import Value
from model_config.format.errors import UsageError
from model_config.plan.hierarchy import config_of
from model_config.plan.plan import Plan
from model_config.plan.project import Project
from model_config.plan.registry import ModuleSource
from model_config.plan.stack_file import override_lines

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
    """The values of one model, as a stack's file and module have it or as a release does."""

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


def values(value: Value, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Value]]:
    """Yield each value with its path. A list of objects, such as messages, has values too."""
    if isinstance(value, dict) and value:
        items: Iterable[tuple[object, Value]] = value.items()
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = enumerate(value)
    else:
        yield path, value
        return
    for name, item in items:
        yield from values(item, (*path, str(name)))


def search(query: str, searched: Iterable[Searched], *, regex: bool = False) -> list[Hit]:
    """Return the values that contain a text, or those of the field in "FIELD=VALUE" that equal it.

    Case does not count in a text. A field is named by the end of its path. UsageError: there is no
    text, or the regular expression is none or took longer than `TIME_LIMIT`.
    """
    if not query.strip():
        raise UsageError("there is nothing to search for: give a text, or FIELD=VALUE")
    named = _FIELD.fullmatch(query)
    leaves = [
        (
            one,
            "/".join(path),
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
        )
        for one in searched
        for path, value in values(dict(one.config))
    ]
    field, wanted = (f"/{named['field']}", named["value"]) if named else ("", None)
    texts = [(text, bool(field) and f"/{path}".endswith(field)) for _, path, text in leaves]
    lines = _expression(query, wanted, texts) if regex else _plain(query, wanted, texts)
    hits = []
    for (one, path, text), number in zip(leaves, lines, strict=True):
        if number is not None:
            place = one.place(path) if one.place else None
            if place and place.is_text:
                place = place._replace(line=place.line + number)
            shown = text.split("\n")[number]
            about = one.environment, one.model, path, shown, one.release, one.labels
            hits.append(Hit(*about, *(place[:2] if place else ())))
    return hits


def _plain(
    query: str, wanted: str | None, texts: Iterable[tuple[str, bool]]
) -> Iterator[int | None]:
    folded = query.casefold()
    for text, is_field in texts:
        searched = text.casefold()
        start = searched.find(folded)
        equal = is_field and wanted is not None and searched == wanted.casefold()
        yield 0 if equal else searched.count("\n", 0, start) if start >= 0 else None


def _expression(query: str, wanted: str | None, texts: list[tuple[str, bool]]) -> list[Any]:
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-c", _MATCHER],
            input=json.dumps([texts, [query, wanted]]),
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
    return list(json.loads(done.stdout))


def planned(plan: Plan, project: Project) -> Iterator[Searched]:
    for model in plan.models:
        place = places(project, plan.stack, model.name)
        environment = plan.settings.environment
        yield Searched(environment, model.name, config_of(model.config), place=place)


def places(project: Project, stack: str, model: str) -> Callable[[str], Place]:
    """Return what gives the place where a model's value is written, by the value's path.

    This is the stack's file if it overrides the value, a prompt's own file, or the module.
    """
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
