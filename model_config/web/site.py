"""The environments and the project that pages show, with a cache of what was read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar, cast

from model_config.format.errors import UsageError
from model_config.operate.cached_inventory import CachedInventory
from model_config.operate.drift.drift import Drift, find_drift
from model_config.operate.environment import Environment
from model_config.operate.inventory import Watch
from model_config.operate.labels.moves import Check
from model_config.operate.status import EnvironmentStatus, read_status
from model_config.plan.messages import nearest
from model_config.plan.offline import valid_plan
from model_config.plan.plan import Plan
from model_config.plan.project import Project
from model_config.plan.registry import read_modules

Cached = TypeVar("Cached")


class Site:
    """The environments and the project that pages show.

    If an environment can tell that nothing has changed, as the local AWS can, its data is read only
    once.

    Args:
        environments: the environments.
        project: their project. Without one, pages show what is deployed, but no drift.
        to_paste: adapts the commands in a text to the project and AWS of these pages.
    """

    def __init__(
        self,
        environments: Sequence[Environment],
        project: Project | None = None,
        to_paste: Callable[[str], str] = str,
    ) -> None:
        self.environments = {each.stack: each for each in environments}
        self.project, self.to_paste = project, to_paste
        self._inventories: dict[str, tuple[object, CachedInventory]] = {}
        self._cache: dict[tuple[str, str], tuple[object, object]] = {}
        self._modules = threading.Lock()  # a project's modules can't be run twice at a time

    @property
    def name(self) -> str:
        """The project's name."""
        return self.project.root.name if self.project else ""

    def environment(self, stack: str) -> Environment:
        """Return the environment of a stack.

        Raises:
            UsageError: the site doesn't have it.
        """
        if stack not in self.environments:
            known = nearest(stack, self.environments)
            raise UsageError(f"there are no pages of the environment {stack!r}: {known}")
        return self.environments[stack]

    @contextmanager
    def inventory_of(self, stack: str, watch: Watch) -> Iterator[CachedInventory]:
        """Yield an environment's inventory, and lock the environment until the block ends.

        Raises:
            UsageError: the site doesn't have it.
            LocalError: the local AWS is unusable.
        """
        environment = self.environment(stack)
        with environment.hold() as stamp:
            before, inventory = self._inventories.get(stack, (None, None))
            if inventory is None or stamp is None or before != stamp:
                inventory = environment.inventory(watch)
                self._inventories[stack] = stamp, inventory
            inventory.watch = watch
            yield inventory

    def program(self, stack: str) -> Plan | None:
        """Return the project's plan of an environment, or None without a project.

        Raises:
            InvalidConfigurationError: the project is invalid.
        """
        project = self.project
        if project is None:
            return None
        with self._modules:
            return self._cached(
                "program", stack, _stamp(project), lambda: valid_plan(project, stack)
            )

    def status(
        self, stack: str, program: Plan | None, inventory: CachedInventory
    ) -> EnvironmentStatus:
        """Return an environment's status.

        Raises:
            StoreError: AWS can't be reached.
        """
        path = self.environment(stack).target.path
        return self._cached_while_same(
            "status", stack, program, lambda: read_status(inventory, path, program)
        )

    def drift(self, stack: str, watch: Watch) -> Drift:
        """Return an environment's drift.

        Raises:
            UsageError: the site doesn't have it, or there is no project to compare with.
            InvalidConfigurationError: the project is invalid.
            StoreError: AWS can't be reached.
        """
        program = self.program(stack)
        if program is None:
            raise UsageError("drift is the difference from a project, and there is no project here")
        with self.inventory_of(stack, watch) as inventory:
            return self._cached_while_same(
                "drift", stack, program, lambda: find_drift(inventory, program)
            )

    def check_of(self, model: str) -> tuple[Check | None, tuple[str, ...]]:
        """Return the check of a model's releases; or None, and the reason why there is none."""
        with self._modules:
            modules = read_modules(self.project) if self.project else None
        if modules and model in modules.models:
            schema = type(modules.models[model].config)
            return (lambda configuration: configuration.as_model(schema)), ()
        why = "can't be read" if modules and model in modules.broken else "isn't in this project"
        return None, (f"The release is not checked against a schema: {model}'s module {why}.",)

    def _cached_while_same(
        self, what: str, stack: str, program: Plan | None, make: Callable[[], Cached]
    ) -> Cached:
        """Return what `make` returns, cached until the environment or its program changes."""
        stamp = self._inventories[stack][0]
        return self._cached(what, stack, None if stamp is None else (stamp, program), make)

    def _cached(self, what: str, stack: str, stamp: object, make: Callable[[], Cached]) -> Cached:
        before, made = self._cache.get((what, stack), (None, None))
        if made is None or stamp is None or before != stamp:
            made = make()
            self._cache[what, stack] = stamp, made
        return cast(Cached, made)


def _stamp(project: Project) -> object:
    """Return a value that changes with every file that a project's plan depends on."""
    found: list[tuple[str, int, int]] = []
    for file in sorted([*project.models_folder.rglob("*"), *project.root.glob("Pulumi*.y*ml")]):
        with suppress(FileNotFoundError):  # an editor's temporary file
            status = file.stat()
            found.append((str(file), status.st_mtime_ns, status.st_size))
    return found
