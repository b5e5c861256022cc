"""Explains why a release wasn't found: the model, the number or the label doesn't exist."""

from __future__ import annotations

from model_config.format.errors import (
    LabelNotFoundError,
    ModelConfigError,
    ModelNotFoundError,
    ReleaseNotFoundError,
)
from model_config.format.names import LATEST, PREVIOUS, release_name
from model_config.reader.source import Source


def not_there(source: Source, path: str, selector: str | int) -> ModelConfigError:
    """Return the error for a release that wasn't found, with what to do.

    Args:
        source: is asked for the newest release, to find out what is missing.
        path: the model's path, "/ai/prod/support_chat".
        selector: the label or number of the release.

    Raises:
        ModelConfigError: the source raised it.
    """
    environment, model = path.split("/")[-2:]
    where, name = f"{model} in {environment}", release_name(path)
    newest = None if selector == LATEST else source.get([name]).get(name)
    if newest is None:
        return ModelNotFoundError(
            f"there is no release of {where}: no parameter {name}. Deploy it with `pulumi up`, or "
            "check the names of model, environment and prefix. List the models with "
            f"`model-config tree --deployed --environment {environment}`"
        )
    if isinstance(selector, int):
        return ReleaseNotFoundError(
            f"there is no release {selector} of {where}: the newest is {newest.version}, and SSM "
            "keeps the newest 100. List them with "
            f"`model-config releases {model} --environment {environment}`"
        )
    promoted = selector.removesuffix(PREVIOUS)
    return LabelNotFoundError(
        f"the label {selector!r} is on no release of {where}, whose newest is {newest.version}. "
        f"Promote one: `model-config promote {model} --to {promoted} --environment {environment}`"
    )
