"""`model-config show` and `render`: the values of a release, and a prompt filled in."""

import json
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from model_config.cli import options, output
from model_config.comparing.changes import leaves
from model_config.format.errors import UsageError
from model_config.format.text import nearest, one_line, visible

PANEL = options.Panel.READ


def show(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    path: Annotated[
        str | None,
        "A single value, which is printed unchanged, or a group: prompts/system.",
        "[PATH]",
    ] = None,
    *,
    label: options.Label = None,
    release: options.Release = None,
    full: Annotated[bool, "Print multi-line texts in full."] = False,
    reveal: Annotated[bool, "Show the secrets' values."] = False,
    target: options.Target,
    as_json: options.AsJson = False,
) -> None:
    """Show all values of a release as JSON, or print one value unchanged.

    Secrets are masked and not read unless you pass --reveal.

    Example: model-config show support_chat --label latest

    Example: model-config show support_chat prompts/system
    """
    with target.open() as aws:
        configuration = aws.configuration(model, label, release, secrets=reveal)
    hidden = configuration.secrets.items()
    secrets = {name: secret.reveal() if reveal else output.MASK for name, secret in hidden}
    held = {**configuration.as_dict(), **({"secrets": secrets} if secrets else {})}
    if path is not None:
        _print_value(held, path.strip("/"), configuration.content.none, as_json=as_json)
    elif as_json:
        about = ("model", "environment", "release", "label", "digest", "schema")
        values = {"config": configuration.as_dict(), "secrets": secrets}
        output.print_json({name: getattr(configuration, name) for name in about} | values)
    else:
        label = f" ({configuration.label})" if configuration.label else ""
        typer.echo(
            f"{configuration.model} in {configuration.environment}: "
            f"release {configuration.release}{label}, {configuration.digest}, "
            f"written as {configuration.schema}",
            err=True,  # so that a pipe gets only values
        )
        _print_all(held, full=full, reveal=reveal)


def _print_value(held: dict[str, Any], path: str, none: Collection[str], *, as_json: bool) -> None:
    try:
        value = _at(held, path)
    except KeyError:
        if path in none:
            raise UsageError(f"{path} is None in this release, so it has no value") from None
        known = ("/".join(names) for names, _ in leaves(held))
        raise UsageError(f"the release has no value {path!r}: {nearest(path, known)}") from None
    if as_json:
        output.print_json(value)
    elif isinstance(value, dict) and value:
        _print_rows(leaves(value, (path,)))
    else:
        output.print_text(value if isinstance(value, str) else one_line(value))


def _at(held: dict[str, Any], path: str) -> Any:
    """Return the value at a path. A name in the path may itself contain slashes."""
    for name, value in held.items():
        if path == name:
            return value
        if path.startswith(f"{name}/") and isinstance(value, dict):
            return _at(value, path.removeprefix(f"{name}/"))
    raise KeyError(path)


def _print_all(held: dict[str, Any], *, full: bool, reveal: bool) -> None:
    rows = list(leaves(held))
    texts = [row for row in rows if full and isinstance(row[1], str) and "\n" in row[1]]
    # Printed outside the table, which shortens long texts.
    revealed = [row for row in rows if reveal and row[0][0] == "secrets"]
    _print_rows(row for row in rows if row not in texts + revealed)
    for path, text in revealed:
        typer.echo(f"{'/'.join(path)}\t{one_line(text)}")
    for path, text in texts:
        typer.echo(f"\n{'/'.join(path)}:")
        output.print_text(str(text), nl=True)


def _print_rows(rows: Iterable[tuple[tuple[str, ...], Any]]) -> None:
    cells = (
        (visible("/".join(path)), output.MASK if value == output.MASK else one_line(value))
        for path, value in rows
    )
    output.print_table(["path", "value"], cells)


def render(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    field: Annotated[str, "A path, such as prompts/system or messages.", "FIELD"],
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=TEXT", help="A variable's text; may be repeated."),
    ] = None,
    values: Annotated[
        Path | None, "A JSON object of variables and their texts. --set overrides it."
    ] = None,
    label: options.Label = None,
    release: options.Release = None,
    target: options.Target,
) -> None:
    """Print a release's prompt with its variables, {{name}}, filled in; a list or group as JSON.

    Example: model-config render support_chat prompts/templates/greeting --set customer_name=Zoë
    """
    given = {**(_read(values) if values else {}), **dict(map(_split, settings or []))}
    with target.open() as aws:
        configuration = aws.configuration(model, label, release)
    filled = configuration.render(field, **given)
    if isinstance(filled, str):
        typer.echo(filled, nl=sys.stdout.isatty())  # in a pipe, exactly the prompt
    else:
        output.print_json(filled)


def _split(setting: str) -> tuple[str, str]:
    name, equals, text = setting.partition("=")
    if not equals:
        raise UsageError(f"--set takes NAME=TEXT, not {setting!r}")
    return name, text


def _read(file: Path) -> dict[str, str]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f'{file} is not a JSON object, such as {{"customer_name": "Zoë"}}')
    return values
