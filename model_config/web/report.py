"""Writes the pages to files. Their links are relative and work from disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_config.format.errors import UsageError
from model_config.operate.inventory import Watch
from model_config.plan.project import Project
from model_config.web.building import SOURCES, build_from
from model_config.web.page_content import PageContent
from model_config.web.pages import OVERVIEW, FileLinks, Page, Selection
from model_config.web.render import Frame
from model_config.web.site import Site
from model_config.web.sources.commits import commits
from model_config.web.views.model import Model
from model_config.web.views.overview import Overview

_STATIC = Path(__file__).parent / "static"


def report(site: Site, folder: Path, watch: Watch, *, most: int) -> list[Page]:
    """Write the first page and all pages that can be reached from it.

    Args:
        folder: the folder to create.
        most: the number of newest releases of each model with a page. Labelled ones always
            have one.

    Returns:
        The pages that only show an error.

    Raises:
        UsageError: the folder is not empty, or can't be written.
    """
    chosen = _Chosen(most)

    def make(page: Page) -> PageContent:
        content = SOURCES[page.view](site, watch, *page.arguments)
        chosen.note(content.data)
        return content

    return _write_all(folder, site, make, chosen.has)


def report_of_commits(project: Project, base: str, folder: Path) -> None:
    """Write the differences between a commit and the working tree. This needs git, but no AWS.

    Raises:
        UsageError: there is no such commit, its code fails, or the folder can't be written.
    """
    overview, pages = commits(project, base)
    known = {OVERVIEW: overview, **pages}
    _write_all(folder, Site([], project), known.__getitem__, known.__contains__)


def _write_all(
    folder: Path, site: Site, make: Callable[[Page], PageContent], is_made: Callable[[Page], bool]
) -> list[Page]:
    """Write the first page and all that can be reached from it; return those with an error."""
    _prepare(folder)
    waiting, failed = [OVERVIEW], []
    known = set(waiting)

    def wanted(page: Page) -> bool:
        if is_made(page) and page not in known:
            known.add(page)
            waiting.append(page)
        return page in known

    for page in waiting:  # grows as pages link to others
        frame = Frame(site, FileLinks(page, wanted), is_served=False)
        made = build_from(page, frame, lambda page=page: make(page))  # type: ignore[misc]
        file = folder / page.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made.html, encoding="utf-8")
        failed += [page] if made.is_problem else []
    return failed


def _prepare(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty: choose a new or an empty folder")
    try:
        shutil.copytree(_STATIC, folder / "static")
    except OSError as error:
        raise UsageError(f"{folder} can't be written: {error.strerror or error}") from None


class _Chosen:
    """Selects the pages to write: deployed models, and their newest and labelled releases."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._models: set[Page] = set()
        self._numbers: dict[tuple[str, str], set[str]] = {}

    def note(self, content: Any) -> None:
        """Record the models of the first page, or the releases of a model's page."""
        if isinstance(content, Overview):
            cells = [cell for row in content.rows for cell in row.cells if cell and cell.newest]
            self._models.update(cell.page for cell in cells)
        if isinstance(content, Model):
            labelled = {label.release for label in content.labels}
            numbers = labelled | set(content.numbers[: self._most])
            self._numbers[content.stack, content.name] = set(map(str, numbers))

    def has(self, page: Page) -> bool:
        """Return whether a page is written."""
        if page.view == "model":
            return page in self._models
        if page.view == "release":
            stack, model, selector = page.arguments
            return self._has_release(Selection(stack, selector), model)
        if page.view == "compare" and len(page.arguments) > 2:  # noqa: PLR2004 - of one model
            before, after, model = page.arguments
            return all(self._has_release(Selection.parse(side), model) for side in (before, after))
        return page.view in SOURCES

    def _has_release(self, selected: Selection, model: str) -> bool:
        known = self._numbers.get((selected.stack, model))
        return known is None or not selected.selector.isdecimal() or selected.selector in known
