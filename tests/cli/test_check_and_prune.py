"""`model-config check` and `prune`."""

import pytest

NAME = "/ai/dev/chat/release"
STRAY = f"{NAME}/parts/0123456789abcdef"


@pytest.fixture
def full(released, ssm):
    """A model whose oldest release of 100 carries a label."""
    released(label="stable")
    for _ in range(99):
        ssm.put_parameter(
            Name=NAME, Value="{", Type="SecureString", Tier="Advanced", Overwrite=True
        )


@pytest.mark.usefixtures("full")
def test_check_finds_the_labelled_oldest_release_and_fails(run, released):
    released(model="other")
    said = run("check", code=1)
    model, problem, fix = said.out.rstrip("\n").split("\t")
    assert model == "chat"
    assert "release 1, which carries stable, is then the oldest of 100" in problem
    assert "model-config promote chat --label stable --environment dev" in fix


@pytest.mark.usefixtures("full")
def test_check_as_json_holds_the_reason_too(run):
    (finding,) = run("check", "--json", code=1).json
    assert finding["where"] == "chat"
    assert "ParameterMaxVersionLimitExceeded" in finding["reason"]


@pytest.mark.usefixtures("full")
def test_check_looks_at_the_named_models_alone(run, released):
    released(model="other")
    assert run("check", "other").out == "Nothing stands in a deploy's way: other.\n"
    run("check", "other", "chat", code=1)


@pytest.mark.usefixtures("ssm")
def test_a_model_that_was_never_deployed_has_nothing_in_its_way(run):
    assert "no releases yet" in run("check").out
    assert run("check", "--json").json == []
    run("check", "support_chat")  # its module is here


def test_a_model_that_is_nowhere_is_a_typing_mistake(run, released):
    released()
    assert "there is no model 'chta': did you mean \"chat\"?" in run("check", "chta", code=2).err


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


def test_prune_deletes_nothing_while_a_release_cannot_be_read(run, released, ssm):
    released(document="{")
    ssm.put_parameter(Name=STRAY, Value="x", Type="SecureString")
    assert "nothing was deleted" in run("prune", "chat", code=2).err
    assert ssm.get_parameter(Name=STRAY)["Parameter"]["Name"] == STRAY


def test_prune_gone_deletes_what_a_removed_model_left_and_refuses_one_of_this_project(run, ssm):
    ssm.put_parameter(Name=STRAY, Value="x", Type="SecureString")
    assert "there is no such parameter" in run("prune", "chat", code=2).err
    assert run("prune", "chat", "--gone").out == f"{STRAY}\n"
    assert "a model of this project" in run("prune", "support_chat", "--gone", code=2).err
