"""A difference between the program, the newest release and AWS, its meaning, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from enum import Enum
from os.path import commonprefix  # of any texts, not only of paths
from typing import Literal, TypeAlias

from model_config.operate.ssm import ListedParameter

DriftState: TypeAlias = Literal[
    "edited", "interrupted", "not deployed", "orphaned", "unmanaged", "unclear"
]

#: The meaning of each state, and what to do about it.
ADVICE: dict[DriftState, str] = {
    "edited": (
        "Somebody changed it by hand. To undo it: `pulumi up --refresh --stack {stack}` (a "
        "parameter of another type or tier first needs `aws ssm delete-parameter --name NAME`). To "
        "keep a value: write it into the model's module or the stack file first. "
        "Applications read the release and so don't see the change, except for a secret. A key "
        "or a policy may also be older than the program: the same command updates it."
    ),
    "interrupted": (
        "A deploy wrote some parameters but no release: applications still read the previous one. "
        "To finish it: `model-config recover --environment {stack}`, which adopts what the state "
        "lacks, and then `pulumi up --refresh --stack {stack}`."
    ),
    "not deployed": (
        "The program is ahead of AWS, or somebody deleted a rollout parameter: "
        "`pulumi up --refresh --stack {stack}`."
    ),
    "orphaned": (
        "An earlier program left it. After a deploy that was interrupted before its deletions: "
        "`pulumi up --refresh --stack {stack}`. Parts of releases: `model-config prune MODEL`, "
        "with --gone for a model that was removed."
    ),
    "unmanaged": (
        "Neither a release nor the program has it. Move it into a model's module "
        "(`model-config import`), or delete it: `aws ssm delete-parameter --name NAME`."
    ),
    "unclear": "The newest release can't be read, so the origin of the change is unknown: see "
    "below.",
}


def without_plan(*, has_module: bool) -> str:
    """Return why a model that has a release is not in the stack's plan."""
    if has_module:
        return "it has a release and a module, but is not one of this stack's models"
    return "it has a release, but no module in this project"


#: The number of characters of a value that are shown.
_ROOM = 48


class NoText(Enum):
    ABSENT = "nothing"
    SECRET = "a secret"  # noqa: S105 - only a deploy knows its value
    UNREAD = "something"  # not read, since it may be a secret


Content: TypeAlias = str | NoText


@dataclass(frozen=True, slots=True)
class Difference:
    """A parameter, the key or a reader policy that differs."""

    model: str  #: Empty if it belongs to none.
    path: str  #: Below the model; or the key's alias or the policy's ARN.
    state: DriftState
    #: "value" or "document"; how it is stored, such as "type", "tier" or "key"; or of the key and
    #: the policies "alias", "state", "rotation" or "policy".
    aspect: str
    program: Content
    aws: Content
    release: Content = NoText.ABSENT
    name: str | None = None  #: The full name or ARN, if AWS has it.
    listed: ListedParameter | None = None  #: If SSM has it.

    @property
    def text(self) -> str:
        """The contents, grouped by equality, and who wrote the parameter if not a deploy."""
        if self.aspect not in {"value", "document"}:
            text = f"{self.aspect}: {_shown(self.aws)}, not {_shown(self.program)}"
        else:
            contents = {"program": self.program, "release": self.release, "SSM": self.aws}
            texts = [content for content in contents.values() if isinstance(content, str)]
            begin = len(commonprefix(texts)) if len({*texts}) > 1 else 0  # noqa: RUF071 - as meant
            sides: dict[str, list[str]] = {}
            for side, content in contents.items():
                sides.setdefault(_shown(content, begin), []).append(side)
            text = "; ".join(f"{' and '.join(names)}: {shown}" for shown, names in sides.items())
        if self.listed is None or self.state == "not deployed":
            return text
        by = f" by {self.listed.by}" if self.listed.by.startswith("arn:") else ""
        return f"{text} (written {self.listed.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{by})"


def _shown(content: Content, begin: int = 0) -> str:
    """Return a content on one line; of a long text, the part around the first difference."""
    if not isinstance(content, str):
        return str(content.value)
    start = max(0, begin - 12) if len(content) > _ROOM else 0
    end = start + _ROOM
    return f"{'…' * (start > 0)}{content[start:end]}{'…' * (end < len(content))}".replace(
        "\n", "\\n"
    )
