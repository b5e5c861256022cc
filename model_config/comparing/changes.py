"""The values of a release, one by one, and the changes between two releases."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Final, Literal

from model_config.format.codec import Value
from model_config.format.prompt import matches, texts, variables
from model_config.format.release import Release, config_text
from model_config.format.text import one_line

Path = tuple[str, ...]
Kind = Literal["added", "removed", "changed", "reordered"]
#: The config key of each secret, by path.
ConfigKeys = Mapping[str, str]

MARKS: Mapping[Kind, str] = {"added": "+", "removed": "-", "changed": "~", "reordered": "~"}
#: The length in characters from which a value is shown line by line.
LONG = 72
#: The number of moved keys or items that are named.
_NAMED = 6
_ABSENT: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class Change:
    """A value, an order, a secret or the schema that differs between two releases.

    `before` and `after` are, of a secret, its config keys where they are known. Of a reordered dict
    or list, they are what both sides have: keys, short values as JSON, or "item 2", counted from 0.
    """

    path: str
    change: Kind
    before: Value = None
    after: Value = None
    secret: bool = False
    #: The variables that a prompt has gained, or lost. Applications must pass exactly its own.
    asks: tuple[str, ...] = ()
    stops_asking: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{MARKS[self.change]} {self.path}"

    def variables_text(self) -> str:
        sides = {"now asks for": self.asks, "no longer asks for": self.stops_asking}
        return " and ".join(f"{what} {', '.join(names)}" for what, names in sides.items() if names)

    def order_text(self, shown: Callable[[str], str] = str) -> str:
        """Return what moved in a reordered dict or list: "order changed: answer now first"."""
        before, after = (
            [str(name) for name in side] if isinstance(side, list) else []
            for side in (self.before, self.after)
        )
        blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
        stay = {place for block in blocks for place in range(block.b, block.b + block.size)}
        moved = [place for place in range(len(after)) if place not in stay]
        texts = [
            f"{shown(after[place])} now {f'after {shown(after[place - 1])}' if place else 'first'}"
            for place in moved[:_NAMED]
        ]
        more = [f"{len(moved) - _NAMED:,} more"] if moved[_NAMED:] else []
        return f"order changed: {', '.join(texts + more)}"


def leaves(
    value: Value, path: Path = (), *, in_lists: bool = False
) -> Iterator[tuple[Path, Value]]:
    """Yield each value with its path. With `in_lists`, a list of objects has values too.

    A release doesn't distinguish a group from a field that holds an object, so both are traversed.
    """
    items: Iterable[tuple[object, Value]] = value.items() if isinstance(value, dict) else ()
    if in_lists and isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = enumerate(value)
    if path and not items:
        yield path, value
    for name, item in items:
        yield from leaves(item, (*path, str(name)), in_lists=in_lists)


def changes(
    before: Release, after: Release, keys: tuple[ConfigKeys, ConfigKeys] = ({}, {})
) -> list[Change]:
    """Return the changes of schema, values, order and secrets; `keys` are secrets' config keys."""
    schemas = before.schema, after.schema
    # An added or removed model has a schema on one side only.
    is_other = all(schemas) and before.schema != after.schema
    values = [*value_changes(before.config, after.config), *_template_changes(before, after)]
    return [
        *([Change("(schema)", "changed", *schemas)] if is_other else ()),
        *(_with_variables(change, before, after) for change in values),
        *_secret_changes(before, after, keys),
    ]


def _template_changes(before: Release, after: Release) -> Iterator[Change]:
    """Yield the texts that stay the same and that `render` fills in on one side only."""
    if before.templates != after.templates:
        same = dict(texts(before.config).items() & texts(after.config).items())
        filled = (texts(side.config, side.templates) for side in (before, after))
        old, new = (templates.keys() & same.keys() for templates in filled)
        for path in sorted(old ^ new):
            yield Change(path, "changed", same[path], same[path])


def _with_variables(change: Change, before: Release, after: Release) -> Change:
    if change.change != "changed":  # no application renders a text that only one side has
        return change
    old, new = (
        variables(text) if isinstance(text, str) and matches(change.path, release.templates) else []
        for text, release in ((change.before, before), (change.after, after))
    )
    asks = tuple(name for name in new if name not in old)
    return replace(change, asks=asks, stops_asking=tuple(name for name in old if name not in new))


def _secret_changes(
    before: Release, after: Release, keys: tuple[ConfigKeys, ConfigKeys]
) -> Iterator[Change]:
    for path in sorted({*before.secrets, *after.secrets}):
        old, new = (side.get(path) for side in keys)
        kind: Kind = "removed" if path not in after.secrets else "changed"
        kind = "added" if path not in before.secrets else kind
        if kind != "changed" or old != new:
            yield Change(f"secrets/{path}", kind, old, new, secret=True)


def value_changes(before: Value, after: Value, path: str = "") -> Iterator[Change]:
    above = f"{path}/" if path else ""
    alone = after if before is _ABSENT else before if after is _ABSENT else None
    if isinstance(alone, list) and not _is_read_whole(alone):
        alone = {str(number): item for number, item in enumerate(alone)}
    if alone and isinstance(alone, dict):
        for name, value in alone.items():
            old, new = (_ABSENT, value) if before is _ABSENT else (value, _ABSENT)
            yield from value_changes(old, new, f"{above}{name}")
    elif before is _ABSENT:
        yield Change(path, "added", after=after)
    elif after is _ABSENT:
        yield Change(path, "removed", before=before)
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _reordered(path, list(before), list(after))
        for name in sorted({*before, *after}):
            old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
            yield from value_changes(old, new, f"{above}{name}")
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(path, before, after)
    elif _text(before) != _text(after):
        yield Change(path, "changed", before, after)


def _list_changes(path: str, before: list[Value], after: list[Value]) -> Iterator[Change]:
    places = defaultdict[str, deque[int]](deque)
    for place, item in enumerate(before):
        places[_text(item)].append(place)
    # Where each item was before, or None if it is new.
    former = [same.popleft() if (same := places[_text(item)]) else None for item in after]
    kept = [place for place in former if place is not None]
    whole = _is_read_whole(before) and _is_read_whole(after)
    if whole and not len(kept) == len(before) == len(after):
        yield Change(path, "changed", before, after)
        return
    names = [one_line(item) if whole else f"item {n}" for n, item in enumerate(before)]
    yield from _reordered(path, [names[n] for n in sorted(kept)], [names[n] for n in kept])
    # Items that follow the same kept item on both sides face each other.
    facing = defaultdict[int, deque[int]](deque)
    last, stay = -1, set(kept)
    for number in range(len(before)):
        if number in stay:
            last = number
        else:
            facing[last].append(number)
    last = -1
    for number, was in enumerate(former):
        if was is not None:
            last = was
        else:
            old = before[facing[last].popleft()] if facing[last] else _ABSENT
            yield from value_changes(old, after[number], f"{path}/{number}")
    for number in sorted(number for rest in facing.values() for number in rest):
        yield from value_changes(before[number], _ABSENT, f"{path}/{number}")


def _reordered(path: str, before: list[str], after: list[str]) -> Iterator[Change]:
    both = {*before} & {*after}
    old, new = ([name for name in side if name in both] for side in (before, after))
    if old != new:
        yield Change(path, "reordered", [*old], [*new])


def _is_read_whole(items: list[Value]) -> bool:
    """Return whether all items are short values, so that the list is read best as a whole."""
    return not any(
        isinstance(item, dict | list)
        or (isinstance(item, str) and ("\n" in item.strip() or len(item) > LONG or variables(item)))
        for item in items
    )


def _text(value: Value) -> str:
    # In Python, True is 1 and 2.0 is 2. In a release they are different texts.
    return config_text({"": value})
