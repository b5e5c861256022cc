"""The pages, with their addresses on a server and their files in a folder."""

from __future__ import annotations

from collections.abc import Callable
from posixpath import dirname, relpath
from typing import NamedTuple, TypeAlias
from urllib.parse import quote


class Page(NamedTuple):
    """A page: its view, such as "model", and the view's arguments."""

    view: str
    arguments: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Its address on a server."""
        if self == OVERVIEW:
            return "/"
        return "/" + "/".join(quote(each, safe="@") for each in (self.view, *self.arguments))

    @property
    def file(self) -> str:
        """Its file in a folder."""
        return (
            "index.html" if self == OVERVIEW else f"{'/'.join((self.view, *self.arguments))}.html"
        )


OVERVIEW = Page("overview")


def model_page(stack: str, model: str) -> Page:
    """Return the page of a model in an environment."""
    return Page("model", (stack, model))


def release_page(stack: str, model: str, selector: str | int) -> Page:
    """Return the page of a release, selected by its number, a label or "latest"."""
    return Page("release", (stack, model, str(selector)))


def rollout_page(stack: str, model: str) -> Page:
    """Return the page of a model's rollout."""
    return Page("rollout", (stack, model))


def drift_page(stack: str) -> Page:
    """Return the page of an environment's drift."""
    return Page("drift", (stack,))


class Selection(NamedTuple):
    """An environment, and a release, a label or "latest" in it."""

    stack: str
    selector: str

    def __str__(self) -> str:
        return f"{self.stack}@{self.selector}"

    @classmethod
    def parse(cls, text: str) -> Selection:
        """Return the selection that a text such as "dev@stable" names."""
        stack, _, selector = text.partition("@")
        return cls(stack, selector or "latest")


def compare_page(before: Selection, after: Selection, model: str | None = None) -> Page:
    """Return the page that compares a model, or all models, in two selections."""
    return Page("compare", (str(before), str(after), *([model] if model else [])))


def releases_page(stack: str, model: str, before: int, after: int) -> Page:
    """Return the page that compares two releases of a model in an environment."""
    return compare_page(Selection(stack, str(before)), Selection(stack, str(after)), model)


class ServedLinks:
    """Absolute paths on a server."""

    def to(self, page: Page) -> str | None:
        """Return a page's address."""
        return page.path

    def static(self, name: str) -> str:
        """Return the address of a static file."""
        return f"/static/{name}"


class FileLinks:
    """Relative paths, which work from disk, wherever the folder is.

    Args:
        at: the page that has the links.
        wanted: called with each linked page; returns whether that page is written.
    """

    def __init__(self, at: Page, wanted: Callable[[Page], bool]) -> None:
        self._folder, self._wanted = dirname(at.file), wanted

    def to(self, page: Page) -> str | None:
        """Return a page's address, or None if the page is not written."""
        return relpath(page.file, self._folder or ".") if self._wanted(page) else None

    def static(self, name: str) -> str:
        """Return the address of a static file."""
        return relpath(f"static/{name}", self._folder or ".")


#: The addresses of pages and static files, as one page links to them.
Links: TypeAlias = ServedLinks | FileLinks
