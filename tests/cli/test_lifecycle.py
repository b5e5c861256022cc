"""`model-config lifecycle`: promoted releases whose models retire, by Bedrock and by the file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from model_config.operate import services
from model_config.plan.lifecycle import today

from .conftest import one_client, release_to

LEGACY = "anthropic.claude-v2:1"
CHAT = {"provider": "bedrock", "model_id": f"eu.{LEGACY}", "fallbacks": ["openai/gpt-4o"]}
IN_30, IN_300 = (today() + timedelta(days=days) for days in (30, 300))
FILE = """\
checked: 2026-11-28
models:
  gpt-4o: {{retires: {on}, instead: gpt-6}}
"""


def summary(name: str, **about) -> dict:
    arn = f"arn:aws:bedrock:eu-west-1::foundation-model/{name}"
    return {"modelArn": arn, "modelId": name, "modelLifecycle": {"status": "ACTIVE", **about}}


LISTED = [
    summary("amazon.nova-lite-v1:0"),
    summary(LEGACY, status="LEGACY", endOfLifeTime=datetime(*IN_30.timetuple()[:3], tzinfo=UTC)),
    summary("cohere.embed-v3", status="LEGACY"),
]


@pytest.fixture
def bedrock(ssm, monkeypatch):
    """Bedrock, as botocore parses its answers; verbs are on AWS."""
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    client = one_client("bedrock", "eu-west-1")
    monkeypatch.setattr(services, "aws_client", lambda *_: client)
    assert ssm
    with Stubber(client) as stub:
        yield stub


def test_bedrock_and_the_file_say_which_promoted_releases_name_what_retires(
    run, project, released, bedrock
):
    (project / "lifecycle.yaml").write_text(FILE.format(on=IN_300))
    released(CHAT, label="stable")
    released({"model_id": LEGACY})  # promoted by nobody
    released({"embedding": {"models": ["cohere.embed-v3"]}}, model="search", label="canary")
    released({"model_id": "amazon.nova-lite-v1:0"}, model="other", label="stable")

    def asked(*more: str, code: int = 0):
        bedrock.add_response("list_foundation_models", {"modelSummaries": LISTED}, {})
        return run("lifecycle", "-e", "dev", *more, code=code)

    rows = asked("--json").json["retiring"]
    assert [(row["model"], row["path"], row["names"], row["retires"]) for row in rows] == [
        ("chat", "model_id", f"eu.{LEGACY}", str(IN_30)),
        ("chat", "fallbacks/0", "openai/gpt-4o", str(IN_300)),
        ("search", "embedding/models/0", "cohere.embed-v3", None),
    ]
    assert (rows[0]["release"], rows[0]["labels"]) == (1, ["stable"])
    out = asked("--exit-code", code=1).out
    assert f"retires on {IN_30}, in 30 days (Bedrock in eu-west-1)" in out
    assert f"retires on {IN_300}, in 300 days (lifecycle.yaml, checked 2026-11-28; instead" in out
    assert "is legacy, with no date yet" in out
    soon = asked("--within", "90d", "--github").out
    assert f"::warning title=chat in dev::model_id: eu.{LEGACY} retires on {IN_30}" in soon
    assert "gpt-4o" not in soon


def test_a_refusal_of_bedrock_leaves_the_file_and_says_so(run, project, released, bedrock):
    (project / "lifecycle.yaml").write_text(FILE.format(on=today() - timedelta(days=2)))
    released(CHAT, label="stable")
    who = "User: arn:aws:iam::1:user/ada is not authorized to"
    text = f"{who} perform: bedrock:ListFoundationModels because no policy allows it"
    bedrock.add_client_error("list_foundation_models", "AccessDeniedException", text)
    said = run("lifecycle", "-e", "dev")
    assert "retired on" in said.out
    assert "2 days ago" in said.out
    assert "dev: lifecycle.yaml alone, since Bedrock doesn't answer" in said.err
    assert "bedrock:ListFoundationModels is missing on *" in said.err


@pytest.mark.usefixtures("bedrock")
def test_a_region_without_bedrock_says_so(run, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-east-1")
    release_to(one_client("ssm", "ap-east-1"), CHAT, label="stable")
    said = run("lifecycle", "-e", "dev")
    assert "No release in use names a model that is known to retire." in said.out
    assert "Bedrock isn't in ap-east-1" in said.err
    assert "lifecycle.yaml names no model" in said.err


def test_without_credentials_the_project_is_compared_with_the_file(run, project, monkeypatch):
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    module = project / "models" / "support_chat.py"
    named = module.read_text().partition('model_id="')[2].partition('"')[0]
    (project / "lifecycle.yaml").write_text(FILE.format(on=IN_30).replace("gpt-4o", named))
    said = run("lifecycle", "-e", "dev", "--exit-code", code=1)
    assert f"model_id: {named}" in said.out
    assert "what the project deploys is compared with lifecycle.yaml alone" in said.err


def test_validate_tells_what_retires_soon_where_it_is_named(run, project):
    module = project / "models" / "support_chat.py"
    named = module.read_text().partition('model_id="')[2].partition('"')[0]

    def notices(on: date) -> list[Any]:
        (project / "lifecycle.yaml").write_text(FILE.format(on=on).replace("gpt-4o", named))
        return [row for row in run("validate", "--json").json if "retires" in row["problem"]]

    assert notices(IN_300) == []
    (notice,) = notices(IN_30)
    assert notice["level"] == "notice"
    assert f"retires on {IN_30}" in notice["problem"]
    assert notice["where"] == "support_chat/model_id"
    assert notice["file"] == "models/support_chat.py"
    assert notice["environments"] == ["dev", "prod"]


INVALID = [
    (FILE.format(on="2027-02-30"), "models.gpt-4o.retires", '"2027-02-30" is not a date: day'),
    (FILE.format(on="next year"), "models.gpt-4o.retires", '"next year" is not a date: write'),
    (FILE.format(on="20270114"), "models.gpt-4o.retires", '"20270114" is not a date: write'),
    ("checked: 2026-11-28\nmodels: [gpt-4o]", "models", "input should be a valid dictionary"),
    ("models:\n", "checked", "field required"),
    ("a: [", "lifecycle.yaml", "it can't be read: "),
    ("models: {gpt-4o: {}, gpt-4o: {}}", "lifecycle.yaml", "gpt-4o is there twice"),
    ("&a [*a, *a]", "lifecycle.yaml", ""),
    ("[" * 500, "lifecycle.yaml", "it can't be read: "),
]


def test_a_file_that_is_not_valid_is_a_finding(run, project):
    for text, where, problem in INVALID:
        (project / "lifecycle.yaml").write_text(text)
        said = run("lifecycle", "-e", "dev", code=2).err
        assert where in said
        assert problem in said
    for text, where, problem in (INVALID[0], *INVALID[-2:]):
        (project / "lifecycle.yaml").write_text(text)
        rows = [row for row in run("validate", "--json", code=1).json if row["level"] == "error"]
        assert any(where in row["where"] and problem in row["problem"] for row in rows)
        assert {row["file"] for row in rows} == {"lifecycle.yaml"}
