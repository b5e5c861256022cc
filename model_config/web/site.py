"""The environments and the project that pages show, with a cache of what was read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar, cast

from model_config.comparing.git import Repository
from model_config.comparing.search import places
from model_config.format import errors
from model_config.format.errors import UsageError
from model_config.format.text import nearest
from model_config.operate.environment import Environment
from model_config.operate.services import KeysAndPolicies, bedrock_retirements
from model_config.operate.ssm import Ssm, Watch
from model_config.plan.lifecycle import Retirements, read_lifecycle
from model_config.plan.plan import Plan, is_protected, valid_plan
from model_config.plan.project import Project
from model_config.web.pages import Notice

Made = TypeVar("Made")


class Site:
    """The environments and the project that pages show.

    If an environment can tell that nothing has changed, as the
    local AWS can, its data is read only once. Without a project, pages show what is deployed, but
    no drift. `to_paste` adapts the commands in a text to the project and AWS of these pages.
    """

    def __init__(
        self,
        environments: Sequence[Environment],
        project: Project | None = None,
        to_paste: Callable[[str], str] = str,
    ) -> None:
        self.project, self.to_paste = project, to_paste
        self._cache: dict[tuple[str, str], tuple[object, object]] = {}
        self.environments = {environment.stack: environment for environment in environments}
        self._places: dict[str, str] = {}
        self._retirements: dict[str, tuple[Retirements, str]] = {}
        self._modules = threading.Lock()  # a project's modules can't be run twice at a time

    def environment(self, stack: str) -> Environment:
        """Return the environment of a stack, or raise UsageError if the site doesn't have it."""
        if stack not in self.environments:
            known = nearest(stack, self.environments)
            raise UsageError(f"there are no pages of the environment {stack!r}: {known}")
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
        if (project := self.project) is None:
            return False

        protect = partial(is_protected, project, stack)
        return self._cached("protect", stack, _stamp(project), protect)

    def retirements(self, stack: str) -> tuple[Retirements, str]:
        """Return the models that providers retire, and why Bedrock's aren't among them.

        Bedrock is asked once in a region, also if that fails.
        """
        environment = self.environment(stack)
        from_file = read_lifecycle(self.project) if self.project else {}
        if environment.is_local:
            return from_file, ""
        region = environment.ssm.region
        if region not in self._retirements:
            try:
                self._retirements[region] = bedrock_retirements(region), ""
            except errors.StoreError as error:
                self._retirements[region] = {}, str(error)
        from_bedrock, problem = self._retirements[region]
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
        """Return the address at which a value, or a model's module, can be edited, if any."""
        project = self.project
        if project is None or not project.module(model).is_file():
            return None
        make = partial(places, project, stack, model)
        place = self._cached(f"places of {model}", stack, _stamp(project), make)
        return self.edit_at(*place(path)[:2])

    def edit_at(self, file: str, line: int) -> str | None:
        """Return the address at which a line of a file of the project can be edited, if any."""
        if self.project is None:
            return None
        stamp, repository = _stamp(self.project), Repository(self.project.root)
        return self._cached("editor", "", stamp, repository.editor)(file, line)

    def program(self, stack: str) -> Plan | None:
        project = self.project
        if project is None:
            return None
        with self._modules:
            return self._cached(
                "program", stack, _stamp(project), lambda: valid_plan(project, stack)
            )

    def cached(self, what: str, stack: str, program: Plan | None, make: Callable[[], Made]) -> Made:
        """Return what `make` returns, cached until the environment or its program changes."""
        stamp, _ = self._cache["view", stack]
        return self._cached(what, stack, None if stamp is None else (stamp, program), make)

    def _cached(self, what: str, stack: str, stamp: object, make: Callable[[], Made]) -> Made:
        before, made = self._cache.get((what, stack), (None, None))
        if made is None or stamp is None or before != stamp:
            made = make()
            self._cache[what, stack] = stamp, made
        return cast(Made, made)


def notices_of(stack: str, ssm: Ssm) -> tuple[Notice, ...]:
    away = (Notice(f"{stack}: {ssm.away}", ssm.as_of),) if ssm.away else ()
    return (*away, *(Notice(f"{stack}: {problem}") for problem in sorted(set(ssm.problems))))


def _account_and_region(region: str) -> str:
    with suppress(errors.ModelConfigError):  # denied: the region alone is shown
        return f"account {KeysAndPolicies(region).account().id}, {region}"
    return region


def _stamp(project: Project) -> object:
    """Return a value that changes with every file that a project's plan depends on."""
    stamp: list[object] = []
    for file in sorted([*project.models_folder.rglob("*"), *project.root.glob("Pulumi*.y*ml")]):
        with suppress(FileNotFoundError):  # an editor's temporary file
            status = file.stat()
            stamp.append((str(file), status.st_mtime_ns, status.st_size))
    return stamp
