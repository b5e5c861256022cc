"""`model-config validate`, `tree` and `digest`: what an environment has, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from model_config.cli import context, options, output
from model_config.comparing.git import Repository
from model_config.format import errors
from model_config.format.text import nearest, plural, visible
from model_config.plan.project import Project

if TYPE_CHECKING:
    from model_config.plan import hierarchy, validation

PANEL = options.Panel.PROJECT


def validate(
    *,
    environment: options.Environments = None,
    secrets: Annotated[bool, "Count a secret that isn't set as a finding."] = False,
    github: Annotated[bool, "Print annotations for GitHub Actions."] = False,
    as_json: options.AsJson = False,
) -> None:
    """Check every model in every environment, offline; exit with 1 on findings.

    A secret that is encrypted in the stack file counts as set. A secret that isn't set is printed,
    but isn't a finding: you may set it later, and a deploy refuses to start without it. A value
    that looks like a secret, and characters that nobody can see, are notices.

    Example: model-config validate --environment prod
    """
    from model_config.plan import validation

    project = context.current_project()
    stacks = list(dict.fromkeys(environment or project.require_stacks()))
    results = validation.validate(project, stacks, secrets=secrets)
    if as_json:
        output.print_json(
            [
                {"level": _level(it), "environments": it.environments, **it.finding._asdict()}
                for it in results
            ]
        )
    elif github:
        _print_annotations(results, project)
    else:
        wrong = [result for result in results if result.is_error]
        shown, more = errors.first_of_each_model(result.finding for result in wrong)
        kept = set(shown)
        _print_findings([result for result in wrong if result.finding in kept], stacks)
        for line in more:
            typer.echo(f"{line}; --json lists all", err=True)
        for result in results:
            if result.kind == "notice":
                text = f"{_where(result)}: {result.finding.problem}: {result.finding.fix}"
                typer.echo(f"notice: {text}", err=True)
        unset = [result.finding.fix for result in results if result.kind == "unset"]
        if wrong and unset:
            chosen = "".join(f" -e {stack}" for stack in environment or ())
            count = "1 secret is" if len(unset) == 1 else f"{len(unset)} secrets are"
            how = f"`model-config validate --secrets{chosen}` lists them."
            typer.echo(context.to_paste(f"{count} not set: {how}"), err=True)
        elif unset:
            typer.echo("\n  ".join(["Set these secrets before a deploy:", *unset]), err=True)
    if any(result.is_error for result in results):
        raise typer.Exit(1)


def _level(result: validation.Result) -> str:
    return "error" if result.is_error else "notice"


def _print_findings(results: list[validation.Result], stacks: list[str]) -> None:
    if not results:
        typer.echo(f"No findings in {', '.join(stacks)}.")
    elif output.new_console().is_terminal:
        table = Table(show_lines=True)
        # The longest place fits without a line break.
        width = max(len(_place(result.finding)) for result in results)
        table.add_column("place", min_width=width, overflow="fold")
        table.add_column("finding", overflow="fold")
        for result in results:
            finding = result.finding
            where = [_place(finding), ", ".join(result.environments)]
            why = [f"why: {finding.reason}"] if finding.reason else []
            lines = [finding.where, finding.problem, *why, f"fix: {finding.fix}"]
            table.add_row(*("\n".join(map(visible, cell)) for cell in (where, lines)))
        output.new_console().print(table)
    else:
        for result in results:
            cells = (", ".join(result.environments), _where(result), _problem(result))
            typer.echo("\t".join(map(visible, (*cells, result.finding.fix))))


def _place(finding: errors.Finding) -> str:
    line = f":{finding.line}" if finding.line else ""
    return f"{finding.file}{line}" if finding.file else ""


def _where(result: validation.Result) -> str:
    place = _place(result.finding)
    return f"{result.finding.where} ({place})" if place else result.finding.where


def _problem(result: validation.Result) -> str:
    reason = result.finding.reason
    return f"{result.finding.problem} ({reason})" if reason else result.finding.problem


def _print_annotations(results: list[validation.Result], project: Project) -> None:
    try:
        above = Repository(project.root).folder()
    except errors.UsageError:  # it is in none
        above = ""
    for result in results:
        finding = result.finding
        output.annotate(
            _level(result),
            f"{_problem(result)}\nfix: {finding.fix}",
            file=f"{above}{finding.file}" if finding.file else None,
            line=finding.line,
            title=f"{finding.where} ({', '.join(result.environments)})",
        )


def tree(
    *,
    target: options.Target,
    deployed: Annotated[bool, "Show AWS, with versions, releases and labels."] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show an environment's hierarchy: each field with its type, size and number of parts.

    Without --deployed, it shows what a deploy of the working tree would write, and needs no AWS.
    For a secret it shows the config key, and whether the secret is set.

    Example: model-config tree --environment prod
    """
    from model_config.operate.status import deployed_trees
    from model_config.plan.plan import plan_from_file, trees

    findings: Sequence[errors.Finding] = ()
    if deployed:
        with target.open() as aws:
            path, models = aws.path, deployed_trees(aws.ssm, aws.path)
    else:
        plan = plan_from_file(context.current_project(), target.environment)
        path, models, findings = plan.path, trees(plan), plan.findings
    if as_json:
        shown = [{**asdict(model), "parameters": model.parameters} for model in models]
        output.print_json({"environment": target.environment, "path": path, "models": shown})
    else:
        _print_tree(path, models)
    if findings:
        raise errors.InvalidConfigurationError(findings)


class _Node:
    def __init__(self, detail: str = "") -> None:
        self.detail, self.below = detail, dict[str, _Node]()


def _print_tree(path: str, models: Sequence[hierarchy.ModelTree]) -> None:
    root = _Node()
    for model in models:
        branch = root.below[model.name] = _Node(_about_model(model))
        for leaf in model.leaves:
            node = branch
            for name in leaf.path.split("/"):
                node = node.below.setdefault(name, _Node())
            node.detail = _about_leaf(leaf)
    total = sum(model.parameters for model in models)
    counts = f"{plural(len(models), 'model')}, {plural(total, 'parameter')}"
    lines = [(path, counts), *_lines(root)]
    width = max(len(label) for label, _ in lines)
    for label, detail in lines:
        typer.echo(visible(f"{label:<{width}}  {detail}".rstrip()))


def _lines(node: _Node, indent: str = "") -> Iterator[tuple[str, str]]:
    for number, (name, child) in enumerate(node.below.items(), start=1):
        last = number == len(node.below)
        yield f"{indent}{'└── ' if last else '├── '}{name}", child.detail
        yield from _lines(child, f"{indent}{'    ' if last else '│   '}")


def _about_model(model: hierarchy.ModelTree) -> str:
    release = f"release {model.release}" if model.release else ""
    known = [
        model.schema,
        plural(model.parameters, "parameter"),
        (model.digest or "")[:19],
        release,
    ]
    for label, number in sorted(model.labels.items()):
        known.append(f"{label}: {number}{' (held)' if label in model.held else ''}")
    return ", ".join(filter(None, known))


def _about_leaf(leaf: hierarchy.Leaf) -> str:
    known = [leaf.type]
    if leaf.bytes is not None:
        known.append(plural(leaf.bytes, "byte"))
    if leaf.parts > 1:
        known[-1] += f" in {leaf.parts} parts"
    if leaf.versions:
        versions = ", ".join(map(str, leaf.versions))
        known.append(f"version{'s' if len(leaf.versions) > 1 else ''} {versions}")
    return ", ".join(filter(None, [*known, leaf.note]))


def digest(
    model: options.AnyModel = None,
    *,
    environment: options.Environment = "dev",
    as_json: options.AsJson = False,
) -> None:
    """Print each model's digest, as a deploy of the working tree would write it. Needs no AWS.

    Example: model-config digest support_chat --environment prod
    """
    from model_config.plan.plan import valid_plan

    plan = valid_plan(context.current_project(), environment)
    digests = {it.name: it.digest for it in plan.models}
    if model is not None and model not in digests:
        raise errors.ModelNotFoundError(
            f"{environment} has no model {model!r}: {nearest(model, digests)}"
        )
    if as_json:
        output.print_json(digests if model is None else {model: digests[model]})
    elif model is not None:
        typer.echo(digests[model])
    else:
        output.print_table(["model", "digest"], list(digests.items()))
