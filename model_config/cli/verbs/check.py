"""`model-config check`: find what would make the next deploy fail."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from model_config.cli import options, output
from model_config.cli.context import project_or_none, to_paste
from model_config.format.errors import ModelNotFoundError
from model_config.format.text import nearest, plural

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
    for parameters or policies would be exceeded; a name is already taken, or a parameter exists
    that no deploy wrote; a secret is not set; SSM, which keeps 100 releases, would have to drop a
    labelled one. The last has a warning ten deploys ahead. Notices
    report an interrupted deploy, held labels, rollouts, and models that are new or removed.

    Example: model-config check --environment prod
    """
    from model_config.operate.check import Checked, check_environment
    from model_config.plan.plan import plan_from_file

    project, plan, planned, modules = project_or_none(), None, None, list[str]()
    if project and project.stack_file(target.environment).is_file():
        plan, modules = plan_from_file(project, target.environment), project.model_names()
        # A model with findings counts no parameters: `validate` reports them.
        planned = {name: set[str]() for name in plan.settings.models or modules} | {
            it.name: {it.rollout_name, *(each.name for each in it.parameters), *it.release.parts}
            for it in plan.models
        }
    settings = plan.settings if plan else None
    with target.open() as aws:
        report = check_environment(
            aws.ssm,
            aws.path,
            planned,
            modules=modules,
            first_deploy=first_deploy,
            settings=settings,
        )
    if plan and not aws.is_local:  # a local deploy uses placeholders
        report.checked.extend(Checked("error", finding) for finding in plan.unset_findings)
    known = {*report.deployed, *(planned or {})}
    if unknown := set(models or ()) - known:
        name = min(unknown)
        raise ModelNotFoundError(f"there is no model {name!r}: {nearest(name, known)}")
    about = {*models, aws.path, "the account"} if models else None
    rows = [
        {"level": it.level, **asdict(it.finding), "fix": to_paste(it.finding.fix)}
        for it in report.checked
        if about is None or it.finding.where in about
    ]
    columns = {"level": "level", "where": "where", "problem": "problem", "what to do": "fix"}
    output.print_rows(rows, columns, as_json=as_json)
    if any(row["level"] == "error" for row in rows):
        raise typer.Exit(1)
    if as_json:
        return
    names = ", ".join(models or sorted(report.deployed))
    if plan and plan.findings:
        count = plural(len(plan.findings), "finding")
        typer.echo(f"AWS is ready, but the program has {count}: model-config validate")
    elif names:
        typer.echo(f"The next deploy can run: {names}.")
    else:
        typer.echo("The next deploy can run. It creates the first releases.")
