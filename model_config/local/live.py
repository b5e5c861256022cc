"""The local AWS of a long-running process, kept in step with changes by other processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from model_config.local import local_aws
from model_config.local.state import StateFolder


class LiveState:
    """Gives one caller at a time the saved state of the local AWS, and saves the caller's changes.

    `make local` may write the same file in the meantime, so the state is reused only if the file
    hasn't changed. Use it inside `local_aws.local_aws()`.

    Raises:
        LocalError: the state is damaged; raised at the start rather than to the first caller.
    """

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._threads = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._read()

    @contextmanager
    def held(self) -> Iterator[tuple[int, int]]:
        """Load the state, and yield a stamp that differs after any change.

        Raises:
            LocalError: the state can't be locked, read or saved.
        """
        with self._threads, self._folder.locked():
            self._read()
            yield self._stamp or (0, 0)
            self._write()

    def _read(self) -> None:
        stamp = self._folder.stamp()
        if stamp != self._stamp:
            self._state = self._folder.load()
            local_aws.restore(self._state)
            self._stamp = stamp

    def _write(self) -> None:
        parameters = local_aws.snapshot()
        if parameters != self._state.parameters:
            self._state = replace(self._state, parameters=parameters)
            self._folder.save(self._state)
            self._stamp = self._folder.stamp()
