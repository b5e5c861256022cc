"""Finds models whose parameters an interrupted deploy wrote, but not their release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from model_config.format.errors import Finding
from model_config.format.names import model_path, parse, release_name
from model_config.format.text import plural
from model_config.operate.drift.parameters import ListedParameter


def half_written(
    listed: Mapping[str, ListedParameter], path: str, planned: Mapping[str, AbstractSet[str]]
) -> Iterator[Finding]:
    """Yield models that may need `recover` before the next deploy.

    SSM alone doesn't tell whether the stack's state has the parameters; `recover` compares the two.
    The path is the environment's, "/ai/prod". `planned` has the names of each model's parameters
    that the next deploy writes.
    """
    for model, names in sorted(planned.items()):
        release = listed.get(release_name(model_path(path, model)))
        there = [listed[name] for name in sorted(names & listed.keys())]
        if written := [each.name for each in there if _is_ahead(each, release, path)]:
            where = "newer than its newest release" if release else "and no release"
            others = " and others" if len(written) > 1 else ""
            yield Finding(
                model,
                f"it has {plural(len(written), 'parameter')} {where}: {written[0]}{others}",
                f"`model-config recover --environment {path.rpartition('/')[2]}` before the next "
                "deploy: it adopts those that the stack's state lacks",
                "a deploy that was killed leaves such parameters, and the next one fails with "
                "ParameterAlreadyExists",
            )


def _is_ahead(found: ListedParameter, release: ListedParameter | None, path: str) -> bool:
    """Return whether a parameter was written for a release that was not."""
    kind = parse(found.name, path).kind
    if release is None:
        return kind != "release part"  # parts remain when their model is deleted
    # A later version existed before. A change of a secret or a rollout creates no release.
    return kind == "value" and found.version == 1 and found.at > release.at
