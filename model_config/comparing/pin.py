"""The version of model-config that a project pins, and whether it is installed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

_NAME = r"^\s*model[-_.]config\s*(?:\[[^\]]*\])?"
_VERSION = re.compile(rf"{_NAME}\s*===?\s*([^\s;#]+)", re.IGNORECASE | re.MULTILINE)
_GIT_URL = r"git\+[a-z]+://[^/\s]+/[^\s@#]+"
_REVISION = re.compile(rf"{_NAME}\s*@\s*{_GIT_URL}@([^\s@#]+)", re.IGNORECASE | re.MULTILINE)
_WHEEL = re.compile(r"^[^#\n]*\bmodel_config-([^-\s/]+)-[^\s/]+\.whl\b([^\n]*)", re.MULTILINE)
_SHA256 = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """The version that a project pins. At most one of version and revision is set.

    Attributes:
        revision: a git commit or tag.
        sha256: the wheel's hash, in hex.
    """

    version: str | None = None
    revision: str | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        return f"commit {self.revision}" if self.revision else str(self.version)


def pin_notes(folder: Path, name: str) -> tuple[str, ...]:
    """Return a note if the installed version, which describes a project, is not the pinned one."""
    try:
        pin = pinned((folder / "requirements.txt").read_text(encoding="utf-8", errors="replace"))
        installed = distribution("model-config")
    except (OSError, PackageNotFoundError):
        return ()
    if pin is None or is_installed(pin, installed):
        return ()
    note = f"{name} pins model-config {pin} and is described by the installed {installed.version}"
    return (f"{note}: a deploy by the pinned version may differ",)


def pinned(requirements: str) -> Pin | None:
    """Return the version, git revision or wheel that a requirements file pins, if it pins one."""
    text = requirements.replace("\\\n", " ")
    if found := _REVISION.search(text):
        return Pin(revision=found[1])
    if found := _WHEEL.search(text):
        sha256 = _SHA256.search(found[2])
        return Pin(found[1], sha256=sha256[1] if sha256 else None)
    found = _VERSION.search(text)
    return Pin(found[1]) if found else None


def is_installed(pin: Pin, installed: Distribution) -> bool:
    """Return whether a distribution is the pinned one, as far as pip recorded its origin.

    https://packaging.python.org/en/latest/specifications/direct-url-data-structure/
    """
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if pin.revision:
        git = origin.get("vcs_info", {})
        commit, asked = str(git.get("commit_id", "")), git.get("requested_revision")
        return commit.startswith(pin.revision) or bool(asked == pin.revision)
    sha256 = origin.get("archive_info", {}).get("hashes", {}).get("sha256")
    same_wheel = pin.sha256 in {None, sha256} or sha256 is None
    return pin.version == installed.version and same_wheel
