"""The pages in a real browser: the system's Chromium, controlled by Playwright."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from .history import Played, play
from .visits import SIZES, TOO_LATE, Visit

expect.set_options(timeout=TOO_LATE)

#: Playwright's own download isn't needed.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium is on PATH")
    with sync_playwright() as driver:
        # As root, and in most containers, Chromium can't create its sandbox.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def played(
    chromium: Any,  # noqa: ARG001 - without a browser nothing is deployed
    tmp_path_factory: pytest.TempPathFactory,
    users_environment: dict[str, str],
) -> Played:
    """A project with a history. Tests must not change it."""
    # The commands end with Ctrl-C, which those of a background job ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    project = Played.new(tmp_path_factory.mktemp("played") / "help-centre", users_environment)
    play(project)
    return project


@pytest.fixture
def free_project(played: Played, tmp_path: Path) -> Played:
    """A copy of the project that a test may change."""
    return played.copy(tmp_path / "help-centre")


@pytest.fixture(scope="session")
def address(played: Played) -> Iterator[str]:
    """The address of its pages."""
    with played.served("--local") as address:
        yield address


@pytest.fixture
def visit(chromium: Any) -> Iterator[Any]:
    """Visit an address: `visit(address, size="narrow", color_scheme="dark")`."""
    contexts = []

    def call(address: str, *, size: str = "wide", **options: Any) -> Visit:
        contexts.append(chromium.new_context(viewport=SIZES[size], **options))
        return Visit(contexts[-1], address)

    yield call
    for context in contexts:
        context.close()


@pytest.fixture
def reader(visit: Any, address: str) -> Visit:
    """A user who has opened the project's pages."""
    there: Visit = visit(address)
    there.begin()
    return there
