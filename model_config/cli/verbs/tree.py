"""`model-config tree` and `digest`: what an environment has, as planned or as deployed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from model_config.cli import context, options, output
from model_config.format.errors import Finding, InvalidConfigurationError, ModelNotFoundError
from model_config.format.text import nearest, plural, visible

if TYPE_CHECKING:
    from model_config.plan.hierarchy import Leaf, ModelTree

PANEL = options.Panel.PROJECT


def tree(
    *,
    target: options.Target,
    deployed: Annotated[bool, "Show AWS, with versions, releases and labels."] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show an environment's hierarchy: each field with its type, size and number of parts.

    Without --deployed, it shows what a deploy of the working tree would write, and needs no AWS.
    For a secret it shows the config key, and whether the secret is set.

    Example: model-config tree --environment prod
    """
    from model_config.operate.status import deployed_trees
    from model_config.plan.plan import plan_from_file, trees

    findings: Sequence[Finding] = ()
    if deployed:
        with target.open() as aws:
            path, models = aws.path, deployed_trees(aws.ssm, aws.path)
    else:
        plan = plan_from_file(context.current_project(), target.environment)
        path, models, findings = plan.path, trees(plan), plan.findings
    if as_json:
        shown = [{**asdict(model), "parameters": model.parameters} for model in models]
        output.print_json({"environment": target.environment, "path": path, "models": shown})
    else:
        _print(path, models)
    if findings:
        raise InvalidConfigurationError(findings)


class _Node:
    def __init__(self, detail: str = "") -> None:
        self.detail, self.below = detail, dict[str, _Node]()


def _print(path: str, models: Sequence[ModelTree]) -> None:
    root = _Node()
    for model in models:
        branch = root.below[model.name] = _Node(_about_model(model))
        for leaf in model.leaves:
            node = branch
            for name in leaf.path.split("/"):
                node = node.below.setdefault(name, _Node())
            node.detail = _about_leaf(leaf)
    total = sum(model.parameters for model in models)
    counts = f"{plural(len(models), 'model')}, {plural(total, 'parameter')}"
    lines = [(path, counts), *_lines(root)]
    width = max(len(label) for label, _ in lines)
    for label, detail in lines:
        typer.echo(visible(f"{label:<{width}}  {detail}".rstrip()))


def _lines(node: _Node, indent: str = "") -> Iterator[tuple[str, str]]:
    for number, (name, child) in enumerate(node.below.items(), start=1):
        last = number == len(node.below)
        yield f"{indent}{'└── ' if last else '├── '}{name}", child.detail
        yield from _lines(child, f"{indent}{'    ' if last else '│   '}")


def _about_model(model: ModelTree) -> str:
    release = f"release {model.release}" if model.release else ""
    known = [
        model.schema,
        plural(model.parameters, "parameter"),
        (model.digest or "")[:19],
        release,
    ]
    for label, number in sorted(model.labels.items()):
        known.append(f"{label}: {number}{' (held)' if label in model.held else ''}")
    return ", ".join(filter(None, known))


def _about_leaf(leaf: Leaf) -> str:
    known = [leaf.type]
    if leaf.bytes is not None:
        known.append(plural(leaf.bytes, "byte"))
    if leaf.parts > 1:
        known[-1] += f" in {leaf.parts} parts"
    if leaf.versions:
        versions = ", ".join(map(str, leaf.versions))
        known.append(f"version{'s' if len(leaf.versions) > 1 else ''} {versions}")
    return ", ".join(filter(None, [*known, leaf.note]))


def digest(
    model: options.AnyModel = None,
    *,
    environment: options.Environment = "dev",
    as_json: options.AsJson = False,
) -> None:
    """Print each model's digest, as a deploy of the working tree would write it. Needs no AWS.

    Example: model-config digest support_chat --environment prod
    """
    from model_config.plan.plan import valid_plan

    plan = valid_plan(context.current_project(), environment)
    digests = {it.name: it.digest for it in plan.models}
    if model is not None and model not in digests:
        raise ModelNotFoundError(f"{environment} has no model {model!r}: {nearest(model, digests)}")
    if as_json:
        output.print_json(digests if model is None else {model: digests[model]})
    elif model is not None:
        typer.echo(digests[model])
    else:
        output.print_table(["model", "digest"], list(digests.items()))
