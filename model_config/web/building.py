"""Builds a page's HTML. If the page can't be built, its HTML gives the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from model_config.format.errors import ModelConfigError, StoreUnavailableError, UsageError
from model_config.operate.inventory import Watch
from model_config.web.page_content import PageContent
from model_config.web.pages import Page
from model_config.web.render import Frame, navigation, page_as_html, problem_as_html
from model_config.web.site import Site
from model_config.web.sources.compare import compare
from model_config.web.sources.environments import drift, overview
from model_config.web.sources.model import model, release, rollout

#: The functions that read each view's data.
SOURCES: Mapping[str, Callable[..., PageContent]] = {
    "overview": overview,
    "model": model,
    "release": release,
    "compare": compare,
    "rollout": rollout,
    "drift": drift,
}


class BuiltPage(NamedTuple):
    """A page's HTML and its HTTP status."""

    html: str
    status: int = 200

    @property
    def is_problem(self) -> bool:
        """Whether the page only shows an error."""
        return self.status != 200  # noqa: PLR2004 - HTTP's "OK"


def build_page(site: Site, page: Page, frame: Frame, watch: Watch, **options: bool) -> BuiltPage:
    """Read a page's data and return the page."""
    source = SOURCES[page.view]
    return build_from(page, frame, lambda: source(site, watch, *page.arguments, **options))


def read_ahead(site: Site, watch: Watch) -> None:
    """Read the data of the pages in the navigation before they are requested."""
    for _, page in navigation(site):
        with suppress(ModelConfigError):  # the page will show the error
            SOURCES[page.view](site, watch, *page.arguments)


def build_from(page: Page, frame: Frame, read: Callable[[], PageContent]) -> BuiltPage:
    """Return a page of the data that `read` returns, or a page with its error."""
    title = " / ".join(page.arguments) or page.view
    try:
        return BuiltPage(page_as_html(page, read(), frame))
    except ModelConfigError as error:
        return BuiltPage(problem_as_html(page, title, str(error), frame), _status(error))
    except Exception as error:
        logging.getLogger(__name__).exception("A page could not be built")
        text = f"This page could not be built: {type(error).__name__}. See the server's log."
        return BuiltPage(problem_as_html(page, title, text, frame), 500)


def _status(error: ModelConfigError) -> int:
    if isinstance(error, StoreUnavailableError):
        return 503
    return 404 if isinstance(error, LookupError | UsageError) else 422
