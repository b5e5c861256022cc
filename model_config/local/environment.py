"""Hides a developer's AWS settings from the local AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

#: Valid only in the local AWS.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


@contextmanager
def own_environment() -> Iterator[None]:
    """Hide every AWS setting of the environment: profiles, credentials, endpoints, regions."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with patch.dict(os.environ, {**kept, **CREDENTIALS, **nowhere}, clear=True):
        yield
