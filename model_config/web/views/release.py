"""A release's page: its values by group, its prompts, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from model_config.comparing.changes import leaves
from model_config.format.names import parse
from model_config.format.prompt import Fragment, fragments, variables
from model_config.format.release import Release as Content
from model_config.format.text import one_line
from model_config.operate.drift.parameters import ListedParameter
from model_config.operate.environment import Environment
from model_config.operate.releases.past_release import PastRelease
from model_config.operate.releases.releases import Releases
from model_config.web.pages import Page, model_page, release_page, releases_page
from model_config.web.views import snippets
from model_config.web.views.parts import Label, ReleaseSummary, labels_of, summary_of

#: Texts with more characters are shown as prompts. Set by this package.
_LONG = 72


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text and its variables."""

    path: str
    fragments: tuple[Fragment, ...]
    variables: tuple[str, ...]
    characters: int


@dataclass(slots=True)
class Group:
    """The values of a group, by their paths in it, and its prompts. The top level has no name."""

    name: str
    values: list[tuple[str, str]] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the model."""

    path: str
    kind: str
    version: int
    arn: str


@dataclass(frozen=True, slots=True)
class Release:
    """A release.

    Attributes:
        content: its content; None if it can't be read, for the reason in `problem`.
        groups: its values.
        parameters: the model's parameters, if this is the newest release.
        commands: commands that show, compare, promote and read it, with their purposes.
        python: the code that reads it in an application.
        is_local: whether it is in the local AWS.
        before, after: the previous and the next release.
        compare: the page that shows its changes.
    """

    model: str
    stack: str
    model_page: Page
    summary: ReleaseSummary
    labels: tuple[Label, ...]
    is_newest: bool
    content: Content | None
    problem: str | None
    groups: tuple[Group, ...]
    parameters: tuple[Parameter, ...]
    commands: tuple[tuple[str, str], ...]
    python: str
    is_local: bool
    before: Page | None
    after: Page | None
    compare: Page | None


def release(
    environment: Environment,
    releases: Releases,
    shown: PastRelease,
    listed: Mapping[str, ListedParameter],
    arn: str,
) -> Release:
    """Return a release's page.

    Args:
        environment: the environment.
        releases: the model's releases.
        shown: the release of this page.
        listed: the model's parameters as SSM lists them.
        arn: the part of a parameter's ARN before the parameter's name.
    """
    target, stack = environment.target, environment.stack
    numbers = [each.number for each in releases]
    place = numbers.index(shown.number)
    after = numbers[place - 1] if place else None
    before = numbers[place + 1] if place + 1 < len(numbers) else None
    is_newest = shown is releases.newest
    content = shown.content
    return Release(
        model=releases.model,
        stack=stack,
        model_page=model_page(stack, releases.model),
        summary=summary_of(stack, releases.model, shown),
        labels=labels_of(stack, releases, shown.number),
        is_newest=is_newest,
        content=content,
        problem=shown.problem,
        groups=tuple(_groups(content)) if content else (),
        parameters=tuple(_parameters(target.path, listed, arn)) if is_newest else (),
        commands=tuple(snippets.commands(target, releases, shown.number, before)),
        python=snippets.python(target, releases.model, shown.number, content),
        is_local=environment.is_local,
        before=release_page(stack, releases.model, before) if before else None,
        after=release_page(stack, releases.model, after) if after else None,
        compare=releases_page(stack, releases.model, before, shown.number) if before else None,
    )


def _groups(content: Content) -> Iterator[Group]:
    values = [
        (path[0] if len(path) > 1 else "", path, value) for path, value in leaves(content.config)
    ]
    values.sort(key=lambda each: each[0] != "")  # values outside of groups come first
    for name, members in groupby(values, key=lambda each: each[0]):
        group = Group(name)
        for _, path, value in members:
            below = "/".join(path[1:] if name else path)
            if isinstance(value, str) and _is_prompt(value):
                group.prompts.append(_prompt("/".join(path), value))
            else:
                group.values.append((below, one_line(value)))
        yield group


def _is_prompt(text: str) -> bool:
    return len(text) > _LONG or "\n" in text or bool(variables(text))


def _prompt(path: str, text: str) -> Prompt:
    return Prompt(path, tuple(fragments(text)), tuple(variables(text)), len(text))


def _parameters(path: str, listed: Mapping[str, ListedParameter], arn: str) -> Iterator[Parameter]:
    for name, each in sorted(listed.items()):
        parsed = parse(name, path)
        yield Parameter(parsed.path, parsed.kind, each.version, f"{arn}{name}")
