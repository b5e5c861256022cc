"""What the workflows do, on the local AWS: what a pipeline promotes at night, and what not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

NEWER = {"provider": "openai", "generation": {"temperature": 0.9, "stop": ["</a>"]}}


@pytest.fixture
def note(run, tmp_path: Path) -> Callable[[str], str]:
    """Note the releases, as before and after a deploy; return the file's path."""

    def call(name: str) -> str:
        file = tmp_path / f"{name}.json"
        run("pipeline", "note", "--output", str(file))
        return str(file)

    return call


@pytest.fixture
def promote(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    def call(before: str, after: str, *more: str, code: int = 0) -> tuple[str, str]:
        """Return what was printed, and the run's summary."""
        summary.write_text("")
        arguments = ("--before", before, "--after", after, "--reason", "run 7")
        said = run("pipeline", "promote", *arguments, *more, code=code)
        return said.out, summary.read_text()

    return call


def test_only_what_this_deploy_changed_is_promoted(run, released, note, promote, labels):
    released(model="chat", label="stable")
    released(model="search", label="stable")
    same = note("same")
    assert promote(same, same)[0] == "This deploy changed no model, so no label moves.\n"
    released(NEWER, model="search")  # deployed by somebody, promoted by nobody
    before = note("before")
    released(NEWER, model="chat")
    after = note("after")
    assert json.loads(Path(after).read_text()) == {"chat": 2, "search": 2}
    out, summary = promote(before, after)
    assert "chat: stable moved from release 1 to 2" in out
    missed = "search: nobody promoted release 2, the newest, to stable, which is on release 1."
    for said in (out, summary):
        assert missed in said
        assert "`model-config promote search --environment dev --label stable`" in said
    assert (labels()["stable"], labels("search")["stable"]) == (2, 1)
    assert summary.startswith("### `stable` in dev\n\n- chat: stable moved")

    # A run that is started again deploys nothing, and finds what the first noted before it.
    assert "is kept" in run("pipeline", "note", "--output", before).out
    out, _ = promote(before, note("again"))
    assert "chat: stable is already on release 2" in out
    assert labels()["stable"] == 2


def test_what_an_operator_rolled_back_at_night_stays_where_it_is(
    run, released, note, promote, labels
):
    for model in ("chat", "search"):
        released(model=model, label="stable")
        released(NEWER, model=model)
        run("promote", model, "--label", "stable")
    run("rollback", "chat")
    before = note("before")
    for model in ("chat", "search"):
        released({"provider": "other"}, model=model)
    out, summary = promote(before, note("after"))
    assert (labels()["stable"], labels("search")["stable"]) == (1, 3)
    assert "::warning title=chat was not promoted::chat: stable is held on release 1" in out
    assert "chat: stable is held on release 1 by a rollback" in summary
    assert "search: stable moved from release 2 to 3" in summary


def test_a_new_model_is_promoted_and_one_that_cannot_be_holds_up_no_other(
    released, note, promote, labels
):
    released(model="chat", label="stable")
    before = note("before")
    released(model="added")
    released(NEWER, model="chat", document="nonsense")
    out, _ = promote(before, note("after"), code=2)
    assert "added: stable moved from no release to 1" in out
    assert "::error title=chat was not promoted::chat: stable could not be moved" in out
    assert (labels()["stable"], labels("added")["stable"]) == (1, 1)


def test_a_rollout_can_begin_instead_where_the_label_has_readers(
    run, released, note, promote, labels
):
    released(model="chat", label="stable")
    before = note("before")
    released(NEWER, model="chat")
    released(model="added")
    after = note("after")
    out, summary = promote(before, after, "--steps", "10,100", "--every", "1h")
    assert "chat: a rollout of release 2 to stable began: 10, 100 %" in summary
    assert "added: stable moved from no release to 1" in summary
    assert labels()["stable"] == 1
    assert "10 %" in run("rollout", "status", "chat").out
    again, _ = promote(before, after, "--steps", "10,100")
    assert "already being rolled out to stable" in again
    assert "::error" not in out + again


def test_a_label_named_like_an_environment_is_refused(project, released, note, promote):
    released(model="chat", label="stable")
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text() + "  model-config:environment: development\n")
    same = note("same")
    for label in ("dev", "development"):
        promote(same, same, "--label", label, code=2)


def test_a_file_that_note_did_not_write_is_refused(run, tmp_path: Path):
    file = tmp_path / "x.json"
    for text in ("", "[]", '{"chat": "2"}', '{"chat": 2.5}'):
        file.write_text(text)
        said = run("pipeline", "promote", "--before", str(file), "--after", str(file), code=2)
        assert "was not written by `model-config pipeline note --output FILE`" in said.err


@pytest.mark.usefixtures("first_deploy")
def test_what_was_deployed_is_verified(run, project: Path):
    assert run("pipeline", "verify").out == "dev matches the program.\n"
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 0.9"))
    said = run("pipeline", "verify", code=1)
    assert "support_chat/generation/temperature: not deployed" in said.err


def test_a_stack_file_that_does_not_say_where_it_goes_is_refused_for_the_workflows(run, project):
    file = project / "Pulumi.dev.yaml"
    file.write_text('config:\n  aws:allowedAccountIds: ["111122223333", "444455556666"]\n')
    said = run("pipeline", "environments", "dev", code=2).err
    assert "Pulumi.dev.yaml: aws:region: it is not set" in said
    assert "Pulumi.dev.yaml: aws:allowedAccountIds: it doesn't name the one account" in said
