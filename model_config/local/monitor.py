"""Passes resource options to the local provider, which Pulumi's mocks don't."""

from __future__ import annotations

from typing import Any

from pulumi.runtime.mocks import MockMonitor

from model_config.local.provider import LocalProvider


class LocalMonitor(MockMonitor):
    """Records `ignore_changes`, `protect` and `retain_on_delete`."""

    def __init__(self, provider: LocalProvider) -> None:
        super().__init__(provider)
        self._provider = provider

    def RegisterResource(self, request: Any) -> Any:
        """Register a resource, and record its options before and after."""
        self._provider.ignore(request.type, request.name, list(request.ignoreChanges))
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call] # pulumi's
        resource = self._provider.resources.get(f"{request.type}::{request.name}")
        if resource is not None:
            resource.protect = request.protect
            resource.retain_on_delete = request.retainOnDelete
        return response
