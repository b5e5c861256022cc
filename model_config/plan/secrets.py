"""Checks a stack's secrets: those without a value, in plain text, or too large to store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from model_config.format.codec import PART_BYTES, encode, size_in_bytes
from model_config.format.errors import CodecError, Finding
from model_config.format.names import SECRETS
from model_config.plan.hierarchy import secrets_of
from model_config.plan.registry import Model
from model_config.plan.settings import SETTING_KEYS
from model_config.plan.stack_config import NAMESPACE, StackConfig, set_secret_command

#: API keys of providers, access keys of AWS, private keys, bearer tokens, and URLs with a password.
#: A key of a provider has a digit, which tells it from a hyphenated word.
LOOKS_SECRET = re.compile(
    r"\b(sk-|sk_|ghp_|github_pat_|xox[a-z]-|hf_|AIza|Bearer )(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}"
    r"|\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@{]+:[^/\s@{]+@"
)


def secret_fields(models: Iterable[Model]) -> dict[str, list[str]]:
    """Return the secret fields of models, by the config key that their SecretRef names."""
    fields: dict[str, list[str]] = {}
    for model in models:
        for path, ref in secrets_of(model.config).items():
            fields.setdefault(ref.config_key, []).append(f"{model.name}/{SECRETS}/{path}")
    return fields


def lacks_value(config: StackConfig, key: str) -> bool:
    """Return whether a secret has no value. One that can't be decrypted here does have one."""
    value, is_secret = config.own().get(key), key in config.own_secret_keys()
    return value == "" if is_secret else value is None and key not in SETTING_KEYS


def unset_secrets(unset: Mapping[str, list[str]], stack: str) -> list[Finding]:
    """Return a finding for each secret that has no value, given its config key and its fields."""
    return [
        Finding(
            where=", ".join(fields),
            problem=f"the secret {NAMESPACE}:{key} is not set",
            fix=set_secret_command(key, stack),
            file=f"Pulumi.{stack}.yaml",
        )
        for key, fields in sorted(unset.items())
    ]


def check_secrets(config: StackConfig, fields: Mapping[str, list[str]]) -> Iterator[Finding]:
    """Yield every secret that is in plain text or can't be stored, given the fields of each key."""
    for key, of_key in sorted(fields.items()):
        for problem, fix, reason in _problems_of(key, config):
            yield Finding(", ".join(of_key), problem, fix, reason, config.file)


def _problems_of(key: str, config: StackConfig) -> Iterator[tuple[str, str, str]]:
    """Yield the problem, the fix and the reason."""
    value, is_secret = config.own().get(key), key in config.own_secret_keys()
    command = set_secret_command(key, config.stack)
    if key in SETTING_KEYS:
        yield f'"{key}" is the name of a setting', "give the SecretRef another key", ""
    elif value is not None and not is_secret:
        yield (
            f"{NAMESPACE}:{key} is in plain text in {config.file}",
            f"it may have been read: revoke it at its provider, and set a new one: {command}",
            "",
        )
    elif value:  # an empty one counts as not set
        yield from _problems_of_value(value, command)


def _problems_of_value(value: str, command: str) -> Iterator[tuple[str, str, str]]:
    try:
        size = size_in_bytes(encode(value))
    except CodecError as error:
        yield f"the secret can't be stored: {error}", command, ""
        return
    if size > PART_BYTES:
        yield (
            f"the secret has {size:,} bytes",
            f"store a shorter one: {command}",
            (
                f"at most {PART_BYTES:,} in a Standard parameter, and a secret is never split "
                "(SSM API reference, PutParameter, Tier)"
            ),
        )
