"""Releases: the page of one, and comparisons of releases, environments or commits."""

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from model_config.comparing import differences
from model_config.comparing.changes import Change, changes, leaves
from model_config.comparing.report import heading, is_long
from model_config.describe import settings_of
from model_config.format import names, prompt
from model_config.format.codec import Value
from model_config.format.errors import InvalidConfigurationError, ReleaseError, StoreError
from model_config.format.release import Release
from model_config.format.text import shortened
from model_config.operate.environment import Environment
from model_config.operate.releases import PastRelease, open_release, read_releases
from model_config.operate.ssm import Watch, released_models
from model_config.plan.project import Project
from model_config.plan.stack_file import read_stack_file
from model_config.web.site import Content, Notice, Page, Selection, Site, notices_of

#: A value, with its path before it.
Leaf: TypeAlias = tuple[tuple[str, ...], Value]
#: Texts with more characters are shown as prompts. Set by this package.
_LONG = 72


def release(site: Site, watch: Watch, stack: str, name: str, selector: str) -> Content:
    environment = site.environment(stack)
    with site.view_of(stack, watch) as ssm:
        releases = read_releases(ssm, environment.path, name, documents=False)
        shown = releases.select(selector)
        content, is_newest = shown.content, shown is releases.newest
        listed = ssm.below(releases.path) if is_newest else {}
        arn = ""
        with suppress(StoreError):  # then the names are shown without it
            arn = ssm.arns([releases.name]).get(releases.name, "")
        by_number = {it.number: it for it in releases}
        older, newer = (by_number.get(shown.number + step) for step in (-1, 1))
        is_comparable = bool(content and older and older.content)
        notices = notices_of(stack, ssm)
    beginning = arn.removesuffix(releases.name)
    values = {
        "stack": stack,
        "releases": releases,
        "release": shown,
        "content": content,
        "older": older and older.number,
        "newer": newer and newer.number,
        "is_comparable": is_comparable,
        "groups": _groups(content) if content else {},
        "parameters": [
            (names.parse(it, environment.path), parameter.version, f"{beginning}{it}")
            for it, parameter in sorted(listed.items())
        ],
        "python": python(environment, name, shown.number, content),
        "is_local": environment.is_local,
        "is_newest": is_newest,
    }
    return Content("release", f"{name} in {stack}, release {shown.number}", values, notices)


def _groups(content: Release) -> dict[str, list[Leaf]]:
    """Return the values of each group, those outside of groups first, below an empty name."""
    groups: dict[str, list[Leaf]] = {"": []}
    nones: list[Leaf] = [(tuple(path.split("/")), None) for path in content.none]
    for path, value in [*leaves(content.config, in_lists=True), *nones]:
        groups.setdefault(path[0] if path[1:] else "", []).append((path, value))
    return {name: values for name, values in groups.items() if values}


def is_prompt(leaf: Leaf, templates: Sequence[str]) -> bool:
    path, value = leaf
    is_long = isinstance(value, str) and (len(value) > _LONG or "\n" in value)
    return is_long or prompt.matches("/".join(path), templates)


def python(environment: Environment, model: str, number: int, content: Release | None) -> str:
    prefix = "" if environment.prefix == "/ai" else f", prefix={json.dumps(environment.prefix)}"
    name, where = json.dumps(model), json.dumps(environment.name)
    lines = [
        f"from model_config import Reader\n\nreader = Reader(environment={where}{prefix})",
        f'config = reader.get({name}, release={number})  # in production: label="stable"',
    ]
    for path, value in leaves(content.config) if content else ():
        if not isinstance(value, str):
            keys = "".join(f"[{_literal(name)}]" for name in path)
            lines.append(f"config{keys}  # {shortened(repr(value), _LONG)}")
            break
    for place, text in prompt.texts(content.config, content.templates).items() if content else ():
        if variables := prompt.variables(text):
            arguments = ", ".join(f"{name}=…" for name in variables)
            lines.append(f"config.render({_literal(place)}, {arguments})")
            break
    return "\n".join(lines)


def _literal(text: str) -> str:
    # JSON's escapes are Python's too, but for a pair of surrogates.
    return json.dumps(text) if text.isascii() else ascii(text)


#: The selectors of an environment whose releases are not read.
_ALWAYS = ("stable", names.LATEST)


class Side(NamedTuple):
    """The title of one side, such as "dev, release 7", with the label that selected it."""

    name: str
    label: str = ""
    page: Page | None = None


class Row(NamedTuple):
    model: str
    changes: Sequence[Change]
    page: Page | None = None
    where: Sequence[str] = ()
    remark: str = ""
    stack: str = ""  #: The environment whose files give the values after the change.


def is_text(change: Change) -> bool:
    sides = {"added": [change.after], "removed": [change.before]}.get(
        change.change, [change.before, change.after]
    )
    texts = [side for side in sides if isinstance(side, str) and not change.secret]
    return texts == sides and (is_long(change) or any(map(prompt.variables, texts)))


def compare(site: Site, watch: Watch, before: str, after: str, model: str | None = None) -> Content:
    sides = Selection.parse(before), Selection.parse(after)
    return _one(site, watch, *sides, model) if model else _all(site, watch, *sides)


def _one(site: Site, watch: Watch, before: Selection, after: Selection, model: str) -> Content:
    selectors = dict[str, Sequence[str]](dict.fromkeys(site.environments, _ALWAYS))
    chosen: dict[Selection, PastRelease] = {}
    notices: list[Notice] = []
    for stack in dict.fromkeys((before.stack, after.stack)):
        path = site.environment(stack).path
        with site.view_of(stack, watch) as ssm:
            releases = read_releases(ssm, path, model, documents=False)
            for side in {before, after}:
                if side.stack == stack:
                    chosen[side] = releases.select(side.selector)
                    chosen[side].open()
            notices += notices_of(stack, ssm)
        selectors[stack] = [names.LATEST, *releases.labels, *(str(it.number) for it in releases)]
    changed = changes(chosen[before].open(), chosen[after].open())
    paths = [f"{change.path}/" for change in changed]
    every = (("/".join(path), value) for path, value in leaves(chosen[after].open().config))

    def title(side: Selection) -> Side:
        number = chosen[side].number
        label = "" if side.selector == str(number) else side.selector
        page = Page.of("release", side.stack, model, number)
        return Side(f"{side.stack}, release {number}", label, page)

    values = {
        "model": model,
        "before": title(before),
        "after": title(after),
        "rows": [Row(model, changed, stack=after.stack)],
        "same": [
            (path, value)
            for path, value in every
            if not any(below.startswith(f"{path}/") for below in paths)
        ],
        "picker": {"model": model, "sides": selectors, "before": before, "after": after},
    }
    return Content("compare", f"{model}: {before} and {after}", values, notices)


def _all(site: Site, watch: Watch, before: Selection, after: Selection) -> Content:
    old, notices = _releases(site, watch, before)
    new, more = _releases(site, watch, after)
    rows, unchanged = [], []
    for model in sorted({*old, *new}):
        if model not in old or model not in new:
            rows.append(Row(model, (), remark=f"only {'before' if model in old else 'after'}"))
        elif changed := changes(old[model], new[model]):
            rows.append(Row(model, changed, Page.compare(before, after, model)))
        else:
            unchanged.append(model)
    settings: Sequence[Change] = ()
    if site.project and before.stack != after.stack:
        with suppress(InvalidConfigurationError):  # the overview shows the error
            files = [read_stack_file(site.project, side.stack) for side in (before, after)]
            settings = differences.setting_changes(*map(settings_of, files))
    selectors = dict.fromkeys(site.environments, _ALWAYS)
    values = {
        "before": Side(str(before)),
        "after": Side(str(after)),
        "rows": rows,
        "unchanged": unchanged,
        "settings": settings,
        "picker": {"model": None, "sides": selectors, "before": before, "after": after},
        "notes": (),
    }
    return Content("compare_all", f"{before} and {after}", values, [*notices, *more])


def _releases(site: Site, watch: Watch, side: Selection) -> tuple[dict[str, Release], list[Notice]]:
    """Return each model's selected release, and notices of the releases that can't be read."""
    path, problems = site.environment(side.stack).path, []
    names.check_selector(side.selector)
    opened: dict[str, Release] = {}
    with site.view_of(side.stack, watch) as ssm:
        models = {
            names.release_name(names.model_path(path, model)): model
            for model in released_models(ssm.below(path), path)
        }
        selector = "" if side.selector == names.LATEST else f":{side.selector}"
        for name, stored in ssm.get([f"{name}{selector}" for name in models]).items():
            try:
                opened[models[name]] = open_release(ssm, stored)
            except ReleaseError as error:
                problems.append(Notice(f"{side.stack}: {error}"))
        return opened, [*notices_of(side.stack, ssm), *problems]


def commits(project: Project, base: str) -> tuple[Content, dict[Page, Content]]:
    """Return the differences between a commit and the working tree: an overview, and model pages.

    The commit may also be a range, "main...", as in `git diff`.
    """
    before, after = differences.two_commits(project, base)
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    settings: list[Change] = []
    for section in differences.sections(differences.differences(before, after)):
        model, stacks = section.model, section.environments
        if model == differences.STACK_FILE:
            settings += section.changes
        else:
            about, page = heading(section).removeprefix(": "), Page.of("changes", model)
            rows[model].append(Row(model, section.changes, page, stacks, about, stacks[0]))
    common = {"before": Side(before.name), "after": Side(after.name), "picker": None}
    overview = {
        "rows": [row for of_model in rows.values() for row in of_model],
        "unchanged": (),
        "settings": settings,
        "notes": (*before.messages(), *after.messages()),
    }
    pages = {
        Page.of("changes", model): Content(
            "compare", model, {**common, "model": model, "rows": of_model, "same": ()}
        )
        for model, of_model in rows.items()
    }
    return Content("compare_all", "What changes", {**common, **overview}), pages
