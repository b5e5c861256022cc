"""Reads a comparison of two releases of a model, or of all models of two environments."""

from __future__ import annotations

from collections.abc import Iterator

from model_config.comparing.changes import Change, changes
from model_config.comparing.differences import setting_changes
from model_config.describe import settings_of
from model_config.format.errors import InvalidConfigurationError, ReleaseError
from model_config.format.names import LATEST, check_selector, model_path, release_name
from model_config.format.release import Release
from model_config.operate.inventory import Watch
from model_config.operate.releases.past_release import PastRelease
from model_config.operate.releases.releases import Releases, read_releases
from model_config.plan.stack_file import read_stack_file
from model_config.reader.opening import open_release
from model_config.web.page_content import Notice, PageContent, notices_of
from model_config.web.pages import Page, Selection, compare_page, release_page
from model_config.web.site import Site
from model_config.web.views.compare import (
    Compare,
    CompareAll,
    Picker,
    Row,
    SideTitle,
    comparison,
)

#: The selectors of an environment whose releases are not read.
_ALWAYS = ("stable", LATEST)


def compare(
    site: Site, watch: Watch, before: str, after: str, model: str | None = None
) -> PageContent:
    """Read the differences between two selections, such as "dev@7" and "prod@stable".

    Without a model, it reads those of all models.
    """
    sides = Selection.parse(before), Selection.parse(after)
    return _one(site, watch, *sides, model) if model else _all(site, watch, *sides)


def _one(site: Site, watch: Watch, before: Selection, after: Selection, model: str) -> PageContent:
    known: dict[str, Releases] = {}
    chosen: dict[Selection, PastRelease] = {}
    notices: list[Notice] = []
    for stack in dict.fromkeys((before.stack, after.stack)):
        with site.inventory_of(stack, watch) as inventory:
            path = site.environment(stack).target.path
            known[stack] = read_releases(inventory, path, model, documents=False)
            for side in {before, after}:
                if side.stack == stack:
                    chosen[side] = _selected(known[stack], side)
            notices += notices_of(stack, inventory)
    old, new = chosen[before], chosen[after]
    sides = dict.fromkeys(site.environments, _ALWAYS) | {
        stack: tuple(_selectors(releases)) for stack, releases in known.items()
    }
    content = Compare(
        _title(before, model, old),
        _title(after, model, new),
        (comparison(model, old.open(), new.open()),),
        _picker(sides, before, after, model),
    )
    return PageContent("compare", f"{model}: {before} and {after}", content, tuple(notices))


def _selected(releases: Releases, side: Selection) -> PastRelease:
    found = releases.select(side.selector)
    found.open()
    return found


def _selectors(releases: Releases) -> Iterator[str]:
    yield LATEST
    yield from releases.labels
    yield from (str(each.number) for each in releases)


def _title(side: Selection, model: str, release: PastRelease) -> SideTitle:
    by_number = side.selector == str(release.number)
    detail = "" if by_number else side.selector
    name = f"{side.stack}, release {release.number}"
    return SideTitle(name, detail, release_page(side.stack, model, release.number))


def _picker(
    sides: dict[str, tuple[str, ...]], before: Selection, after: Selection, model: str | None = None
) -> Picker:
    swapped = compare_page(after, before, model)
    return Picker(model, sides, str(before), str(after), swapped)


def _all(site: Site, watch: Watch, before: Selection, after: Selection) -> PageContent:
    old, notices = _releases(site, watch, before)
    new, more = _releases(site, watch, after)
    rows, unchanged = [], []
    for model in sorted({*old, *new}):
        row = _row(model, old.get(model), new.get(model), compare_page(before, after, model))
        if row.changes or row.remark:
            rows.append(row)
        else:
            unchanged.append(model)
    content = CompareAll(
        SideTitle(str(before)),
        SideTitle(str(after)),
        tuple(rows),
        tuple(unchanged),
        _settings(site, before.stack, after.stack),
        _picker(dict.fromkeys(site.environments, _ALWAYS), before, after),
    )
    return PageContent("compare_all", f"{before} and {after}", content, (*notices, *more))


def _row(model: str, old: Release | None, new: Release | None, page: Page) -> Row:
    if old is None or new is None:
        return Row(model, (), f"only {'before' if old else 'after'}", (), None)
    return Row(model, (), "", tuple(map(str, changes(old, new))), page)


def _releases(
    site: Site, watch: Watch, side: Selection
) -> tuple[dict[str, Release], tuple[Notice, ...]]:
    """Return each model's selected release, and notices of the releases that can't be read."""
    target, problems = site.environment(side.stack).target, []
    check_selector(side.selector)
    found: dict[str, Release] = {}
    with site.inventory_of(side.stack, watch) as inventory:
        names = {
            release_name(model_path(target.path, model)): model
            for model in inventory.models_below(target.path)
        }
        selector = "" if side.selector == LATEST else f":{side.selector}"
        for name, stored in inventory.get([f"{name}{selector}" for name in names]).items():
            try:
                found[names[name]] = open_release(inventory, stored)
            except ReleaseError as error:
                problems.append(Notice(f"{side.stack}: {error}"))
        return found, (*notices_of(side.stack, inventory), *problems)


def _settings(site: Site, before: str, after: str) -> tuple[Change, ...]:
    if site.project is None or before == after:
        return ()
    try:
        files = [read_stack_file(site.project, stack) for stack in (before, after)]
    except InvalidConfigurationError:  # the first page shows the error
        return ()
    return tuple(setting_changes(*map(settings_of, files)))
