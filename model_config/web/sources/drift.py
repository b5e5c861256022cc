"""Reads an environment's drift."""

from __future__ import annotations

from model_config.operate.inventory import Watch
from model_config.web.page_content import PageContent
from model_config.web.site import Site
from model_config.web.views.drift import drift as view


def drift(site: Site, watch: Watch, stack: str) -> PageContent:
    """Read the differences between an environment and the project."""
    content = view(stack, site.drift(stack, watch))
    return PageContent("drift", f"Drift in {stack}", content)
