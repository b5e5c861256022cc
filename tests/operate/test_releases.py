from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from support.documents import digest_of

from model_config.format.errors import (
    LabelNotFoundError,
    ModelNotFoundError,
    ReleaseError,
    ReleaseNotFoundError,
    StoreUnavailableError,
    UsageError,
)
from model_config.format.rollout import Rollout, RolloutDocument
from model_config.operate.environment import State
from model_config.operate.release_findings import running_out
from model_config.operate.releases import Releases, read_releases, unneeded_parts
from model_config.operate.ssm import Ssm

NAME = "/ai/prod/chat/release"


def large(start: int) -> dict[str, str]:
    """Return a configuration that needs parts, another for each start."""
    return {"t": "".join(chr(200 + (start + number * 7919) % 50_000) for number in range(9_000))}


def parts(aws: Any) -> set[str]:
    found = aws.client.get_parameters_by_path(Path=f"{NAME}/parts")["Parameters"]
    return {each["Name"] for each in found}


def releases_of(aws: Any, *, documents: bool = True) -> Releases:
    return read_releases(Ssm(aws.client), "/ai/prod", "chat", documents=documents)


def prunable(aws: Any, **options: bool) -> list[str]:
    return unneeded_parts(Ssm(aws.client), "/ai/prod", "chat", **options)


# Releases


def test_the_history_says_what_each_release_is_and_why_one_cannot_be_read(aws: Any) -> None:
    with pytest.raises(ModelNotFoundError):
        releases_of(aws)
    aws.deploy({"n": 1}, {"key": "x"}, label="stable")
    aws.deploy(large(1), label="canary")
    second, first = releases_of(aws)
    assert (first.number, first.labels, first.digest) == (1, ("stable",), digest_of({"n": 1}))
    assert first.content is not None
    assert first.content.config == {"n": 1}
    assert first.problem is None
    assert isinstance(first.at, datetime)
    assert first.by == "N/A"  # what moto says
    assert (second.number, second.labels, second.digest) == (2, ("canary",), digest_of(large(1)))
    # What can't be read hides no other.
    aws.deploy({}, document="{")
    for name in parts(aws):
        aws.client.delete_parameter(Name=name)
    third, second, first = releases_of(aws)
    assert first.digest == digest_of({"n": 1})
    assert third.digest is None
    assert "not valid JSON" in str(third.problem)
    assert "is missing" in str(second.problem)


def test_a_history_of_more_than_one_page_is_whole(aws: Any) -> None:
    aws.fill(53)
    assert [each.number for each in releases_of(aws)] == list(range(53, 0, -1))


def test_releases_are_selected_by_number_label_and_latest_and_fetched_once(aws: Any) -> None:
    aws.deploy({"n": 1})
    with pytest.raises(ReleaseNotFoundError, match="in prod; the only release is 1"):
        releases_of(aws).select(4)
    for number in (2, 3):
        aws.deploy({"n": number}, label="stable" if number == 2 else None)
    for documents in (True, False):
        found = releases_of(aws, documents=documents)
        selected = [found.select(each).open().config["n"] for each in (1, "stable", "latest")]
        assert selected == [1, 2, 3]
        assert (found.newest.number, found.oldest.number, len(found)) == (3, 1, 3)
        with pytest.raises(
            ReleaseNotFoundError, match="no release 4 of chat in prod; the releases are 1 to"
        ):
            found.select(4)
        with pytest.raises(LabelNotFoundError, match="label 'canary'; existing labels: stable"):
            found.select("canary")
    aws.requests.clear()
    found = releases_of(aws, documents=False)
    assert [name for name, _ in aws.requests] == ["GetParameterHistory"]
    assert found.newest.content
    assert found.newest.digest
    assert aws.requests[1:] == [("GetParameters", [f"{NAME}:3"])]


def test_a_label_is_held_where_its_previous_is_on_the_same_release(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    aws.deploy({"n": 2}, label="canary")
    aws.client.label_parameter_version(Name=NAME, ParameterVersion=1, Labels=["canary-previous"])
    assert releases_of(aws).held == []
    aws.client.label_parameter_version(Name=NAME, ParameterVersion=1, Labels=["stable-previous"])
    assert releases_of(aws).held == ["stable"]


# The labelled oldest


def rolling_out(release: int, before: int) -> RolloutDocument:
    return RolloutDocument(None, Rollout("stable", release, before, salt="0" * 16, steps=()))


def test_a_labelled_oldest_release_is_told_ten_deploys_ahead_and_the_way_out_works(aws: Any):
    aws.deploy({"n": 1}, label="stable")
    aws.fill(88)
    assert list(running_out(State(releases_of(aws)))) == []
    aws.fill(1)
    ((left, finding),) = running_out(State(releases_of(aws)))
    assert left == 10
    assert "after 10 more deploys" in finding.problem
    aws.fill(10)
    ((left, finding),) = running_out(State(releases_of(aws)))
    assert left == 0
    assert finding.problem == (
        "the next deploy of this model fails: release 1, which has stable, is then the oldest "
        "of 100"
    )
    with pytest.raises(aws.client.exceptions.ParameterMaxVersionLimitExceeded):
        aws.put(NAME, "{")
    # During a rollout, a promotion to another release is refused.
    ((_, under_way),) = running_out(State(releases_of(aws), rolling_out(release=100, before=1)))
    first, *_, last = under_way.fix.split(", ")
    assert first == "`model-config rollout finish chat --environment prod`"
    assert last.endswith("--labels stable-previous`")
    # What is told to do lets the next deploy through.
    assert finding.fix == (
        "`model-config promote chat --environment prod --label stable --release N`, N being a "
        "newer release with the same values, which a deploy of them makes, or another that you "
        f"have verified, then `aws ssm unlabel-parameter-version --name {NAME} "
        "--parameter-version 1 --labels stable-previous`"
    )
    label = aws.client.label_parameter_version  # as promote does
    label(Name=NAME, ParameterVersion=1, Labels=["stable-previous"])
    label(Name=NAME, ParameterVersion=100, Labels=["stable"])
    assert len(list(running_out(State(releases_of(aws))))) == 1
    unlabel = aws.client.unlabel_parameter_version
    unlabel(Name=NAME, ParameterVersion=1, Labels=["stable-previous"])
    aws.fill(1)


def test_the_candidate_of_a_rollout_counts_like_a_label_and_is_told_when_gone(aws: Any) -> None:
    aws.fill(99)
    aws.client.label_parameter_version(Name=NAME, ParameterVersion=50, Labels=["stable"])
    assert list(running_out(State(releases_of(aws)))) == []
    ((left, finding),) = running_out(State(releases_of(aws), rolling_out(release=1, before=50)))
    assert left == 1
    assert "after 1 more deploy, the next one of this model removes release 1" in (finding.problem)
    assert "model-config rollout finish chat --environment prod" in finding.fix
    aws.fill(3)
    ((_, finding),) = running_out(State(releases_of(aws), rolling_out(release=2, before=50)))
    assert "release 2" in finding.problem
    assert "is no longer in the history" in finding.problem


def test_a_held_label_stays_held_where_it_goes(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable")
    aws.client.label_parameter_version(Name=NAME, ParameterVersion=1, Labels=["stable-previous"])
    aws.fill(99)
    ((_, finding),) = running_out(State(releases_of(aws)))
    assert finding.fix.startswith(
        "`model-config rollback chat --environment prod --label stable --release N`"
    )
    assert "unlabel" not in finding.fix  # a rollback leaves nothing on the old release
    for label in ("stable", "stable-previous"):
        aws.client.label_parameter_version(Name=NAME, ParameterVersion=100, Labels=[label])
    aws.fill(1)


# Prune


def test_parts_that_no_release_names_are_unneeded_and_no_others(aws: Any) -> None:
    aws.deploy(large(1))
    kept = parts(aws)
    aws.deploy({"n": 1}, {"key": "x"})
    stray = {f"{NAME}/parts/{number:016x}" for number in range(12)}
    for name in stray:
        aws.put(name, "x")
    assert set(prunable(aws)) == stray
    Ssm(aws.client).delete(prunable(aws))
    assert parts(aws) == kept
    assert [each.problem for each in releases_of(aws)] == [None, None]
    assert prunable(aws) == []


@pytest.mark.parametrize("whole", [True, False])
def test_prune_deletes_nothing_on_a_history_with_nothing_in_it(loopback: Any, *, whole: bool):
    listed = loopback.says(200, {"Parameters": [{"Name": f"{NAME}/parts/00"}]})
    loopback.answers.extend([listed, loopback.says(200, {"Parameters": []}, whole=whole)])
    with pytest.raises(StoreUnavailableError, match="ssm:GetParameterHistory"):
        unneeded_parts(Ssm(loopback.client()), "/ai/prod", "chat", gone=True)
    assert loopback.asked == 2


def test_all_parts_of_a_model_that_is_gone_are_unneeded_and_none_while_one_cannot_be_read(aws):
    part = f"{NAME}/parts/00"
    aws.put(part, "x")
    with pytest.raises(ModelNotFoundError):
        prunable(aws)
    assert prunable(aws, gone=True) == [part]
    aws.deploy({}, document="{")
    with pytest.raises(UsageError, match="chat was not removed"):
        prunable(aws, gone=True)
    with pytest.raises(ReleaseError, match=f"nothing was deleted: {NAME}:1"):
        prunable(aws)
