"""`model-config diff`, `diff-releases`, `search` and `find-commit`: changes, values, commits."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Annotated

import typer

from model_config.cli import context, options, output
from model_config.comparing.changes import changes
from model_config.comparing.report import change_lines, to_json
from model_config.format import errors, text
from model_config.format.release import Release
from model_config.plan.project import NAMESPACE, Project

PANEL = options.Panel.REVIEW


def diff(  # noqa: PLR0913 - a verb's options
    base: Annotated[
        str | None,
        "A commit, branch or tag, or main... for the merge base with main. Default: HEAD.",
        options.complete_revision,
    ] = None,
    head: Annotated[
        str | None,
        "The commit to compare it with. Default: the working tree.",
        options.complete_revision,
    ] = None,
    *,
    environments: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Compare two environments of BASE, or of the working tree.",
            autocompletion=options.complete_environment,
        ),
    ] = None,
    deployed: Annotated[bool, "Compare the newest releases in AWS with the working tree."] = False,
    environment: Annotated[
        str | None,
        "The environment to compare. Default: all; with --deployed, MODEL_CONFIG_ENVIRONMENT, or "
        "dev.",
        "--environment",
        "-e",
        options.complete_environment,
    ] = None,
    prefix: options.Prefix = None,
    local: options.Local = False,
    markdown: Annotated[bool, "Print Markdown for a comment on a pull request."] = False,
    as_json: options.AsJson = False,
    exit_code: options.ExitCode = False,
) -> None:
    """Show what changes for each model in each environment; needs neither AWS nor Pulumi.

    Each commit's own code describes it, in a temporary folder: compare only commits that you trust.
    Of a secret, only its config key is shown.

    Example: model-config diff main
    """
    from model_config.comparing import differences, report, snapshot
    from model_config.plan.evidence import FOLDER

    if environments and (head or deployed or environment):
        raise errors.UsageError(
            "--environments A B takes at most one commit, and can't be combined with --deployed "
            "or --environment"
        )
    if deployed and base:
        raise errors.UsageError("--deployed compares AWS with the working tree: omit the commit")
    project = context.current_project()
    if environments:
        before, after = differences.two_environments(project, base, *environments)
    elif deployed:
        stack = environment or os.environ.get("MODEL_CONFIG_ENVIRONMENT") or "dev"
        target = options.Target(environment=stack, prefix=prefix, local=local)
        before, after = differences.deployed_and_tree(
            project, stack, lambda: _newest_releases(target)
        )
    else:
        before, after = differences.two_commits(project, base or "HEAD", head, environment)
    models = differences.differences(before, after)
    messages = [*before.messages(), *after.messages()]
    if after.name == snapshot.WORKING_TREE:  # what a commit has isn't looked into
        has_evidence = (project.root / FOLDER).is_dir()
        messages += _evidence(
            project,
            (
                (model.model, stack, release.digest)
                for model in models
                for stack in model.environments
                if (there := after.environments.get(stack))
                and (release := there.models.get(model.model))
                and (has_evidence or f"{NAMESPACE}:evidence" in there.settings)
            ),
        )
    if as_json:
        rows = [
            {
                "environment": model.environments[0],
                "model": model.model,
                "kind": model.kind,
                "renamed_from": model.renamed_from,
                "changes": [*map(to_json, model.changes)],
            }
            for model in models
        ]
        sides = {"before": before.name, "after": after.name}
        output.print_json({**sides, "notes": messages, "differences": rows})
    else:
        shown = report.Report(before.name, after.name, messages, differences.sections(models))
        if markdown:
            typer.echo(report.markdown(shown))
        else:
            output.print_lines(report.report_lines(shown))
    if any(environment.unreadable for environment in after.environments.values()):
        raise typer.Exit(2)
    if exit_code and models:
        raise typer.Exit(1)


def _evidence(project: Project, models: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield what a project's evidence says about models, by name, environment and digest."""
    from model_config.plan.evidence import verdict

    where = defaultdict[tuple[str, str], list[str]](list)
    for name, stack, digest in models:
        where[name, verdict(project, digest).text].append(stack)
    for (name, said), stacks in where.items():
        yield f"Evidence of {name} in {', '.join(stacks)}: {said}"


def _newest_releases(target: options.Target) -> tuple[dict[str, Release], dict[str, str]]:
    releases: dict[str, Release] = {}
    problems: dict[str, str] = {}
    with target.open() as aws:
        models = aws.models()
        for model in output.with_progress(models, "Reading releases", len(models)):
            try:
                releases[model] = aws.configuration(model, "latest", None).content
            except errors.ReleaseError as error:
                problems[model] = str(error)
    return releases, problems


Selector = Annotated[str, 'A release number, a label, or "latest".', options.complete_label]


def diff_releases(  # noqa: PLR0913 - a verb's options
    model: options.Model,
    before: Selector,
    after: Selector,
    *,
    target: options.Target,
    as_json: options.AsJson = False,
    exit_code: options.ExitCode = False,
) -> None:
    """Show what differs between two releases of a model.

    "+" marks an added value, "-" a removed one, and "~" a changed one. Long texts are shown as a
    unified diff. A secret is shown only by its name, since releases don't contain secrets.

    Example: model-config diff-releases support_chat stable latest
    """
    with target.open() as aws:
        releases = aws.releases(model)
        old, new = (releases.select(selector) for selector in (before, after))
        changed = changes(old.open(), new.open())
    if as_json:
        about = {"model": model, "environment": releases.environment}
        sides = {"before": old.number, "after": new.number}
        output.print_json({**about, **sides, "changes": [*map(to_json, changed)]})
    else:
        output.print_lines(line for change in changed for line in change_lines(change))
        if not changed:
            typer.echo(f"release {old.number} and release {new.number} have the same values")
    if exit_code and changed:
        raise typer.Exit(1)


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
    from model_config.comparing.search import Searched, no_hit, planned, search
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
        typer.echo(no_hit(query, searched))
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
