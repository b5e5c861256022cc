"""The wording of findings: what is wrong with a class's fields, and the names that were meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import ValidationError

from model_config.format.text import form, nearest
from model_config.schema import Group
from model_config.schema.annotations import union_members
from model_config.schema.shipped import OTHER_NAMES


def message_of(detail: Mapping[str, Any]) -> str:
    """Return pydantic's message about one value, to go on with in a sentence."""
    if detail["type"] == "extra_forbidden":
        return "there is no field of that name"
    text = str(detail["msg"])
    from_validator = text.removeprefix("Value error, ")
    return text[:1].lower() + text[1:] if from_validator == text else from_validator


_OTHER_FORMS = {form(name): meant for name, meant in OTHER_NAMES.items()}


class Problem(NamedTuple):
    """What is wrong with one value: its path, pydantic's type of error, the problem, and a fix."""

    path: tuple[str, ...]
    type: str
    text: str
    fix: str | None


def problems_of(error: ValidationError, kind: type[Group] | None) -> Iterator[Problem]:
    """Yield what is wrong with the values of a class, or of an unknown one."""
    problems: dict[tuple[str, ...], list[Problem]] = {}
    of_members = set()
    for detail in error.errors(include_url=False):
        path, groups = _place(detail["loc"], kind)
        text, fix = message_of(detail), None
        if detail["type"] == "extra_forbidden" and groups:
            others = [group for group in groups if path[-1] not in group.model_fields]
            names = " and ".join(group.__name__ for group in others)
            text = f"{names} {'has' if len(others) == 1 else 'have'} no field of that name"
            fix = nearest_field(path[-1], {name for group in groups for name in group.model_fields})
        if len(path) < len(detail["loc"]):
            of_members.add(path)
        problems.setdefault(path, []).append(Problem(path, detail["type"], text, fix))
    above = {path[:depth] for path in problems for depth in range(len(path))}
    for path, same in problems.items():
        # Where a member of a union fits but for what is below, the others' refusals say nothing.
        if path in above and path in of_members:
            continue
        texts = dict.fromkeys(problem.text for problem in same)
        yield same[0]._replace(text="; or ".join(texts))


def _place(
    loc: Iterable[str | int], kind: type[Group] | None
) -> tuple[tuple[str, ...], list[type[Group]]]:
    """Return a path without pydantic's names of a union's members, and the groups it ends in."""
    path: list[str] = []
    kinds: list[Any] = [kind]
    groups: list[type[Group]] = []
    is_member = False
    for segment in loc:
        if is_member:
            is_member = False
            continue
        path.append(str(segment))
        groups = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Group)]
        below = next(filter(None, (_below(kind, segment) for kind in kinds)), None)
        kinds = [kind for kind in union_members(below) if kind not in (None, NoneType)]
        is_member = len(kinds) > 1
    return tuple(path), groups


def _below(kind: Any, segment: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, Group):
        field = kind.model_fields.get(str(segment))
        return field and field.annotation
    return get_args(kind)[-1] if get_origin(kind) in (list, dict) else None


def nearest_field(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "..."?` or the names of the fields. Providers' names count."""
    names = set(known)
    is_ours = form(name) in map(form, names)
    return nearest(name if is_ours else _OTHER_FORMS.get(form(name), name), names)
