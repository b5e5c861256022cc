"""`model-config recover` and `prune`: continue after a deploy, and delete what none needs."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import options, output
from model_config.cli.context import current_project, project_or_none
from model_config.format.errors import InvalidConfigurationError, UsageError
from model_config.format.text import plural

if TYPE_CHECKING:
    from model_config.operate.recovery import Recovery

PANEL = options.Panel.OPERATE


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

    project = current_project()
    stack = EngineStack(project, environment)
    if cancel and not dry_run:
        stack.cancel()
    state, config = stack.state(), stack.config()  # with the secrets
    plan = plan_stack(read_modules(project), config)
    if findings := [*plan.findings, *plan.unset_findings]:
        raise InvalidConfigurationError(findings)
    ssm = Ssm(aws_client("ssm", config.region), watch=output.with_progress)
    say_where([plan.settings.environment], ssm.region)
    aws = KeysAndPolicies(ssm.region)
    recovery = find_recovery(plan, config.own(), state, ssm, aws, into_empty_state=into_empty_state)
    if as_json:
        output.print_json(asdict(recovery))
    else:
        _print(recovery)
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
    if cancel and not dry_run:
        typer.echo("A lock, if there was one, is removed.")
    else:
        locked = "`pulumi up` says that the stack is locked, and no deploy is running"
        typer.echo(f"If {locked}: {again} --cancel")


def _print(recovery: Recovery) -> None:
    rows = [(it.id, "adopt", "it matches the plan", recovery.whose) for it in recovery.adopt]
    interrupted = "the deploy was interrupted during it"
    rows += [(operation, "clear", interrupted, "") for operation in recovery.pending]
    if rows:
        output.print_table(["what", "action", "why", "owner"], rows, wrap=True)
    for finding in recovery.blocked:
        typer.echo(str(finding), err=True)


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

    project = project_or_none()
    if gone and project and model in project.model_names():
        raise UsageError(
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
    typer.echo(f"{plural(len(names), 'part')} {done}.", err=True)


VERBS = (recover, prune)
