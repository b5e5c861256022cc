"""`model-config diff`: what a reviewer sees of a change, from git alone."""

import shutil
import sys
import tarfile

import pytest
from support.project import write_model

from model_config.comparing.git import Repository
from model_config.comparing.snapshot import of_commit
from model_config.plan.project import Project

CHAT = "models/support_chat.py"
PROMPT = "models/support_chat.md"
KEYS = "a secret, config key supportChatApiKey → anotherKey"


def found(said, **wanted):
    """Return the differences that have these values."""
    return [
        each
        for each in said.json["differences"]
        if all(each[key] == value for key, value in wanted.items())
    ]


def test_a_value_is_shown_only_where_no_override_hides_it(run, edit, commit):
    edit(CHAT, "temperature=0.2", "temperature=0.4")
    assert f"1 uncommitted file: {CHAT}" in run("diff", "--exit-code", "--markdown", code=1).out
    commit()
    assert "uncommitted" not in run("diff", "HEAD~1").out
    said = run("diff", "HEAD~1", "HEAD", "--json")
    (change,) = said.json["differences"]
    assert (change["environment"], change["model"], change["kind"]) == (
        "prod", "support_chat", "changed",
    )  # fmt: skip
    assert change["changes"] == [
        {"path": "generation/temperature", "change": "changed", "before": 0.2, "after": 0.4,
         "secret": False, "variables": None},
    ]  # fmt: skip


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tarfile has filters from 3.11.4 on")
def test_commits_are_compared_where_tarfile_has_no_filters_yet(run, monkeypatch):
    real = tarfile.TarFile.extractall

    def extract_all(files, path):  # Python 3.11.0 to 3.11.3 have no more parameters
        real(files, path)

    monkeypatch.setattr(tarfile.TarFile, "extractall", extract_all)
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    assert run("diff", "HEAD", "HEAD").err == ""


def test_a_change_in_a_stack_file_is_shown_with_what_it_does(run, edit):
    edit("Pulumi.prod.yaml", "max_count: 8", "max_count: 9")
    edit("Pulumi.prod.yaml", "protect: true", "protect: false")
    lines = run("diff").out.splitlines()
    assert "passage_reranker (prod)" in lines
    assert "  ~ instances/max_count: 8 → 9" in lines
    assert "stack file (prod)" in lines
    assert "  ~ model-config:protect: true → false" in lines
    assert not any("dev" in line for line in lines)


def test_a_prompt_is_shown_as_a_text_diff_once_and_the_variables_that_it_asks_for(run, edit):
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "send")
    edit(PROMPT, "You are the support assistant", f"You{hidden} are the sup\u200bport assistant")
    edit(PROMPT, "of {{company_name}}", "of {{firm}}")
    lines = run("diff").out.splitlines()
    assert lines.count("support_chat (dev, prod)") == 1
    removed, added = ([line for line in lines if line.strip().startswith(it)] for it in "-+")
    assert len(removed) == len(added) == 1
    before = "You are the support assistant of {{company_name}}."
    assert removed[0].strip().startswith(f"-{before}")
    shown = "YouU+E0073U+E0065U+E006EU+E0064 are the supU+200Bport assistant of {{firm}}."
    assert added[0].strip().startswith(f"+{shown}")
    asks = "now asks for firm and no longer asks for company_name"
    assert f"  ~ prompts/system: {asks}" in lines
    markdown = run("diff", "--markdown").out
    assert f"- changed `prompts/system`: {asks}" in markdown.splitlines()
    assert shown in markdown
    assert hidden not in markdown
    (change,) = run("diff", "-e", "dev", "--json").json["differences"][0]["changes"]
    assert change["variables"] == {"added": ["firm"], "removed": ["company_name"]}


def test_the_order_of_a_dict_s_keys_a_list_s_prompt_and_a_fragment_of_two_models(
    run, edit, project, commit
):
    reasoning, answer = '"reasoning": {"type": "string"}', '"answer": {"enum": [1, 2]}'
    blocks = '["You are {{role}}.", "Repository: {{repo}}"]'
    fields = (
        f"schema: dict[str, JsonValue] = {{{reasoning}, {answer}}}; blocks: list[Prompt] = {blocks}"
    )
    write_model(Project(project), "judge", fields)
    edit("models/judge.py", "import ", "import Prompt, ")
    edit("models/judge.py", "from ", "from pydantic import JsonValue\nfrom ")
    (project / "models" / "_rules.md").write_text("Never name a price.\n")
    for name in ("one", "two"):
        write_model(Project(project), name, "rules: str = text_beside(__file__, '_rules.md')")
        edit(f"models/{name}.py", "import ", "import text_beside, ")
    commit()
    edit("models/judge.py", f"{reasoning}, {answer}", f"{answer}, {reasoning}")
    edit("models/judge.py", "{{repo}}", "{{repo}} at {{commit}}")
    edit("models/_rules.md", "a price", "a price or a date")
    out = run("diff", "-e", "dev", "--exit-code", code=1).out
    assert "  ~ schema: order changed: answer now first\n" in out
    (changed,) = (line for line in out.splitlines() if "blocks/1: " in line)
    assert "; now asks for commit" in changed
    changed = found(run("diff", "-e", "dev", "--json"), kind="changed")
    assert [(each["model"], each["changes"][0]["path"]) for each in changed[1:]] == [
        ("one", "rules"), ("two", "rules"),
    ]  # fmt: skip


@pytest.mark.usefixtures("first_deploy")
def test_releases_are_compared_in_the_same_words_as_commits(run, edit, commit):
    edit(CHAT, "max_retries=2", "max_retries=3")
    edit(CHAT, "supportChatApiKey", "otherKey")  # a name that no release holds
    edit(PROMPT, "of {{company_name}}", "of {{firm}}")
    commit()
    run("local", "deploy")
    of_commits = [line[2:] for line in run("diff", "HEAD~1", "HEAD", "-e", "dev").out.splitlines()]
    of_releases = run("diff-releases", "support_chat", "1", "2").out.splitlines()
    assert of_commits[3:-1] == of_releases
    assert len(of_releases) > 5
    assert of_commits[-1] == f"~ secrets/api_key: {KEYS.replace('anotherKey', 'otherKey')}"


def test_nothing_changed_or_a_secret_alone_that_is_set_or_has_another_name(run, edit, project):
    title, said = run("diff", "--exit-code").out.splitlines()
    assert title.startswith("HEAD (")
    assert title.endswith(") → the working tree")
    assert said == "no difference"
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write("  model-config:supportChatApiKey:\n    secure: v1:AAAA:BBBB\n")
    assert "no difference" in run("diff", "--exit-code").out
    edit(CHAT, "supportChatApiKey", "anotherKey")
    assert f"  ~ secrets/api_key: {KEYS}" in run("diff").out.splitlines()
    (difference,) = run("diff", "-e", "prod", "--json").json["differences"]
    (change,) = difference["changes"]
    assert (change["before"], change["after"], change["secret"]) == (
        "supportChatApiKey", "anotherKey", True,
    )  # fmt: skip


def test_models_and_environments_come_and_go_and_are_renamed(run, project):
    models = project / "models"
    models.joinpath("passage_reranker.py").rename(models / "ranker.py")
    models.joinpath("document_embedding.py").unlink()
    write_model(Project(project), "tiny", "size: int = 3")
    stack = project / "Pulumi.prod.yaml"
    stack.write_text(stack.read_text().replace("passage_reranker", "ranker"))
    shutil.copy(stack, project / "Pulumi.staging.yaml")
    said = run("diff", "--json")
    by_model = {each["model"]: each for each in found(said, environment="prod")}
    kinds = {"ranker": "renamed", "document_embedding": "removed", "tiny": "added"}
    assert {model: each["kind"] for model, each in by_model.items()} == kinds
    assert by_model["ranker"]["renamed_from"] == "passage_reranker"
    assert by_model["tiny"]["changes"][0]["after"] == 3
    staging = {each["model"]: each["kind"] for each in found(said, environment="staging")}
    assert set(staging.values()) == {"added"}
    assert staging.keys() >= {"support_chat", "stack file"}


def test_against_a_base_without_the_project_everything_is_added(run, git):
    empty = git("commit-tree", "-m", "Before", git("hash-object", "-t", "tree", "/dev/null"))
    said = run("diff", empty, "HEAD", "--json")
    assert {each["kind"] for each in said.json["differences"]} == {"added"}
    assert any("has no stack files and models yet" in note for note in said.json["notes"])


def test_a_model_that_is_broken_now_is_said_and_the_rest_is_shown(run, project, edit, commit, git):
    (project / CHAT).write_text("MODEL = 1/0\n")
    edit("Pulumi.prod.yaml", "max_count: 8", "max_count: 9")
    out = run("diff", code=2).out
    assert "support_chat (dev, prod): can't be read (see above)" in out
    assert "ZeroDivisionError" in out
    assert "instances/max_count: 8 → 9" in out
    commit()
    git("checkout", "HEAD~1", "--", CHAT)
    out = run("diff", "HEAD").out  # one that was broken before is no failure
    assert "support_chat (dev, prod): can't be read (see above)" in out


def test_one_environment_or_two_of_one_commit(run, edit):
    edit("Pulumi.prod.yaml", "max_count: 8", "max_count: 9")
    edit(CHAT, "max_retries=2", "max_retries=3")
    said = run("diff", "-e", "prod", "--json")
    assert {each["environment"] for each in said.json["differences"]} == {"prod"}
    assert 'did you mean "prod"?' in run("diff", "-e", "prd", code=2).err
    assert "instances/max_count: 2 → 9" in run("diff", "--environments", "dev", "prod").out
    out = run("diff", "HEAD", "--environments", "dev", "prod").out
    assert "instances/max_count: 2 → 8" in out
    assert "generation/temperature: 0.7 → 0.2" in out
    assert "staging" in run("diff", "--environments", "dev", "staging", code=2).err


@pytest.mark.usefixtures("project")
def test_aws_is_compared_with_the_working_tree(run, released):
    released({"dimensions": 256}, {"api_key": "sk-hidden"}, model="document_embedding")
    released(model="forgotten")
    said = run("diff", "--deployed", "--json")
    kinds = {each["model"]: each["kind"] for each in said.json["differences"]}
    assert kinds == {
        "document_embedding": "changed",
        "forgotten": "removed",
        "passage_reranker": "added",
        "support_chat": "added",
    }
    (embedding,) = found(said, model="document_embedding")
    paths = {change["path"]: change for change in embedding["changes"]}
    assert (paths["dimensions"]["before"], paths["dimensions"]["after"]) == (256, 1024)
    assert "secrets/api_key" not in paths
    assert "sk-hidden" not in said.out


def test_commits_and_options_that_cannot_be_are_refused(run, git):
    assert "--deployed" in run("diff", "HEAD", "--deployed", code=2).err
    two = ("HEAD", "HEAD", "--environments", "dev", "prod")
    assert "--environments" in run("diff", *two, code=2).err
    assert "no commit 'nowhere'" in run("diff", "nowhere", code=2).err
    assert "no commit '--output=x'" in run("diff", "--", "--output=x", code=2).err
    git("checkout", "--orphan", "other")
    git("commit", "-m", "Another beginning")
    assert "have no commit in common" in run("diff", "main...", code=2).err


def test_three_dots_compare_with_the_merge_base(run, edit, commit, git, project):
    fork = git("rev-parse", "HEAD")
    git("checkout", "-b", "feature")
    edit(CHAT, "max_retries=2", "max_retries=3")
    feature = commit()
    git("checkout", "main")
    edit("models/passage_reranker.py", "max_retries=1", "max_retries=5")
    commit("Meanwhile on main")
    git("checkout", "feature")
    (project / "models" / "document_embedding.py").unlink()
    said = run("diff", "main...", "--json")
    assert said.json["before"] == f"the merge base of main and HEAD ({fork[:9]})"
    assert said.json["after"] == "the working tree"
    assert {each["model"] for each in said.json["differences"]} == {
        "support_chat", "document_embedding",
    }  # fmt: skip
    (dev, prod) = run("diff", "main...feature", "--json").json["differences"]
    assert dev["model"] == prod["model"] == "support_chat"
    assert run("diff", "main..feature", "--json").json["after"] == f"feature ({feature[:9]})"
    assert "omit the second commit" in run("diff", "main...", "feature", code=2).err


def test_git_that_is_misled_or_missing(run, project, git, monkeypatch, tmp_path):
    newest = git("rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path))  # as in a hook of another repository
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert Repository(project).commit("HEAD") == newest
    assert Repository(project).uncommitted(["."]) == []
    shutil.rmtree(project / ".git")
    assert "is not a git repository" in run("diff", code=2).err
    run("diff", "--environments", "dev", "prod")  # this needs no git
    monkeypatch.setenv("PATH", "")
    assert "there is no `git` on the PATH" in run("diff", code=2).err


def test_a_project_in_a_folder_of_a_larger_repository(project, git):
    outer = project.parent / "outer"
    git("init", str(outer))
    shutil.copytree(project, outer / "ai", ignore=shutil.ignore_patterns(".git"))
    (outer / "Pulumi.other.yaml").write_text("config: {}\n")
    git("add", "-A", folder=outer)
    git("commit", "-m", "All", folder=outer)
    assert set(of_commit(Project(outer / "ai"), "HEAD").environments) == {"dev", "prod"}


def test_a_pull_request_shows_the_evidence_of_what_it_changes(run, edit, project):
    edit(CHAT, "temperature=0.2", "temperature=0.4")
    assert "Evidence" not in run("diff", "--markdown").out
    digest = run("digest", "support_chat", "--environment", "prod").out.strip()
    report = project / "report.json"
    report.write_text('{"tests": [{"name": "greets", "rate": 0.5, "floor": 0.5, "repeats": 4}]}')
    record = ("evidence", "record", "support_chat", "--from", "json", str(report))
    run(*record, "--digest", digest)
    said = run("diff", "--markdown").out
    passed = "1 test passed, the lowest in 50 % of runs"
    assert f"`Evidence of support_chat in prod: {passed}`" in said
    edit(CHAT, "temperature=0.4", "temperature=0.5")  # and dev overrides it
    assert "Evidence of support_chat in prod: no evidence" in run("diff", "--markdown").out
