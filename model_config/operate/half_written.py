"""Models of which a deploy wrote parameters and not yet the release: it failed, or it died."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from model_config.format.errors import Finding
from model_config.format.names import model_path, parse, release_name
from model_config.operate.parameters import ListedParameter


def half_written(
    listed: Mapping[str, ListedParameter], path: str, planned: Mapping[str, AbstractSet[str]]
) -> Iterator[Finding]:
    """Yield models that may need `recover` before the next deploy.

    SSM alone can't tell: whether the stack's state knows the parameters, `recover` finds out.

    Args:
        listed: the parameters of the environment.
        path: its path, "/ai/prod".
        planned: the names of the parameters of each model that the next deploy writes.
    """
    for model, names in sorted(planned.items()):
        release = listed.get(release_name(model_path(path, model)))
        there = [listed[name] for name in sorted(names & listed.keys())]
        if written := [each.name for each in there if _is_ahead(each, release, path)]:
            found = "1 parameter" if len(written) == 1 else f"{len(written)} parameters"
            where = "newer than its newest release" if release else "and no release"
            others = " and others" if len(written) > 1 else ""
            yield Finding(
                model,
                f"it has {found} {where}: {written[0]}{others}",
                f"`model-config recover --environment {path.rpartition('/')[2]}` before the next "
                "deploy: it adopts those that the stack's state does not know",
                "a deploy that was killed leaves such parameters, and the next one fails with "
                "ParameterAlreadyExists",
            )


def _is_ahead(found: ListedParameter, release: ListedParameter | None, path: str) -> bool:
    """Tell whether a parameter was made on the way to a release that wasn't written."""
    kind = parse(found.name, path).kind
    if release is None:
        return kind != "release part"  # a part stays when its model is deleted
    # One of a later version was there before; a secret or a rollout makes no release.
    return kind == "value" and found.version == 1 and found.at > release.at
