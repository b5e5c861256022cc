"""Checks the keys of a stack's file: none may be unknown, or in a namespace that isn't read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from model_config.format.errors import Finding
from model_config.plan.messages import closest, nearest
from model_config.plan.regions import REGIONS
from model_config.plan.settings import SETTING_KEYS
from model_config.plan.stack_config import NAMESPACE, StackConfig

# How similar a namespace must be to count as misspelled: "model_config" is, "ml-config" is not.
_ALIKE = 0.87


def check_keys(
    config: StackConfig, secret_keys: Iterable[str], *, all_known: bool = True
) -> Iterator[Finding]:
    """Yield keys that are neither a setting nor a secret of a model.

    Args:
        secret_keys: the config keys of the models' secrets.
        all_known: whether these are all of them. If not, no secret key is reported.
    """
    known = SETTING_KEYS | set(secret_keys)
    secrets = config.own_secret_keys()
    given = set(config.own()) | secrets if all_known else set(config.own()) - secrets
    for key in sorted(given - known):
        yield Finding(
            f"{NAMESPACE}:{key}",
            "there is no such setting, and no model has a secret with that key",
            nearest(key, known),
            file=config.file,
        )


def check_namespaces(config: StackConfig) -> Iterator[Finding]:
    """Yield keys of this package that have no effect because they are in another namespace."""
    for key in sorted({*config.values, *config.secret_keys}):
        namespace, _, name = key.partition(":")
        if namespace == NAMESPACE:
            continue
        if namespace == config.project:
            if name in {NAMESPACE, *SETTING_KEYS}:
                yield _without_namespace(key, name, config)
        elif get_close_matches(namespace.casefold(), [NAMESPACE], cutoff=_ALIKE):
            problem = f'the namespace is "{namespace}", so the key has no effect'
            yield Finding(key, problem, f"write {NAMESPACE}:{name}", file=config.file)


def check_region(config: StackConfig) -> Iterator[Finding]:
    """Yield a region that isn't known, unless the stack's file skips the check."""
    region = config.region
    if not region or region in REGIONS or config.values.get("aws:skipRegionValidation") == "true":
        return
    near = closest(region.lower(), REGIONS)
    yield Finding(
        "aws:region",
        f'"{region}" is not an AWS region',
        (f'did you mean "{near}"? ' if near else "")
        + "If it is new, set aws:skipRegionValidation to true",
        file=config.file,
    )


def _without_namespace(key: str, name: str, config: StackConfig) -> Finding:
    right = "<setting>, one key for each setting" if name == NAMESPACE else name
    return Finding(
        key,
        "the key has no namespace or the project's, so it has no effect",
        f"write {NAMESPACE}:{right}",
        f"Pulumi gives a key without a namespace that of the project, {config.project}",
        config.file,
    )
