"""A copy of the project in a folder of its own, whose models a test may edit."""

import shutil
from pathlib import Path

import pytest

from model_config.cli import local
from model_config.core import registry

CHECKOUT = Path(__file__).parent.parent.parent


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("__main__.py", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    models = tmp_path / "models"
    shutil.copytree(CHECKOUT / "model_config" / "models", models)
    monkeypatch.setattr(registry, "MODELS_FOLDER", models)
    monkeypatch.setattr(local, "PROJECT", tmp_path)
    return tmp_path
