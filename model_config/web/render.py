"""Renders pages as HTML. Templates escape all values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from model_config.format.names import LATEST
from model_config.format.text import one_line, plural
from model_config.web.page_content import PageContent
from model_config.web.pages import OVERVIEW, Links, Page, Selection, compare_page, drift_page
from model_config.web.site import Site


@dataclass(frozen=True, slots=True)
class Frame:
    """What all pages have in common.

    Attributes:
        links: the addresses of pages.
        is_served: whether there is a server, which forms need.
        form_token: the token of forms that change something; None if pages may change nothing.
    """

    site: Site
    links: Links
    is_served: bool
    form_token: str | None = None


def page_as_html(page: Page, content: PageContent, frame: Frame) -> str:
    """Return a page."""
    return _html(content.template, page, frame, content=content, it=content.data)


def problem_as_html(page: Page, title: str, text: str, frame: Frame) -> str:
    """Return a page with an error."""
    return _html("problem", page, frame, content=PageContent("problem", title, None), text=text)


def loading_as_html(page: Page, frame: Frame) -> str:
    """Return the beginning of a slow page, up to the progress."""
    return _html("loading", page, frame, content=PageContent("loading", "Loading", None))


def refusal_as_html(why: str) -> str:
    """Return the page for a refused request: the reason, and what to do."""
    return _environment().get_template("refused.html").render(why=why)


def _html(template: str, page: Page, frame: Frame, **values: Any) -> str:
    return (
        _environment()
        .get_template(f"{template}.html")
        .render(
            page=page,
            frame=frame,
            link=frame.links.to,
            static=frame.links.static,
            navigation=navigation(frame.site),
            to_paste=frame.site.to_paste,
            now=datetime.now(UTC),
            **values,
        )
    )


def navigation(site: Site) -> list[tuple[str, Page]]:
    """Return the pages in the navigation, with their names."""
    stacks = list(site.environments)
    found = [("Overview", OVERVIEW)]
    if len(stacks) > 1:
        first, last = Selection(stacks[0], LATEST), Selection(stacks[-1], LATEST)
        found.append(("Compare", compare_page(first, last)))
    names = {stack: f"Drift in {stack}" if len(stacks) > 1 else "Drift" for stack in stacks}
    return [*found, *((name, drift_page(stack)) for stack, name in names.items())]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("model_config.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"iso": _iso, "utc": _utc, "count": plural, "one_line": one_line}
    return environment


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
