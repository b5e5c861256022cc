"""The pages about whole environments: the overview, a search, and drift."""

from collections import Counter
from collections.abc import Iterator

from model_config.comparing.search import Match, Searched, find_each, planned
from model_config.comparing.search import search as find
from model_config.format.errors import InvalidConfigurationError, ModelConfigError, UsageError
from model_config.operate.drift import ADVICE, find_drift
from model_config.operate.ssm import Watch, released_models
from model_config.operate.status import EnvironmentStatus, ModelStatus, read_status, unread_status
from model_config.plan.lifecycle import SOON, Retirements, retiring
from model_config.web.site import Content, Notice, Site, notices_of


def overview(site: Site, watch: Watch, *, commits: bool = False) -> Content:
    statuses: dict[str, EnvironmentStatus] = {}
    notices: list[Notice] = []
    ending: dict[tuple[str, str], list[str]] = {}
    unasked: dict[str, str] = {}
    for stack in site.environments:
        statuses[stack], problems = _read(site, stack, watch)
        notices += problems
        models = [model for model in statuses[stack].models if model.releases]
        try:
            retirements, unasked[stack] = site.retirements(stack) if models else ({}, "")
            ending |= {(stack, it.model): _retiring(it, retirements) for it in models}
        except InvalidConfigurationError as error:
            notices.append(Notice(str(error)))
    by_stack = [{model.model: model for model in status.models} for status in statuses.values()]
    origins: dict[str, Match] = {}
    if commits and site.project:
        digests = {it.digest for models in by_stack for it in models.values() if it.digest}
        try:
            origins = find_each(site.project, digests, watch)
        except ModelConfigError as error:
            notices.append(Notice(str(error)))
    rows = []
    for name in sorted({name for models in by_stack for name in models}):
        cells = [models.get(name) for models in by_stack]
        flags = sorted({flag for cell in cells if cell for flag in _flags(cell)})
        rows.append((name, flags, cells))
    values = {
        "statuses": statuses,
        "rows": rows,
        "counts": Counter(flag for _, flags, _ in rows for flag in flags),
        "origins": origins,
        "retiring": ending,
        "unasked": unasked,
        "offers_commits": site.project is not None and not commits,
    }
    return Content("overview", "Overview", values, notices)


def search(site: Site, watch: Watch, query: str) -> Content:
    searched: list[Searched] = []
    notices: list[Notice] = []
    for stack in site.environments:
        status, problems = _read(site, stack, watch)
        notices += problems
        if site.project and not problems and (plan := site.program(stack)):
            searched += planned(plan, site.project)
        searched += [
            Searched(stack, model.model, release.content.config, release.number, labels)
            for model in status.models
            for release, labels in (model.releases.promoted() if model.releases else ())
            if release.content
        ]
    return Content("search", "Search", {"query": query, "hits": find(query, searched)}, notices)


def _read(site: Site, stack: str, watch: Watch) -> tuple[EnvironmentStatus, list[Notice]]:
    environment, program, notices = site.environment(stack), None, []
    try:
        program = site.program(stack)
    except ModelConfigError as error:
        notices.append(Notice(f"{stack}: {error}"))
    try:
        with site.view_of(stack, watch) as ssm:
            status = site.cached(
                "status", stack, program, lambda: read_status(ssm, environment.path, program)
            )
            notices += notices_of(stack, ssm)
    except ModelConfigError as error:
        notices.append(Notice(f"{stack}: {error}"))
        status = unread_status(environment.name, program, str(error))
    return status, notices


def _retiring(status: ModelStatus, retirements: Retirements) -> list[str]:
    texts = {
        f"release {release.number}: {name} {retirement.text}"
        for release, _ in (status.releases.promoted() if status.releases else ())
        if release.content
        for _, name, retirement in retiring(release.content.config, retirements, SOON)
    }
    return sorted(texts)


def _flags(status: ModelStatus) -> Iterator[str]:
    if status.rollout:
        yield "rollout"
    if status.drift:
        yield "drift"
    if releases := status.releases:
        if releases.held:
            yield "held"
        if releases.on("stable") is None:
            yield "unserved"
        elif releases.on("stable") != releases.newest.number:
            yield "behind"


def drift(site: Site, watch: Watch, stack: str) -> Content:
    program, path = site.program(stack), site.environment(stack).path
    if program is None:
        raise UsageError("drift is the difference from a project, and there is no project here")
    with site.view_of(stack, watch) as ssm:
        drifted = site.cached("drift", stack, program, lambda: find_drift(ssm, program))
        deployed = released_models(ssm.below(path), path)  # listed already: no further request
    values = {"stack": stack, "advice": ADVICE, "drift": drifted, "deployed": deployed}
    return Content("drift", f"Drift in {stack}", values)
