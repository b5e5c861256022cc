"""Python names from parameter names, and names that look like a secret's."""

from __future__ import annotations

import keyword
import re
from typing import TypeAlias

from model_config.format.names import RESERVED
from model_config.schema import ModelConfig

Path: TypeAlias = tuple[str, ...]

_SECRET_WORDS = {
    "key", "token", "secret", "secrets", "password", "passwd", "passphrase", "credential",
    "credentials",
}  # fmt: skip
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
#: API keys of providers, access keys of AWS, private keys, and URLs with a password.
SECRET_TEXT = re.compile(
    r"\b(sk-|sk_|ghp_|github_pat_|xox[a-z]-|hf_|AIza)[\w-]{16,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@]+:[^/\s@]+@"
)


def looks_secret(path: Path) -> bool:
    """Return whether a name looks like a secret's: "api_key", "secrets/any", "DB-Password"."""
    words = [word.lower() for word in _WORDS.findall(path[-1])]
    inside = {name.lower() for name in path[:-1]} & {"secret", "secrets", "credentials"}
    return bool(inside) or bool(words and words[-1] in _SECRET_WORDS)


def camel(*names: str) -> str:
    """Return names joined in camel case: "support_chat" and "api_key" as "supportChatApiKey"."""
    words = [word for name in names for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    first, *others = words or ["field"]
    return first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in others)


def identifier(name: str, *, top: bool) -> str:
    """Return the nearest valid name for a field.

    Args:
        name: the original name.
        top: whether the field is at the top of the model, where some names are reserved.
    """
    near = re.sub(r"[^A-Za-z0-9_]", "_", name).lstrip("_")
    near = near if near[:1].isalpha() else f"field_{near}"
    taken = keyword.iskeyword(near) or hasattr(ModelConfig, near)
    reserved = top and near.lower() in RESERVED
    return f"{near}_" if taken or reserved else near


def identifiers(names: Path) -> Path:
    """Return a field's path in the model."""
    return tuple(identifier(name, top=not number) for number, name in enumerate(names))
