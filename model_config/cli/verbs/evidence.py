"""`model-config evidence`: record a release's evaluation, and require one before a promotion."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from model_config.cli import context, options
from model_config.files import write_file
from model_config.format import errors, text

PANEL = options.Panel.RELEASE
GROUP = "Record how a release was evaluated."


def record(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The evaluator's report.", exists=True, dir_okay=False),
    ],
    *,
    source: Annotated[
        Literal["promptfoo", "junit", "json"],
        typer.Option("--from", help="The report's format."),
    ],
    release: Annotated[
        int | None, "The number of the evaluated release. Default: the newest."
    ] = None,
    digest: Annotated[
        str | None, "The evaluated digest, instead of a release: AWS isn't asked."
    ] = None,
    floor: Annotated[
        float,
        typer.Option(
            min=0.01, max=1.0, help="The least rate of a test that names no floor itself."
        ),
    ] = 1.0,
    by: Annotated[
        str,
        typer.Option(envvar=["GITHUB_ACTOR", "USER", "USERNAME"], help="Who or what evaluated it."),
    ] = "unknown",
    target: options.Target,
) -> None:
    """Write a report's results to evidence/<digest>.json, to be committed.

    Reads promptfoo's JSON, JUnit's XML, and JSON with `tests`, a list of objects with `name`,
    `rate` (the share of runs that passed), and optionally `floor` (the least rate that is enough)
    and `repeats` (the number of runs). Neither prompts nor answers are copied. An earlier report
    of the same digest is replaced.

    Example: model-config evidence record support_chat --from junit report.xml --release 8
    """
    from model_config.plan import evidence

    project = context.current_project()
    if digest is not None and release is not None:
        raise errors.UsageError("name either a release or a digest")
    if digest is not None and not re.fullmatch("sha256:[0-9a-f]{64}", digest):
        raise errors.UsageError(f"{digest!r} is not a digest as `model-config digest` prints it")
    try:
        report = evidence.read_report(source, evidence.read_bounded(file), floor)
        if digest is None:
            with target.open() as aws:
                releases = aws.releases(model, documents=False)
                chosen = releases.select("latest" if release is None else release)
                digest = chosen.open().digest
                typer.echo(f"{aws.where(model)}: release {chosen.number}, {digest}")
        recorded = report.recorded(digest, by)
    except errors.EvidenceError as error:
        raise errors.EvidenceError(f"{file} was not recorded: {error}") from None
    written = evidence.evidence_file(project, digest)
    try:
        written.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise errors.UsageError(f"{written.parent} can't be created: {error.strerror}") from None
    write_file(written, recorded.text, private=False)
    typer.echo(text.visible(f"{model}: {evidence.verdict(project, digest).text}"))
    if report.skipped:
        typer.echo(f"Left out: {text.plural(report.skipped, 'skipped test')}.", err=True)
    typer.echo(f"Commit {evidence.FOLDER}/{written.name}.")
