"""`model-config import`: generate model modules from existing parameters."""

from __future__ import annotations

import json
import keyword
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import context, formats, options, output
from model_config.files import write_file
from model_config.format.errors import UsageError
from model_config.format.text import plural
from model_config.plan.project import NAMESPACE, set_secret_command

if TYPE_CHECKING:
    from model_config.importing.module import ImportedModule, Source

PANEL = options.Panel.PROJECT


def import_(  # noqa: PLR0913 - a verb's options
    paths: Annotated[
        list[str],
        "A parameter that holds a JSON object; a path with parameters below it (ending in "
        '"/" if both exist); or a common prefix of names, ending in "-", "_" or ".". One for '
        "each --environment.",
        "PATH...",
    ],
    *,
    name: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="The model's name. Default: each name directly below PATH is a model.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, "Overwrite existing files without asking."] = False,
    environment: Annotated[
        list[str] | None,
        typer.Option(
            "--environment",
            "-e",
            envvar="MODEL_CONFIG_ENVIRONMENT",
            help="The environment of the PATH in the same position; may be repeated. Default: dev.",
        ),
    ] = None,
    prefix: options.Prefix = None,
    local: options.Local = False,
) -> None:
    """Write model modules from existing parameters, of one environment or of several.

    The modules have the values of the first environment. What differs in the others is printed as
    overrides for their stack files. This changes nothing in AWS. A value that looks like a secret
    is neither written nor shown: the module gets a SecretRef, and the command that moves the secret
    is printed.

    Example: model-config import /ai/model/config --as support_chat

    Example: model-config import /old/dev /old/prod -e dev -e prod
    """
    from model_config.importing.module import imported_module

    if name is not None:
        _check_name(name)
    stacks = environment or ["dev"]
    if len(paths) != len(stacks):
        raise UsageError("name one PATH for each --environment, in the same order")
    sources = {
        stack: _read(path, stack, prefix, local=local)
        for stack, path in zip(stacks, paths, strict=True)
    }
    models = _by_model(sources) if name is None else {name: sources}
    modules = [imported_module(model, paths[0], given) for model, given in models.items()]
    folder = context.current_project().models_folder
    files = {folder / file: text for module in modules for file, text in module.files.items()}
    existing = ", ".join(str(file) for file in files if file.exists())
    if existing and not force:
        if not sys.stdin.isatty():
            raise UsageError(f"nothing was written: {existing} exists. Overwrite it with --force")
        typer.confirm(f"Overwrite {existing}?", abort=True)
    for file, text in files.items():
        write_file(file, text, private=False)
    typer.echo(f"Wrote {', '.join(map(str, files))}.")
    for module in modules:
        rows = []
        for path, field in (item for fields in module.fields.values() for item in fields.items()):
            note = "a secret" if field.config_key else ""
            if field.config_key and field.parameter.type != "SecureString":
                note = "a secret in plain text: have its provider replace it"
            becomes = f"{module.name}/{'/'.join(module.places[path])}"
            rows.append((field.parameter.name, becomes, note))
        output.print_table(["parameter", "becomes", "note"], rows, wrap=True)
    _print_steps(modules, sources, local=local)


def _check_name(name: str) -> None:
    right = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_0123456789") or "my_model"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        right = f"{right}_model" if keyword.iskeyword(right) else right
        raise UsageError(
            f"{name!r} is not a valid model name: a Python module's name has only letters, digits "
            f'and "_", begins with a letter, and is not a keyword. Try --as {right}'
        )


def _read(path: str, stack: str, prefix: str | None, *, local: bool) -> Source:
    from model_config.cli.target import target
    from model_config.importing.fields import Existing, below, looks_secret
    from model_config.importing.module import Source

    if not re.fullmatch(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?", path):
        raise UsageError(f'{path!r} is not a valid SSM path: use only letters, digits and "_-./"')
    with target(stack, prefix, local=local) as aws:
        listed = aws.ssm.beginning_with(path.rstrip("/"))
        chosen = below(path, sorted(listed))
        secrets = {name for parts, name in chosen.items() if looks_secret(parts)}
        texts = aws.ssm.texts([name for name in chosen.values() if name not in secrets])
        region = aws.ssm.region
    parameters = [
        Existing(name, parts, listed[name].type, texts.get(name))
        for parts, name in chosen.items()
        if name in secrets or name in texts  # the others were denied, or have just been deleted
    ]
    if aws.ssm.problems:
        output.print_table(["parameter", "type"], [(read.name, read.type) for read in parameters])
        for problem in aws.ssm.problems:
            typer.echo(f"can't be read: {problem}", err=True)
        typer.echo("Nothing was written, since the module would be incomplete.", err=True)
        raise typer.Exit(2)
    return Source(aws.prefix, aws.name, region, parameters)


def _by_model(sources: Mapping[str, Source]) -> dict[str, dict[str, Source]]:
    """Return the parameters of each model, which is a name directly below the imported path."""
    names = [".".join(it.path[:1]) for source in sources.values() for it in source.parameters]
    models: dict[str, dict[str, Source]] = {}
    for name in dict.fromkeys(names):
        _check_name(name)
        models[name] = {}
        for stack, source in sources.items():
            inner = [
                replace(it, path=it.path[1:]) for it in source.parameters if it.path[0] == name
            ]
            models[name][stack] = replace(source, parameters=inner)
    return models


def _secret_steps(module: ImportedModule, stack: str, region: str, *, local: bool) -> Iterator[str]:
    """Yield the commands that move a stack's secrets. None of them shows a value."""
    keys = {
        path: field.config_key
        for fields in module.fields.values()
        for path, field in fields.items()
        if field.config_key
    }
    for path, field in module.fields[stack].items():
        if path not in keys:
            continue
        set_secret = set_secret_command(keys[path], stack)
        if local:
            yield context.to_paste(f"`{set_secret}`").strip("`")
            continue
        read = (
            f"aws ssm get-parameter --name {shlex.quote(field.parameter.name)} --region {region} "
            "--with-decryption --query Parameter.Value --output text"
        )
        if not field.parameter.path:
            inner = "".join(f"[{json.dumps(name)}]" for name in field.names)
            read += f" | jq --join-output {shlex.quote(f'.{inner}')}"
        yield f"{read} | {set_secret}"


def _print_steps(
    modules: Sequence[ImportedModule], sources: Mapping[str, Source], *, local: bool
) -> None:
    for stack in sources:
        differing = {it.name: it.overrides[stack] for it in modules if it.overrides[stack]}
        if differing:
            text = formats.yaml_text({f"{NAMESPACE}:overrides": differing})
            typer.echo(f"\nAdd to Pulumi.{stack}.yaml, below `config:`:\n\n{indent(text, '  ')}")
    typer.echo("\nNothing in AWS was changed. Review the modules, then run:")
    for stack, source in sources.items():
        for module in modules:
            for step in _secret_steps(module, stack, source.region, local=local):
                typer.echo(f"  {step}")
        typer.echo(f"  {context.to_paste(f'`pulumi up --stack {stack}`').strip('`')}")
    names = {parameter.name for source in sources.values() for parameter in source.parameters}
    if taken := names & {name for module in modules for name in module.planned}:
        typer.echo(
            f"{plural(len(taken), 'parameter')} already have a name that a deploy will write. "
            "`model-config recover` adopts those whose value, type and key are the plan's; delete "
            "the others just before the deploy."
        )
