"""Dicts and lists that can't be changed, so that one configuration can serve every thread.

They are dicts and lists all the same: `json.dumps`, `==`, `isinstance` and pattern matching work.
A copy, by `copy`, `deepcopy` or pickle, is made of plain dicts and lists, all the way down. So is
what others build by a value's type, as `dataclasses.asdict` does.
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
    """Return a value with plain dicts and lists in it, none of them shared with the value."""
    if isinstance(value, dict):
        return {key: thaw(item) for key, item in value.items()}
    return [thaw(item) for item in value] if isinstance(value, list) else value


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("a configuration can't be changed: as_dict() gives a copy of your own")


_refused: Any = _refuse


class FrozenDict(dict[str, Any]):
    """A dict whose methods change nothing. Made by `freeze` alone."""

    __slots__ = ()

    def __new__(cls, *args: Any, **values: Any) -> dict[str, Any]:  # type: ignore[misc]
        """Return a plain dict, not one of this class."""
        return dict(*args, **values)

    # Called on what is there, __init__ would add to it.
    __init__ = __setitem__ = __delitem__ = __ior__ = _refused
    clear = pop = popitem = setdefault = update = _refused

    def copy(self) -> dict[str, Any]:
        """Return a plain copy, all the way down."""
        return {key: thaw(item) for key, item in self.items()}

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> dict[str, Any]:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)


class FrozenList(list[Any]):
    """A list whose methods change nothing. Made by `freeze` alone."""

    __slots__ = ()

    def __new__(cls, *args: Any) -> list[Any]:  # type: ignore[misc]
        """Return a plain list, not one of this class."""
        return list(*args)

    __init__ = __setitem__ = __delitem__ = __iadd__ = __imul__ = _refused
    append = clear = extend = insert = pop = remove = reverse = sort = _refused

    def copy(self) -> list[Any]:
        """Return a plain copy, all the way down."""
        return [thaw(item) for item in self]

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> list[Any]:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (self.copy(),)
