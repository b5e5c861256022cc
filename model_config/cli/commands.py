"""Printed commands, completed so that they act on the same target as the running verb.

The other rooms write messages for AWS and don't know about the local AWS. When a message is
printed, each command in backticks gets the user's options that it lacks. Under --local, `pulumi up`
becomes `model-config local deploy`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

_KEY = re.compile(r"model-config:(\S+)")
_STACK = re.compile(r"--stack (\S+)")
_SHORT = {"environment": "-e"}
#: The options that each verb takes, by the verb's words: "show", "local deploy".
_takes: dict[str, frozenset[str]] = {}


@dataclass(frozen=True, slots=True)
class CommandTarget:
    """The target of the running verb.

    Attributes:
        is_local: whether it is the local AWS.
        options: the options that select it, by name. Settings from environment variables are not
            included, since they also apply to a pasted command.
    """

    is_local: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


_target: ContextVar[CommandTarget] = ContextVar("target", default=CommandTarget())  # noqa: B039 -- never written to


def verb_takes(words: str, options: Iterable[str]) -> None:
    """Register the options, such as "local", that a verb such as "rollout start" takes."""
    _takes[words] = frozenset(options)


def acts_at(target: CommandTarget) -> None:
    """Set the target of the running verb."""
    _target.set(target)


def to_paste(text: str) -> str:
    """Return a text with the commands in backticks completed."""
    return re.sub("`([^`]+)`", lambda found: _fitted(found[1]), text)


def _fitted(command: str) -> str:
    target = _target.get()
    if target.is_local and command.startswith("pulumi up"):
        stack = _STACK.search(command)
        command = f"model-config local deploy{f' --environment {stack[1]}' if stack else ''}"
    if target.is_local and command.startswith("pulumi config set --secret"):
        key = _KEY.search(command)
        return f"a line{f' for {key[1]}' if key else ''} in .local/secrets.yaml"
    if command.startswith("model-config "):
        return f"`{' '.join([command, *_lacking(command.split()[1:], target)])}`"
    return f"`{command}`"


def _lacking(words: list[str], target: CommandTarget) -> Iterator[str]:
    """Yield the options of a target that a command takes and lacks."""
    takes = _takes.get(" ".join(words[:2])) or _takes.get(words[0], frozenset())
    for name, value in target.options.items():
        if name in takes and not {f"--{name}", _SHORT.get(name)} & set(words):
            yield f"--{name} {shlex.quote(value)}" if value else f"--{name}"
