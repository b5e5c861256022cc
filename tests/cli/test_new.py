"""`model-config new`: a model that is valid as it is written."""

import re
import resource

import pytest

from model_config.files import write_new_files
from model_config.format.errors import UsageError
from model_config.plan.project import Project
from model_config.plan.registry import read_modules
from model_config.testing.program import findings


def test_a_new_model_is_valid_and_of_its_class(run, project):
    classes = {"chat": "ChatModel", "embedding": "EmbeddingModel", "reranker": "RerankerModel",
               "endpoint": "EndpointModel", "custom": "TicketRouter"}  # fmt: skip
    for kind in classes:
        files = ["md", "py"] if kind == "chat" else ["py"]
        said = run("new", f"new_{kind}", "--kind", kind).out
        wrote = [f"Wrote models/new_{kind}.{extension}." for extension in files]
        assert sorted(said.splitlines()[:-1]) == wrote
    modules = read_modules(Project(project))
    assert modules.broken == {}
    assert findings(Project(project)) == []
    for kind, of in classes.items():
        config = modules.models[f"new_{kind}"].config
        assert type(config).__name__ == of
        if secret := getattr(config, "api_key", None):
            assert secret.config_key == f"new{kind.title()}ApiKey"


def test_it_goes_into_the_project_and_not_into_the_folder_one_stands_in(run, project, monkeypatch):
    monkeypatch.chdir(project / "models")
    run("new", "ticket_sorter")
    assert (project / "models" / "ticket_sorter.py").is_file()


def test_what_is_not_a_name_is_refused(run, project):
    before = sorted(project.rglob("*"))
    for name in ("ticket-sorter", "_sorter", "2nd", "a/b", "../out", "a.b", "é"):
        assert "can't be the name of a model" in run("new", name, code=2).err
        assert sorted(project.rglob("*")) == before


def test_it_writes_over_nothing(run, project):
    folder = project / "models"
    for there, other in ((".md", ".py"), (".py", ".md")):
        folder.joinpath(f"support_chat{there}").write_text("mine")
        folder.joinpath(f"support_chat{other}").unlink()
        said = run("new", "support_chat", code=2).err
        assert said == f"nothing was written: {project} already has models/support_chat{there}\n"
        assert [file.suffix for file in folder.glob("support_chat.*")] == [there]


def test_a_full_disk_leaves_no_empty_file(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(UsageError, match=re.escape(f"{tmp_path / 'b'} can't be written: ")):
            write_new_files(tmp_path, {"a": b"1", "b": b"2" * 11})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
