"""The environments and the project that pages show, a cache of both, and the pages' addresses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from posixpath import dirname, relpath
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import quote

from model_config.comparing import git, search
from model_config.format import errors, text
from model_config.operate.environment import Environment
from model_config.operate.services import KeysAndPolicies, bedrock_retirements
from model_config.operate.ssm import Ssm, Watch
from model_config.plan.lifecycle import Retirements, read_lifecycle
from model_config.plan.plan import Plan, is_protected, valid_plan
from model_config.plan.project import Project

Made = TypeVar("Made")


class Page(NamedTuple):
    """A page: its view, such as "model", and the view's arguments."""

    view: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def of(cls, view: str, *arguments: object) -> Page:
        return cls(view, tuple(map(str, arguments)))

    @classmethod
    def compare(cls, before: object, after: object, model: str | None = None) -> Page:
        """Return the page that compares two selections, such as "dev@7" and "prod@stable"."""
        return cls.of("compare", before, after, *([model] if model else []))

    @property
    def path(self) -> str:
        parts = () if self == OVERVIEW else (self.view, *self.arguments)
        return "/" + "/".join(quote(part, safe="@") for part in parts)

    @property
    def file(self) -> str:
        parts = ("index",) if self == OVERVIEW else (self.view, *self.arguments)
        return f"{'/'.join(parts)}.html"

    @property
    def stacks(self) -> set[str]:
        count = {"compare": 2, "search": 0}.get(self.view, 1)
        return {argument.partition("@")[0] for argument in self.arguments[:count]}


OVERVIEW = Page("overview")


class Selection(NamedTuple):
    """An environment, and a release, a label or "latest" in it."""

    stack: str
    selector: str

    def __str__(self) -> str:
        return f"{self.stack}@{self.selector}"

    @classmethod
    def parse(cls, text: str) -> Selection:
        stack, _, selector = text.partition("@")
        return cls(stack, selector or "latest")


class Links(NamedTuple):
    to: Callable[[Page], str | None]  #: The address of a page; None if it isn't written.
    static: Callable[[str], str]
    is_served: bool  #: Whether there is a server, which forms need.

    @classmethod
    def of_file(cls, at: Page, is_written: Callable[[Page], bool]) -> Links:
        """Return the links of a page in a folder: relative ones, which work from disk."""
        folder = dirname(at.file) or "."
        return cls(
            lambda page: relpath(page.file, folder) if is_written(page) else None,
            lambda name: relpath(f"static/{name}", folder),
            is_served=False,
        )


SERVED = Links(lambda page: page.path, "/static/{}".format, is_served=True)


class Notice(NamedTuple):
    """A notice about a whole page; `as_of` is when its data was read, if not now."""

    text: str
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a page shows: the template's name, the title, and the values for the template."""

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    notices: Sequence[Notice] = ()
    status: int = 200


class Site:
    """The environments and the project that pages show.

    If an environment can tell that nothing has changed, as the local AWS can, its data is read only
    once. Without a project, pages show what is deployed, but no drift. `to_paste` adapts the
    commands in a text to the project and AWS of these pages.
    """

    def __init__(
        self,
        environments: Sequence[Environment],
        project: Project | None = None,
        to_paste: Callable[[str], str] = str,
    ) -> None:
        self.project, self.to_paste = project, to_paste
        self.environments = {environment.stack: environment for environment in environments}
        self._cache: dict[tuple[str, str], tuple[object, object]] = {}
        self._places: dict[str, str] = {}
        self._modules = threading.Lock()  # a project's modules can't be run twice at a time

    def environment(self, stack: str) -> Environment:
        if stack not in self.environments:
            known = text.nearest(stack, self.environments)
            raise errors.UsageError(f"there are no pages of the environment {stack!r}: {known}")
        return self.environments[stack]

    def command(self, stack: str, words: str) -> str:
        environment = self.environment(stack)
        prefix = "" if environment.prefix == "/ai" else f" --prefix {environment.prefix}"
        options = f" -e {environment.name}{environment.region_option}{prefix}"
        return self.to_paste(f"`model-config {words}{options}`")[1:-1]

    def place(self, stack: str) -> str:
        """Return which AWS a stack's environment is in, as far as the pages read so far say."""
        return "local AWS" if self.environment(stack).is_local else self._places.get(stack, "AWS")

    def is_protected(self, stack: str) -> bool:
        make = partial(is_protected, self.project, stack) if self.project else None
        return self._of_project("protect", stack, make) if make else False

    def retirements(self, stack: str) -> tuple[Retirements, str]:
        """Return the models that providers retire, and why Bedrock's aren't among them.

        Bedrock is asked once in a region, also if that fails.
        """
        environment = self.environment(stack)
        from_file = read_lifecycle(self.project) if self.project else {}
        if environment.is_local:
            return from_file, ""
        region = environment.ssm.region

        def ask() -> tuple[Retirements, str]:
            try:
                return bedrock_retirements(region), ""
            except errors.StoreError as error:
                return {}, str(error)

        from_bedrock, problem = self._cached("retirements", region, "for good", ask)
        return from_bedrock | from_file, problem

    @contextmanager
    def view_of(self, stack: str, watch: Watch) -> Iterator[Ssm]:
        """Yield a view of an environment, and lock the environment until the block ends."""
        environment = self.environment(stack)
        with environment.hold() as stamp:
            ssm = self._cached("view", stack, stamp, environment.ssm.view)
            ssm.watch = watch
            yield ssm
            if not (environment.is_local or ssm.away or stack in self._places):
                self._places[stack] = _account_and_region(ssm.region)

    def edit(self, stack: str, model: str, path: str = "") -> str | None:
        if self.project is None or not self.project.module(model).is_file():
            return None
        make = partial(search.places, self.project, stack, model)
        place = self._of_project(f"places of {model}", stack, make)(path)
        return self.edit_at(place.file, place.line)

    def edit_at(self, file: str, line: int) -> str | None:
        if self.project is None:
            return None
        return self._of_project("editor", "", git.Repository(self.project.root).editor)(file, line)

    def program(self, stack: str) -> Plan | None:
        if self.project is None:
            return None
        with self._modules:
            return self._of_project("program", stack, partial(valid_plan, self.project, stack))

    def cached(self, what: str, stack: str, program: Plan | None, make: Callable[[], Made]) -> Made:
        """Return what `make` returns, cached until the environment or its program changes."""
        stamp, _ = self._cache["view", stack]
        return self._cached(what, stack, None if stamp is None else (stamp, program), make)

    def _of_project(self, what: str, stack: str, make: Callable[[], Made]) -> Made:
        """Return what `make` returns, cached until a file changes that a plan depends on."""
        project, stamp = cast(Project, self.project), []
        for file in sorted([*project.models_folder.rglob("*"), *project.root.glob("Pulumi*.y*ml")]):
            with suppress(OSError):  # an editor's temporary file, or a link to itself
                status = file.stat()
                stamp.append((str(file), status.st_mtime_ns, status.st_size))
        return self._cached(what, stack, stamp, make)

    def _cached(self, what: str, stack: str, stamp: object, make: Callable[[], Made]) -> Made:
        before, made = self._cache.get((what, stack), (None, None))
        if made is None or stamp is None or before != stamp:
            made = make()
            self._cache[what, stack] = stamp, made
        return cast(Made, made)


def notices_of(stack: str, ssm: Ssm) -> list[Notice]:
    away = [Notice(f"{stack}: {ssm.away}", ssm.as_of)] if ssm.away else []
    return [*away, *(Notice(f"{stack}: {problem}") for problem in sorted(set(ssm.problems)))]


def _account_and_region(region: str) -> str:
    with suppress(errors.ModelConfigError):  # denied: the region alone is shown
        return f"account {KeysAndPolicies(region).account().id}, {region}"
    return region
