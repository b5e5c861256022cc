"""Run `__main__.py` whole, as Pulumi's language host does, with mocks in the engine's place."""

from __future__ import annotations

import asyncio
import gc
import logging
import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc, stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.settings import get_root_resource, reset_options, set_root_resource

from model_config.core.settings import StackConfig

PROJECT_NAME = "model-config"
_SIGNATURE = rpc._special_sig_key  # noqa: SLF001 -- how a secret is marked has no public name


def run_program(
    project: Path,
    config: StackConfig,
    mock: mocks.Mocks,
    monitor: mocks.MockMonitor | None = None,
    *,
    preview: bool = False,
) -> dict[str, Any]:
    """Run the project's program to its end and return what it exported, as plain values.

    Args:
        project: the folder of `__main__.py`.
        config: the stack and its configuration, secrets in plain text among the values.
        mock: what answers registrations and invokes.
        monitor: a monitor of your own, which then holds the mock.
        preview: whether the program is told that it only previews.

    Raises:
        pulumi.RunError: the program refused its configuration.
    """
    with _fresh_runtime() as loop:
        mocks.set_mocks(mock, PROJECT_NAME, config.stack, preview, monitor=monitor)
        _forget_root_stack()  # set_mocks leaves one of its own
        set_all_config(dict(config.values), list(config.secret_keys))
        return loop.run_until_complete(_run(project))


async def _run(project: Path) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    await stack.run_in_stack(lambda: _run_main(project))
    root = get_root_resource()
    if isinstance(root, stack.Stack):
        outputs = await _resolved(root.outputs)
    return outputs


def _run_main(project: Path) -> None:
    runpy.run_path(str(project / "__main__.py"), run_name="__main__")


async def _resolved(value: Any) -> Any:
    """Return the value with each output in it awaited; one that is unknown becomes None."""
    if isinstance(value, pulumi.Output):
        return await _resolved(await value.future(with_unknowns=False))
    if isinstance(value, dict):
        return {key: await _resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [await _resolved(item) for item in value]
    return value


@contextmanager
def _fresh_runtime() -> Iterator[asyncio.AbstractEventLoop]:
    """Leave neither the program's garbage settings nor Pulumi's global state behind."""
    threshold = gc.get_threshold()
    # Python reports tasks of a program that was refused half-way; the refusal says it all.
    asyncio_log = logging.getLogger("asyncio")
    level = asyncio_log.level
    asyncio_log.setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # set_mocks already schedules work on it
    try:
        yield loop
    finally:
        loop.close()
        asyncio.set_event_loop(None)
        asyncio_log.setLevel(level)
        gc.set_threshold(*threshold)
        set_all_config({}, [])
        _forget_root_stack()
        reset_options()


def _forget_root_stack() -> None:
    set_root_resource(cast(pulumi.Resource, None))  # typed as if there always were one


def plain(value: Any) -> Any:
    """Return what a mock was handed, without secret marks and with whole numbers as ints."""
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return plain(value.get("value"))
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
