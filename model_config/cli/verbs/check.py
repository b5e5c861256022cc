"""`model-config check`: find what would make the next deploy fail."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import options, output
from model_config.cli.context import current_project, project_or_none, to_paste
from model_config.format.errors import ModelNotFoundError
from model_config.format.text import nearest, plural

if TYPE_CHECKING:
    from model_config.plan.plan import Plan

PANEL = options.Panel.OPERATE


def check(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Only the findings of these. Default: all."),
    ] = None,
    *,
    first_deploy: Annotated[
        bool,
        typer.Option("--first-deploy", help="Expect that no model of the project is deployed."),
    ] = False,
    target: options.Target,
    as_json: options.AsJson = False,
) -> None:
    """Find in AWS what would make the next deploy fail; exit with 1 on an error.

    Errors: none of this project's models is deployed (the wrong account, region or prefix); a quota
    for parameters or policies would be exceeded; a name is already taken; SSM, which keeps 100
    releases, would have to drop a labelled one. The last has a warning ten deploys ahead. Notices
    report an interrupted deploy, held labels, rollouts, and models that are new or removed.

    Example: model-config check --environment prod
    """
    from model_config.operate.check import Checked, check_environment

    plan = _plan(target.environment)
    planned = _planned(plan) if plan else None
    settings = plan.settings if plan else None
    with target.open() as aws:
        report = check_environment(
            aws.ssm,
            aws.path,
            planned,
            modules=current_project().model_names() if plan else (),
            first_deploy=first_deploy,
            settings=settings,
        )
    if plan and not aws.is_local:  # a local deploy uses placeholders
        report.checked.extend(Checked("error", finding) for finding in plan.unset_findings)
    _refuse_unknown(models or [], {*report.deployed, *(planned or {})})
    about = {*models, aws.path, "the account"} if models else None
    rows = [
        {"level": each.level, **asdict(each.finding), "fix": to_paste(each.finding.fix)}
        for each in report.checked
        if about is None or each.finding.where in about
    ]
    columns = {"level": "level", "where": "where", "problem": "problem", "what to do": "fix"}
    output.print_rows(rows, columns, as_json=as_json)
    if any(row["level"] == "error" for row in rows):
        raise typer.Exit(1)
    if not as_json:
        names = ", ".join(models or sorted(report.deployed))
        if plan and plan.findings:
            count = plural(len(plan.findings), "finding")
            typer.echo(f"AWS is ready, but the program has {count}: model-config validate")
        elif names:
            typer.echo(f"The next deploy can run: {names}.")
        else:
            typer.echo("The next deploy can run. It creates the first releases.")


def _plan(stack: str) -> Plan | None:
    """Return the stack's plan, or None if the project has no such stack."""
    from model_config.plan.plan import plan_from_file

    project = project_or_none()
    if project is None or not project.stack_file(stack).is_file():
        return None
    return plan_from_file(project, stack)


def _planned(plan: Plan) -> dict[str, AbstractSet[str]]:
    """Return the Standard parameters of each model of the stack.

    An invalid model counts none: `validate` reports its findings.
    """
    names = plan.settings.models or current_project().model_names()
    broken = dict.fromkeys(names, frozenset[str]())
    return {
        **broken,
        **{
            model.name: {
                model.rollout_name,
                *(parameter.name for parameter in model.parameters),
                *model.release.parts,
            }
            for model in plan.models
        },
    }


def _refuse_unknown(models: Sequence[str], known: AbstractSet[str]) -> None:
    """Refuse a name that is neither deployed nor in the project, and so can't have findings."""
    if unknown := set(models) - known:
        name = min(unknown)
        raise ModelNotFoundError(f"there is no model {name!r}: {nearest(name, known)}")
