"""What the local AWS remembers: whole, or refused with a way out."""

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from model_config import files
from model_config.format.errors import LocalError
from model_config.local import state
from model_config.local.local_aws import LiveState, client, local_aws
from model_config.local.state import Resource, State, StateFolder
from model_config.plan.project import Project


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    folder = StateFolder(Project(tmp_path))
    with folder.locked():
        pass
    return folder


STATE = State(
    {"dev": {"t::n": Resource("t", "n", "id", {"a": 1}, {"b": [None, "é\x00"]}, protect=True)}},
    {"eu-west-1": {"/a": [{"version": 1, "value": "v"}]}},
)


def test_what_was_saved_is_loaded(folder: StateFolder):
    assert folder.load() == State()
    folder.save(STATE)
    assert folder.load() == STATE
    assert json.loads((folder.path / "state.json").read_text())["format"] == 2


CONTENTS = ["[]", "null", '{"format": 2}', '{"format": 9}', '"x"']


@pytest.mark.parametrize("cut", [0, 1, 50, -1, *CONTENTS])
def test_a_file_cut_short_or_with_another_content_is_refused_with_the_way_out(folder, cut):
    folder.save(STATE)
    file = folder.path / "state.json"
    file.write_text(cut if isinstance(cut, str) else file.read_text()[:cut])
    with pytest.raises(LocalError, match="model-config local reset"):
        folder.load()
    assert folder.reset()
    assert folder.load() == State()


def test_a_write_that_fails_leaves_the_old_state_and_no_rest(folder, monkeypatch):
    folder.save(STATE)

    def disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(LocalError, match="No space left"):
        folder.save(State())
    monkeypatch.undo()
    assert folder.load() == STATE
    assert {file.name for file in folder.path.iterdir()} == {"lock", "state.json"}


def test_what_could_not_be_saved_is_not_shown_to_the_next_caller(folder, monkeypatch):
    def disk_full(*_: object) -> None:
        raise LocalError("No space left on device")

    with local_aws():
        ssm, live = client("ssm", "eu-west-1"), LiveState(folder)
        monkeypatch.setattr(folder, "save", disk_full)
        with pytest.raises(LocalError), live.held():
            ssm.put_parameter(Name="/ai/dev/chat/note", Value="mine", Type="String")
        with live.held():
            assert ssm.describe_parameters()["Parameters"] == []


@pytest.mark.parametrize(
    "is_file",
    [True, pytest.param(False, marks=pytest.mark.skipif(os.geteuid() == 0, reason="it's root"))],
)
def test_a_read_only_place_and_a_file_in_the_folders_are_told(tmp_path: Path, *, is_file: bool):
    if is_file:
        (tmp_path / ".local").write_text("not a folder")
    else:
        tmp_path.chmod(0o500)
    with (
        pytest.raises(LocalError, match="can't read and save its state"),
        StateFolder(Project(tmp_path)).locked(),
    ):
        pass


def test_a_read_only_checkout_can_be_read(folder: StateFolder, monkeypatch: pytest.MonkeyPatch):
    folder.save(State())

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(state, "FileLock", refuse)
    monkeypatch.setattr(files.os, "open", refuse)
    with local_aws():
        live = LiveState(folder)
        with live.held():
            assert client("ssm", "eu-west-1").describe_parameters()["Parameters"] == []
        with pytest.raises(LocalError, match="Read-only file system"), live.held():
            client("ssm", "eu-west-1").put_parameter(Name="/b", Value="1", Type="String")
    monkeypatch.undo()
    assert folder.load() == State()


def test_a_folder_of_somebody_else_is_told_whatever_uses_it(folder, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(state, "FileLock", refuse)
    for method in ("stat", "read_bytes", "unlink"):
        monkeypatch.setattr(Path, method, refuse)
    for use in (folder.locked, folder.stamp, folder.load, folder.reset):
        with pytest.raises(LocalError, match=f"its state in {folder.path}: Permission denied"):
            use()


def test_two_processes_take_turns(folder: StateFolder):
    hold = (
        "import sys; from filelock import FileLock\n"  # in a tenth of the package's own time
        "with FileLock(sys.argv[1]):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(folder.path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LocalError, match="another deploy"), folder.locked(timeout=0.1):
            pass
        closing = threading.Event()

        def let_go() -> None:
            closing.set()
            other.stdin.close()

        threading.Timer(0.1, let_go).start()
        with folder.locked():
            assert closing.is_set()
