"""Read `Pulumi.<stack>.yaml` the way Pulumi's engine does, for what runs without the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from model_config.core.errors import Finding, InvalidConfigurationError
from model_config.core.settings import NAMESPACE, StackConfig


def read_stack_file(project: Path, stack: str) -> StackConfig:
    """Return a stack's configuration, its secrets without their values: they are encrypted.

    Args:
        project: the folder that holds the stack files.
        stack: the stack's name, "dev".

    Raises:
        InvalidConfigurationError: there is no such file, or it is no stack file.
    """
    file = project / f"Pulumi.{stack}.yaml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        given = content.get("config") or {}
        values = {_full_key(key): value for key, value in given.items()}
    except FileNotFoundError:
        raise _refusal(file, "there is no such file", _which_there_are(project)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(file, f"it can't be read: {error}", "make it readable") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        problem = f"it is no YAML{place}: {getattr(error, 'problem', None) or 'unreadable'}"
        raise _refusal(file, problem, "correct the file") from None
    except AttributeError:
        raise _refusal(file, "it is no map with a `config` map", "correct the file") from None
    secret_keys = frozenset(key for key, value in values.items() if _holds_secret(value))
    return StackConfig(
        stack,
        {key: _as_text(value) for key, value in values.items() if key not in secret_keys},
        secret_keys,
    )


def _full_key(key: object) -> str:
    return str(key) if ":" in str(key) else f"{NAMESPACE}:{key}"


def _holds_secret(value: Any) -> bool:
    """Tell whether a value is, or anywhere contains, Pulumi's `secure:` form."""
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def _as_text(value: Any) -> str:
    # Dates become text in Pulumi's configuration, as does whatever else JSON doesn't have.
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _which_there_are(project: Path) -> str:
    stacks = sorted(file.name.split(".")[1] for file in project.glob("Pulumi.*.yaml"))
    return f"stacks with a file: {', '.join(stacks) or 'none'}"


def _refusal(file: Path, problem: str, fix: str) -> InvalidConfigurationError:
    return InvalidConfigurationError([Finding(file.name, problem, fix, file=file.name)])
