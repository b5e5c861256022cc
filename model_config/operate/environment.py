"""An environment that one process reads repeatedly, such as the pages of `model-config ui`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from model_config.operate.cached_inventory import PACE, THREADS, CachedInventory, Memory
from model_config.operate.clients import aws_client
from model_config.operate.inventory import Watch, unwatched
from model_config.operate.target import Target
from model_config.reader.store import Store

#: Locks the local AWS while it is read, and yields a stamp that differs after any change; None on
#: AWS, where changes can't be detected.
Hold = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment, and what reads it.

    Attributes:
        stack: the name of its stack.
        store: sends the requests to SSM and keeps its connections.
        is_local: whether it is on the local AWS, which doesn't throttle and gains nothing from
            concurrent requests.
        hold: the context in which it is read or changed.
        memory: the latest answer to each request.
    """

    stack: str
    target: Target
    store: Store
    is_local: bool = False
    hold: Hold = nullcontext
    memory: Memory = field(default_factory=dict)

    def inventory(self, watch: Watch = unwatched) -> CachedInventory:
        """Return an inventory for one view."""
        pace, threads = (None, 1) if self.is_local else (PACE, THREADS)
        return CachedInventory(self.store, watch, memory=self.memory, pace=pace, threads=threads)

    def for_changes(self) -> Target:
        """Return the environment with a client for the region that its inventories read."""
        if self.target.client is not None:
            return self.target
        return replace(self.target, client=aws_client("ssm", self.inventory().region))
