"""Several models at once."""

from __future__ import annotations

from typing import Any

import pytest
from support.documents import Documents

from model_config import Reader
from model_config.format.errors import (
    AccessDeniedError,
    ModelNotFoundError,
    SchemaMismatchError,
    StoreUnavailableError,
    UsageError,
)
from model_config.schema import EmbeddingModel

MODELS = [f"model_{number}" for number in range(50)]
VECTOR = {"provider": "p", "model_id": "m", "dimensions": 3}


@pytest.fixture
def source() -> Documents:
    source = Documents()
    for number, model in enumerate(MODELS):
        source.deploy({"n": number}, model=model)
    return source


def test_fifty_models_take_ten_requests_and_what_is_cached_none(source: Documents) -> None:
    found = Reader("prod", source=source).get_many(MODELS)
    assert [found[model]["n"] for model in MODELS] == list(range(50))
    assert [len(names) for names in source.asked] == [10] * 10
    reader = Reader("prod", source=source)
    reader.get_many(MODELS[:3])
    source.asked.clear()
    assert list(reader.get_many([*MODELS[:5], MODELS[0]])) == MODELS[:5]
    two = ["model_3/release:stable", "model_3/rollout", "model_4/release:stable", "model_4/rollout"]
    assert source.asked == [[f"/ai/prod/{each}" for each in two]]
    source.asked.clear()
    reader.get_many(MODELS[:5])
    assert source.asked == []


def test_a_batch_that_is_denied_for_one_is_asked_for_model_by_model(source: Documents) -> None:
    source.denied = {"/ai/prod/model_2/release"}
    reader = Reader("prod", source=source)
    with pytest.raises(AccessDeniedError, match="model_2"):
        reader.get_many(MODELS[:5])
    source.asked.clear()
    others = ["model_0", "model_1", "model_3", "model_4"]
    assert list(reader.get_many(others)) == others
    assert source.asked == []  # all but the denied one were read


def test_an_outage_in_the_middle_leaves_what_was_read(source: Documents) -> None:
    def breaks() -> None:
        if source.requests == 4:
            raise StoreUnavailableError("away")

    source.before = breaks
    reader = Reader("prod", source=source)
    with pytest.raises(StoreUnavailableError):
        reader.get_many(MODELS)
    assert source.requests == 4
    assert reader.get("model_0")["n"] == 0
    assert source.requests == 4


def test_two_labels_of_one_model_are_never_in_one_request(source: Documents, clock: Any) -> None:
    name = "/ai/prod/model_0/release"
    source.labels[f"{name}:canary"] = 1
    reader = Reader("prod", source=source, clock=clock, max_wait=60)
    reader.get("model_0")
    reader.get("model_0", label="canary")
    reader.get("model_0", release=1)
    source.asked.clear()
    reader.refresh()
    asked = sorted(names[0] for names in source.asked)
    assert asked == [f"{name}:1", f"{name}:canary", f"{name}:stable"]
    assert all(
        len(names) == len({each.partition(":")[0] for each in names}) for names in source.asked
    )


def test_each_model_has_its_own_class(source: Documents) -> None:
    source.deploy(VECTOR, model="embed")
    reader = Reader("prod", source=source)
    found = reader.get_many(["embed", "model_0"], schema={"embed": EmbeddingModel})
    assert found["embed"].as_model(EmbeddingModel).dimensions == 3
    with pytest.raises(SchemaMismatchError, match="release 1 of model_0 in prod"):
        reader.get_many(["model_0"], schema={"model_0": EmbeddingModel})


def test_preload_leaves_what_cannot_be_read_for_later(source: Documents) -> None:
    reader = Reader("prod", source=source)
    reader.preload(["model_0", "modle"])
    source.asked.clear()
    assert reader.get("model_0")["n"] == 0
    with pytest.raises(ModelNotFoundError, match="modle in prod"):
        reader.get("modle")
    assert source.asked == []
    with pytest.raises(UsageError):
        reader.preload(["a/b"])
    with pytest.raises(ModelNotFoundError) as caught:
        reader.get_many(["model_0", "modle", "modle_2"])  # which names all at once
    assert "modle in prod" in str(caught.value)
    assert "modle_2 in prod" in str(caught.value)


def test_a_list_in_place_of_a_name_and_the_other_way_round_are_refused(source: Documents) -> None:
    reader: Any = Reader("prod", source=source)
    for misuse in (
        lambda: reader.get_many("support"),
        lambda: reader.get_many(None),
        lambda: reader.get_many([["model_0"]]),
        lambda: reader.preload("support"),
        lambda: reader.preload(5),
        lambda: reader.refresh(["model_0"]),
        lambda: reader.get_many(["model_0"], schema=EmbeddingModel),
    ):
        with pytest.raises(UsageError):
            misuse()


def test_secrets_of_many_models_share_requests(clock: Any) -> None:
    source = Documents()
    for model in MODELS:
        source.deploy({"n": 1}, {"key": model}, model=model)
    reader = Reader("prod", source=source, clock=clock, max_wait=60)
    reader.preload(MODELS)
    assert reader.get("model_2").secrets["key"].reveal() == "model_2"
    assert [len(names) for names in source.asked] == [10] * 15
    source.asked.clear()
    source.read.clear()
    clock.advance(31)
    reader.get_many(MODELS)
    assert [len(names) for names in source.asked] == [10] * 15
    assert source.read == []


def test_refresh_asks_for_what_was_read_and_for_nothing_else(source: Documents, clock: Any) -> None:
    reader = Reader("prod", source=source, clock=clock, max_wait=60)
    reader.get_many(MODELS[:3])
    source.asked.clear()
    source.deploy({"n": 100}, model="model_0")
    source.deploy({"n": 101}, model="model_1")
    reader.refresh("model_0")
    assert source.asked == [
        ["/ai/prod/model_0/release:stable", "/ai/prod/model_0/rollout"],
        ["/ai/prod/model_0/release:2"],
    ]
    assert (reader.get("model_0")["n"], reader.get("model_1")["n"]) == (100, 1)
    reader.refresh()
    assert reader.get("model_1")["n"] == 101
    assert sum(map(len, source.asked)) == 10
