"""The pages: their addresses on a server, their files in a folder, and what one of them shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from posixpath import dirname, relpath
from typing import Any, NamedTuple
from urllib.parse import quote


class Page(NamedTuple):
    """A page: its view, such as "model", and the view's arguments."""

    view: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def of(cls, view: str, *arguments: object) -> Page:
        return cls(view, tuple(map(str, arguments)))

    @property
    def path(self) -> str:
        if self == OVERVIEW:
            return "/"
        return "/" + "/".join(quote(part, safe="@") for part in (self.view, *self.arguments))

    @property
    def file(self) -> str:
        return (
            "index.html" if self == OVERVIEW else f"{'/'.join((self.view, *self.arguments))}.html"
        )

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


def compare_page(before: Selection, after: Selection, model: str | None = None) -> Page:
    return Page.of("compare", before, after, *([model] if model else []))


def releases_page(stack: str, model: str, before: int, after: int) -> Page:
    return compare_page(Selection(stack, str(before)), Selection(stack, str(after)), model)


class Links(NamedTuple):
    """The links of one page."""

    to: Callable[[Page], str | None]  #: The address of a page; None if it isn't written.
    static: Callable[[str], str]
    is_served: bool  #: Whether there is a server, which forms need.


SERVED = Links(lambda page: page.path, "/static/{}".format, is_served=True)


def file_links(at: Page, is_written: Callable[[Page], bool]) -> Links:
    """Return the links of a page in a folder: relative ones, which work from disk."""
    folder = dirname(at.file) or "."
    return Links(
        lambda page: relpath(page.file, folder) if is_written(page) else None,
        lambda name: relpath(f"static/{name}", folder),
        is_served=False,
    )


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
    notices: tuple[Notice, ...] = ()
    status: int = 200
