"""What a check finds before a deploy would meet it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from model_config.format.rollout import (
    Moved,
    Rollout,
    RolloutDocument,
    Step,
    Together,
    write_rollout,
)
from model_config.operate import check, services
from model_config.operate.check import check_environment
from model_config.operate.ssm import Ssm

CHAT = {"chat": {"/ai/prod/chat/rollout", "/ai/prod/chat/n"}}


class Iam:
    """IAM with a number of policies, or one that tells nobody."""

    def __init__(self, policies: int = 0, *, denied: bool = False) -> None:
        self.policies, self.denied, self.asked = policies, denied, 0

    def get_account_summary(self) -> Any:
        self.asked += 1
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "x")
        return {"SummaryMap": {"Policies": self.policies, "PoliciesQuota": 1500}}


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Iam:
    found = Iam()
    monkeypatch.setattr(services, "aws_client", lambda *_: found)
    return found


def checked(
    aws: Any, planned: Mapping[str, AbstractSet[str]] | None = None, **options: bool
) -> list[tuple[str, str, str]]:
    report = check_environment(Ssm(aws.client), "/ai/prod", planned, **options)
    return [(it.level, it.where, it.problem) for it in report.checked]


def test_a_deployed_environment_has_nothing_in_a_deploys_way(aws: Any, iam: Iam) -> None:
    aws.deploy({"n": 1}, label="stable")
    assert checked(aws, CHAT) == []
    assert checked(aws) == []
    assert iam.asked == 0  # no new model, no new policy


def test_an_empty_listing_is_an_error_unless_it_is_the_first_deploy(aws: Any, iam: Iam) -> None:
    aws.deploy({"n": 1}, environment="dev")
    for planned in (None, CHAT):
        (error, *_) = checked(aws, planned)
        assert error[:2] == ("error", "/ai/prod")
        assert "below /ai/prod in this account and eu-west-1" in error[2]
        found = checked(aws, planned, first_deploy=True)
        assert [each[0] for each in found] == (["notice"] if planned else [])
        assert iam.asked == (2 if planned else 0)


@pytest.mark.usefixtures("iam")
def test_an_environment_of_others_is_an_error_and_a_new_model_none(aws: Any) -> None:
    aws.deploy({"n": 1}, model="theirs")
    error, *notices = checked(aws, CHAT)
    assert "no release of this project's models" in error[2]
    assert error[2].endswith("other models have releases: theirs")
    theirs = ("notice", "theirs", "it has a release, but no module in this project")
    assert notices == [("notice", "chat", "it is not deployed yet"), theirs]
    aws.deploy({"n": 1}, label="stable")
    new = ("notice", "new", "it is not deployed yet")
    assert checked(aws, {**CHAT, "new": set()}) == [new, theirs]


@pytest.mark.usefixtures("iam")
def test_a_first_deploy_that_died_is_told_with_what_mends_it(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    planned = {**CHAT, "new": {f"/ai/prod/new/{field}" for field in ("n", "rollout", "other")}}
    aws.put("/ai/prod/new/n", "1")
    aws.client.put_parameter(Name="/ai/prod/new/rollout", Value="{}", Type="String")
    report = check_environment(Ssm(aws.client), "/ai/prod", planned)
    (found,) = report.checked
    assert (found.level, found.where) == ("notice", "new")
    assert found.problem == ("it has 2 parameters and no release: /ai/prod/new/n and others")
    assert "`model-config recover --environment prod`" in found.fix
    assert "ParameterAlreadyExists" in found.reason


@pytest.mark.usefixtures("iam")
def test_a_deploy_that_died_on_its_way_to_a_release_is_told_too(aws: Any) -> None:
    names = {f"/ai/prod/chat/{path}" for path in ("n", "seed", "rollout", "secrets/key")}
    aws.put("/ai/prod/chat/n", "1")
    aws.deploy({"n": 1}, {"key": "x"}, label="stable")
    planned = {"chat": names}
    # A rollout is made and written without a release.
    aws.client.put_parameter(Name="/ai/prod/chat/rollout", Value="{}", Type="String")
    aws.put("/ai/prod/chat/secrets/key", "x")
    aws.put("/ai/prod/chat/n", "2")  # edited by hand, perhaps: drift tells
    assert checked(aws, planned) == []
    aws.put("/ai/prod/chat/seed", "7")
    assert checked(aws, planned) == [
        ("notice", "chat", "it has 1 parameter newer than its newest release: /ai/prod/chat/seed")
    ]
    aws.deploy({"n": 2, "seed": 7}, {"key": "x"}, label="stable")
    assert checked(aws, planned) == []


@pytest.mark.usefixtures("iam")
@pytest.mark.parametrize("is_deployed", [True, False])
def test_a_parameter_that_no_deploy_wrote_stands_in_the_way(aws: Any, *, is_deployed: bool) -> None:
    note, seed = "/ai/prod/chat/generation/note", "/ai/prod/chat/seed"
    aws.client.put_parameter(Name=note, Value="by hand", Type="String")
    aws.put(seed, "7")
    names = {note, seed, "/ai/prod/chat/n", "/ai/prod/chat/rollout"}
    if is_deployed:
        aws.put("/ai/prod/chat/n", "1")
        aws.deploy({"n": 1}, label="stable")
    planned = {"chat": names} if is_deployed else {"chat": {note}}
    report = check_environment(Ssm(aws.client), "/ai/prod", planned, first_deploy=True)
    problems = [(each.level, each.problem) for each in report.checked]
    by_hand = [f"{note} exists and is a String", f"{seed} exists and is not in the newest release"]
    assert problems == [
        ("error", f"{problem}, so no deploy of this stack wrote it")
        for problem in by_hand[: 1 + is_deployed]
    ]
    for each in report.checked:
        assert "recover" not in each.fix
        assert "aws ssm delete-parameter --name" in each.fix


@pytest.mark.usefixtures("iam")
def test_an_advanced_release_of_an_earlier_deploy_stops_the_next_one(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    name = "/ai/prod/chat/release"
    text = aws.client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    aws.client.put_parameter(
        Name=name, Value=text, Type="SecureString", Tier="Advanced", Overwrite=True
    )
    found, _ = checked(aws, CHAT)
    assert found == (
        "error",
        "chat",
        f"{name} is an Advanced parameter, and a deploy writes Standard ones",
    )


def test_the_accounts_parameters_are_counted_with_those_that_are_new(aws, iam, monkeypatch):
    assert iam.asked == 0
    for name in ("/ai/prod/chat/n", "/somebody/else"):
        aws.put(name, "1")
    aws.deploy({"n": 1}, label="stable")
    monkeypatch.setattr(check, "MAX_PARAMETERS", 5)
    assert checked(aws, CHAT) == []
    monkeypatch.setattr(check, "MAX_PARAMETERS", 4)
    (found,) = checked(aws, CHAT)
    assert found == (
        "warning",
        "the account",
        "with the next deploy it holds 4 of 4 Standard parameters in this region",
    )
    monkeypatch.setattr(check, "MAX_PARAMETERS", 3)
    (found,) = checked(aws, CHAT)
    assert found == (
        "error",
        "the account",
        "it holds 3 Standard parameters in this region, and the next deploy creates 1 more",
    )


def test_the_accounts_policies_are_counted_with_those_of_new_models(aws: Any, iam: Iam) -> None:
    aws.deploy({"n": 1})
    planned = {**CHAT, "one": set(), "two": set()}
    for policies, levels in ((1498, []), (1499, ["error"])):
        iam.policies = policies
        about_account = [each for each in checked(aws, planned) if each[1] == "the account"]
        assert [each[0] for each in about_account] == levels
        assert all("the next deploy creates 2 more" in each[2] for each in about_account)
    iam.denied = True
    uncounted = "IAM's policies were not counted: access was denied"
    assert ("notice", "the account", uncounted) in checked(aws, planned)


def test_a_history_that_runs_out_is_a_warning_until_the_next_deploy_fails(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    for more, level in ((88, []), (1, ["warning"]), (9, ["warning"]), (1, ["error"])):
        aws.fill(more)
        # The newest was not promoted either.
        assert [each[0] for each in checked(aws)] == [*level, "notice"], more


STARTED = Rollout("stable", 2, 1, "0" * 16, (Step(datetime(2026, 1, 1, tzinfo=UTC), 5),))


def written(aws: Any, document: RolloutDocument, **labels: int) -> list[tuple[str, str, str]]:
    """Return what is found with a document, and labels where they are put: `stable=1`."""
    aws.client.put_parameter(
        Name="/ai/prod/chat/rollout", Value=write_rollout(document), Type="String", Overwrite=True
    )
    for label, release in labels.items():
        aws.client.label_parameter_version(
            Name="/ai/prod/chat/release", ParameterVersion=release, Labels=[label.replace("_", "-")]
        )
    return checked(aws)


def test_held_labels_rollouts_and_interrupted_promotions_are_worth_knowing(aws: Any) -> None:
    for number in (1, 2, 3):
        aws.deploy({"n": number}, label="stable" if number == 1 else None)
    started = RolloutDocument(rollout=STARTED)
    assert written(aws, started, stable_previous=1) == [
        ("notice", "chat", "stable is held on release 1 by a rollback"),
        ("notice", "chat", "a rollout of release 2 to stable is under way"),
    ]
    interrupted = ("notice", "chat", "a promotion of stable from release 1 was interrupted")
    assert written(aws, RolloutDocument(Moved("stable", 1, None, held=False))) == [interrupted]
    together = Together("stable", {"chat": 2, "search": 4}, 1, None, pending=True)
    found = written(aws, RolloutDocument(together=together))
    as_one = "a promotion of 2 models to stable as one was interrupted"
    assert [each[::2] for each in found[:2]] == [("warning", as_one), interrupted[::2]]
    # A rollout that another tool ended may begin again.
    written(aws, started, stable=3)
    (it,) = check_environment(Ssm(aws.client), "/ai/prod", None).checked
    assert it.level == "warning"
    assert it.problem == (
        "another tool moved stable from release 1 to release 3 during a rollout of release 2, "
        "which begins again when stable returns to release 1"
    )
    assert it.fix == "`model-config rollout abort chat --environment prod`"


@pytest.mark.usefixtures("iam")
def test_a_newest_release_that_nobody_promoted_is_told_unless_something_explains_it(aws: Any):
    aws.deploy({"n": 1})
    ((level, where, problem),) = checked(aws, CHAT)
    assert (level, where) == ("notice", "chat")
    assert problem == (
        "nobody promoted release 1, the newest, to stable, which is on none: its readers get an "
        "error"
    )
    aws.deploy({"n": 1}, label="stable")
    aws.deploy({"n": 2})
    ((_, _, problem),) = checked(aws, CHAT)
    assert problem == "nobody promoted release 3, the newest, to stable, which is on release 2"
    theirs = checked(aws, {"other": set()}, first_deploy=True)
    assert not [each for each in theirs if "nobody promoted" in each[2]]


def test_rollouts_that_may_not_be_read_are_said(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    aws.client.put_parameter(Name="/ai/prod/chat/rollout", Value="{}", Type="String")

    def deny(params: Any, **_: Any) -> None:
        if "/ai/prod/chat/rollout" in params["Names"]:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameters")

    aws.client.meta.events.register("provide-client-params.ssm.GetParameters", deny)
    ((level, where, problem),) = checked(aws)
    assert (level, where) == ("notice", "the rollouts")
    assert "ssm:GetParameters is missing" in problem


def test_releases_are_found_by_path_and_a_field_of_that_name_is_none(aws: Any) -> None:
    aws.deploy({"n": 1})
    aws.put("/ai/prod/chat/group/release", "1")
    aws.put("/ai/prod/other/secrets/release", "1")
    aws.put("/ai/production/x/release", "1")
    report = check_environment(Ssm(aws.client), "/ai/prod", None)
    assert report.deployed == {"chat"}
