"""`model-config drift`: compare AWS with the releases and the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_config.cli import options, output
from model_config.cli.context import current_project, to_paste
from model_config.format.text import plural, visible

if TYPE_CHECKING:
    from model_config.operate.difference import Content, Difference, DriftState
    from model_config.operate.drift import Drift

PANEL = options.Panel.OPERATE


def drift(
    *,
    environment: options.Environment = "dev",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if anything differs.")
    ] = False,
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


def compare(environment: str, *, local: bool) -> Drift:
    """Compare an environment's program, releases and parameters."""
    from model_config.cli.target import target
    from model_config.operate.drift import find_drift
    from model_config.plan.plan import valid_plan

    with target(environment, None, local=local) as aws:
        plan = valid_plan(current_project(), environment)
        return find_drift(aws.ssm.view(aws.ssm.watch), plan)


def advice(state: DriftState, stack: str) -> str:
    """Return the meaning of a difference, and what to do about it."""
    from model_config.operate.difference import ADVICE

    return to_paste(ADVICE[state].format(stack=stack))


def _print(drift: Drift, stack: str) -> None:
    """Print the differences, and below them what to do about each kind."""
    from model_config.operate.difference import without_plan

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
    return {
        "model": difference.model,
        "path": difference.path,
        "state": difference.state,
        "aspect": difference.aspect,
        **{side: _plain(content) for side, content in sides.items()},
        "name": difference.name,
        "version": listed and listed.version,
        "written_at": listed and listed.at,
        "written_by": listed and listed.by,
        "fix": advice(difference.state, stack),
    }


def _plain(content: Content) -> str | None:
    if isinstance(content, str):
        return content
    return output.MASK if content.value == "a secret" else None
