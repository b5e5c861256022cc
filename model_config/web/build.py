"""Builds a page: reads what it shows, and renders that as HTML. Templates escape all values."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from model_config.comparing.side_by_side import differ_in_blanks_alone, side_by_side
from model_config.format.errors import ModelConfigError, StoreUnavailableError, UsageError
from model_config.format.names import LATEST
from model_config.format.prompt import fragments, matches, variables
from model_config.format.text import one_line, plural, visible, who
from model_config.operate.rollout_plan import phase
from model_config.operate.ssm import Watch
from model_config.plan.evidence import verdict
from model_config.web.compare import compare, is_text
from model_config.web.environments import drift, overview, search
from model_config.web.model import model
from model_config.web.pages import (
    OVERVIEW,
    SERVED,
    Content,
    Links,
    Page,
    Selection,
    compare_page,
    releases_page,
)
from model_config.web.release import is_prompt, release
from model_config.web.rollout import rollout
from model_config.web.site import Site

#: The folder with the style sheet and the script.
STATIC = Path(__file__).parent / "static"
#: The functions that read what each view shows.
READERS: Mapping[str, Callable[..., Content]] = {
    view.__name__: view for view in (overview, model, release, compare, rollout, drift, search)
}


def read(site: Site, page: Page, watch: Watch, **options: bool) -> Content:
    """Return what a page shows. If it can't be read, this is the error."""
    title = " / ".join(page.arguments) or page.view
    try:
        return READERS[page.view](site, watch, *page.arguments, **options)
    except ModelConfigError as error:
        return Content("problem", title, {"text": str(error)}, status=_status(error))
    except Exception as error:
        logging.getLogger(__name__).exception("A page could not be built")
        text = f"This page could not be built: {type(error).__name__}. See the server's log."
        return Content("problem", title, {"text": text}, status=500)


def _status(error: ModelConfigError) -> int:
    if isinstance(error, StoreUnavailableError):
        return 503
    return 404 if isinstance(error, LookupError | UsageError) else 422


def read_ahead(site: Site, watch: Watch) -> None:
    """Build the pages in the navigation before they are requested."""
    for _, page in _navigation(site):
        render(site, page, read(site, page, watch), SERVED)


def render(site: Site, page: Page, content: Content, links: Links) -> str:
    """Return a page's HTML."""
    shown = [stack for stack in site.environments if stack in page.stacks]
    template = _templates().get_template(f"{content.template}.html")
    return template.render(
        content.values,
        site=site,
        page=page,
        title=content.title,
        notices=content.notices,
        link=links.to,
        static=links.static,
        is_served=links.is_served,
        navigation=_navigation(site),
        places=[
            (stack, site.place(stack), site.is_protected(stack))
            for stack in shown or site.environments
        ],
        now=datetime.now(UTC),
    )


def refusal(why: str) -> str:
    """Return the page for a refused request: the reason, and what to do."""
    return _templates().get_template("refused.html").render(why=why)


def _navigation(site: Site) -> list[tuple[str, Page]]:
    """Return the pages in the navigation, with their names."""
    stacks = list(site.environments)
    linked = [("Overview", OVERVIEW)]
    if len(stacks) > 1:
        first, last = Selection(stacks[0], LATEST), Selection(stacks[-1], LATEST)
        linked.append(("Compare", compare_page(first, last)))
    if site.project:
        names = {stack: f"Drift in {stack}" if len(stacks) > 1 else "Drift" for stack in stacks}
        linked += [(name, Page.of("drift", stack)) for stack, name in names.items()]
    return linked


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("model_config.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "iso": lambda at: at.astimezone(UTC).isoformat(timespec="seconds"),
        "utc": lambda at: f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "count": plural,
        "one_line": one_line,
        "who": who,
        "name": _breakable,
        "short": lambda digest: digest.removeprefix("sha256:")[:12],  # enough to tell them apart
    }
    environment.tests |= {"prompt": is_prompt, "text": is_text}
    environment.globals |= {
        "Page": Page,
        "compare_page": compare_page,
        "releases_page": releases_page,
        "verdict": verdict,
        "phase": phase,
        "side_by_side": side_by_side,
        "differ_in_blanks_alone": differ_in_blanks_alone,
        "fragments": fragments,
        "matches": matches,
        "variables": variables,
    }
    return environment


def _visible(value: object) -> object:
    """Return what is put into a page, with its invisible characters shown."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(name: object) -> Markup:
    """Return a name that a narrow page breaks between its words, not inside one."""
    return escape(_visible(name)).replace("_", Markup("_<wbr>")).replace("/", Markup("/<wbr>"))
