"""The keys of a stack's file: none is unknown, and none would be ignored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from model_config.format.errors import Finding
from model_config.plan.messages import closest, nearest
from model_config.plan.regions import REGIONS
from model_config.plan.settings import SETTING_KEYS
from model_config.plan.stack_config import NAMESPACE, StackConfig

# How alike a namespace must be to count as a misspelling: "model_config" is, "ml-config" is not.
_ALIKE = 0.87


def check_keys(
    config: StackConfig, secret_keys: Iterable[str], *, all_known: bool = True
) -> Iterator[Finding]:
    """Yield keys that are neither a setting nor a secret of a model.

    Args:
        config: the stack's configuration.
        secret_keys: the config keys of the models' secrets.
        all_known: whether there are no others; if not, a secret key is never reported.
    """
    known = SETTING_KEYS | set(secret_keys)
    secrets = config.own_secret_keys()
    given = set(config.own()) | secrets if all_known else set(config.own()) - secrets
    for key in sorted(given - known):
        yield Finding(
            f"{NAMESPACE}:{key}",
            "there is no such setting, and no model has a secret of that name",
            nearest(key, known),
            file=config.file,
        )


def check_namespaces(config: StackConfig) -> Iterator[Finding]:
    """Yield keys that look like ours but are in another namespace, where nothing reads them."""
    for key in sorted({*config.values, *config.secret_keys}):
        namespace, _, name = key.partition(":")
        if namespace == NAMESPACE:
            continue
        if namespace == config.project:
            if name in {NAMESPACE, *SETTING_KEYS}:
                yield _without_namespace(key, name, config)
        elif get_close_matches(namespace.casefold(), [NAMESPACE], cutoff=_ALIKE):
            problem = f'the namespace "{namespace}" is not ours, so the key has no effect'
            yield Finding(key, problem, f"write {NAMESPACE}:{name}", file=config.file)


def check_region(config: StackConfig) -> Iterator[Finding]:
    """Yield a region that AWS doesn't have, unless the stack's file says that it does."""
    region = config.region
    if not region or region in REGIONS or config.values.get("aws:skipRegionValidation") == "true":
        return
    near = closest(region.lower(), REGIONS)
    yield Finding(
        "aws:region",
        f'"{region}" is not an AWS region',
        (f'did you mean "{near}"? ' if near else "")
        + "If AWS has opened it since, set aws:skipRegionValidation to true",
        file=config.file,
    )


def _without_namespace(key: str, name: str, config: StackConfig) -> Finding:
    right = "<setting>, one key for each setting" if name == NAMESPACE else name
    return Finding(
        key,
        "the key is the project's own, so it has no effect here",
        f"write {NAMESPACE}:{right}",
        f"Pulumi puts a key without a namespace into that of the project, {config.project}",
        config.file,
    )
