"""The configuration that a reader returns: one release of one model, read-only.

All threads share one configuration, so its dicts and lists are read-only; `json.dumps`, `==`,
`isinstance` and pattern matching work. Copies by `copy`, `deepcopy` or pickle, and what builds
values by type, such as `dataclasses.asdict`, give plain ones at every level.
"""

from __future__ import annotations

import math
import time
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from enum import EnumType
from functools import partial
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias, TypeVar, cast

from model_config.format import codec, errors
from model_config.format.release import RELEASED, Release
from model_config.reader.source import Stored

ModelT = TypeVar("ModelT")
#: The side of a rollout that a configuration was served on.
Side: TypeAlias = Literal["candidate", "control"]

#: The value of OpenTelemetry's `feature_flag.provider.name`.
PROVIDER = "model-config"


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("a configuration is read-only: as_dict() returns a copy that you can change")


_refused: Any = _refuse


class Configuration(Mapping[str, Any]):
    """One model's whole configuration, from one release: an immutable mapping.

    Groups are read-only dicts, and lists are read-only lists; `as_dict()` and copies of them are
    plain. Its pickle leaves out the secrets. `label` is None if it was read by number, and
    `rollout` is None outside of a rollout.
    """

    __slots__ = (
        "_clock",
        "_instances",
        "_read_at",
        "_values",
        "content",
        "from_fallback",
        "label",
        "mark",
        "release",
        "rollout",
        "secrets",
    )
    release: int
    label: str | None
    content: Release
    secrets: Mapping[str, Secret]
    from_fallback: bool
    rollout: Side | None
    #: What the release parameter's version is known by. None: it comes from elsewhere.
    mark: tuple[int, object] | None
    _read_at: float
    _clock: Callable[[], float]
    _values: Mapping[str, Any]
    # One for each class, kept when a renewal confirms the release.
    _instances: dict[type[Any], Any]

    def __init__(  # noqa: PLR0913 - the parts of a configuration
        self,
        content: Release,
        release: int,
        label: str | None,
        secrets: Mapping[str, Secret],
        *,
        mark: tuple[int, object] | None = None,
        read_at: float,
        clock: Callable[[], float],
        from_fallback: bool = False,
        rollout: Side | None = None,
    ) -> None:
        parts = {"content": content, "release": release, "label": label, "mark": mark}
        parts |= {"secrets": freeze(dict(secrets)), "from_fallback": from_fallback}
        parts |= {"rollout": rollout, "_read_at": read_at, "_clock": clock, "_instances": {}}
        parts["_values"] = freeze(content.config, content.none)
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    __setattr__ = __delattr__ = _refused

    @property
    def model(self) -> str:
        """The model's name."""
        return self.content.model

    @property
    def environment(self) -> str:
        """The environment the release was deployed to."""
        return self.content.environment

    @property
    def schema(self) -> str:
        """The name of the class that the configuration was written with."""
        return self.content.schema

    @property
    def digest(self) -> str:
        """Return "sha256:" and 64 hex digits. Equal configurations have equal digests."""
        return self.content.digest

    @property
    def age(self) -> float:
        """Seconds since AWS last confirmed it. Infinite if it comes from a fallback."""
        return math.inf if self.from_fallback else self._clock() - self._read_at

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of the values as plain nested dicts and lists, without the secrets."""
        return cast(dict[str, Any], thaw(self._values))

    def as_model(self, schema: type[ModelT]) -> ModelT:
        """Return the configuration as an instance of a schema class, which all callers share.

        The class may be older or newer than the release. A secret field holds a `SecretRef` with
        the secret's path ("keys.primary"); the text is in `secrets`.
        """
        made: ModelT | None = self._instances.get(schema)
        if made is None:
            source = f"{self._source()}, written as {self.schema},"
            made = into_class(schema, self.content, source)
            self._instances[schema] = made
        return made

    def variables(self, path: str) -> list[str]:
        """Return the variables of the templates at or below a path ("prompts/system")."""
        from model_config.format.prompt import matches, variables  # noqa: PLC0415 - likewise

        templates = (
            text
            for name, text in self._texts(path).items()
            if matches(name, self.content.templates)
        )
        return list(dict.fromkeys(name for text in templates for name in variables(text)))

    def render(self, path: str, /, **values: str | int) -> Any:
        """Return what is at a path, with the variables, `{{name}}`, of its templates filled in.

        Of a group, list or dict ("messages"), a plain copy is returned. `values` are one for each
        variable of the templates, and no others.
        """
        from model_config.format.prompt import fill  # noqa: PLC0415 - likewise

        self._texts(path)
        value: Any = self._values
        for name in path.split("/"):
            value = value[int(name)] if isinstance(value, list) else value[name]
        try:
            return fill(value, path, self.content.templates, values)
        except errors.PromptError as error:
            raise errors.PromptError(
                f"{path} of {self._source()} can't be rendered: {error}"
            ) from None

    def attributes(self) -> dict[str, str]:
        """Return OpenTelemetry attributes for a span, without any of the configuration's values."""
        number = str(self.release)
        return {
            "gen_ai.prompt.name": self.model,
            "gen_ai.prompt.version": number,
            "feature_flag.key": self.model,
            "feature_flag.result.variant": self.rollout or self.label or number,
            "feature_flag.set.id": self.environment,
            "feature_flag.version": number,
            "feature_flag.provider.name": PROVIDER,
        }

    def renewed(self, secrets: Mapping[str, Secret], read_at: float | None = None) -> Configuration:
        """Return the same release with its secrets as they are now."""
        read_at = self._read_at if read_at is None else read_at
        return self.replaced(secrets=freeze(dict(secrets)), rollout=None, _read_at=read_at)

    def replaced(self, **parts: Any) -> Configuration:
        """Return the same with some parts replaced."""
        other = object.__new__(Configuration)
        for name in self.__slots__:
            object.__setattr__(other, name, parts.get(name, getattr(self, name)))
        return other

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __copy__(self) -> Configuration:
        return self

    def __deepcopy__(self, memo: object) -> Configuration:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        kept = ("release", "label", "from_fallback", "rollout")
        return _unpickled, (self.content, self.age, {name: getattr(self, name) for name in kept})

    def _source(self) -> str:
        return f"release {self.release} of {self.model} in {self.environment}"

    def _texts(self, path: str) -> dict[str, str]:
        from model_config.format.prompt import texts  # noqa: PLC0415 - likewise

        known = texts(self._values)
        if here := {name: known[name] for name in known if f"{name}/".startswith(f"{path}/")}:
            return here
        names = ", ".join(known) or "none"
        raise errors.PromptError(f"{self._source()} has no text {path!r}. Its texts: {names}")

    def __repr__(self) -> str:
        label = f" ({self.label})" if self.label else ""
        origin = ", from the fallback" if self.from_fallback else ""
        return (
            f"<Configuration {self.model} in {self.environment}: "
            f"release {self.release}{label}{origin}>"
        )


def _unpickled(content: Release, age: float, about: Mapping[str, Any]) -> Configuration:
    secrets = locked_secrets(content, "the configuration was pickled, and secrets never are")
    clock = time.monotonic
    return Configuration(content, secrets=secrets, read_at=clock() - age, clock=clock, **about)


_MASK = "**********"


class Secret:
    """A secret. `reveal()` is the only way to its text: everything else shows a mask or fails."""

    # A function, so that tools that inspect attributes find no text, and so that an unavailable
    # secret raises an error when it is revealed.
    __slots__ = ("_reveal",)

    def __init__(self, reveal: Callable[[], str]) -> None:
        self._reveal = reveal

    def reveal(self) -> str:
        """Return the text. Without one, as in a fallback, raises SecretUnavailableError."""
        return self._reveal()

    def __repr__(self) -> str:
        return f"Secret('{_MASK}')"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __getstate__(self) -> NoReturn:  # called by pickle
        raise TypeError("a Secret can't be pickled: call reveal() where its text is needed")


def secret_of(text: str) -> Secret:
    """Return a text as a secret."""
    return Secret(lambda: text)


def secret_in(name: str, stored: Stored | None) -> Secret:
    """Return the secret that a parameter holds, or raise a SecretUnavailableError."""
    if stored is None:
        raise errors.SecretUnavailableError(
            f"the release names the secret {name}, and that parameter doesn't exist. Deploy the "
            "model again, or read a release that doesn't name it"
        )
    # Nothing is raised where the text is, because the decoder's frame and error would hold it.
    with suppress(errors.CodecError):
        return secret_of(str(codec.decode(stored.text or "", "text")))
    raise errors.SecretUnavailableError(
        f"the secret {name} was not written by a deploy: it begins with a quotation mark but is "
        "not a JSON string. Set it with `pulumi config set --secret` and deploy"
    )


def locked_secrets(content: Release, why: str) -> dict[str, Secret]:
    """Return secrets without texts. Revealing one raises an error with the reason."""

    def refuse(path: str) -> str:
        name = f"{content.environment}/{content.model}/secrets/{path}"
        raise errors.SecretUnavailableError(f"the secret {name} can't be revealed: {why}")

    return {path: Secret(partial(refuse, path)) for path in content.secrets}


def check_schema(schema: Any, what: str) -> None:
    """Refuse anything but a class for `as_model`. Its instances are shared, so they are frozen."""
    is_class = isinstance(schema, type) and hasattr(schema, "model_fields")
    if not is_class or not cast(Any, schema).model_config.get("frozen"):
        raise errors.UsageError(
            f"{what} takes a class of model_config.schema, not {schema!r}. It needs pydantic"
        )


class NoValueError(KeyError):
    """A field is None in this release."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError shows the repr


def freeze(value: Any, none: Collection[str] = ()) -> Any:
    """Return a value with every dict and list in it frozen, and the fields that are None noted."""
    if isinstance(value, dict):
        frozen_dict: FrozenDict = dict.__new__(FrozenDict)
        names = frozenset(path.partition("/")[0] for path in none)
        frozen_dict._none = names  # noqa: SLF001 - only this function makes one
        for key, item in value.items():
            below = [path[len(key) + 1 :] for path in none if path.startswith(f"{key}/")]
            dict.__setitem__(frozen_dict, key, freeze(item, below))
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


class _Frozen:
    """What the read-only dict and the read-only list have in common. Only `freeze` creates them."""

    __slots__ = ()
    # __init__ is refused too: called again, it would add items.
    __init__ = __setitem__ = __delitem__ = clear = pop = _refused

    def copy(self) -> Any:
        """Return a copy that is plain at every level."""
        return thaw(self)

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> Any:
        return thaw(self)

    def __reduce__(self) -> tuple[Any, ...]:
        plain = thaw(self)
        return type(plain), (plain,)


class FrozenDict(_Frozen, dict[str, Any]):  # whose methods come first
    """A read-only dict."""

    __slots__ = ("_none",)
    _none: frozenset[str]  # the keys that it doesn't have because the release has None for them

    def __new__(cls, *args: Any, **values: Any) -> dict[str, Any]:  # type: ignore[misc]
        """Return a plain dict."""
        return dict(*args, **values)

    __ior__ = popitem = setdefault = update = _refused

    def __missing__(self, key: str) -> NoReturn:
        if key in self._none:
            raise NoValueError(f"{key!r} is None in this release, so it has no value. Use get()")
        raise KeyError(key)


class FrozenList(_Frozen, list[Any]):
    """A read-only list."""

    __slots__ = ()

    def __new__(cls, *args: Any) -> list[Any]:  # type: ignore[misc]
        """Return a plain list."""
        return list(*args)

    __iadd__ = __imul__ = append = extend = insert = remove = reverse = sort = _refused


def into_class(schema: type[ModelT], content: Release, source: str) -> ModelT:
    """Return an instance of a schema class with those values that it has fields for.

    `source` names the release in the error. The class is a pydantic model, but pydantic isn't
    imported here: without it, no application has such a class.
    """
    check_schema(schema, "as_model")
    try:
        known = _fields(schema, content.config, _Apart(content.secrets, content.none), "")
        return cast(ModelT, _frozen(_validated(schema, known)))
    except ValueError as error:  # pydantic's ValidationError is one
        problems = "\n".join(f"  {problem}" for problem in _problems(error))
        raise errors.SchemaMismatchError(
            f"{source} doesn't fit the application's {schema.__module__}.{schema.__qualname__}:\n"
            f"{problems}\n"
            "Give the new fields a default in the class, or read a release written with this class"
        ) from None


class _Apart(NamedTuple):
    """The paths of fields that a release says something about apart from their values."""

    secrets: Collection[str] = ()
    none: Collection[str] = ()


def _below(path: str, paths: Iterable[str]) -> list[str]:
    start = f"{path}/"
    names = (it[len(start) :].partition("/")[0] for it in paths if it.startswith(start))
    return list(dict.fromkeys(names))


def _validated(schema: Any, values: Mapping[str, Any]) -> Any:
    # Strict classes too have to take JSON, which has no enums.
    return schema.model_validate(values, context=RELEASED, strict=False)


def _fields(schema: Any, values: Mapping[str, Any], apart: _Apart, path: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for name, field in schema.model_fields.items():
        here, kinds = path + name, list(_kinds(field.annotation))
        groups = _groups(kinds)
        is_apart = here in apart.secrets or _below(here, apart.secrets)
        if name in values or is_apart or (groups and _below(here, apart.none)):
            known[name] = _fitted(kinds, values.get(name), apart, here)
        elif NoneType in kinds and (field.is_required() or here in apart.none):
            known[name] = None  # None has no parameter, so this is what was deployed
        elif field.is_required() and len(groups) == len(kinds) == 1:
            known[name] = _fields(groups[0], {}, apart, f"{here}/")
    return known


def _fitted(kinds: list[Any], value: Any, apart: _Apart, path: str) -> Any:
    """Return a value as its place takes it. None: only what stands apart from it is there."""
    secrets, groups = _below(path, apart.secrets), _groups(kinds)
    for kind in kinds:
        arguments = [list(_kinds(argument)) for argument in typing.get_args(kind)]
        if hasattr(kind, "config_key") and path in apart.secrets:
            return kind(path.replace("/", "."))
        if typing.get_origin(kind) is list and isinstance(value, list):
            return [_fitted(arguments[0], item, _Apart(), path) for item in value]
        if typing.get_origin(kind) is dict and (isinstance(value, Mapping) or secrets):
            return {
                key: _fitted(arguments[1], (value or {}).get(key), apart, f"{path}/{key}")
                for key in dict.fromkeys([*(value or {}), *secrets])
            }
    below = _below(path, (*apart.secrets, *apart.none))
    if groups and (isinstance(value, Mapping) or (value is None and below)):
        return _in_group(groups, value or {}, apart, path)
    return value


def _in_group(groups: list[Any], values: Mapping[str, Any], apart: _Apart, path: str) -> Any:
    """Return a group's values, as an instance where only one group of several takes them."""
    given = {*values, *_below(path, (*apart.secrets, *apart.none))}
    left_out = [len(given - group.model_fields.keys()) for group in groups]
    fitting = [
        (group, _fields(group, values, apart, f"{path}/"))
        for group, number in zip(groups, left_out, strict=True)
        if number == min(left_out)
    ]
    if len(groups) == 1:
        return fitting[0][1]
    if any(known != values for _, known in fitting):
        for group, known in fitting:
            with suppress(ValueError):
                return _validated(group, known)
    return values  # pydantic chooses, and says what is wrong


def _groups(kinds: list[Any]) -> list[Any]:
    return [kind for kind in kinds if hasattr(kind, "model_fields")]


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the classes, and lists and dicts of classes, in an annotation."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield from _kinds(arguments[0])
    elif origin in (typing.Union, UnionType):
        for argument in arguments:
            yield from _kinds(argument)
    elif hasattr(annotation, "__value__"):  # type Name = ...
        yield from _kinds(annotation.__value__)
    else:
        yield annotation
        members: Any = annotation if isinstance(annotation, EnumType) else ()
        if None in (arguments if origin is Literal else [member.value for member in members]):
            yield NoneType


def _frozen(value: Any) -> Any:
    # All callers share one instance, and in a frozen class lists and dicts can still be changed.
    if isinstance(value, dict):
        return freeze({key: _frozen(item) for key, item in value.items()})
    if isinstance(value, list):
        return freeze([_frozen(item) for item in value])
    if not hasattr(type(value), "model_fields"):
        return value
    copied = value.model_copy()  # because it may be the class's default
    vars(copied).update({name: _frozen(each) for name, each in vars(value).items()})
    return copied


def _problems(error: ValueError) -> Iterator[str]:
    details = getattr(error, "errors", None)
    if details is None:
        yield str(error)
        return
    for detail in details(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in detail["loc"])
        yield f"{path}: {detail['msg']}" if path else detail["msg"]
