"""The state of the local AWS between two runs: one file, written atomically.

Every process that uses it holds the lock, so `make local`, a second one and `serve` take turns.
"""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from errno import EACCES, EROFS
from typing import Any

from filelock import FileLock, Timeout

from model_config.files import replace_file
from model_config.format.errors import LocalError
from model_config.plan.project import Project

_FORMAT = 2
LOCK_SECONDS = 30.0


class OutdatedStateError(LocalError):
    """An earlier version wrote the state, and a deploy starts anew."""


@dataclass(slots=True)
class Resource:
    """A resource as Pulumi keeps it in a stack's state."""

    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    protect: bool = False
    retain_on_delete: bool = False


@dataclass(slots=True)
class State:
    #: For each environment its resources, by "type::name".
    environments: dict[str, dict[str, Resource]] = field(default_factory=dict)
    #: For each region the SSM parameters' versions, oldest first, by name.
    parameters: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)


class StateFolder:
    """The folder `.local/`, readable only by its owner, since it holds secrets in plain text.

    Its methods raise LocalError if the folder can't be locked, read or written.
    """

    def __init__(self, project: Project) -> None:
        self.path = project.root / ".local"
        self.secrets_file = self.path / "secrets.yaml"
        self._file = self.path / "state.json"

    def locked(self, timeout: float = LOCK_SECONDS) -> AbstractContextManager[object]:
        """Take the lock, for the `with` block that this begins. It waits for `timeout` seconds."""
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            return FileLock(self.path / "lock", timeout, mode=0o600).acquire()
        except Timeout:
            raise LocalError(
                f"another deploy has held the local AWS for {timeout:.0f} seconds: "
                "wait for it to end, or stop it, and run this again"
            ) from None
        except OSError as error:
            if error.errno in {EACCES, EROFS} and any(self.stamp()):
                return nullcontext()  # it can still be read, and nobody changes it meanwhile
            raise self._refused(error) from None

    def load(self) -> State:
        """Return the saved state, or an empty one."""
        try:
            content = json.loads(self._file.read_bytes())
            if content["format"] == 1:  # its releases are Advanced, and could not become Standard
                raise OutdatedStateError(
                    f"an earlier version of model-config wrote {self._file}: "
                    "`model-config local deploy` starts the local AWS anew"
                )
            if content["format"] != _FORMAT:
                raise LocalError(
                    f"{self._file} has format {content['format']!r}, but this version reads "
                    f"format {_FORMAT}: start over with `model-config local reset`"
                )
            return State(
                {
                    environment: {key: Resource(**item) for key, item in resources.items()}
                    for environment, resources in content["environments"].items()
                },
                content["parameters"],
            )
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise self._refused(error) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LocalError(
                f"{self._file} is damaged: start over with `model-config local reset` "
                "(the local AWS forgets its versions; your modules are not touched)"
            ) from None

    def save(self, state: State) -> None:
        """Save the state, or leave the earlier one unchanged."""
        content = json.dumps({"format": _FORMAT, **asdict(state)})
        try:
            replace_file(self._file, content, private=True)
        except OSError as error:
            raise self._refused(error) from None

    def stamp(self) -> tuple[int, int]:
        """Return a stamp that changes whenever the state is saved."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return 0, 0
        except OSError as error:
            raise self._refused(error) from None
        return status.st_mtime_ns, status.st_ino

    def reset(self) -> bool:
        """Delete everything but `secrets.yaml`, and return whether anything existed."""
        try:
            self._file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._refused(error) from None
        return True

    def _refused(self, error: OSError) -> LocalError:
        return LocalError(
            f"the local AWS can't read and save its state in {self.path}: {error.strerror}. "
            "Nothing was changed; make the folder writable or free disk space, and run it again"
        )
