"""The requirement of the package in a project's requirements.txt: a version, commit or wheel."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model_config.format.errors import UsageError

#: The package with what a deploy and the verbs need; requirements-dev.txt adds the local AWS.
_PACKAGE = "model-config[cli,deploy]"
_VERSION = re.compile(r"\d+(\.\d+)*[A-Za-z0-9.+]*")
_COMMIT = re.compile(r"git\+\S+@[0-9a-f]{40}")
_FORMS = (
    "a version in your package index (0.2.0), a git URL with a full commit id "
    "(git+https://git.example.com/model-config@<40 hexadecimal digits>), or a wheel "
    "(dist/model_config-0.2.0-py3-none-any.whl)"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """The requirement of the package.

    Attributes:
        text: the lines in requirements.txt.
        files: the files that they refer to, by their paths in the project.
    """

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def requirement(spec: str | None) -> Requirement:
    """Return the requirement for a value of `--from`.

    Args:
        spec: a version, a git URL that ends in a full commit id, or the path of a wheel.

    Raises:
        UsageError: it is none of these, or is missing.
    """
    if spec is None:
        raise UsageError(
            f"model-config is not on a public index, so --from must say where to get it: {_FORMS}"
        )
    if spec.endswith(".whl"):
        return _wheel(Path(spec))
    if _COMMIT.fullmatch(spec):
        return Requirement(f"{_PACKAGE} @ {spec}")
    if _VERSION.fullmatch(spec):
        return Requirement(f"{_PACKAGE}=={spec}")
    raise UsageError(f"--from takes {_FORMS}, not {spec!r}")


def _wheel(path: Path) -> Requirement:
    if not re.fullmatch(r"model_config-[^-]+(-[^-]+){3,4}\.whl", path.name):
        raise UsageError(f"{path} is not a wheel of model-config")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    # Two lines, because pip checks the hash of a URL, and takes extras only of a name. A --hash
    # would be required of every other package, too.
    target, digest = f"wheels/{path.name}", hashlib.sha256(content).hexdigest()
    return Requirement(f"file:{target}#sha256={digest}\n{_PACKAGE}", {target: content})
