"""Writes the pages to files. Their links are relative and work from disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from model_config.format.errors import UsageError
from model_config.operate.ssm import Watch
from model_config.plan.project import Project
from model_config.web.build import STATIC, read, render
from model_config.web.compare import commits
from model_config.web.pages import OVERVIEW, Content, Page, Selection, file_links
from model_config.web.site import Site


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
    numbers: dict[tuple[str, str], set[str]] = {}

    def read_page(page: Page) -> Content:
        content = read(site, page, watch)
        if content.template == "model":
            stack, model = page.arguments
            releases = content.values["releases"]
            newest = [release.number for release in releases][:most]
            numbers[stack, model] = {str(on) for on in (*newest, *releases.labels.values())}
        return content

    def is_written(page: Page) -> bool:
        if page.view == "release":
            stack, model, selector = page.arguments
            sides = [Selection(stack, selector)]
        elif page.view == "compare" and len(page.arguments) > 2:  # noqa: PLR2004 - of one model
            *texts, model = page.arguments
            sides = [Selection.parse(text) for text in texts]
        else:
            return True
        return all(
            not selector.isdecimal() or selector in numbers.get((stack, model), {selector})
            for stack, selector in sides
        )

    return _write_all(folder, site, read_page, is_written)


def report_of_commits(project: Project, base: str, folder: Path) -> None:
    """Write the differences between a commit and the working tree. This needs git, but no AWS.

    Raises:
        UsageError: there is no such commit, its code fails, or the folder can't be written.
    """
    overview, pages = commits(project, base)
    known = {OVERVIEW: overview, **pages}
    _write_all(folder, Site([], project), known.__getitem__, known.__contains__)


def _write_all(
    folder: Path,
    site: Site,
    read_page: Callable[[Page], Content],
    is_written: Callable[[Page], bool],
) -> list[Page]:
    """Write the first page and all that can be reached from it; return those with an error."""
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
        html = render(site, page, content, file_links(page, linked))
        file.write_text(html, encoding="utf-8")
        failed += [page] if content.template == "problem" else []
    return failed
