"""A page that takes its time: what is read is told, and the page follows when it is there."""

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

#: Seconds that a page may take before progress is shown: ours.
PATIENCE = 0.4
#: Seconds between two lines of progress: ours.
_PACE = 0.2


class Progress:
    """Notes how far the reading is, in a thread, and tells it in another."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def watch(self, items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
        """Yield the items, and note each."""
        for number, item in enumerate(items, start=1):
            yield item
            self._lines.put(f"{what} {number}{f' of {total}' if total else ''} …")

    def newest(self) -> str | None:
        """Return where it is now, or None where nothing was noted since."""
        line = None
        while not self._lines.empty():
            line = self._lines.get()
        return line


async def answer(make: Callable[[Watch], BuiltPage], beginning: Callable[[], str]) -> Response:
    """Return a page: at once where it is made soon, else its beginning, and progress meanwhile.

    Args:
        make: makes the page.
        beginning: returns the HTML of a page up to where progress is told.
    """
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
