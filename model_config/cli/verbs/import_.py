"""`model-config import`: parameters that exist become a model module."""

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
from model_config.cli.output import Environment, Local, Prefix, print_table, with_progress
from model_config.cli.panels import Panel
from model_config.cli.project import current_project
from model_config.comparing.text import plural
from model_config.files import write_file
from model_config.format.errors import UsageError

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
            help='A parameter that holds a JSON object; a path with parameters below it ("/" at '
            'its end where both exist); or how flat names begin, with "-", "_" or "." at the end.',
            show_default=False,
        ),
    ],
    *,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The model's name.", show_default=False)
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that exist, without asking.")
    ] = False,
    environment: Environment = "dev",
    prefix: Prefix = None,
    local: Local = False,
) -> None:
    """Write a model module from parameters that exist, and the list that adopts them.

    Nothing in AWS is changed. What looks like a secret is neither written nor shown: the module
    refers to it, and the commands to set it are printed.

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
            f"{name!r} can't be a model's name: it is a Python module's, so letters, digits and "
            f'"_" alone, beginning with a letter, and no word of Python\'s own. Try --as {right}'
        )


def _read(inventory: Inventory, path: str) -> list[Found]:
    """Return the parameters to import, with the values of all that look like no secret.

    Raises:
        UsageError: the path can't be one, or holds too many.
        ModelNotFoundError: there is nothing.
    """
    from model_config.importing.field import Found
    from model_config.importing.names import looks_secret
    from model_config.importing.selection import below

    if not _PATH.fullmatch(path):
        raise UsageError(f'{path!r} is no path in SSM: letters, digits, "_", "-", "." and "/"')
    listed = inventory.beginning_with(path.rstrip("/"))
    chosen = below(path, [listed[name] for name in sorted(listed)])
    secrets = {each.name for parts, each in chosen.items() if parts and looks_secret(parts)}
    texts = inventory.texts([each.name for each in chosen.values() if each.name not in secrets])
    return [
        Found(each.name, parts, each.type, each.tier, texts.get(each.name))
        for parts, each in chosen.items()
        if each.name in secrets or each.name in texts  # the others are denied, or gone meanwhile
    ]


def _refuse_half(found: list[Found], problems: list[str]) -> None:
    print_table(["parameter", "type"], [(each.name, each.type) for each in found])
    for problem in problems:
        typer.echo(f"not read: {problem}", err=True)
    typer.echo("Nothing was written: the module would lack what can't be read.", err=True)
    raise typer.Exit(2)


def _files(module: ImportedModule) -> dict[Path, str]:
    """Return the files to write: the long texts, the module that refers to them, the list."""
    from model_config.importing.expressions import laid_out

    project = current_project()
    files = {project.models_folder / name: text for name, text in module.files.items()}
    source = project.module(module.name)
    files[source] = laid_out(files[source], source)
    if module.import_list:
        text = json.dumps(module.import_list, indent=2) + "\n"
        files[project.root / f"{module.name}.import.json"] = text
    return files


def _ask_before_overwriting(files: Iterable[Path], *, force: bool) -> None:
    existing = ", ".join(str(file) for file in files if file.exists())
    if not existing or force:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nothing was written: {existing} exists. Write over it with --force")
    typer.confirm(f"Write over {existing}?", abort=True)


def _print(module: ImportedModule, files: list[Path], stack: str, *, local: bool) -> None:
    from model_config.plan.stack_config import set_secret_command

    typer.echo(
        f"Wrote {', '.join(map(str, files))}: {module.kind}, {plural(len(module.fields), 'field')}."
    )
    print_table(
        ["parameter", "becomes", "how", "why"],
        [(each.name, each.becomes, each.outcome, each.why) for each in module.adoptions],
        wrap=True,
    )
    steps = [set_secret_command(key, stack) for key in module.secret_keys]
    if module.import_list and not local:  # where there is no state to import into
        file = f"{module.name}.import.json"
        steps.append(
            f"pulumi import --file {file} --protect=false --generate-code=false --stack {stack}"
        )
    typer.echo("\nNothing in AWS was changed. Look the module over, then:")
    for step in [*steps, f"pulumi up --stack {stack}"]:
        typer.echo(f"  {to_paste(f'`{step}`').strip('`')}")
