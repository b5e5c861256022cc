"""`model-config check` and `prune`."""

import pytest
from moto import mock_aws

from .conftest import more_versions

NAME = "/ai/dev/chat/release"
STRAY = f"{NAME}/parts/0123456789abcdef"


def test_check_finds_the_labelled_oldest_release_of_the_named_models_and_fails(run, released, ssm):
    released(label="stable")
    ssm.put_parameter(Name=NAME, Value="{", Type="SecureString", Overwrite=True)
    more_versions(NAME, 100)
    released(model="support_chat", label="stable")
    rows = [line.split("\t") for line in run("check", code=1).out.splitlines()]
    (level, where, problem, fix), *_ = [row for row in rows if row[0] == "error"]
    assert (level, where) == ("error", "chat")
    assert "release 1, which has stable, is then the oldest of 100" in problem
    assert "model-config promote chat --environment dev --label stable" in fix
    shown = run("check", "support_chat", "chat", "--json", code=1).json
    (error,) = [row for row in shown if row["level"] == "error"]
    assert error["where"] == "chat"
    assert "ParameterMaxVersionLimitExceeded" in error["reason"]
    assert run("check", "support_chat").out == "The next deploy can run: support_chat.\n"
    assert "there is no model 'chta': did you mean \"chat\"?" in run("check", "chta", code=2).err


@pytest.mark.usefixtures("ssm")
def test_an_environment_with_nothing_in_it_fails_unless_it_is_the_first_deploy(run):
    (error,) = [each for each in run("check", "--json", code=1).json if each["level"] == "error"]
    assert error["where"] == "/ai/dev"
    said = run("check", "--first-deploy")
    assert "support_chat\tit is not deployed yet" in said.out
    assert "The next deploy can run. It creates the first releases.\n" in said.out


@pytest.mark.usefixtures("made_up_credentials")
def test_a_secret_that_is_not_set_stops_the_next_deploy(run, monkeypatch):
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    with mock_aws():
        said = run("check", "--first-deploy", code=1)
        of_one = run("check", "support_chat", "--first-deploy", code=1)
    assert "model-config:supportChatApiKey" in of_one.out
    assert "documentEmbeddingApiKey" not in of_one.out
    assert "not deployed yet" not in of_one.out
    for key in ("supportChatApiKey", "documentEmbeddingApiKey"):
        assert f"pulumi config set --secret model-config:{key} --stack dev" in said.out
    assert "can run" not in said.out


@pytest.mark.usefixtures("first_deploy")
def test_after_a_deploy_only_held_labels_are_worth_knowing(run, project):
    never = [each["problem"] for each in run("check", "--json").json]
    assert len(never) == 3
    assert all("nobody promoted release 1" in problem for problem in never)
    run("promote", "--all")
    run("rollback", "support_chat", "--release", "1")
    # A model that is broken or left out is not taken for one that is gone.
    (project / "models" / "support_chat.py").write_text("MODEL = 1/0")
    notice, error = run("check", "--json", code=1).json
    assert (notice["level"], notice["where"]) == ("notice", "support_chat")
    assert "stable is held on release 1 by a rollback" in notice["problem"]
    assert (error["level"], error["where"]) == ("error", "support_chat")
    assert (error["file"], error["line"]) == ("models/support_chat.py", 1)


@pytest.mark.usefixtures("first_deploy")
def test_the_programs_findings_are_errors_and_with_models_those_about_them(run, project):
    (project / "models" / "bad.py").write_text("x = (")
    with (project / "Pulumi.dev.yaml").open("a", encoding="utf-8") as file:
        file.write("    passage_reranker:\n      modle_id: x\n")
    override = "model-config:overrides.passage_reranker.modle_id"
    rows = [line.split("\t") for line in run("check", code=1).out.splitlines()]
    assert {"bad", override} == {where for level, where, *_ in rows if level == "error"}
    assert not [row for row in rows if "not deployed yet" in row[2]]
    about = {"bad": {"bad"}, "passage_reranker": {override}, "support_chat": set()}
    for model, errors in about.items():
        shown = run("check", model, "--json", code=1 if errors else 0).json
        assert {row["where"] for row in shown if row["level"] == "error"} == errors
    assert run("check", "support_chat").out.endswith("The next deploy can run: support_chat.\n")


def test_check_needs_no_project_but_in_one_the_stacks_file(run, elsewhere, tmp_path, monkeypatch):
    elsewhere(label="stable")
    missing = [run(verb, "-e", "staging", code=2) for verb in ("check", "drift")]
    assert missing[0].err == missing[1].err
    assert "Pulumi.staging.yaml: there is no such file" in missing[0].err
    assert "stacks with a file: dev, prod" in missing[0].err
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODEL_CONFIG_PROJECT")
    assert run("check").out == "The next deploy can run: chat.\n"


def test_prune_deletes_what_no_release_names_and_lists_it(run, released, ssm):
    large = {"t": "".join(chr(200 + number * 7919 % 50_000) for number in range(9_000))}
    released(large, {"key": "sk-1"})
    ssm.put_parameter(Name=STRAY, Value="x", Type="SecureString")
    assert run("prune", "chat", "--dry-run").out == f"{STRAY}\n"
    assert run("prune", "chat", "--json", "--dry-run").json == [STRAY]
    said = run("prune", "chat")
    assert (said.out, said.err) == (f"{STRAY}\n", "1 part deleted.\n")
    assert run("prune", "chat").err == "0 parts deleted.\n"
    assert run("show", "chat", "--reveal", "--label", "latest", "--json").json["config"] == large
    released(document="{")  # while a release can't be read, nothing is deleted
    ssm.put_parameter(Name=STRAY, Value="x", Type="SecureString")
    assert "nothing was deleted" in run("prune", "chat", code=2).err
    assert ssm.get_parameter(Name=STRAY)["Parameter"]["Name"] == STRAY


def test_prune_gone_deletes_what_a_removed_model_left_and_refuses_one_of_this_project(run, ssm):
    ssm.put_parameter(Name=STRAY, Value="x", Type="SecureString")
    assert "there is no such parameter" in run("prune", "chat", code=2).err
    assert run("prune", "chat", "--gone").out == f"{STRAY}\n"
    assert "a model of this project" in run("prune", "support_chat", "--gone", code=2).err
