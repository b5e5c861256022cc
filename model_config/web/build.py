"""Builds a page: reads what it shows, and renders that as HTML. Templates escape all values."""

import logging
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from model_config.comparing.side_by_side import differ_in_blanks_alone, side_by_side
from model_config.format import prompt, text
from model_config.format.errors import ModelConfigError, StoreUnavailableError, UsageError
from model_config.operate import rollout_plan, ssm
from model_config.plan.evidence import verdict
from model_config.plan.project import Project
from model_config.web import environments, history, releases
from model_config.web.site import OVERVIEW, SERVED, Content, Links, Page, Selection, Site

#: The folder with the style sheet and the script.
STATIC = Path(__file__).parent / "static"
#: The functions that read what each view shows.
_READERS: dict[str, Callable[..., Content]] = {
    "overview": environments.overview,
    "drift": environments.drift,
    "search": environments.search,
    "model": history.model,
    "rollout": history.rollout,
    "release": releases.release,
    "compare": releases.compare,
}


def read(site: Site, page: Page, watch: ssm.Watch, **options: bool) -> Content:
    """Return what a page shows. If it can't be read, this is the error."""
    try:
        return _READERS[page.view](site, watch, *page.arguments, **options)
    except ModelConfigError as error:
        status, why = 422, str(error)
        if isinstance(error, LookupError | UsageError):
            status = 404
        elif isinstance(error, StoreUnavailableError):
            status = 503
    except Exception as error:
        logging.getLogger(__name__).exception("A page could not be built")
        status = 500
        why = f"This page could not be built: {type(error).__name__}. See the server's log."
    title = " / ".join(page.arguments) or page.view
    return Content("problem", title, {"text": why}, status=status)


def read_ahead(site: Site, watch: ssm.Watch) -> None:
    """Build the pages in the navigation before they are requested."""
    for _, page in _navigation(site):
        render(site, page, read(site, page, watch))


def render(site: Site, page: Page, content: Content, links: Links = SERVED) -> str:
    stacks = [stack for stack in site.environments if stack in page.stacks] or site.environments
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
        places=[(stack, site.place(stack), site.is_protected(stack)) for stack in stacks],
        now=datetime.now(UTC),
    )


def refusal(why: str) -> str:
    return _templates().get_template("refused.html").render(why=why)


def _navigation(site: Site) -> list[tuple[str, Page]]:
    stacks = list(site.environments)
    linked = [("Overview", OVERVIEW)]
    if len(stacks) > 1:
        linked.append(
            ("Compare", Page.of("compare", f"{stacks[0]}@latest", f"{stacks[-1]}@latest"))
        )
    if site.project:
        names = (f"Drift in {stack}" if len(stacks) > 1 else "Drift" for stack in stacks)
        linked += zip(names, (Page.of("drift", stack) for stack in stacks), strict=True)
    return linked


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("model_config.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "iso": lambda at: at.astimezone(UTC).isoformat(timespec="seconds"),
        "utc": lambda at: f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "count": text.plural,
        "one_line": text.one_line,
        "who": text.who,
        "name": _breakable,
        "short": lambda digest: digest.removeprefix("sha256:")[:12],  # enough to tell them apart
    }
    templates.tests |= {"prompt": releases.is_prompt, "text": releases.is_text}
    templates.globals |= {
        "Page": Page,
        "verdict": verdict,
        "phase": rollout_plan.phase,
        "side_by_side": side_by_side,
        "differ_in_blanks_alone": differ_in_blanks_alone,
        "fragments": prompt.fragments,
        "matches": prompt.matches,
        "variables": prompt.variables,
    }
    return templates


def _visible(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return text.visible(value)
    return value


def _breakable(name: object) -> Markup:
    """Return a name that a narrow page breaks between its words, not inside one."""
    return escape(_visible(name)).replace("_", Markup("_<wbr>")).replace("/", Markup("/<wbr>"))


def report(site: Site, folder: Path, watch: ssm.Watch, *, most: int) -> list[Page]:
    """Write the first page and all that can be reached from it; return those that show an error.

    The links are relative and work from disk. `most` of a model's newest releases get a page, and
    all labelled ones. UsageError: the folder isn't empty, or can't be written.
    """
    numbers: dict[tuple[str, str], set[str]] = {}

    def read_page(page: Page) -> Content:
        content = read(site, page, watch)
        if content.template == "model":
            of_model = content.values["releases"]
            newest = [release.number for release in of_model][:most]
            stack, model = page.arguments
            numbers[stack, model] = {str(on) for on in (*newest, *of_model.labels.values())}
        return content

    def is_written(page: Page) -> bool:
        match page:
            case Page("release", (stack, model, selector)):
                sides = [Selection(stack, selector)]
            case Page("compare", (before, after, model)):
                sides = [Selection.parse(before), Selection.parse(after)]
            case _:
                return True
        return all(
            not selector.isdecimal() or selector in numbers.get((stack, model), {selector})
            for stack, selector in sides
        )

    return _write_all(folder, site, read_page, is_written)


def report_of_commits(project: Project, base: str, folder: Path) -> None:
    """Write the differences between a commit and the working tree. This needs git, but no AWS."""
    overview, others = releases.commits(project, base)
    known = {OVERVIEW: overview, **others}
    _write_all(folder, Site([], project), known.__getitem__, known.__contains__)


def _write_all(
    folder: Path,
    site: Site,
    read_page: Callable[[Page], Content],
    is_written: Callable[[Page], bool],
) -> list[Page]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty: choose a new or an empty folder")
    try:
        shutil.copytree(STATIC, folder / "static")
    except OSError as error:
        raise UsageError(f"{folder} can't be written: {error.strerror or error}") from None
    waiting, known, failed = [OVERVIEW], {OVERVIEW}, []

    def linked(page: Page) -> bool:
        if page not in known and is_written(page):
            known.add(page)
            waiting.append(page)
        return page in known

    for page in waiting:  # grows as pages link to others
        content = read_page(page)
        file = folder / page.file
        file.parent.mkdir(parents=True, exist_ok=True)
        html = render(site, page, content, Links.of_file(page, linked))
        file.write_text(html, encoding="utf-8")
        failed += [page] if content.template == "problem" else []
    return failed
