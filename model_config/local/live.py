"""The local AWS of a process that stays, in step with what other processes do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from model_config.local import local_aws
from model_config.local.state import StateFolder


class LiveState:
    """Gives one caller at a time the local AWS as it is saved, and saves what the caller changed.

    `make local` writes the same file while this runs, so nothing is kept from one caller to the
    next but where the file hasn't changed. Use it inside `local_aws.local_aws()`.

    Args:
        folder: where the state is.

    Raises:
        LocalError: the state is damaged: that is told at the start, not to the first caller.
    """

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._threads = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._read()

    @contextmanager
    def held(self) -> Iterator[tuple[int, int]]:
        """Give what tells whether anything has changed since another time.

        Raises:
            LocalError: the state can't be had, read or kept.
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
