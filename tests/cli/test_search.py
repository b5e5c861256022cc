"""`model-config search`: values of the project and of promoted releases, with their places."""

from __future__ import annotations

from model_config.comparing import search
from model_config.plan.project import Project


def found(output) -> list[tuple]:
    return [
        (row["environment"], row["path"], row["release"], f"{row['file']}:{row['line']}")
        for row in output.json
    ]


def test_a_text_is_found_with_its_environment_and_the_line_that_has_it(run, project):
    prompt = Project(project).models_folder / "support_chat.md"
    prompt.write_text("Be kind.\n\nNever promise a REFUND.\n")
    file = "models/support_chat.md:3"
    assert found(run("search", "a refund", "--json")) == [
        (stack, "prompts/system", None, file) for stack in ("dev", "prod")
    ]
    assert "Never promise a REFUND." in run("search", "a refund").out
    assert run("search", "no such text").out == (
        "No value of 3 models in 2 environments matches.\n"
    )


def test_a_field_is_found_where_its_value_is_written_the_stack_file_too(run):
    for arguments in (
        ["min_count=2"], ["instances/min_count=2"], ["min_count=[1-3]", "--regex", "-e", "prod"],
    ):  # fmt: skip
        assert found(run("search", *arguments, "--json")) == [
            ("prod", "instances/min_count", None, "Pulumi.prod.yaml:11")
        ]
    assert found(run("search", "count=2", "--json")) == []  # a whole name only


def test_a_field_that_no_model_has_is_named_with_the_nearest_one(run):
    for field, near in {"modle_id": "model_id", "generation/max_tokens": "max_output"}.items():
        said = run("search", f"{field}=x").out
        assert f'matches. None has a value for "{field}": did you mean "{near}' in said
    for query in ("model_id=x", "generation=x", "no such text"):
        assert run("search", query).out.endswith(" matches.\n")


def test_promoted_releases_are_searched_and_no_others_and_never_secrets(run, released):
    secret = "sk-live-29f1c0ffee"
    old = {"model_id": "gpt-4.1-mini", "note": {"text": "gpt-4.1 {{x}}"}}
    released(old, label="canary", secrets={"key": secret})
    released({"model_id": "gpt-5"})
    rows, *others = (
        run("search", text, "--releases", "-e", "dev", "--json").json
        for text in ("gpt-4.1-mini", secret, "gpt-5")
    )
    assert [(row["release"], row["labels"], row["file"]) for row in rows] == [(1, ["canary"], None)]
    assert others == [[], []]


def test_an_expression_that_is_bad_or_takes_too_long_is_refused(run, project, monkeypatch):
    Project(project).models_folder.joinpath("support_chat.md").write_text("a" * 60 + "!")
    for query, says in {
        "(": "is no regular expression: missing )",
        "(" * 5000: "is no regular expression",
        "a{99999999999999999999}": "is no regular expression",
        "  ": "there is nothing to search for",
    }.items():
        output = run("search", query, "--regex", code=2)
        assert says in output.err
        assert "Traceback" not in output.err
    monkeypatch.setattr(search, "TIME_LIMIT", 0.2)
    output = run("search", "(a+)+$", "--regex", code=2)
    assert "was stopped after 0.2 seconds: write a simpler one" in output.err


def test_what_cannot_be_read_is_told_beside_what_matches(run, project):
    Project(project).module("passage_reranker").write_text("MODEL = nothing")
    output = run("search", "model_id=gpt-4.1", "-e", "dev", code=2)
    assert "support_chat/model_id" in output.out
    assert "name 'nothing' is not defined" in output.err
