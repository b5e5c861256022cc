"""`model-config init`, `new` and `schema`: the files of a project."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from model_config.cli import context, options
from model_config.files import write_file, write_new_files
from model_config.format.errors import UsageError
from model_config.plan.project import Project
from model_config.scaffold import Kind

PANEL = options.Panel.PROJECT


def init(  # noqa: PLR0913 - a verb's options
    folder: Annotated[Path | None, "The folder to write; may exist.", "[DIR]"] = None,
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SPEC",
            help="Where the package comes from: a commit, a wheel, or a version with its hash.",
        ),
    ] = None,
    index_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The only package index to install from.")
    ] = None,
    kind: Annotated[Kind, "The class of the example in models/."] = "chat",
    account: Annotated[str | None, "The only AWS account to deploy to."] = None,
    check: Annotated[
        bool,
        "Write nothing: show what this version would write differently in the "
        "workflows, the Makefile and constraints.txt; exit with 1 on differences.",
    ] = False,
) -> None:
    """Create a new project: models, stack files, program, tests, Makefile and workflows.

    Example: model-config init acme-models --from dist/model_config-0.1.0-py3-none-any.whl

    Example: model-config init --check | git apply
    """
    from model_config.scaffold import project

    if check:
        if changes := project.upgrade(context.current_project()):
            typer.echo(changes, nl=False)
            raise typer.Exit(1)
        typer.echo("Nothing would be written differently.", err=True)
        return
    if folder is None:
        raise UsageError("name the folder to write: model-config init DIR --from SPEC")
    from model_config.plan.json_schema import stale_files
    from model_config.plan.registry import read_modules

    package = project.source(source, index_url)
    contents = project.project_files(folder.resolve().name, kind, package, account)
    write_new_files(folder, contents)
    schema_files = stale_files(read_modules(Project(folder)))
    _write(schema_files)
    typer.echo(f"Wrote {len(contents) + len(schema_files)} files. Next:\n")
    steps = [f"cd {shlex.quote(str(folder))}", "make local", "make test"]
    if not package.hashed:
        steps.append("make lock    # pins model-config by its hash, for the workflows")
    for step in steps:
        typer.echo(f"  {step}")


def _write(texts: Mapping[Path, str]) -> None:
    for file, text in texts.items():
        file.parent.mkdir(exist_ok=True)
        write_file(file, text, private=False)


def new(
    name: Annotated[str, "The model's name.", "NAME"],
    *,
    kind: Annotated[Kind, "The class it is of."] = "chat",
) -> None:
    """Add a model to the project: its module, and for a chat model the file of its prompt.

    Example: model-config new ticket_sorter --kind chat
    """
    from model_config.plan.registry import MODULE_NAME
    from model_config.scaffold.project import module_files

    project = context.current_project()
    if not MODULE_NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" can\'t be the name of a model, which is that of its file: a letter, then '
            'letters, digits and "_"'
        )
    contents = module_files(name, kind)
    write_new_files(project.root, contents)
    for path in contents:
        typer.echo(f"Wrote {path}.")
    typer.echo("Edit it, then: model-config validate && model-config schema")


def schema(
    *,
    check: Annotated[bool, "Write nothing; exit with 1 if it is out of date."] = False,
) -> None:
    """Write a JSON Schema of the stack files, generated from this project's models, for editors.

    The schema is .editor/stack.schema.json, and each stack file names it in its first line. Commit
    both: the schema contains names, types and ranges, and no values. Run this command again when a
    model's class, its secrets or the list of models changes.

    Example: model-config schema
    """
    from model_config.plan.json_schema import SCHEMA_FILE, stale_files
    from model_config.plan.registry import read_modules

    project = context.current_project()
    stale = stale_files(read_modules(project))
    names = ", ".join(file.relative_to(project.root).as_posix() for file in stale)
    if check and stale:
        message = f"{SCHEMA_FILE} is out of date. `model-config schema` writes {names}."
        typer.echo(context.to_paste(message))
        raise typer.Exit(1)
    _write(stale)
    typer.echo(f"Wrote {names}." if stale else f"{SCHEMA_FILE} is up to date.")
