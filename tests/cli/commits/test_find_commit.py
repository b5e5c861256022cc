"""`model-config find-commit`: from the digest of a release to the commit that is running."""

from pathlib import Path

import pytest

CHAT = "models/support_chat.py"


def retries(number: int) -> tuple[str, str, str]:
    return CHAT, f"max_retries={number}", f"max_retries={number + 1}"


@pytest.fixture
def history(edit, commit, project):
    """Three commits after the first: other retries, a text about nothing, yet other retries."""
    edit(*retries(2))
    changed = commit("Three retries")
    (project / "models" / "about.txt").write_text("nothing")
    about = commit("About")
    edit(*retries(3))
    return changed, about, commit("Four retries")


def digest(run, environment="prod"):
    return run("digest", "support_chat", "-e", environment).out.strip()


def test_the_commits_with_a_digest_are_listed_newest_first(run, edit, history):
    changed, about, _ = history
    edit(CHAT, "max_retries=4", "max_retries=3")
    wanted = digest(run)
    lines = run("find-commit", wanted[7:19].upper()).out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [about[:9], changed[:9]]
    assert lines[1].split("\t")[2:] == ["prod", "support_chat", "Three retries"]
    (row, _) = run("find-commit", wanted, "--json").json
    assert row == {
        "commit": about,
        "date": row["date"],
        "author": "Ada",
        "subject": "About",
        "environment": "prod",
        "model": "support_chat",
    }
    assert "with the digest" in run("find-commit", wanted, "-e", "dev", code=2).err


@pytest.mark.usefixtures("history")
def test_with_all_an_earlier_time_is_found_too(run, edit, commit):
    edit(CHAT, "max_retries=4", "max_retries=2")
    back = commit("Two again")
    wanted = digest(run)
    assert [row["commit"] for row in run("find-commit", wanted, "--json").json] == [back]
    rows = run("find-commit", wanted, "--all", "--json").json
    assert [row["subject"] for row in rows] == ["Two again", "The project"]


def test_a_digest_that_no_commit_has_or_that_is_none(run, edit):
    edit(CHAT, "max_retries=2", "max_retries=3")
    said = run("find-commit", digest(run), code=2).err
    assert "the working tree has it, so it is not committed yet" in said
    assert "name the branch with --from" in run("find-commit", "0123abcd", code=2).err
    for text in ("0123abc", "sha1:0123abcd", "0123abcz", "0" * 65):
        assert "8 to 64 hex digits" in run("find-commit", text, code=2).err


def test_a_change_on_another_branch_does_not_end_the_search(run, edit, commit, git, monkeypatch):
    edit(*retries(2))
    wanted = commit("Three retries")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2090-01-01T00:00:00Z")
    git("checkout", "-b", "side", "HEAD~1")
    edit("models/passage_reranker.py", "max_retries=1", "max_retries=5")
    commit("A side branch that has two retries")
    git("checkout", "main")
    git("merge", "side", "-m", "Merge")
    rows = run("find-commit", digest(run), "--json").json
    assert [row["subject"] for row in rows] == ["Merge", "Three retries"]
    assert rows[-1]["commit"] == wanted


def test_a_shallow_clone_names_no_commit_that_it_is_not_sure_of(
    run, history, project, git, work_in
):
    def shallow(depth):
        folder = f"{project}-{depth}"
        git("clone", "--depth", str(depth), f"file://{project}", folder)
        work_in(Path(folder))

    *_, newest = history
    wanted = digest(run)
    shallow(1)
    assert "git fetch --unshallow" in run("find-commit", "0123abcd", code=2).err
    assert "git fetch --unshallow" in run("diff", history[0], code=2).err
    said = run("find-commit", wanted, code=2)
    assert said.out == ""
    oldest = f"{newest[:9]}, the oldest commit of this shallow clone"
    assert f"{oldest}, already has the digest" in said.err
    assert "git fetch --unshallow" in said.err
    shallow(2)  # the commit before is there, and hasn't got it: so this one brought it in
    (row,) = run("find-commit", wanted, "--json").json
    assert row["commit"] == newest
    assert "git fetch --unshallow" in run("find-commit", wanted, "--all", code=2).err
