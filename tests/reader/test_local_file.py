"""An application with MODEL_CONFIG_LOCAL=1 reads what the commands keep in `.local/`."""

from errno import EACCES
from pathlib import Path

import pytest

from model_config import Reader
from model_config.cli import main
from model_config.format.errors import StoreUnavailableError, UsageError

pytestmark = pytest.mark.usefixtures("first_deploy")


@pytest.fixture
def application(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODEL_CONFIG_LOCAL", "1")
    monkeypatch.delenv("MODEL_CONFIG_PROJECT")
    folder = project / "application"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return project


@pytest.mark.usefixtures("application")
def test_it_sees_a_promotion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["model-config", "promote", "support_chat"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    reader = Reader("dev", ttl=0)
    chat = reader.get("support_chat")
    assert (chat.release, chat.label) == (1, "stable")
    assert chat["provider"] == "openai"
    assert chat.secrets["api_key"].reveal()
    assert reader.get("support_chat", release=1).digest == chat.digest
    assert reader.get("support_chat", label="latest").digest == chat.digest


def test_without_a_local_aws_it_says_how_to_make_one(
    application: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = application / ".local" / "state.json"
    reader = Reader("dev")
    file.write_text("{")
    with pytest.raises(StoreUnavailableError, match="`model-config local deploy`"):
        reader.get("support_chat")
    file.unlink()
    with pytest.raises(UsageError, match="run `make local`, or set MODEL_CONFIG_PROJECT"):
        Reader("dev")
    monkeypatch.setenv("MODEL_CONFIG_PROJECT", str(application))
    with pytest.raises(UsageError, match="there is no local AWS in"):
        Reader("dev")

    def refuse(path: Path) -> bool:
        raise PermissionError(EACCES, "Permission denied", path)

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(StoreUnavailableError, match=f"{file} can't be read: Permission denied"):
        Reader("dev")
