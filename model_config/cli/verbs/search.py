"""`model-config search` and `find-commit`: find values, and the commit that has a digest."""

import re
from contextlib import nullcontext
from typing import Annotated

import typer

from model_config.cli import context, options, output
from model_config.format import errors, text

PANEL = options.Panel.REVIEW


def search(
    query: Annotated[
        str,
        'A text in any value; or a field and its whole value, "model_id=gpt-4.1".',
        "TEXT|FIELD=VALUE",
    ],
    *,
    releases: Annotated[bool, "Also in the releases that have a label, on AWS."] = False,
    regex: Annotated[bool, "TEXT, or VALUE, is a regular expression of Python's."] = False,
    target: options.Targets,
    as_json: options.AsJson = False,
) -> None:
    """Search the values of all models in every environment, as the project has them.

    Case doesn't count in a text, and a field is named by the end of its path. Secrets are never
    searched. Exits with 2 if a model or an environment could not be read.

    Example: model-config search refunds --releases
    """
    from model_config.comparing.search import Searched, planned, search
    from model_config.plan import registry, stack_file
    from model_config.plan.plan import plan_stack

    project = context.current_project()
    modules = registry.read_modules(project)
    searched: list[Searched] = []
    problems: list[str] = []
    for stack in target.environment or project.require_stacks():
        try:
            plan = plan_stack(modules, stack_file.read_stack_file(project, stack))
        except errors.ModelConfigError as error:
            problems.append(str(error))
        else:
            searched += planned(plan, project)
            problems += [f"{stack}: {finding}" for finding in plan.findings]
    with target.open() if releases else nullcontext(()) as places:
        for place in places:
            with place.hold():
                promoted = [
                    (model, *it)
                    for model in place.models()
                    for it in place.releases(model, documents=False).promoted()
                ]
            for model, release, labels in promoted:
                if release.content:
                    about = place.name, model, release.content.config
                    searched.append(Searched(*about, release.number, labels))
                else:
                    problems.append(f"{place.where(model)}: {release.problem}")
    rows = [hit._asdict() for hit in search(query, searched, regex=regex)]
    columns: output.Columns = {
        "environment": "environment",
        "release": lambda row: ", ".join([str(row["release"] or "project"), *row["labels"]]),
        "value": lambda row: f"{row['model']}/{row['path']}",
        "where": lambda row: f"{row['file']}:{row['line']}" if row["file"] else "",
        "text": lambda row: text.shortened(row["text"].strip(), 80),
    }
    output.print_rows(rows, columns, as_json=as_json)
    if not (rows or as_json):
        typer.echo(f"No value of {text.plural(len(searched), 'model')} matches.")
    for problem in problems:
        typer.echo(context.to_paste(text.visible(problem)), err=True)
    if problems:
        raise typer.Exit(2)


def find_commit(
    digest: Annotated[str, 'A digest, "sha256:…", or at least its first 8 hex digits.'],
    *,
    environment: Annotated[
        str | None,
        "The environment to search. Default: all.",
        "--environment",
        "-e",
        options.complete_environment,
    ] = None,
    revision: Annotated[
        str, "The newest commit to search.", "--from", options.complete_revision
    ] = "HEAD",
    whole: Annotated[
        bool, "Search the whole history, for earlier uses of the digest too.", "--all"
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Find the commits whose configuration has a digest, newest first.

    It searches only commits that changed models, schema or stack files. It ends at the commit that
    introduced the digest, which is printed last. Each commit's own code describes it.

    Example: model-config find-commit sha256:39862c281fc3
    """
    from model_config.comparing.search import find_commits

    given = re.fullmatch(r"(sha256:)?([0-9a-f]{8,64})", digest, re.IGNORECASE)
    if not given:
        raise errors.UsageError(
            f'{digest!r} is not a digest: give 8 to 64 hex digits, with or without "sha256:" '
            "before them"
        )
    matches = find_commits(
        context.current_project(),
        f"sha256:{given[2].lower()}",
        environment,
        revision,
        whole=whole,
        progress=output.with_progress,
        left_out=lambda reason: typer.echo(f"Left out: {reason}", err=True),
    )
    columns: output.Columns = {
        "commit": lambda row: row["commit"][:9],
        **{name: name for name in ("date", "environment", "model", "subject")},
    }
    output.print_rows([match._asdict() for match in matches], columns, as_json=as_json)
