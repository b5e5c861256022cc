"""`model-config recover`: continue after an interrupted deploy."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import options, output
from model_config.cli.context import current_project
from model_config.format.errors import InvalidConfigurationError
from model_config.plan.project import Project, StackState

if TYPE_CHECKING:
    from model_config.infra.engine_stack import EngineStack
    from model_config.operate.recovery import Recovery

PANEL = options.Panel.OPERATE

_to_stderr = partial(typer.echo, err=True)


def recover(
    *,
    environment: options.Environment = "dev",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done.")
    ] = False,
    cancel: Annotated[
        bool,
        typer.Option("--cancel", help="Remove an interrupted deploy's lock. No deploy may run."),
    ] = False,
    into_empty_state: Annotated[
        bool,
        typer.Option("--into-empty-state", help="Adopt though the stack's state was lost."),
    ] = False,
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
    from model_config.infra.engine_stack import EngineStack

    project = current_project()
    stack = EngineStack(project, environment)
    if cancel and not dry_run:
        stack.cancel()
    state = stack.state()
    recovery = _find(project, stack, state, into_empty_state=into_empty_state)
    if as_json:
        output.print_json(asdict(recovery))
    else:
        _print(recovery)
    if recovery.blocked:
        raise typer.Exit(2)
    if recovery.is_needed and not dry_run:
        _carry_out(stack, state, recovery)
    if not as_json:
        _print_next(recovery, environment, dry_run=dry_run)


def _find(
    project: Project, stack: EngineStack, state: StackState, *, into_empty_state: bool
) -> Recovery:
    """Compare plan, state and AWS, with the stack's own configuration, secrets included."""
    from model_config.cli.target import say_where
    from model_config.operate.keys_and_policies import KeysAndPolicies
    from model_config.operate.recovery import find_recovery
    from model_config.operate.ssm import Ssm, aws_client
    from model_config.plan.plan import plan_stack
    from model_config.plan.registry import read_modules

    config = stack.config()
    plan = plan_stack(read_modules(project), config)
    if findings := [*plan.findings, *plan.unset_findings]:
        raise InvalidConfigurationError(findings)
    ssm = Ssm(aws_client("ssm", config.region), watch=output.with_progress)
    say_where([plan.settings.environment], ssm.region)
    return find_recovery(
        plan,
        config.own(),
        state,
        ssm,
        KeysAndPolicies(ssm.region),
        into_empty_state=into_empty_state,
    )


def _carry_out(stack: EngineStack, state: StackState, recovery: Recovery) -> None:
    """Clear pending operations, adopt resources, and refresh those that were being changed."""
    if recovery.pending:
        stack.clear_pending()
    if recovery.adopt:
        stack.adopt(recovery.adopt, dict(state.urns), _to_stderr)
    if recovery.refresh:
        stack.refresh(recovery.refresh, _to_stderr)


def _print(recovery: Recovery) -> None:
    rows = [(it.id, "adopt", "it matches the plan", recovery.whose) for it in recovery.adopt]
    interrupted = "the deploy was interrupted during it"
    rows += [(operation, "clear", interrupted, "") for operation in recovery.pending]
    if rows:
        output.print_table(["what", "action", "why", "owner"], rows, wrap=True)
    for finding in recovery.blocked:
        typer.echo(str(finding), err=True)


def _print_next(recovery: Recovery, environment: str, *, dry_run: bool) -> None:
    if not recovery.is_needed:
        typer.echo("Nothing to recover: the state is complete.")
        typer.echo(
            "If `pulumi up` says that the stack is locked, and no deploy is running: "
            f"model-config recover --environment {environment} --cancel"
        )
    elif dry_run:
        typer.echo(f"To recover: model-config recover --environment {environment}")
    else:
        typer.echo(f"Recovered. Continue with: pulumi up --stack {environment}")
