"""Reads the pages about whole environments: the first page, and drift."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from model_config.comparing.commit_search import Match, find_each
from model_config.format.errors import ModelConfigError
from model_config.operate.inventory import Watch
from model_config.operate.status import EnvironmentStatus, unread_status
from model_config.web.page_content import Notice, PageContent, notices_of
from model_config.web.site import Site
from model_config.web.views.drift import drift as drift_view
from model_config.web.views.overview import overview as overview_view


def overview(site: Site, watch: Watch, *, commits: bool = False) -> PageContent:
    """Read the status of every model in every environment; on request, with commits from git."""
    found: dict[str, EnvironmentStatus] = {}
    notices: list[Notice] = []
    for stack in site.environments:
        found[stack], said = _read(site, stack, watch)
        notices += said
    origins = None
    if commits:
        try:
            origins = _origins(site, found.values(), watch)
        except ModelConfigError as error:
            notices.append(Notice(str(error)))
    return PageContent(
        "overview", "Overview", overview_view(found, origins, datetime.now(UTC)), tuple(notices)
    )


def drift(site: Site, watch: Watch, stack: str) -> PageContent:
    """Read the differences between an environment and the project."""
    return PageContent("drift", f"Drift in {stack}", drift_view(stack, site.drift(stack, watch)))


def _read(site: Site, stack: str, watch: Watch) -> tuple[EnvironmentStatus, list[Notice]]:
    """Return an environment's status as far as it can be read, and notices of the errors."""
    target, program, notices = site.environment(stack).target, None, []
    try:
        program = site.program(stack)
    except ModelConfigError as error:
        notices.append(Notice(f"{stack}: {error}"))
    try:
        with site.inventory_of(stack, watch) as inventory:
            status = site.status(stack, program, inventory)
            notices += notices_of(stack, inventory)
    except ModelConfigError as error:
        notices.append(Notice(f"{stack}: {error}"))
        status = unread_status(target.environment, program, str(error))
    return status, notices


def _origins(site: Site, found: Iterable[EnvironmentStatus], watch: Watch) -> dict[str, Match]:
    if site.project is None:
        return {}
    models = [model for each in found for model in each.models]
    digests = {model.digest for model in models if model.digest}
    return find_each(site.project, digests, watch)
