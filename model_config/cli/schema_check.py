"""Whether a release is valid for its model's current class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from model_config.cli.project import project_or_none

if TYPE_CHECKING:
    from model_config.operate.moves import Check
    from model_config.operate.releases import PastRelease


def schema_check(model: str) -> Check | None:
    """Return the check of a model's releases against its class, for which only its module is run.

    If the model can't be checked, print why and return None.
    """
    from model_config.plan.registry import read_modules
    from model_config.reader.schema_instance import into_class

    project = project_or_none()
    modules = read_modules(project, only=model) if project else None
    if modules and model in modules.models:
        schema = type(modules.models[model].config)

        def check(release: PastRelease) -> None:
            content = release.open()
            place = f"release {release.number} of {content.model} in {content.environment}"
            source = f"{place}, written as {content.schema},"
            into_class(schema, content.config, content.secrets, source)

        return check
    findings = modules.broken.get(model, ()) if modules else ()
    why = "can't be read" if findings else "isn't in this project"
    typer.echo(f"The release is not checked against a schema: {model}'s module {why}.", err=True)
    for finding in findings:
        typer.echo(str(finding), err=True)
    return None
