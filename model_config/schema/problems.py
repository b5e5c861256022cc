"""What pydantic refuses in a class's values, as findings say it, and the names that were meant."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import Any, NamedTuple, TypeAlias, get_args, get_origin

from pydantic import ValidationError

from model_config.format.text import form, nearest
from model_config.schema.group import Group, Path, union_members
from model_config.schema.shipped import OTHER_NAMES

# pydantic's description of each error, with the rest of its `loc` below the value at hand.
_Details: TypeAlias = list[tuple[Path, Mapping[str, Any]]]

_OTHER_FORMS = {form(name): meant for name, meant in OTHER_NAMES.items()}


class Problem(NamedTuple):
    """What is wrong with one value: its path, pydantic's type of error, the problem, and a fix."""

    path: tuple[str, ...]
    type: str
    text: str
    fix: str | None


def messages_of(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield the place of each error, "models.0.name", and its message; the place can be empty."""
    for detail in error.errors(include_url=False, include_input=False):
        yield ".".join(map(str, detail["loc"])), _message(detail)


def _message(detail: Mapping[str, Any]) -> str:
    """Return pydantic's message about one value, to go on with in a sentence."""
    if detail["type"] == "extra_forbidden":
        return "there is no field of that name"
    text = str(detail["msg"])
    is_ours = text.startswith("Value error, ")  # raised by a validator
    return text.removeprefix("Value error, ") if is_ours else text[:1].lower() + text[1:]


def problems_of(error: ValidationError, kind: type[Group] | None) -> Iterator[Problem]:
    """Yield what is wrong with the values of a class, or of an unknown one."""
    details: _Details = [(detail["loc"], detail) for detail in error.errors(include_url=False)]
    return _problems(details, kind, (), [])


def _problems(
    details: _Details, kind: Any, path: tuple[str, ...], above: list[type[Group]]
) -> Iterator[Problem]:
    members = [member for member in union_members(kind) if member not in (None, NoneType)]
    if len(members) > 1:
        details, members = _of_best_members(details, members)
    below = _by_first(details)
    if own := [detail for _, detail in below.pop((), [])]:
        text, fix = "; or ".join(dict.fromkeys(map(_message, own))), None
        if own[0]["type"] == "extra_forbidden" and above:
            names = [group.__name__ for group in above if path[-1] not in group.model_fields]
            have = "has" if len(names) == 1 else "have"
            text = f"{' and '.join(names)} {have} no field of that name"
            fix = nearest_field(path[-1], {name for group in above for name in group.model_fields})
        yield Problem(path, own[0]["type"], text, fix)
    groups = [kind for kind in members if isinstance(kind, type) and issubclass(kind, Group)]
    for (segment,), inner in below.items():
        annotation = next(filter(None, (_annotation(kind, segment) for kind in members)), None)
        yield from _problems(inner, annotation, (*path, str(segment)), groups)


def _of_best_members(details: _Details, members: list[Any]) -> tuple[_Details, list[Any]]:
    """Return the errors of the union's member that a value fits best, or those that all share."""
    by_member = _by_first(details)
    least = min(map(_misfit, by_member.values()))
    best = [name for name, of_member in by_member.items() if _misfit(of_member) == least]
    shared = set.intersection(*({loc for loc, _ in by_member[name]} for name in best))
    best = best if shared else best[:1]
    chosen = [pair for name in best for pair in by_member[name] if not shared or pair[0] in shared]
    # pydantic calls a class with a validator "function-after[validator(), Class]".
    names = {re.sub(r"function-.* (.*?)\]+", r"\1", str(tag)) for name in best for tag in name}
    kinds = [kind for kind in members if getattr(kind, "__name__", None) in names]
    return chosen, kinds or members


def _by_first(details: _Details) -> dict[Path, _Details]:
    by_first: dict[Path, _Details] = {}
    for loc, detail in details:
        by_first.setdefault(loc[:1], []).append((loc[1:], detail))
    return by_first


def _misfit(details: _Details) -> tuple[bool, int, int]:
    """Return how little a value is of a kind: of another type, with other names, with errors."""
    types = [detail["type"] for _, detail in details]
    is_other = any(not loc and detail["type"].endswith("_type") for loc, detail in details)
    return is_other, types.count("extra_forbidden") + types.count("literal_error"), len(types)


def _annotation(kind: Any, segment: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, Group):
        field = kind.model_fields.get(str(segment))
        return field and field.annotation
    return get_args(kind)[-1] if get_origin(kind) in (list, dict) else None


def nearest_field(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "..."?` or the names of the fields. Providers' names count."""
    names = set(known)
    is_ours = form(name) in map(form, names)
    return nearest(name if is_ours else _OTHER_FORMS.get(form(name), name), names)
