"""Atomic writes: a file is replaced as a whole, or not at all."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from model_config.format.errors import UsageError


def replace_file(path: Path, text: str, *, private: bool) -> None:
    """Replace a file. Only its owner may read a `private` one; otherwise the umask decides."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def write_file(path: Path, text: str, *, private: bool) -> None:
    """Write the file at a path that a user gave, as `replace_file` does. Links are followed."""
    try:
        target = Path(os.path.realpath(path))
        if target.is_symlink():  # realpath returns a link only where links form a loop
            raise UsageError(f"{path} can't be written: its symbolic links form a loop")
        if target.exists() and not target.is_file():  # a folder, or a device such as /dev/stdout
            raise UsageError(f"{path} can't be written: it is not a regular file")
        replace_file(target, text, private=private)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from None


def write_new_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write new files below a folder; none, if one of them exists or can't be written."""
    if existing := sorted(path for path in contents if os.path.lexists(folder / path)):
        raise UsageError(f"nothing was written: {folder} already has {', '.join(existing)}")
    written: list[Path] = []
    for name, content in contents.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                written.append(path)
                file.write(content)
        except OSError as error:
            for file_written in written:  # on a full disk the last one is empty or cut short
                file_written.unlink()
            raise UsageError(f"{path} can't be written: {error.strerror}") from None
