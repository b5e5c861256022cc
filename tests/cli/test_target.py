"""Which AWS, region and path a verb works on."""

import pytest

from model_config.cli.target import _account_in_settings, target
from model_config.format.errors import InvalidConfigurationError
from model_config.infra import engine_stack
from model_config.local.state import StateFolder
from model_config.plan.project import Project


@pytest.fixture
def stack(project):
    """Write the stack's file anew."""

    def write(*lines: str) -> None:
        (project / "Pulumi.dev.yaml").write_text("\n".join(["config:", *lines]))

    return write


@pytest.mark.usefixtures("made_up_credentials")
def test_the_stack_file_says_prefix_and_environment_even_with_merge_conflicts(
    stack, project, capsys
):
    stack("  model-config:prefix: /llm/team", "  model-config:environment: development")
    with target("dev", None, local=False) as aws:
        assert (aws.prefix, aws.name) == ("/llm/team", "development")
    with target("dev", "/other", local=False) as aws:
        assert aws.prefix == "/other"
    with target("staging", None, local=False) as aws:  # has no stack file
        assert (aws.prefix, aws.name, aws.path) == ("/ai", "staging", "/ai/staging")

    conflict = ["<<<<<<< HEAD", "=======", ">>>>>>> other", "  # model-config:prefix: /old"]
    stack('  "model-config:prefix": "/llm" # ours', "  model-config:environment: 'qa'", *conflict)
    with target("dev", None, local=False) as aws:
        assert (aws.prefix, aws.name) == ("/llm", "qa")
    said = capsys.readouterr().err
    assert "not valid YAML" in said
    assert "The verb acts below /llm/qa." in said
    with target("dev", "/other", local=False) as aws:
        assert (aws.prefix, aws.name) == ("/other", "qa")
    stack("  model-config:environment: # the stack's", *conflict)
    with target("dev", None, local=False) as aws:
        assert (aws.prefix, aws.name) == ("/ai", "dev")
    stack("  model-config:prefix: /llm", *conflict, "  model-config:prefix: /ai")
    with pytest.raises(InvalidConfigurationError), target("dev", None, local=False):
        pass
    (project / "Pulumi.dev.yaml").write_bytes(b"config:\n  model-config:prefix: /llm # \xff\n")
    with target("dev", None, local=False) as aws:
        assert aws.prefix == "/llm"


def test_with_a_broken_stack_file_an_operator_sees_and_ends_what_is_under_way(run, released, stack):
    for number in (1, 2):
        released({"n": number}, prefix="/llm", label="stable" if number == 1 else None)
    settings = ("  aws:region: eu-west-1", "  model-config:prefix: /llm")
    stack(*settings)
    run("rollout", "start", "chat")
    stack(*settings, "<<<<<<< HEAD", "=======", ">>>>>>> other")
    assert "stable 1" in run("status", "-e", "dev", code=2).out  # 2, since drift is unknown
    assert "\t5 %\t" in run("rollout", "status", "chat").out
    run("rollout", "abort", "chat", "--reason", "Too chatty")
    run("rollback", "chat", "--release", "2")
    assert "Too chatty" in run("history", "chat").out


def test_a_verb_reads_below_the_stacks_prefix_in_the_environment_of_option_or_shell(
    run, released, stack, monkeypatch
):
    released({"n": 1}, prefix="/ai", label="stable")
    released({"n": 2}, prefix="/llm", label="stable")
    assert run("show", "chat").out == "n\t1\n"
    assert run("show", "chat", "--prefix", "/llm").out == "n\t2\n"
    stack("  aws:region: eu-west-1", "  model-config:prefix: /llm")
    assert run("show", "chat").out == "n\t2\n"
    monkeypatch.setenv("MODEL_CONFIG_ENVIRONMENT", "prod")
    assert "no release of chat in prod" in run("show", "chat", code=2).err
    run("show", "chat", "-e", "dev")


@pytest.mark.usefixtures("made_up_credentials")
def test_a_prefix_that_cannot_be_used_is_refused_and_other_settings_hold_nothing_up(stack):
    stack("  model-config:prefix: ai/")
    with (
        pytest.raises(InvalidConfigurationError, match="model-config:prefix"),
        target("dev", None, local=False),
    ):
        pass
    stack("  model-config:keyDeletionWindowDays: 99", "  model-config:prefix: /llm")
    with target("dev", None, local=False) as aws:
        assert aws.prefix == "/llm"


@pytest.mark.usefixtures("project")
def test_the_stack_files_region_is_used_where_nothing_else_names_one(monkeypatch, tmp_path):
    with target("dev", None, local=False) as aws:
        assert aws.ssm.region == "eu-west-1"
    (tmp_path / "config").write_text("[default]\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with target("dev", None, local=False) as aws:
        assert aws.ssm.region == "us-west-2"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    with target("dev", None, local=False) as aws:
        assert aws.ssm.region == "ap-south-1"


def test_the_local_aws_keeps_what_a_verb_wrote_and_nothing_is_rewritten_for_reading(
    run, released_locally, project, monkeypatch
):
    released_locally({"n": 1})
    run("promote", "chat", "--label", "stable")
    state = StateFolder(Project(project))
    written = state.stamp()
    assert run("releases", "chat").out.split("\t")[4] == "stable"
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    assert run("show", "chat", "--local").out == "n\t1\n"
    assert "there are no usable credentials" in run("show", "chat", code=2).err
    assert state.stamp() == written


@pytest.mark.parametrize(
    ("settings", "problem", "verb"),
    [
        ({}, "no region is set", ["show", "chat"]),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "there are no usable credentials", ["prune", "x"]),
        ({"AWS_PROFILE": "x"}, "The config profile (x) could not be found", ["show", "chat"]),
        ({"AWS_PROFILE": "x"}, "The config profile (x) could not be found", ["releases", "chat"]),
    ],
)
def test_what_aws_needs_and_the_shell_lacks_is_told(run, monkeypatch, settings, problem, verb):
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    said = run(*verb, "-e", "staging", code=2)  # which has no stack file
    assert problem in said.err
    assert "Traceback" not in said.err


def test_a_verb_says_on_which_aws_it_acts_and_what_chose_it(run, released, monkeypatch):
    released(label="stable")
    chosen = run("show", "chat").where
    assert chosen == "On local AWS (.local/): dev, chosen by MODEL_CONFIG_LOCAL=1"
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    assert run("releases", "chat", "--local").where == "On local AWS (.local/): dev"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _: None)  # between attempts
    where = run("promote", "chat", "--region", "us-east-1", "--region", "eu-west-1", code=2).where
    assert (
        where == "On AWS eu-west-1, us-east-1: dev, chosen by AWS_ENDPOINT_URL=http://127.0.0.1:9"
    )
    where = run("status", code=2).where
    assert where.startswith("On AWS eu-west-1: dev, prod, chosen by")


@pytest.mark.parametrize(
    ("variables", "profile"),
    [
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_ACCOUNT_ID": "111122223333"}, ""),
        ({"AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/deploy"}, ""),
        ({}, "role_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = other"),
        ({}, "sso_account_id = 111122223333"),
        ({}, "aws_account_id = 111122223333"),
    ],
)
def test_the_account_that_aws_settings_name_is_known(monkeypatch, tmp_path, variables, profile):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    (tmp_path / "config").write_text(f"[default]\n{profile}\n")
    for name, value in {"AWS_CONFIG_FILE": str(tmp_path / "config"), **variables}.items():
        monkeypatch.setenv(name, value)
    assert _account_in_settings() == "111122223333"


def test_an_aws_that_does_not_answer_is_told_with_the_account_that_the_settings_name(
    run, monkeypatch
):
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ACCOUNT_ID": "111122223333",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between attempts
    said = run("check", code=2)
    assert "no answer" in said.err
    assert said.where.startswith("On AWS 111122223333, eu-west-1: dev, chosen by")


class Engine:
    """Stands for `EngineStack`: the stack's last successful update was to another account."""

    def __init__(self, *_: object) -> None:
        pass

    def outputs(self) -> dict[str, object]:
        models = {"chat": {"release": {"version": 7}}}
        return {"account_id": "123456789012", "region": "eu-west-1", "models": models}


SHARED = "arn:aws:kms:eu-west-1:111122223333:key/5a5a"


def test_verbs_of_a_workflow_say_it_too_and_know_an_existing_key(
    run, project, monkeypatch, tmp_path
):
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write(f"  model-config:kmsKeyArn: {SHARED}\n")
    assert run("local", "deploy").where.startswith("On local AWS (.local/): dev")
    said = run("drift", "--local", "--exit-code")
    assert said.err == ""
    assert SHARED not in said.out
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    monkeypatch.setattr(engine_stack, "EngineStack", Engine)
    said = run("pipeline", "note", "--output", str(tmp_path / "before.json"))
    assert said.where == "On AWS 123456789012, eu-west-1: dev"
    assert said.out.endswith("before.json: chat 7\n")
