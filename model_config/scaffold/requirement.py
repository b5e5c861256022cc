"""How a project's requirements.txt names the package: a version, a commit or a wheel."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model_config.format.errors import UsageError

#: What a deploy and the verbs need; requirements-dev.txt adds the local AWS.
_PACKAGE = "model-config[cli,deploy]"
_VERSION = re.compile(r"\d+(\.\d+)*[A-Za-z0-9.+]*")
_COMMIT = re.compile(r"git\+\S+@[0-9a-f]{40}")
_FORMS = (
    "a version of an index of yours (0.2.0), an address in git with its whole commit "
    "(git+https://git.example.com/model-config@<40 hexadecimal digits>), or a wheel "
    "(dist/model_config-0.2.0-py3-none-any.whl)"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """The package, as a project requires it.

    Attributes:
        text: the lines for pip.
        files: what they name in the project, by its path there.
    """

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)


def requirement(spec: str | None) -> Requirement:
    """Return the requirement that `--from` gives.

    Args:
        spec: a version, an address in git that ends in a whole commit, or the path of a wheel.

    Raises:
        UsageError: it is none of these, or is missing.
    """
    if spec is None:
        raise UsageError(
            f"model-config is on no public index, so --from has to say where it comes "
            f"from: {_FORMS}"
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
    # pip checks the hash of an address, and takes extras of a name alone. A --hash would have to be
    # given for every other package too.
    place, digest = f"wheels/{path.name}", hashlib.sha256(content).hexdigest()
    return Requirement(f"file:{place}#sha256={digest}\n{_PACKAGE}", {place: content})
