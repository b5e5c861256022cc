"""Every page there is, and where it is: at an address of a server, or in a folder of files."""

from __future__ import annotations

from collections.abc import Callable
from posixpath import dirname, relpath
from typing import NamedTuple, Protocol
from urllib.parse import quote


class Page(NamedTuple):
    """A page: what it shows, and of what."""

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
    """Return the page of a release; it may be named by a label or as "latest"."""
    return Page("release", (stack, model, str(selector)))


def rollout_page(stack: str, model: str) -> Page:
    """Return the page of a model's rollout."""
    return Page("rollout", (stack, model))


def drift_page(stack: str) -> Page:
    """Return the page of what differs in an environment."""
    return Page("drift", (stack,))


class Selection(NamedTuple):
    """One side of a comparison: an environment, and the release, label or "latest" in it."""

    stack: str
    selector: str

    def __str__(self) -> str:
        return f"{self.stack}@{self.selector}"

    @classmethod
    def parse(cls, text: str) -> Selection:
        """Return the side that an address has."""
        stack, _, selector = text.partition("@")
        return cls(stack, selector or "latest")


def compare_page(before: Selection, after: Selection, model: str | None = None) -> Page:
    """Return the page that compares a model, or all models, on two sides."""
    return Page("compare", (str(before), str(after), *([model] if model else [])))


class Links(Protocol):
    """Where pages and the files beside them are, seen from the page that is made."""

    def to(self, page: Page) -> str | None:
        """Return a page's address, or None where it can't be reached."""

    def static(self, name: str) -> str:
        """Return the address of a file that all pages share."""


class ServedLinks:
    """The addresses of a server."""

    def to(self, page: Page) -> str | None:
        """Return a page's address."""
        return page.path

    def static(self, name: str) -> str:
        """Return the address of a file that all pages share."""
        return f"/static/{name}"


class FileLinks:
    """Relative addresses, which work from disk wherever the folder is.

    Args:
        at: the page that is made.
        wanted: told of each page that is linked to; False where it isn't made.
    """

    def __init__(self, at: Page, wanted: Callable[[Page], bool]) -> None:
        self._folder, self._wanted = dirname(at.file), wanted

    def to(self, page: Page) -> str | None:
        """Return a page's address, or None where no file of it is made."""
        return relpath(page.file, self._folder or ".") if self._wanted(page) else None

    def static(self, name: str) -> str:
        """Return the address of a file that all pages share."""
        return relpath(f"static/{name}", self._folder or ".")
