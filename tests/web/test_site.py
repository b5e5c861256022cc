"""What was read for one page is reused by the next, until something changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from model_config.operate.ssm import unwatched
from model_config.plan.project import Project
from model_config.web.build import read_ahead
from model_config.web.site import Site

from .conftest import CONFIG, browser, environment


class Stamped:
    """Environments that can tell whether they have changed, like the local AWS."""

    def __init__(self, ssm: Any, project: Project) -> None:
        self.stamp = 0
        self.asked: list[str] = []
        environments = [
            replace(environment(stack, ssm), hold=self._hold) for stack in ("dev", "prod")
        ]
        self.site = Site(environments, project)

    @contextmanager
    def _hold(self) -> Iterator[int]:
        yield self.stamp

    def note(self, model: Any, **_: object) -> None:
        self.asked.append(model.name)


@pytest.fixture
def stamped(ssm: Any, own_project: Project) -> Iterator[Stamped]:
    stamped = Stamped(ssm, own_project)
    ssm.meta.events.register("before-call.ssm", stamped.note)
    yield stamped
    ssm.meta.events.unregister("before-call.ssm", stamped.note)


@pytest.fixture
def client(stamped: Stamped) -> TestClient:
    return browser(stamped.site)


@pytest.mark.usefixtures("three_releases")
def test_what_was_read_ahead_is_not_read_again_until_something_changes(
    stamped: Stamped, client: TestClient, own_project: Project, deploy: Callable[..., int]
) -> None:
    read_ahead(stamped.site, unwatched)
    stamped.asked.clear()
    pages = {
        address: client.get(address).text
        for address in ("/", "/drift/dev", "/compare/dev@latest/prod@latest")
    }
    assert stamped.asked == []
    assert ">newest 3<" in pages["/"]
    assert "gpt-5" not in pages["/drift/dev"]
    module = own_project.module("chat")
    module.write_text(module.read_text().replace("gpt-4.1", "gpt-5"))
    assert "gpt-5" in client.get("/drift/dev").text
    deploy({**CONFIG, "model_id": "gpt-6"})
    assert ">newest 3<" in client.get("/").text
    stamped.stamp += 1
    assert ">newest 4<" in client.get("/").text


def test_an_error_while_reading_ahead_is_shown_by_the_page(stamped, client, own_project):
    own_project.module("chat").write_text("MODEL = nothing")
    read_ahead(stamped.site, unwatched)
    assert client.get("/drift/dev").status_code == 422


def test_a_link_to_itself_among_the_models_is_no_failure(
    site: Site, own_project: Project, deploy: Callable[..., int]
) -> None:
    deploy()
    (own_project.models_folder / "loop").symlink_to("loop")
    assert browser(site).get("/").status_code == 200
