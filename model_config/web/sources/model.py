"""Reads the pages of one model in one environment."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from model_config.format.errors import ModelNotFoundError, StoreError, StoreUnavailableError
from model_config.format.names import model_path, release_name
from model_config.operate.cached_inventory import CachedInventory
from model_config.operate.inventory import Watch
from model_config.operate.releases.releases import read_releases
from model_config.operate.rollouts.history import Written, read_history
from model_config.operate.rollouts.parameter import read_stored, under_way
from model_config.web.page_content import Notice, PageContent, notices_of
from model_config.web.pages import model_page
from model_config.web.site import Site
from model_config.web.views.model import model as model_view
from model_config.web.views.release import release as release_view
from model_config.web.views.rollout import rollout as rollout_view


def model(site: Site, watch: Watch, stack: str, name: str) -> PageContent:
    """Read a model's releases and the history of its labels."""
    path = site.environment(stack).target.path
    with site.inventory_of(stack, watch) as inventory:
        releases = read_releases(inventory, path, name, documents=True)
        history, notices = _history(inventory, path, name)
        newest = history[-1].document if history else None
        content = model_view(
            stack,
            releases,
            history=history,
            rollout=under_way(newest, releases) if newest else None,
            elsewhere={
                other: model_page(other, name) for other in site.environments if other != stack
            },
            now=datetime.now(UTC),
        )
        return PageContent(
            "model", f"{name} in {stack}", content, (*notices_of(stack, inventory), *notices)
        )


def release(site: Site, watch: Watch, stack: str, name: str, selector: str) -> PageContent:
    """Read a release and its parameters."""
    environment = site.environment(stack)
    path = environment.target.path
    base = model_path(path, name)
    with site.inventory_of(stack, watch) as inventory:
        releases = read_releases(inventory, path, name, documents=False)
        shown = releases.select(selector)
        listed = inventory.below(base) if shown is releases.newest else {}
        arn = None
        with suppress(StoreError):  # then the names are shown without it
            arn = inventory.arn_of(release_name(base))
        above = (arn or "").removesuffix(release_name(base))
        content = release_view(environment, releases, shown, listed, above)
        title = f"{name} in {stack}, release {shown.number}"
        return PageContent("release", title, content, notices_of(stack, inventory))


def rollout(site: Site, watch: Watch, stack: str, name: str) -> PageContent:
    """Read a model's rollout and the previous ones."""
    path = site.environment(stack).target.path
    with site.inventory_of(stack, watch) as inventory:
        releases = read_releases(inventory, path, name, documents=False)
        stored = read_stored(inventory, path, name)
        history, notices = _history(inventory, path, name)
        content = rollout_view(
            stack,
            name,
            current=under_way(stored.document, releases) if stored else None,
            history=history or (),
            problem=stored.problem if stored else None,
            now=datetime.now(UTC),
        )
        return PageContent(
            "rollout",
            f"Rollout of {name} in {stack}",
            content,
            (*notices_of(stack, inventory), *notices),
        )


def _history(
    inventory: CachedInventory, path: str, name: str
) -> tuple[list[Written] | None, list[Notice]]:
    """Return the versions of a rollout parameter; or None, and notices why they can't be read."""
    try:
        return read_history(inventory, path, name), []
    except StoreUnavailableError:
        raise
    except ModelNotFoundError:  # deployed by a version without rollout parameters
        return None, []
    except StoreError as error:
        return None, [Notice(f"The history of the labels can't be read: {error}")]
