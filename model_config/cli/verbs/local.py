"""`model-config local`: the local AWS on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import context, options, output
from model_config.comparing.changes import leaves
from model_config.format.text import one_line, shortened
from model_config.loopback import HOST

if TYPE_CHECKING:
    from model_config.local.deploy import DeployedParameter, Deployment

PANEL = options.Panel.PROJECT
GROUP = "The local AWS on this machine; it needs no account."

#: The text and the colour of each change but "unchanged".
_SHOWN = {
    "created": ("new", "green"),
    "updated": ("changed", "yellow"),
    "replaced": ("replaced", "yellow"),
    "deleted": ("deleted", "red"),
}


def deploy(
    environment: options.Environment = "dev",
    *,
    show_all: Annotated[bool, "Show unchanged parameters too.", "--all"] = False,
    as_json: options.AsJson = False,
) -> None:
    """Deploy an environment to the local AWS, show what changed, and read a model back.

    Example: model-config local deploy --environment prod
    """
    from model_config.cli.target import say_where
    from model_config.local.deploy import deployed

    say_where([environment])
    with deployed(context.current_project(), environment) as deployment:
        if as_json:
            output.print_json(asdict(deployment))
            return
        changed = [it for it in deployment.parameters if show_all or it.change != "unchanged"]
        _print_parameters(changed)
        _print_read_back(deployment)
    counts = Counter(row.change for row in deployment.parameters)
    kinds = sorted(counts, key=lambda kind: (kind == "unchanged", kind))
    changes = ", ".join(f"{counts[kind]} {kind}" for kind in kinds)
    hidden = counts["unchanged"] and not show_all
    typer.echo(
        f"\n{deployment.environment}: {counts.total() - counts['deleted']} parameters; {changes}"
        f"{' (--all shows them)' if hidden else ''}"
    )
    if deployment.stand_ins:
        keys = ", ".join(deployment.stand_ins)
        typer.echo(f"Placeholder secrets: {keys}. Set real values in .local/secrets.yaml.")
    for notice in deployment.notices:
        typer.echo(f"Notice: {notice}", err=True)
    typer.echo(
        "This is a stand-in for AWS and Pulumi's engine: the same program runs on moto.\n"
        "It doesn't simulate IAM permissions, KMS encryption, throttling or interrupted deploys."
    )


def serve(
    environment: options.Environment = "dev",
    port: options.Port = 4566,
) -> None:
    """Serve the local AWS on a loopback port until you press Ctrl-C.

    It also serves later deploys by `make local`.

    Example: model-config local serve --port 4566
    """
    from model_config.local import CREDENTIALS
    from model_config.local.local_aws import DEFAULT_REGION
    from model_config.local.serve import serve as serve_until_interrupted
    from model_config.plan.stack_file import read_stack_file

    project = context.current_project()
    region = read_stack_file(project, environment).region or DEFAULT_REGION

    def ready(port: int) -> None:
        variables = {"AWS_ENDPOINT_URL": f"http://{HOST}:{port}"}
        variables |= dict.fromkeys(
            ("AWS_REGION", "AWS_DEFAULT_REGION"), region
        )  # boto3: the second
        typer.echo(f"The local AWS listens on {HOST}:{port}. In the application's shell:\n")
        for name, value in (variables | CREDENTIALS).items():
            typer.echo(f"export {name}={value}")
        typer.echo(
            "\nApplications read the release that has the label stable: model-config promote MODEL "
            "--local\nTo read the newest one without promoting it: export MODEL_CONFIG_LABEL=latest"
            "\n(promote and rollback then have no effect in that shell)"
            "\n\nPress Ctrl-C to stop. The state is kept in .local/."
        )

    try:
        serve_until_interrupted(project, port, ready)
    except KeyboardInterrupt:
        typer.echo("Stopped.")


def reset() -> None:
    """Delete everything in the local AWS, in all environments. Keeps .local/secrets.yaml.

    Example: model-config local reset
    """
    from model_config.local.state import StateFolder

    folder = StateFolder(context.current_project())
    with folder.locked():
        existed = folder.reset()
    typer.echo("The local AWS is empty." if existed else "The local AWS was empty already.")


def _print_parameters(rows: Sequence[DeployedParameter]) -> None:
    if not rows:
        typer.echo("Nothing changed.")
        return
    above = rows[0].arn.removesuffix(f"/{rows[0].model}/{rows[0].path}")
    columns, cells, styles = ["model", "parameter", "version", "ARN"], [], []
    for row in rows:
        change, style = _SHOWN.get(row.change, ("", ""))
        cells.append((row.model, row.path, f"{row.version} {change}".rstrip(), row.arn))
        styles.append(style)
    instead = f"The ARN of each: {above}/MODEL/PARAMETER"
    output.print_table(columns, cells, styles=styles, instead=instead)


def _print_read_back(deployment: Deployment) -> None:
    """Read a model from the local AWS the way an application does, and print it."""
    from model_config.local.local_aws import client
    from model_config.reader.reader import Reader

    models = deployment.outputs["models"]
    if not models:
        return
    changed = [row.model for row in deployment.parameters if row.change != "unchanged"]
    name = max(models, key=lambda model: (changed.count(model), len(models[model]["parameters"])))
    environment, aws = deployment.outputs["environment"], client("ssm", deployment.region)
    prefix = models[name]["path"].removesuffix(f"/{environment}/{name}")
    read = Reader(environment, prefix=prefix, label="latest", client=aws).get(name)
    typer.echo(f"\n{name}, read back: release {read.release}, {read.digest[:19]}…")
    room = get_terminal_size().columns - 33
    for path, value in leaves(read.as_dict()):
        typer.echo(f"  {'/'.join(path):<30} {shortened(one_line(value), room)}")
    for secret in read.secrets:
        typer.echo(f"  {'secrets/' + secret:<30} {output.MASK}")
