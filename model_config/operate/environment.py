"""An environment that is looked at again and again, for as long as a process runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from model_config.operate.clients import aws_client
from model_config.operate.inventory import Watch, unwatched
from model_config.operate.look import PACE, THREADS, Look, Memory
from model_config.operate.target import Target
from model_config.reader.store import Store

#: What holds the AWS that is looked at, and gives what tells whether anything in it has changed;
#: None where that can't be told.
Hold = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment, and what looks at it.

    Attributes:
        stack: the name of its stack.
        target: the environment.
        store: what asks SSM; it stays, with its connections.
        is_local: whether it is on the local AWS, which neither throttles nor answers any faster to
            several at once.
        hold: what to hold while it is looked at or changed.
        memory: what earlier looks have heard.
    """

    stack: str
    target: Target
    store: Store
    is_local: bool = False
    hold: Hold = nullcontext
    memory: Memory = field(default_factory=dict)

    def look(self, watch: Watch = unwatched) -> Look:
        """Return what asks for one view."""
        pace, threads = (None, 1) if self.is_local else (PACE, THREADS)
        return Look(self.store, watch, memory=self.memory, pace=pace, threads=threads)

    def for_changes(self) -> Target:
        """Return the environment with a client that asks where the looks do."""
        if self.target.client is not None:
            return self.target
        return replace(self.target, client=aws_client("ssm", self.look().region))
