"""Read-only dicts and lists, so that all threads can share one configuration.

They are still dicts and lists: `json.dumps`, `==`, `isinstance` and pattern matching work. Copies
made by `copy`, `deepcopy` or pickle consist of plain dicts and lists at every level, and so do the
results of functions that build values by type, such as `dataclasses.asdict`.
"""

from __future__ import annotations

from typing import Any, NoReturn


def freeze(value: Any) -> Any:
    """Return a value with every dict and list in it frozen."""
    if isinstance(value, dict):
        frozen_dict: FrozenDict = dict.__new__(FrozenDict)
        dict.update(frozen_dict, {key: freeze(item) for key, item in value.items()})
        return frozen_dict
    if isinstance(value, list):
        frozen_list: FrozenList = list.__new__(FrozenList)
        list.extend(frozen_list, map(freeze, value))
        return frozen_list
    return value


def thaw(value: Any) -> Any:
    """Return a copy of a value with plain dicts and lists, none of them shared with the value."""
    if isinstance(value, dict):
        return {key: thaw(item) for key, item in value.items()}
    return [thaw(item) for item in value] if isinstance(value, list) else value


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("a configuration is read-only: as_dict() returns a copy that you can change")


_refused: Any = _refuse


class FrozenDict(dict[str, Any]):
    """A read-only dict. Only `freeze` creates it."""

    __slots__ = ()

    def __new__(cls, *args: Any, **values: Any) -> dict[str, Any]:  # type: ignore[misc]
        """Return a plain dict."""
        return dict(*args, **values)

    # __init__ is refused too: called again, it would add items.
    __init__ = __setitem__ = __delitem__ = __ior__ = _refused
    clear = pop = popitem = setdefault = update = _refused

    def copy(self) -> dict[str, Any]:
        """Return a copy that is plain at every level."""
        return {key: thaw(item) for key, item in self.items()}

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> dict[str, Any]:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)


class FrozenList(list[Any]):
    """A read-only list. Only `freeze` creates it."""

    __slots__ = ()

    def __new__(cls, *args: Any) -> list[Any]:  # type: ignore[misc]
        """Return a plain list."""
        return list(*args)

    __init__ = __setitem__ = __delitem__ = __iadd__ = __imul__ = _refused
    append = clear = extend = insert = pop = remove = reverse = sort = _refused

    def copy(self) -> list[Any]:
        """Return a copy that is plain at every level."""
        return [thaw(item) for item in self]

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> list[Any]:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (self.copy(),)
