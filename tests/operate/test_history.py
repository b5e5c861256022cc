from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from model_config.format.errors import ModelNotFoundError, ReleaseError, StoreUnavailableError
from model_config.format.release import digest_of
from model_config.operate.history import History

NAME = "/ai/prod/chat/release"


def large(start: int) -> dict[str, str]:
    """Return a configuration that needs parts, another for each start."""
    return {"t": "".join(chr(200 + (start + number * 7919) % 50_000) for number in range(9_000))}


def parts(aws: Any) -> set[str]:
    found = aws.client.get_parameters_by_path(Path=f"{NAME}/parts")["Parameters"]
    return {each["Name"] for each in found}


def history_of(aws: Any) -> History:
    return History("prod", client=aws.client)


# Releases


def test_the_history_says_what_each_release_is(aws: Any) -> None:
    aws.deploy({"n": 1}, {"key": "x"}, label="stable")
    aws.deploy(large(1), label="canary")
    first, second = history_of(aws).releases("chat")
    assert (first.number, first.labels, first.digest) == (1, ("stable",), digest_of({"n": 1}))
    assert first.content is not None
    assert first.content.config == {"n": 1}
    assert first.problem is None
    assert isinstance(first.at, datetime)
    assert first.by == "N/A"  # what moto says
    assert (second.number, second.labels, second.digest) == (2, ("canary",), digest_of(large(1)))


def test_a_release_that_cannot_be_read_says_why_and_hides_no_other(aws: Any) -> None:
    aws.deploy({"n": 1})
    aws.deploy({}, document="{")
    aws.deploy(large(1))
    for name in parts(aws):
        aws.client.delete_parameter(Name=name)
    first, second, third = history_of(aws).releases("chat")
    assert first.digest == digest_of({"n": 1})
    assert second.digest is None
    assert "no JSON" in str(second.problem)
    assert "is missing" in str(third.problem)


def test_a_history_of_more_than_one_page_is_whole(aws: Any) -> None:
    for number in range(53):
        aws.put(NAME, f"{{{number}")
    rows = history_of(aws).releases("chat")
    assert [row.number for row in rows] == list(range(1, 54))


def test_a_model_without_releases_is_not_found(aws: Any) -> None:
    with pytest.raises(ModelNotFoundError):
        history_of(aws).releases("chat")


# The labelled oldest


def fill(aws: Any, count: int) -> None:
    for number in range(count):
        aws.put(NAME, f"{{{number}")


def test_a_labelled_release_that_is_the_oldest_of_100_is_found_before_a_deploy_fails(
    aws: Any,
) -> None:
    aws.deploy({"n": 1}, label="stable")
    fill(aws, 98)
    assert history_of(aws).findings("chat") == []
    fill(aws, 1)
    (finding,) = history_of(aws).findings("chat")
    assert "release 1 is the oldest of 100 and carries stable" in finding.problem
    assert "model-config promote chat --to stable --environment prod" in finding.fix
    with pytest.raises(aws.client.exceptions.ParameterMaxVersionLimitExceeded):
        fill(aws, 1)
    aws.client.label_parameter_version(Name=NAME, ParameterVersion=50, Labels=["stable"])
    assert history_of(aws).findings("chat") == []
    fill(aws, 1)


def test_a_previous_label_on_the_oldest_names_a_command_that_takes_it_off(aws: Any) -> None:
    aws.deploy({"n": 1}, label="stable-previous")
    fill(aws, 99)
    (finding,) = history_of(aws).findings("chat")
    assert finding.fix == (
        f"`aws ssm unlabel-parameter-version --name {NAME} --parameter-version 1 "
        "--labels stable-previous`"
    )


def test_a_model_never_deployed_has_no_findings(aws: Any) -> None:
    assert history_of(aws).findings("chat") == []


# Prune


def test_prune_deletes_what_no_release_names_and_nothing_else(aws: Any) -> None:
    aws.deploy(large(1))
    kept = parts(aws)
    aws.deploy({"n": 1}, {"key": "x"})
    stray = {f"{NAME}/parts/{number:016x}" for number in range(12)}
    for name in stray:
        aws.put(name, "x")
    assert set(history_of(aws).prune("chat", dry_run=True)) == stray
    assert parts(aws) | stray == parts(aws) | kept | stray
    assert history_of(aws).prune("chat") == sorted(stray)
    assert len(history_of(aws).releases("chat")) == 2
    assert all(row.problem is None for row in history_of(aws).releases("chat"))
    assert history_of(aws).prune("chat") == []


def test_prune_deletes_nothing_while_a_release_cannot_be_read(aws: Any) -> None:
    aws.deploy({}, document="{")
    aws.put(f"{NAME}/parts/00", "x")
    with pytest.raises(ReleaseError, match=f"nothing was deleted: {NAME}:1"):
        history_of(aws).prune("chat")
    assert parts(aws) == {f"{NAME}/parts/00"}


@pytest.mark.parametrize("whole", [True, False])
def test_prune_deletes_nothing_on_a_history_with_nothing_in_it(
    loopback: Any, *, whole: bool
) -> None:
    listed = loopback.says(200, {"Parameters": [{"Name": f"{NAME}/parts/00"}]})
    loopback.answers.extend([listed, loopback.says(200, {"Parameters": []}, whole=whole)])
    with pytest.raises(StoreUnavailableError, match="ssm:GetParameterHistory"):
        History("prod", client=loopback.client()).prune("chat")
    assert loopback.asked == 2


def test_prune_deletes_nothing_of_a_model_without_releases(aws: Any) -> None:
    aws.put(f"{NAME}/parts/00", "x")
    with pytest.raises(ModelNotFoundError):
        history_of(aws).prune("chat")
    assert parts(aws) == {f"{NAME}/parts/00"}
