"""`model-config new`: a model that is valid as it is written."""

import re
import resource

import pytest

from model_config.files import write_new_files
from model_config.format.errors import UsageError
from model_config.plan.project import Project
from model_config.plan.registry import read_modules
from model_config.testing.program import findings


@pytest.mark.parametrize(
    ("kind", "of", "files"),
    [
        ("chat", "ChatModel", ["models/ticket_sorter.md", "models/ticket_sorter.py"]),
        ("embedding", "EmbeddingModel", ["models/ticket_sorter.py"]),
        ("reranker", "RerankerModel", ["models/ticket_sorter.py"]),
        ("endpoint", "EndpointModel", ["models/ticket_sorter.py"]),
        ("custom", "TicketRouter", ["models/ticket_sorter.py"]),
    ],
)
def test_a_new_model_is_valid_and_of_its_class(run, project, kind, of, files):
    said = run("new", "ticket_sorter", "--kind", kind).out
    assert sorted(said.splitlines()[:-1]) == [f"Wrote {file}." for file in files]
    modules = read_modules(Project(project))
    assert modules.broken == {}
    config = modules.models["ticket_sorter"].config
    assert type(config).__name__ == of
    assert findings(Project(project)) == []
    if secret := getattr(config, "api_key", None):
        assert secret.config_key == "ticketSorterApiKey"


def test_it_goes_into_the_project_and_not_into_the_folder_one_stands_in(run, project, monkeypatch):
    monkeypatch.chdir(project / "models")
    run("new", "ticket_sorter")
    assert (project / "models" / "ticket_sorter.py").is_file()


def test_what_is_not_a_name_is_refused(run, project):
    before = sorted(project.rglob("*"))
    for name in ("ticket-sorter", "_sorter", "2nd", "a/b", "../out", "a.b", "é"):
        assert "can't be the name of a model" in run("new", name, code=2).err
        assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize("there", ["support_chat.py", "support_chat.md"])
def test_it_writes_over_nothing(run, project, there):
    kept = {"support_chat.py", "support_chat.md"} - {there}
    for file in kept:
        (project / "models" / file).unlink()
    said = run("new", "support_chat", code=2).err
    assert said == f"nothing was written: {project} already has models/{there}\n"
    assert not any((project / "models" / file).exists() for file in kept)


def test_a_full_disk_leaves_no_empty_file(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(UsageError, match=re.escape(f"{tmp_path / 'b'} can't be written: ")):
            write_new_files(tmp_path, {"a": b"1", "b": b"2" * 11})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
