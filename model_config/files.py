"""Atomic writes: a file is replaced as a whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from model_config.format.errors import UsageError


def replace_file(path: Path, text: str, *, private: bool) -> None:
    """Write a file beside its place and put it there at once.

    Args:
        path: the file.
        text: its new content.
        private: whether only its owner may read it; otherwise the umask decides.

    Raises:
        OSError: it can't be written; what was there before still is.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink()
        raise


def write_file(path: Path, text: str, *, private: bool) -> None:
    """Write a file that a user named, whole or not at all; a link is followed.

    Args:
        path: the file.
        text: its new content.
        private: whether only its owner may read it; otherwise the umask decides.

    Raises:
        UsageError: it can't be written; what was there before still is.
    """
    try:
        place = Path(os.path.realpath(path))
        if place.is_symlink():  # what is left of links that lead to one another
            raise UsageError(f"{path} can't be written: its links lead in a circle")
        if place.exists() and not place.is_file():  # a folder, or a device such as /dev/stdout
            raise UsageError(f"{path} can't be written: it is not an ordinary file")
        replace_file(place, text, private=private)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from None


def write_new_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, over none that is there.

    Args:
        folder: where they go; made where it is missing, as the folders in it are.
        contents: what each holds, by its path in the folder.

    Raises:
        UsageError: one of them is there already, and nothing was written; or one can't be written.
    """
    if there := sorted(path for path in contents if os.path.lexists(folder / path)):
        raise UsageError(f"nothing was written: {folder} already has {', '.join(there)}")
    try:
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("xb") as file:
                file.write(content)
    except OSError as error:
        raise UsageError(f"{error.filename} can't be written: {error.strerror}") from None
