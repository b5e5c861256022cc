"""What pages are made of: the environments, the project, and what was worked out before."""

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
from model_config.operate.program import Program, read_program
from model_config.operate.status import EnvironmentStatus, read_status
from model_config.plan.messages import nearest
from model_config.plan.project import Project
from model_config.plan.registry import read_modules

Cached = TypeVar("Cached")


class Site:
    """The environments that are shown.

    Where it can be told that nothing has changed since the last page, as on the local AWS, what was
    read for that one is used again.

    Args:
        environments: the environments.
        project: the project that they are of; None: what is deployed is shown, and no drift.
        to_paste: makes the commands in a text act where the pages do.
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
        self._kept: dict[tuple[str, str], tuple[object, object]] = {}
        self._modules = threading.Lock()  # they are run one project at a time

    @property
    def name(self) -> str:
        """The project's name."""
        return self.project.root.name if self.project else ""

    def environment(self, stack: str) -> Environment:
        """Return the environment of a stack.

        Raises:
            UsageError: it is not shown.
        """
        if stack not in self.environments:
            known = nearest(stack, self.environments)
            raise UsageError(f"the environment {stack!r} is not shown here: {known}")
        return self.environments[stack]

    @contextmanager
    def inventory_of(self, stack: str, watch: Watch) -> Iterator[CachedInventory]:
        """Give what asks about an environment, and hold it meanwhile.

        Raises:
            UsageError: it is not shown.
            LocalError: the local AWS can't be used.
        """
        environment = self.environment(stack)
        with environment.hold() as stamp:
            before, inventory = self._inventories.get(stack, (None, None))
            if inventory is None or stamp is None or before != stamp:
                inventory = environment.inventory(watch)
                self._inventories[stack] = stamp, inventory
            inventory.watch = watch
            yield inventory

    def program(self, stack: str) -> Program | None:
        """Return what the project says of an environment, or None without a project.

        Raises:
            InvalidConfigurationError: something is wrong with it.
        """
        project = self.project
        if project is None:
            return None
        with self._modules:
            return self._keep(
                "program", stack, _stamp(project), lambda: read_program(project, stack)
            )

    def status(
        self, stack: str, program: Program | None, inventory: CachedInventory
    ) -> EnvironmentStatus:
        """Return where an environment stands.

        Args:
            stack: the environment's stack.
            program: what the project says of it.
            inventory: the inventory that asks about it.

        Raises:
            StoreError: AWS can't be reached.
        """
        path = self.environment(stack).target.path
        return self._keep_while_same(
            "status", stack, program, lambda: read_status(inventory, path, program)
        )

    def drift(self, stack: str, watch: Watch) -> Drift:
        """Return what differs in an environment.

        Raises:
            UsageError: it is not shown, or there is no project to compare with.
            InvalidConfigurationError: something is wrong with the project.
            StoreError: AWS can't be reached.
        """
        program = self.program(stack)
        if program is None:
            raise UsageError("drift is what differs from a project, and there is no project here")
        with self.inventory_of(stack, watch) as inventory:
            return self._keep_while_same(
                "drift", stack, program, lambda: find_drift(inventory, program)
            )

    def check_of(self, model: str) -> tuple[Check | None, tuple[str, ...]]:
        """Return what a model's release is checked with, or None and why there is nothing."""
        with self._modules:
            modules = read_modules(self.project) if self.project else None
        if modules and model in modules.models:
            schema = type(modules.models[model].config)
            return (lambda configuration: configuration.as_model(schema)), ()
        why = "can't be read" if modules and model in modules.broken else "isn't in this project"
        return None, (f"The release is not checked against a schema: {model}'s module {why}.",)

    def _keep_while_same(
        self, what: str, stack: str, program: Program | None, make: Callable[[], Cached]
    ) -> Cached:
        """Return what is made of an environment and its program, anew once either has changed."""
        stamp = self._inventories[stack][0]
        return self._keep(what, stack, None if stamp is None else (stamp, program), make)

    def _keep(self, what: str, stack: str, stamp: object, make: Callable[[], Cached]) -> Cached:
        before, made = self._kept.get((what, stack), (None, None))
        if made is None or stamp is None or before != stamp:
            made = make()
            self._kept[what, stack] = stamp, made
        return cast(Cached, made)


def _stamp(project: Project) -> object:
    """Return what changes whenever a file of a project does that a plan is made of."""
    found: list[tuple[str, int, int]] = []
    for file in sorted([*project.models_folder.rglob("*"), *project.root.glob("Pulumi*.y*ml")]):
        with suppress(FileNotFoundError):  # an editor's, gone again
            status = file.stat()
            found.append((str(file), status.st_mtime_ns, status.st_size))
    return found
