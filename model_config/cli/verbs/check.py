"""`model-config check` and `drift`: compare AWS with the next deploy, and with the last one."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import options, output
from model_config.cli.context import current_project, project_or_none, to_paste
from model_config.format.errors import ModelNotFoundError
from model_config.format.text import nearest, plural, visible

if TYPE_CHECKING:
    from model_config.operate.drift import Content, Difference, Drift, DriftState

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
    labelled one. The last has a warning ten deploys ahead. Notices report an interrupted deploy,
    held labels, rollouts, and models that are new or removed.

    Example: model-config check --environment prod
    """
    from model_config.operate.check import Checked, check_environment
    from model_config.plan.plan import plan_from_file

    project, plan, planned = project_or_none(), None, None
    modules = project.model_names() if project else []
    if project and project.stack_file(target.environment).is_file():
        plan = plan_from_file(project, target.environment)
        # A model with findings counts no parameters: `validate` reports them.
        planned = {name: set[str]() for name in plan.settings.models or modules}
        for it in plan.models:
            names = [parameter.name for parameter in it.parameters]
            planned[it.name] = {it.rollout_name, *names, *it.release.parts}
    with target.open() as aws:
        report = check_environment(
            aws.ssm,
            aws.path,
            planned,
            modules=modules if plan else (),
            first_deploy=first_deploy,
            settings=plan.settings if plan else None,
        )
    checked, known = report.checked, report.deployed | (planned or {}).keys()
    if plan and not aws.is_local:  # a local deploy uses placeholders
        checked += [Checked("error", *astuple(finding)) for finding in plan.unset_findings]
    if unknown := set(models or ()) - known:
        name = min(unknown)
        raise ModelNotFoundError(f"there is no model {name!r}: {nearest(name, known)}")
    about = {*models, aws.path, "the account"} if models else {it.where for it in checked}
    rows = [it._asdict() | {"fix": to_paste(it.fix)} for it in checked if it.where in about]
    columns = {"level": "level", "where": "where", "problem": "problem", "what to do": "fix"}
    output.print_rows(rows, columns, as_json=as_json)
    if any(row["level"] == "error" for row in rows):
        raise typer.Exit(1)
    if as_json:
        return
    ready = ", ".join(models or sorted(report.deployed))
    if plan and plan.findings:
        count = plural(len(plan.findings), "finding")
        typer.echo(f"AWS is ready, but the program has {count}: model-config validate")
    elif ready:
        typer.echo(f"The next deploy can run: {ready}.")
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
    drift = compare(environment, local=local)
    if as_json:
        output.print_json(
            {
                "environment": environment,
                "parameters": drift.count,
                "differences": [_row(it, environment) for it in drift.differences],
                "notes": drift.denied,
                "other_projects": drift.other_projects,
                "findings": drift.findings,
                "problems": drift.problems,
            }
        )
    else:
        _print(drift, environment)
    for denied in drift.denied:
        typer.echo(f"not compared, for lack of permission: {denied}", err=True)
    for problem in drift.problems:
        typer.echo(f"not compared: {problem}", err=True)
    if drift.problems:
        raise typer.Exit(2)
    if exit_code and (drift.differences or drift.findings):
        raise typer.Exit(1)


VERBS = (check, drift)


def compare(environment: str, *, local: bool) -> Drift:
    from model_config.operate.drift import find_drift
    from model_config.plan.plan import valid_plan

    with options.Target(environment=environment, local=local).open() as aws:
        plan = valid_plan(current_project(), environment)
        return find_drift(aws.ssm.view(aws.ssm.watch), plan)


def advice(state: DriftState, stack: str) -> str:
    from model_config.operate.drift import ADVICE

    return to_paste(ADVICE[state].format(stack=stack))


def _print(drift: Drift, stack: str) -> None:
    from model_config.operate.drift import without_plan

    rows = [(it.model or "-", it.path, it.state, visible(it.text)) for it in drift.differences]
    if rows:
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


def _row(it: Difference, stack: str) -> output.Row:
    def shown(side: Content) -> str | None:
        if isinstance(side, str):
            return side
        return output.MASK if side.value == "a secret" else None

    listed = it.listed
    return {
        "model": it.model,
        "path": it.path,
        "state": it.state,
        "aspect": it.aspect,
        "program": shown(it.program),
        "release": shown(it.release),
        "ssm": shown(it.aws),
        "name": it.name,
        "version": listed and listed.version,
        "written_at": listed and listed.at,
        "written_by": listed and listed.by,
        "fix": advice(it.state, stack),
    }
