"""Reads the comparison of two commits from git."""

from __future__ import annotations

from collections import defaultdict

from model_config.comparing.changes import Change
from model_config.comparing.differences import STACK_FILE, differences, sections, two_commits
from model_config.comparing.report import heading
from model_config.plan.project import Project
from model_config.web.page_content import PageContent
from model_config.web.pages import Page
from model_config.web.views.compare import (
    Compare,
    CompareAll,
    Comparison,
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
    before, after = two_commits(project, base)
    sides = SideTitle(before.name), SideTitle(after.name)
    rows: list[Row] = []
    settings: list[Change] = []
    comparisons: defaultdict[str, list[Comparison]] = defaultdict(list)
    for each in sections(differences(before, after)):
        if each.model == STACK_FILE:
            settings += each.changes
            continue
        model, where, about = each.model, each.environments, heading(each).removeprefix(": ")
        rows.append(Row(model, where, about, tuple(map(str, each.changes)), changes_page(model)))
        comparisons[model].append(compared(model, each.changes, where=where, remark=about))
    notes = (*before.messages(), *after.messages())
    overview = CompareAll(*sides, tuple(rows), settings=tuple(settings), notes=notes)
    pages = {
        changes_page(model): PageContent("compare", model, Compare(*sides, tuple(found)))
        for model, found in comparisons.items()
    }
    return PageContent("compare_all", "What changes", overview), pages
