"""`model-config pipeline`: the workflows' steps, so that they can be run and tested locally."""

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from model_config.cli import options
from model_config.cli.context import current_project, to_paste
from model_config.cli.output import annotate, summarize
from model_config.files import write_file
from model_config.format import errors, text
from model_config.operate.rollout_plan import utc_now

PANEL = options.Panel.PIPELINES
GROUP = "The steps of a deploy in a workflow."

_Releases = Annotated[
    Path, typer.Option(help="A file that `pipeline note` wrote.", exists=True, dir_okay=False)
]


def environments(
    stacks: Annotated[
        list[str] | None,
        "The stacks, in their order. Default: all; those with `protect: true` last.",
        "[STACK]...",
    ] = None,
) -> None:
    """Print each stack's account, region and partition, from its file: a matrix for GitHub.

    Example: model-config pipeline environments dev staging prod
    """
    from model_config.plan.aws import partition_of
    from model_config.plan.settings import read_settings
    from model_config.plan.stack_file import read_stack_file

    project = current_project()
    configs = [read_stack_file(project, stack) for stack in stacks or project.require_stacks()]
    if not stacks:
        configs.sort(key=lambda config: read_settings(config)[0].protect)
    places, findings = [], []
    for config in configs:
        region, accounts = config.region or "", config.values.get("aws:allowedAccountIds", "")
        account = re.fullmatch(r'\["([0-9]{12})"\]', accounts)
        if not region:
            fix = f"pulumi config set aws:region eu-west-1 --stack {config.stack}"
            findings.append(errors.Finding(f"{config.file}: aws:region", "it is not set", fix))
        if account:
            place = {"stack": config.stack, "account": account[1], "region": region}
            places.append({**place, "partition": partition_of(region)})
        else:
            fix = 'write its 12 digits in quotation marks: ["111122223333"]'
            problem = "it doesn't name the one account that the workflows deploy to"
            findings.append(errors.Finding(f"{config.file}: aws:allowedAccountIds", problem, fix))
    if findings:
        raise errors.InvalidConfigurationError(findings)
    typer.echo(json.dumps({"include": places}))


def note(
    *,
    output: Annotated[Path, "The file to write, JSON: model to number."],
    environment: options.Environment = "dev",
    local: options.Local = False,
) -> None:
    """Record the number of each model's release as of the stack's last successful update.

    Run it before and after a deploy: `pipeline promote` compares the two. An existing file is kept,
    so that a re-run compares with the state before its first attempt.

    Example: model-config pipeline note --environment prod --output before.json
    """
    if output.exists():
        typer.echo(f"{output} was written by an earlier attempt, and is kept.")
        return
    if local:
        with options.Target(environment=environment, local=True).open() as aws:
            newest = {name: aws.releases(name, documents=False).newest for name in aws.models()}
        releases = {name: release.number for name, release in newest.items()}
    else:
        from model_config.cli.target import say_where
        from model_config.infra.engine_stack import EngineStack

        outputs = EngineStack(current_project(), environment).outputs()
        if outputs:  # there are none before the first update
            say_where([environment], outputs["account_id"], outputs["region"])
        versions = {
            name: model["release"]["version"] for name, model in outputs.get("models", {}).items()
        }
        # After a failed `up --continue-on-error` a version may be the engine's text for "unknown".
        releases = {name: int(it) for name, it in versions.items() if not isinstance(it, str)}
    write_file(output, json.dumps(releases, indent=2) + "\n", private=False)
    typer.echo(f"{output}: {', '.join(f'{name} {release}' for name, release in releases.items())}")


def promote(  # noqa: PLR0913 - a verb's options
    *,
    before: _Releases,
    after: _Releases,
    label: Annotated[str, "The label to move."] = "stable",
    steps: Annotated[
        str | None, "Start rollouts with these shares in percent, such as 5,25,50,100."
    ] = None,
    every: Annotated[str, "With --steps: the time from one step to the next."] = "30m",
    evidence: options.Requirement,
    reason: Annotated[str | None, "The reason to record for each move: the run's URL."] = None,
    target: options.Target,
) -> None:
    """Promote only the models that a deploy changed; or start a rollout of each.

    A label doesn't move if a rollback holds it, if a rollout is in progress, or if it is on a newer
    release. The run's summary and an annotation report each of these, and the other labels move.
    They also list models that this deploy didn't change and whose newest release nobody promoted.
    Exits with 2 if a move failed.

    Example: model-config pipeline promote --before before.json --after after.json -e prod
    """
    from model_config.cli import moving
    from model_config.operate.promotion import promote_changed, unpromoted
    from model_config.operate.rollouts import NewRollout

    moving.refuse_environment(label)
    evidenced = moving.evidence_check(evidence, target.environment)
    new = NewRollout(label, options.plan_of(steps, every, reason), utc_now()) if steps else None
    deployed = _numbers(after)
    with target.open() as aws:
        changed = promote_changed(
            aws,
            _numbers(before),
            deployed,
            label=label,
            check_of=partial(moving.check_of, then=evidenced),
            reason=reason,
            rollout=new,
        )
        promotions = list(changed)
        others = deployed.keys() - {promotion.model for promotion in promotions}
        missed = [to_paste(notice) for notice in unpromoted(aws, sorted(others), label)]
    for promotion in promotions:
        typer.echo(promotion.message)
        if promotion.was_left or promotion.outcome == "failed":
            level = "warning" if promotion.was_left else "error"
            annotate(level, promotion.message, title=f"{promotion.model} was not promoted")
        for notice in promotion.notices:
            annotate("notice", notice, title=promotion.model)
    done = [promotion.message for promotion in promotions] or ["This deploy changed no model."]
    if not promotions:
        typer.echo("This deploy changed no model, so no label moves.")
    for notice in missed:
        annotate("warning", notice, title="Not promoted")
    listed = "\n".join(f"- {line}" for line in done + missed)
    summarize(f"### `{label}` in {target.environment}\n\n{listed}")
    if any(promotion.outcome == "failed" for promotion in promotions):
        raise typer.Exit(2)


def verify(environment: options.Environment = "dev", *, local: options.Local = False) -> None:
    """Compare AWS with the program after a deploy; exit with 1 on differences.

    Labels are not compared, since the promotion follows. Nor are parameters that belong to no
    release: the nightly drift job reports them.

    Example: model-config pipeline verify --environment prod
    """
    from model_config.cli.target import compared
    from model_config.operate.drift import ADVICE

    drift = compared(environment, local=local)
    wrong = [it for it in drift.differences if it.state not in {"unmanaged", "orphaned"}]
    for it in wrong:
        where = f"{it.model}/{it.path}" if it.model and it.listed else it.path
        typer.echo(f"{where}: {it.state}, {text.visible(it.text)}", err=True)
        typer.echo(f"  {to_paste(ADVICE[it.state].format(stack=environment))}", err=True)
    for problem in drift.problems:
        annotate("error", problem, title="Not compared")
    if drift.problems or wrong:
        raise typer.Exit(2 if drift.problems else 1)
    typer.echo(f"{environment} matches the program.")


def _numbers(file: Path) -> Mapping[str, int]:
    try:
        numbers: Mapping[str, int] = json.loads(file.read_text(encoding="utf-8"))
        if all(type(number) is int for number in numbers.values()):
            return numbers
    except (OSError, ValueError, AttributeError):
        pass
    raise errors.UsageError(f"{file} was not written by `model-config pipeline note --output FILE`")
