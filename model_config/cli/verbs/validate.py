"""`model-config validate`: check every model in every environment, offline."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from model_config.cli import context, options, output
from model_config.comparing.git import Repository
from model_config.format.errors import Finding, UsageError, first_of_each_model
from model_config.format.text import visible
from model_config.plan.project import Project

if TYPE_CHECKING:
    from model_config.plan.validation import Result

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
                {"level": _level(it), "environments": it.environments, **asdict(it.finding)}
                for it in results
            ]
        )
    elif github:
        _print_annotations(results, project)
    else:
        wrong = [result for result in results if result.is_error]
        shown, more = first_of_each_model(result.finding for result in wrong)
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


def _level(result: Result) -> str:
    return "error" if result.is_error else "notice"


def _print_findings(results: list[Result], stacks: list[str]) -> None:
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


def _place(finding: Finding) -> str:
    line = f":{finding.line}" if finding.line else ""
    return f"{finding.file}{line}" if finding.file else ""


def _where(result: Result) -> str:
    place = _place(result.finding)
    return f"{result.finding.where} ({place})" if place else result.finding.where


def _problem(result: Result) -> str:
    reason = result.finding.reason
    return f"{result.finding.problem} ({reason})" if reason else result.finding.problem


def _print_annotations(results: list[Result], project: Project) -> None:
    try:
        above = Repository(project.root).folder()
    except UsageError:  # it is in none
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
