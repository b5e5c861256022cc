"""What every test gets: an environment without a developer's own AWS and Pulumi settings."""

import os

import pytest

_FOREIGN = ("AWS_", "PULUMI_", "MODEL_CONFIG_", "MOTO_")

# Some of Pulumi's variables are read when it is imported, so they go before any test is.
for _name in [name for name in os.environ if name.startswith(_FOREIGN)]:
    del os.environ[_name]


@pytest.fixture(autouse=True)
def _no_foreign_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nor may a test read the machine's own credentials.
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
