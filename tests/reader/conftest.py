"""Tests that speak to moto, with credentials that no AWS takes, and wait between no tries."""

import pytest

from model_config.reader import attempts


@pytest.fixture(autouse=True)
def _credentials(made_up_credentials: None) -> None: ...


@pytest.fixture(autouse=True)
def _tries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_RETRY", 0.0)
