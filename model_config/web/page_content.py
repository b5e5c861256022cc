"""A page before it is rendered: what it shows, and what there is to say about it as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model_config.operate.cached_inventory import CachedInventory


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a page as a whole.

    Attributes:
        text: what there is to say.
        as_of: when what is shown was read, where that isn't now.
    """

    text: str
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class PageContent:
    """A page.

    Attributes:
        template: the template's name.
        title: what it is called.
        data: what its template needs.
        notices: what there is to say about it as a whole.
    """

    template: str
    title: str
    data: Any
    notices: tuple[Notice, ...] = ()


def notices_of(stack: str, inventory: CachedInventory) -> tuple[Notice, ...]:
    """Return the notices about what an inventory has read."""
    away = (Notice(f"{stack}: {inventory.away}", inventory.as_of),) if inventory.away else ()
    return (*away, *(Notice(f"{stack}: {problem}") for problem in sorted(set(inventory.problems))))
