"""`model-config check` and `drift`: compare AWS with the next deploy, and with the last one."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli import options, output
from model_config.cli.context import current_project, project_or_none, to_paste
from model_config.format.errors import ModelNotFoundError
from model_config.format.text import nearest, plural, visible

if TYPE_CHECKING:
    from model_config.operate.drift import Difference, Drift, DriftState

PANEL = options.Panel.OPERATE


def check(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Only the findings of these. Default: all."),
    ] = None,
    *,
    first_deploy: Annotated[bool, "Expect that no model of the project is deployed."] = False,
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
        report.checked.extend(
            Checked("error", *astuple(finding)) for finding in plan.unset_findings
        )
    known = {*report.deployed, *(planned or {})}
    if unknown := set(models or ()) - known:
        name = min(unknown)
        raise ModelNotFoundError(f"there is no model {name!r}: {nearest(name, known)}")
    about = {*models, aws.path, "the account"} if models else None
    rows = [
        it._asdict() | {"fix": to_paste(it.fix)}
        for it in report.checked
        if about is None or it.where in about
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


def drift(
    *,
    environment: options.Environment = "dev",
    exit_code: Annotated[bool, "Exit with 1 if anything differs."] = False,
    local: options.Local = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare the program, the newest releases and AWS.

    Each parameter that differs is edited (by hand), interrupted (a deploy stopped half-way), not
    deployed yet, orphaned (left by an earlier program) or unmanaged (created by something else).
    The key with its alias, state, rotation and policy, and the reader policies are compared too, as
    far as permissions allow. It also reports labels without use and release histories that are
    almost full. Secrets are not read: only their existence and storage are checked.

    Example: model-config drift --environment prod --exit-code
    """
    found = compare(environment, local=local)
    if as_json:
        output.print_json(
            {
                "environment": environment,
                "parameters": found.count,
                "differences": [_row(each, environment) for each in found.differences],
                "notes": found.denied,
                "other_projects": found.other_projects,
                "findings": found.findings,
                "problems": found.problems,
            }
        )
    else:
        _print(found, environment)
    for denied in found.denied:
        typer.echo(f"not compared, for lack of permission: {denied}", err=True)
    for problem in found.problems:
        typer.echo(f"not compared: {problem}", err=True)
    if found.problems:
        raise typer.Exit(2)
    if exit_code and (found.differences or found.findings):
        raise typer.Exit(1)


VERBS = (check, drift)


def compare(environment: str, *, local: bool) -> Drift:
    from model_config.cli.target import target
    from model_config.operate.drift import find_drift
    from model_config.plan.plan import valid_plan

    with target(environment, None, local=local) as aws:
        plan = valid_plan(current_project(), environment)
        return find_drift(aws.ssm.view(aws.ssm.watch), plan)


def advice(state: DriftState, stack: str) -> str:
    from model_config.operate.drift import ADVICE

    return to_paste(ADVICE[state].format(stack=stack))


def _print(drift: Drift, stack: str) -> None:
    from model_config.operate.drift import without_plan

    if drift.differences:
        rows = [(it.model or "-", it.path, it.state, visible(it.text)) for it in drift.differences]
        output.print_table(["model", "what", "state", "difference"], rows, wrap=True)
        typer.echo()
    for state in dict.fromkeys(it.state for it in drift.differences):
        typer.echo(f"{state}: {advice(state, stack)}")
    for finding in drift.findings:
        typer.echo(to_paste(visible(str(finding))))
    count = len(drift.differences) + len(drift.findings)
    differences = plural(count, "difference") if count else "no drift"
    typer.echo(f"{stack}: {plural(drift.count, 'parameter')}, {differences}.")
    modules = current_project().model_names()
    for model in drift.other_projects:
        other = "stack" if model in modules else "project"
        typer.echo(
            f"{model}: {without_plan(has_module=model in modules)}. Another {other} deploys it, or "
            "the next deploy deletes it."
        )


def _row(difference: Difference, stack: str) -> dict[str, Any]:
    listed = difference.listed
    sides = {"program": difference.program, "release": difference.release, "ssm": difference.aws}
    masked = {
        side: content
        if isinstance(content, str)
        else (output.MASK if content.value == "a secret" else None)
        for side, content in sides.items()
    }
    return {
        "model": difference.model,
        "path": difference.path,
        "state": difference.state,
        "aspect": difference.aspect,
        **masked,
        "name": difference.name,
        "version": listed and listed.version,
        "written_at": listed and listed.at,
        "written_by": listed and listed.by,
        "fix": advice(difference.state, stack),
    }
