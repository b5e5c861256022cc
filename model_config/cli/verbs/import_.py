"""`model-config import`: generate a model module from existing parameters."""

from __future__ import annotations

import json
import keyword
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli.commands import to_paste
from model_config.cli.options import Environment, Local, Prefix
from model_config.cli.output import print_table, with_progress
from model_config.cli.panels import Panel
from model_config.cli.project import current_project
from model_config.files import write_file
from model_config.format.errors import UsageError
from model_config.format.text import plural
from model_config.importing.expressions import formatted
from model_config.plan.stack_config import set_secret_command

if TYPE_CHECKING:
    from model_config.importing.field import Found
    from model_config.importing.module import ImportedModule
    from model_config.operate.inventory import Inventory

PANEL = Panel.PROJECT

_PATH = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?")


def import_(  # noqa: PLR0913 - a verb's options
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A parameter that holds a JSON object; a path with parameters below it (ending in "
            '"/" if both exist); or a common prefix of names, ending in "-", "_" or ".".',
            show_default=False,
        ),
    ],
    *,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The model's name.", show_default=False)
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite existing files without asking.")
    ] = False,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Write a model module from existing parameters, and the file for adopting them.

    This changes nothing in AWS. A value that looks like a secret is neither written nor shown: the
    module gets a SecretRef, and the command to set the secret is printed.

    Example: model-config import /ai/model/config --as support_chat
    """
    from model_config.cli.target import target
    from model_config.importing.module import imported_module
    from model_config.operate.inventory import Inventory
    from model_config.plan.settings import Settings

    _check_name(name)
    with target(environment, prefix, local=local) as aws:
        inventory = Inventory(aws.client, with_progress)
        found = _read(inventory, path)
    if inventory.problems:
        _refuse_half(found, inventory.problems)
    settings = Settings(prefix=aws.prefix, environment=aws.environment)
    module = imported_module(name, path, found, settings)
    files = _files(module)
    _ask_before_overwriting(files, force=force)
    for file, text in files.items():
        write_file(file, text, private=False)
    _print(module, list(files), environment, local=local)


def _check_name(name: str) -> None:
    right = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_0123456789") or "my_model"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        right = f"{right}_model" if keyword.iskeyword(right) else right
        raise UsageError(
            f"{name!r} is not a valid model name: a Python module's name has only letters, digits "
            f'and "_", begins with a letter, and is not a keyword. Try --as {right}'
        )


def _read(inventory: Inventory, path: str) -> list[Found]:
    """Return the parameters to import, with their values unless they look like secrets."""
    from model_config.importing.field import Found
    from model_config.importing.names import looks_secret
    from model_config.importing.selection import below

    if not _PATH.fullmatch(path):
        raise UsageError(f'{path!r} is not a valid SSM path: use only letters, digits and "_-./"')
    listed = inventory.beginning_with(path.rstrip("/"))
    chosen = below(path, sorted(listed))
    secrets = {name for parts, name in chosen.items() if parts and looks_secret(parts)}
    texts = inventory.texts([name for name in chosen.values() if name not in secrets])
    return [
        Found(name, parts, listed[name].type, listed[name].tier, texts.get(name))
        for parts, name in chosen.items()
        if name in secrets or name in texts  # the others were denied, or have just been deleted
    ]


def _refuse_half(found: list[Found], problems: list[str]) -> None:
    print_table(["parameter", "type"], [(each.name, each.type) for each in found])
    for problem in problems:
        typer.echo(f"can't be read: {problem}", err=True)
    typer.echo("Nothing was written, since the module would be incomplete.", err=True)
    raise typer.Exit(2)


def _files(module: ImportedModule) -> dict[Path, str]:
    """Return the files to write: the module, its long texts, and the file for adopting."""
    project = current_project()
    files = {project.models_folder / name: text for name, text in module.files.items()}
    source = project.module(module.name)
    files[source] = formatted(files[source], source)
    if module.import_list:
        text = json.dumps(module.import_list, indent=2) + "\n"
        files[project.root / f"{module.name}.import.json"] = text
    return files


def _ask_before_overwriting(files: Iterable[Path], *, force: bool) -> None:
    existing = ", ".join(str(file) for file in files if file.exists())
    if not existing or force:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nothing was written: {existing} exists. Overwrite it with --force")
    typer.confirm(f"Overwrite {existing}?", abort=True)


def _print(module: ImportedModule, files: list[Path], stack: str, *, local: bool) -> None:
    typer.echo(
        f"Wrote {', '.join(map(str, files))}: {module.kind}, {plural(len(module.fields), 'field')}."
    )
    print_table(
        ["parameter", "becomes", "how", "why"],
        [(each.name, each.becomes, each.outcome, each.why) for each in module.adoptions],
        wrap=True,
    )
    steps = [set_secret_command(key, stack) for key in module.secret_keys]
    if module.import_list and not local:  # the local AWS has no state to import into
        file = f"{module.name}.import.json"
        steps.append(
            f"pulumi import --file {file} --protect=false --generate-code=false --stack {stack}"
        )
    typer.echo("\nNothing in AWS was changed. Review the module, then run:")
    for step in [*steps, f"pulumi up --stack {stack}"]:
        typer.echo(f"  {to_paste(f'`{step}`').strip('`')}")
