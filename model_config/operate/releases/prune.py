"""Parts of large releases that no release needs any more."""

from __future__ import annotations

from model_config.format.errors import ModelNotFoundError, ReleaseError, UsageError
from model_config.format.names import model_path, release_name, release_parts
from model_config.operate.releases.releases import Releases, read_releases
from model_config.operate.store import OperatorStore


def unneeded_parts(store: OperatorStore, path: str, model: str, *, gone: bool = False) -> list[str]:
    """Return the names of the parts that no release in the history names.

    Don't call it during a deploy, which writes the parts before the release that names them.

    The path is the environment's, "/ai/prod". With `gone`, the model was deleted, so that none of
    its parts is needed. Needs `ssm:GetParametersByPath` on `release/parts`,
    `ssm:GetParameterHistory` on the release and `kms:Decrypt` for it.

    Raises:
        ModelNotFoundError: the model has no release, and `gone` is not set.
        UsageError: `gone` is set, and the model has releases.
        ReleaseError: a release can't be read, so it is unknown which parts it needs.
        StoreError: AWS is unavailable or refuses.
    """
    release = release_name(model_path(path, model))
    # List the parts first, so that a part that is written in between is not in the list.
    parts = store.names_below(release_parts(release))
    try:
        releases = read_releases(store, path, model, documents=True)
    except ModelNotFoundError:
        if gone:
            return sorted(parts)
        raise
    if gone:
        raise UsageError(f"{model} was not removed: it has a release, {release}")
    return sorted(set(parts) - _needed(releases))


def _needed(releases: Releases) -> set[str]:
    needed: set[str] = set()
    for each in releases:
        try:
            needed.update(f"{release_parts(releases.name)}/{part}" for part in each.part_hashes)
        except ReleaseError as error:
            raise ReleaseError(
                f"nothing was deleted: {releases.name}:{each.number} can't be read ({error}), so "
                "its parts are unknown"
            ) from None
    return needed
