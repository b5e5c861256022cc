"""Shows progress while a slow page is built, and then the page."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TypeVar

from markupsafe import escape
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response, StreamingResponse

from model_config.operate.inventory import Watch
from model_config.web.building import BuiltPage

Item = TypeVar("Item")

#: Seconds after which progress is shown. Set by this package.
PATIENCE = 0.4
#: Seconds between two lines of progress. Set by this package.
_PACE = 0.2


class Progress:
    """Passes progress from the thread that reads to the one that answers."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def watch(self, items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
        """Yield the items, and record each one."""
        for number, item in enumerate(items, start=1):
            yield item
            self._lines.put(f"{what} {number}{f' of {total}' if total else ''} …")

    def newest(self) -> str | None:
        """Return the newest progress, or None if there is none since the last call."""
        line = None
        while not self._lines.empty():
            line = self._lines.get()
        return line


async def answer(make: Callable[[Watch], BuiltPage], beginning: Callable[[], str]) -> Response:
    """Return a page; if it takes long, its beginning first, followed by progress and the page."""
    progress = Progress()
    making = asyncio.ensure_future(run_in_threadpool(make, progress.watch))
    done, _ = await asyncio.wait({making}, timeout=PATIENCE)
    if done:
        return HTMLResponse(making.result().html, making.result().status)
    return StreamingResponse(_parts(making, progress, beginning()), media_type="text/html")


async def _parts(
    making: asyncio.Future[BuiltPage], progress: Progress, head: str
) -> AsyncIterator[str]:
    yield head
    while not making.done():
        await asyncio.wait({making}, timeout=_PACE)
        if line := progress.newest():
            yield f"<p>{escape(line)}</p>\n"
    html = making.result().html
    yield "</div>\n"
    yield html[html.index("<main") :]
