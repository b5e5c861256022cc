"""Reads the comparison of two commits from git."""

from __future__ import annotations

from model_config.comparing.diff_report import remark
from model_config.comparing.differences import STACK_FILE, differences, sections
from model_config.comparing.pairs import two_commits
from model_config.plan.project import Project
from model_config.web.page_content import PageContent
from model_config.web.pages import Page
from model_config.web.views.compare import (
    Compare,
    CompareAll,
    Row,
    SideTitle,
    compared,
)


def changes_page(model: str) -> Page:
    """Return the page of a model's changes."""
    return Page("changes", (model,))


def commits(project: Project, base: str) -> tuple[PageContent, dict[Page, PageContent]]:
    """Return the differences between a commit and the working tree: an overview, and model pages.

    Args:
        base: the commit, or "main..." as in `git diff`.

    Raises:
        UsageError: there is no such commit, or a commit's code fails.
    """
    before, after = two_commits(project, base, None, None)
    found = sections(differences(before, after))
    sides = SideTitle(before.name), SideTitle(after.name)
    about_models = [each for each in found if each.model != STACK_FILE]
    rows = tuple(
        Row(
            each.model,
            each.environments,
            remark(each).removeprefix(": "),
            tuple(map(str, each.changes)),
            changes_page(each.model),
        )
        for each in about_models
    )
    settings = [change for each in found if each.model == STACK_FILE for change in each.changes]
    notes = (*before.remarks(), *after.remarks())
    overview = CompareAll(*sides, rows, settings=tuple(settings), notes=notes)
    pages = {
        changes_page(model): PageContent(
            "compare",
            model,
            Compare(
                *sides,
                tuple(
                    compared(
                        model,
                        each.changes,
                        where=each.environments,
                        remark=remark(each).removeprefix(": "),
                    )
                    for each in about_models
                    if each.model == model
                ),
            ),
        )
        for model in dict.fromkeys(each.model for each in about_models)
    }
    return PageContent("compare_all", "What changes", overview), pages
