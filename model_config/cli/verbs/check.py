"""`model-config check`, `drift`, `recover` and `prune`: what AWS and the program don't share."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import context, options, output
from model_config.format import errors, text

if TYPE_CHECKING:
    from model_config.operate.drift import Content, Difference, Drift

PANEL = options.Panel.OPERATE


def check(
    models: Annotated[
        list[str] | None, "Only the findings of these. Default: all.", "[MODEL]..."
    ] = None,
    *,
    first_deploy: Annotated[bool, "Expect that no model of the project is deployed."] = False,
    target: options.Target,
    as_json: options.AsJson = False,
) -> None:
    """Find in AWS what would make the next deploy fail; exit with 1 on an error.

    Errors: none of this project's models is deployed (the wrong account, region or prefix); a quota
    for parameters or policies would be exceeded; a name is already taken, or a parameter exists
    that no deploy wrote; the program has findings, or a secret is not set; SSM, which keeps 100
    releases, would have to drop a labelled one. The last has a warning ten deploys ahead. Notices
    report an interrupted deploy, held labels, rollouts, and models that are new or removed.

    Example: model-config check --environment prod
    """
    from model_config.operate.check import check_environment, models_in
    from model_config.plan.plan import plan_from_file
    from model_config.plan.validation import located

    project, plan, planned = context.project_or_none(), None, None
    modules = project.model_names() if project else []
    if project:
        plan = plan_from_file(project, target.environment)
        # A model with findings counts no parameters: `validate` reports them.
        planned = {name: set[str]() for name in plan.settings.models or modules}
        for it in plan.models:
            names = [parameter.name for parameter in it.parameters]
            planned[it.name] = {it.rollout_name, *names, *it.release.parts}
    with target.open() as aws:
        findings = [*plan.findings] if plan else []
        if plan and not aws.is_local:  # a local deploy uses placeholders
            findings += plan.unset.values()
        report = check_environment(
            aws.ssm,
            aws.path,
            planned,
            modules=modules,
            first_deploy=first_deploy,
            settings=plan.settings if plan else None,
            findings=[located(it, project) for it in findings] if project else (),
        )
    known = report.deployed | (planned or {}).keys()
    if unknown := set(models or ()) - known:
        name = min(unknown)
        raise errors.ModelNotFoundError(f"there is no model {name!r}: {text.nearest(name, known)}")
    chosen = set(models or known)
    rows = [
        it._asdict() | {"fix": context.to_paste(it.fix)}
        for it in report.checked
        if not (about := known & models_in(it.where)) or about & chosen
    ]
    columns = {"level": "level", "where": "where", "problem": "problem", "what to do": "fix"}
    output.print_rows(rows, columns, as_json=as_json)
    if any(row["level"] == "error" for row in rows):
        raise typer.Exit(1)
    if as_json:
        return
    ready = ", ".join(models or sorted(report.deployed))
    first = ". It creates the first releases"
    typer.echo(f"The next deploy can run{f': {ready}' if ready else first}.")


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
    from model_config.cli.target import compared

    drift = compared(environment, local=local)
    if as_json:
        output.print_json(
            {
                "environment": environment,
                "parameters": drift.count,
                "differences": [_row(it, environment) for it in drift.differences],
                "notes": drift.denied,
                "other_projects": drift.other_projects,
                "findings": [it._asdict() for it in drift.findings],
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


def _print(drift: Drift, stack: str) -> None:
    from model_config.operate.drift import ADVICE, without_plan

    rows = [(it.model or "-", it.path, it.state, text.visible(it.text)) for it in drift.differences]
    if rows:
        output.print_table(["model", "what", "state", "difference"], rows, wrap=True)
        typer.echo()
    for state in dict.fromkeys(it.state for it in drift.differences):
        typer.echo(f"{state}: {context.to_paste(ADVICE[state].format(stack=stack))}")
    for finding in drift.findings:
        typer.echo(context.to_paste(text.visible(str(finding))))
    count = len(drift.differences) + len(drift.findings)
    differences = text.plural(count, "difference") if count else "no drift"
    typer.echo(f"{stack}: {text.plural(drift.count, 'parameter')}, {differences}.")
    modules = context.current_project().model_names()
    for model in drift.other_projects:
        other = "stack" if model in modules else "project"
        typer.echo(
            f"{model}: {without_plan(has_module=model in modules)}. Another {other} deploys it, or "
            "the next deploy deletes it."
        )


def _row(it: Difference, stack: str) -> output.Row:
    from model_config.operate.drift import ADVICE

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
        "fix": context.to_paste(ADVICE[it.state].format(stack=stack)),
    }


def recover(
    *,
    environment: options.Environment = "dev",
    dry_run: Annotated[bool, "Only show what would be done."] = False,
    cancel: Annotated[bool, "Remove an interrupted deploy's lock. No deploy may run."] = False,
    into_empty_state: Annotated[bool, "Adopt though the stack's state was lost."] = False,
    as_json: options.AsJson = False,
) -> None:
    """Adopt resources that an interrupted deploy created, and clear its pending operations.

    Compares the program's plan, the stack's state and AWS. A resource that matches the plan exactly
    is adopted: no value is written and no history is lost. Any other resource is reported, and
    nothing is adopted. Afterwards `pulumi up` continues where the deploy stopped.

    A key whose tag model-config:owner names another stack is never adopted, nor what it encrypts.
    An empty state may be that of a new stack, so adopting into it takes --into-empty-state.

    Example: model-config recover --environment prod --dry-run
    """
    from model_config.cli.target import say_where
    from model_config.infra.engine_stack import EngineStack
    from model_config.operate.recovery import find_recovery
    from model_config.operate.services import KeysAndPolicies
    from model_config.operate.ssm import Ssm, aws_client
    from model_config.plan.plan import plan_stack
    from model_config.plan.registry import read_modules

    project = context.current_project()
    stack = EngineStack(project, environment)
    if cancel and not dry_run:
        stack.cancel()
    state, config = stack.state(), stack.config()  # with the secrets
    plan = plan_stack(read_modules(project), config)
    if findings := [*plan.findings, *plan.unset.values()]:
        raise errors.InvalidConfigurationError(findings)
    ssm = Ssm(aws_client("ssm", config.region), watch=output.with_progress)
    say_where([plan.settings.environment], ssm.region)
    aws = KeysAndPolicies(ssm.region)
    recovery = find_recovery(plan, config.own(), state, ssm, aws, into_empty_state=into_empty_state)
    if as_json:
        blocked = [it._asdict() for it in recovery.blocked]
        output.print_json({**asdict(recovery), "blocked": blocked})
    else:
        rows = [(it.id, "adopt", "it matches the plan", recovery.whose) for it in recovery.adopt]
        interrupted = "the deploy was interrupted during it"
        rows += [(operation, "clear", interrupted, "") for operation in recovery.pending]
        if rows:
            output.print_table(["what", "action", "why", "owner"], rows, wrap=True)
        for finding in recovery.blocked:
            typer.echo(str(finding), err=True)
    if recovery.blocked:
        raise typer.Exit(2)
    if not dry_run:
        tell = partial(typer.echo, err=True)
        stack.apply(recovery.pending, recovery.adopt, recovery.refresh, tell)
    if as_json:
        return
    again = f"model-config recover --environment {environment}"
    if recovery.is_needed:
        done = f"Recovered. Continue with: pulumi up --stack {environment}"
        typer.echo(f"To recover: {again}" if dry_run else done)
        return
    typer.echo("Nothing to recover: the state is complete.")
    removed = "A lock, if there was one, is removed."
    locked = "If `pulumi up` says that the stack is locked, and no deploy is running"
    typer.echo(removed if cancel and not dry_run else f"{locked}: {again} --cancel")


def prune(
    model: options.Model,
    *,
    dry_run: Annotated[bool, "Only list what would be deleted."] = False,
    gone: Annotated[bool, "Delete all parts of a model that was removed."] = False,
    target: options.Target,
    as_json: options.AsJson = False,
) -> None:
    """Delete parts of large releases that no release in the history uses any more.

    Don't run it during a deploy of the model: a deploy writes the parts before the release that
    names them.

    Example: model-config prune support_chat --dry-run
    """
    from model_config.operate.releases import unneeded_parts

    project = context.project_or_none()
    if gone and project and model in project.model_names():
        raise errors.UsageError(
            f"{model} is a model of this project, so a running deploy may need its parts: "
            "--gone is for a model whose module was removed"
        )
    with target.open() as aws:
        names = unneeded_parts(aws.ssm, aws.path, model, gone=gone)
        if not dry_run:
            aws.ssm.delete(names)
    if as_json:
        output.print_json(names)
        return
    for name in names:
        typer.echo(name)
    done = "would be deleted" if dry_run else "deleted"
    typer.echo(f"{text.plural(len(names), 'part')} {done}.", err=True)
