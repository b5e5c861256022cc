"""Readings: what a renewal asks for, what has changed, and what is built of the answers.

A renewal looks first: SSM gives versions and dates without decrypting anything, which costs
nothing. Then it reads what has another version or date. The renewals of several models share
requests.
"""

from __future__ import annotations

import _signal  # `signal` makes an enum of each number
import _thread
import logging
import math
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from model_config.format.errors import (
    AccessDeniedError,
    LabelNotFoundError,
    ModelConfigError,
    ModelNotFoundError,
    ReleaseError,
    ReleaseNotFoundError,
    SchemaMismatchError,
    SecretUnavailableError,
    StoreError,
    StoreUnavailableError,
)
from model_config.format.names import (
    LATEST,
    PREVIOUS,
    RELEASE,
    release_name,
    release_part,
    rollout_name,
)
from model_config.format.release import FetchParts, Release, part_hashes, read_release
from model_config.reader.clock import Clock
from model_config.reader.configuration import (
    Configuration,
    Secret,
    configuration,
    freeze,
    locked_secrets,
    secret_in,
)
from model_config.reader.source import BATCH, Source, Stored

if TYPE_CHECKING:  # for a faster cold start: most readers start outside of a rollout
    from model_config.format.rollout import Rollout
    from model_config.reader.fallback import FallbackRelease

#: Seconds for which a model's rollout isn't asked for after a denial. Set by this package.
DENIED = 600.0
#: How often a renewal looks again because something changed after its look.
LOOKS = 3
#: After so many refusals in a row, an attempt makes no more requests for single keys. Set by this
#: package: then the role as a whole lacks a permission.
MOST_REFUSED = 2

#: The key of a read: a model, a label or number, and a class or None.
Key: TypeAlias = tuple[str, str | int, type[Any] | None]
Mark: TypeAlias = tuple[int, object]

# The errors of a release that was read and can't be used.
_UNUSABLE = (ReleaseError, SchemaMismatchError, SecretUnavailableError)

_log = logging.getLogger("model_config.reader")


class Problem(NamedTuple):
    """Why an attempt failed. The error itself isn't kept, because it would keep its frames alive.

    Attributes:
        kind: the type of the error.
        text: its text.
        reason: identifies the cause, so that the log reports each cause once.
        is_outage: whether AWS could not be reached, rather than refused the request.
    """

    kind: type[ModelConfigError]
    text: str
    reason: str
    is_outage: bool

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        """Return the problem that an error describes.

        Raises:
            BaseException: a signal's handler raised it, in a reader without threads: it belongs to
                the application.
        """
        raise_if_a_signals(error)
        cause = error.__cause__ or error
        answer = getattr(cause, "response", {})
        code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
        reason = f"{type(error).__name__} {type(cause).__name__} {code}"
        if isinstance(error, ModelConfigError):
            is_outage = isinstance(error, StoreUnavailableError)
            return cls(type(error), str(error), reason, is_outage)
        text = f"an unexpected error: {type(error).__name__}: {error}"
        return cls(StoreError, text, reason, is_outage=False)

    def error(self) -> ModelConfigError:
        """Return a new error, because threads that raise the same one mix their tracebacks."""
        return self.kind(self.text)


class Share:
    """A rollout under way: a share of units is served the candidate, all others the control.

    Attributes:
        plan: the times and the shares.
        control, candidate: the label's release and the new one, each marked with its side.
    """

    def __init__(self, plan: Rollout, control: Configuration, candidate: Configuration) -> None:
        from model_config.format.rollout import bucket, threshold  # noqa: PLC0415 - a faster start

        self._bucket, self._threshold = bucket, threshold
        self.plan = plan
        self.control = replace(control, rollout="control")
        self.candidate = replace(candidate, rollout="candidate")
        self._units = {
            unit: self.candidate if release == plan.release else self.control
            for unit, release in plan.units.items()
        }
        self._steps = [(step.at.timestamp(), step.percent) for step in plan.steps]
        self._since, self._until, self._below = math.inf, -math.inf, 0

    def serve(self, unit: str, now: float) -> Configuration:
        """Return the configuration for a unit at a time, in seconds since 1970."""
        if not self._since <= now < self._until:
            self._update(now)
        if self._units and unit in self._units and now >= self._steps[0][0]:
            return self._units[unit]
        if self._bucket(self.plan.salt, unit) < self._below:
            return self.candidate
        return self.control

    def percent(self, now: float) -> float:
        """Return the share of units, in percent, that are served the candidate at a time."""
        return max((percent for at, percent in self._steps if at <= now), default=0)

    def _update(self, now: float) -> None:
        """Compute the share, once for each step."""
        times = [at for at, _ in self._steps]
        self._below = self._threshold(self.percent(now))
        self._since = max((at for at in times if at <= now), default=-math.inf)
        self._until = min((at for at in times if at > now), default=math.inf)


class Unfollowed(NamedTuple):
    """A rollout whose candidate can't be used. All units are served the label's release."""

    plan: Rollout
    problem: Problem


class Reading(NamedTuple):
    """What a key is served.

    Attributes:
        configuration: the release that was asked for.
        share: the rollout of its label, if one is under way.
        unfollowed: a rollout whose candidate can't be used.
        marks: the marks of the releases and secrets that it was built of, with their names.
        parts: the texts of the releases' parts, by name.
    """

    configuration: Configuration
    share: Share | None = None
    unfollowed: Unfollowed | None = None
    marks: frozenset[tuple[str, Mark]] = frozenset()
    parts: Mapping[str, str] = {}

    @property
    def releases(self) -> list[Configuration]:
        """The release that was asked for, and the candidate if there is one."""
        return [self.configuration, *([self.share.candidate] if self.share else [])]

    def serve(self, unit: str, now: float) -> Configuration:
        """Return the configuration for a unit at a time, in seconds since 1970."""
        return self.share.serve(unit, now) if self.share else self.configuration

    def __repr__(self) -> str:
        return repr(self.configuration)


class Served(NamedTuple):
    """The configuration that a reader's own id is served, and since when (seconds since 1970)."""

    configuration: Configuration
    since: float


class Result(NamedTuple):
    """What an attempt gives for a key: a reading, or a problem and at times the last reading."""

    reading: Reading | None
    problem: Problem | None = None


class Ask(NamedTuple):
    """What a renewal asks for next: names as `Source.get` takes them, to look at or to read."""

    names: Sequence[str]
    decrypt: bool


#: The parameters by their bare name.
Found: TypeAlias = Mapping[str, Stored]
T = TypeVar("T")
#: A renewal asks, is sent the answer, and returns what it was made for.
Asking: TypeAlias = Generator[Ask, Found, T]


class Readings:
    """Loads readings from a source.

    Args:
        source: where parameters come from.
        path: the environment's path, "/ai/prod".
        clock: the reader's clock.
        fallback: the releases to serve while AWS can't be reached, by model.
        with_secrets: whether to read secrets.
    """

    def __init__(
        self,
        source: Source,
        path: str,
        clock: Clock,
        fallback: Mapping[str, FallbackRelease],
        *,
        with_secrets: bool,
    ) -> None:
        self._source, self._path, self.clock = source, path, clock
        self._fallback, self._with_secrets = fallback, with_secrets
        self._fallbacks: dict[Key, Reading] = {}
        self._denied_until: dict[str, float] = {}  # the rollouts of these models
        self._denied: set[Key] = set()  # they'd have the requests refused that they share

    def close(self) -> None:
        """Close the source's connections."""
        self._source.close()

    def size(self, key: Key, last: Reading | None) -> int:
        """Return the number of names that a renewal asks for first."""
        return len(self._new(key, last).names()) + self._follows_rollouts(key)

    def fallback_for(self, key: Key) -> Reading | None:
        """Return the fallback's release for the same label or number, if it fits the class."""
        model, selector, schema = key
        kept = self._fallback.get(model)
        if kept is None or selector not in (kept.label, kept.number):
            return None
        if key not in self._fallbacks:
            made = configuration(
                kept.content,
                kept.number,
                selector if isinstance(selector, str) else None,
                locked_secrets(kept.content, "AWS can't be reached, and a fallback holds none"),
                read_at=self.clock(),
                clock=self.clock,
                from_fallback=True,
            )
            try:
                if schema is not None:
                    made.as_model(schema)
            except SchemaMismatchError:
                return None
            self._fallbacks[key] = Reading(made)
        return self._fallbacks[key]

    def typed(self, key: Key, reading: Reading) -> Result:
        """Return a reading that was made without a class, if the class takes it."""
        _, _, schema = key
        try:
            for each in reading.releases if schema else ():
                each.as_model(schema)
        except BaseException as error:  # noqa: BLE001 - a validator may raise anything
            return Result(None, Problem.of(error))
        return Result(reading)

    def load(
        self, wanted: Mapping[Key, Reading | None], progress: Callable[[], object]
    ) -> dict[Key, Result]:
        """Return the result for each key, given its last reading.

        Nothing is raised but what a signal's handler raised in a reader without threads.

        Args:
            wanted: the keys, each with its last reading.
            progress: is called after each answer.
        """
        together = {key: last for key, last in wanted.items() if key not in self._denied}
        results = self._run(together, progress)
        # What was refused together is asked for key by key. If one after another is refused, it is
        # the role that lacks a permission, and the others share a last try.
        alone = [key for key in {**together, **wanted} if key not in results]
        refused = 0
        while alone and refused < MOST_REFUSED:
            key = alone.pop(0)
            results |= self._run({key: wanted[key]}, progress)
            problem = results[key].problem
            if problem is not None and problem.is_outage:
                return dict.fromkeys(alone, results[key]) | results
            is_denied = problem is not None and issubclass(problem.kind, AccessDeniedError)
            (self._denied.add if is_denied else self._denied.discard)(key)
            refused = refused + 1 if is_denied else 0
        if alone:
            others = self._run({key: wanted[key] for key in alone}, progress, 1)
            results |= dict.fromkeys(alone, results[key]) | others
        return results

    def _run(
        self,
        wanted: Mapping[Key, Reading | None],
        progress: Callable[[], object],
        most_refused: int = MOST_REFUSED,
    ) -> dict[Key, Result]:
        """Run renewals side by side, and return the results but for keys refused together."""
        renewals = {key: self._renewal(key, last) for key, last in wanted.items()}
        results: dict[Key, Result] = {}
        asks: dict[Key, Ask] = {}

        def resume(key: Key, go_on: Callable[[], Ask]) -> None:
            try:
                asks[key] = go_on()
            except StopIteration as end:
                results[key] = end.value
            except BaseException as error:  # noqa: BLE001 - no error may lose the last good reading
                results[key] = Result(None, Problem.of(error))

        for key, renewal in renewals.items():
            resume(key, partial(next, renewal))
        while asks:
            asked = dict(asks)
            asks.clear()
            found, errors = self._answers(asked, progress, most_refused)
            for key, ask in asked.items():
                if (error := errors.get(key)) is None:
                    answer = (found[ask.decrypt, name] for name in ask.names)
                    here = {stored.name: stored for stored in answer if stored is not None}
                    resume(key, partial(renewals[key].send, here))
                elif len(renewals) == 1 or not _is_refusal(error):
                    resume(key, partial(renewals[key].throw, error))
        return results

    def _answers(
        self, asked: Mapping[Key, Ask], progress: Callable[[], object], most_refused: int
    ) -> tuple[dict[tuple[bool, str], Stored | None], dict[Key, BaseException]]:
        """Return what was found, by what was asked, and the errors of the other keys."""
        found: dict[tuple[bool, str], Stored | None] = {}
        errors: dict[Key, BaseException] = {}
        refused = 0
        for decrypt in (False, True):
            get = self._source.get if decrypt else getattr(self._source, "look", self._source.get)
            asks = (ask.names for ask in asked.values() if ask.decrypt is decrypt)
            for request in _requests(chain.from_iterable(asks)):
                try:
                    answer = get(request)
                except BaseException as error:  # noqa: BLE001 - a source may raise anything
                    refused += _is_refusal(error)
                    stops = not _is_refusal(error) or refused == most_refused
                    for key, ask in asked.items():
                        is_sharing = ask.decrypt is decrypt and not set(request).isdisjoint(
                            ask.names
                        )
                        if is_sharing or (
                            stops and any((ask.decrypt, n) not in found for n in ask.names)
                        ):
                            errors.setdefault(key, error)
                    if stops:
                        return found, errors
                    continue
                progress()
                found |= {(decrypt, name): answer.get(_bare(name)) for name in request}
        return found, errors

    def _new(self, key: Key, last: Reading | None) -> Renewal:
        path = f"{self._path}/{key[0]}"
        return Renewal(key, last, path, self.clock, with_secrets=self._with_secrets)

    def _renewal(self, key: Key, last: Reading | None) -> Asking[Result]:
        renewal = self._new(key, last)
        names = renewal.names()
        if self._follows_rollouts(key):
            try:
                return (yield from renewal.result([names[0], renewal.rollout, *names[1:]]))
            except AccessDeniedError:
                # One denied name makes SSM refuse the whole request, and the reader policy of an
                # older deploy doesn't allow the rollout.
                result = yield from self._new(key, last).result(names)
            self._rollout_is_denied(key[0], renewal.rollout)
            return result
        return (yield from renewal.result(names))

    def _follows_rollouts(self, key: Key) -> bool:
        model, selector, _ = key
        return (
            isinstance(selector, str)
            and selector != LATEST
            and key not in self._denied
            and self.clock() >= self._denied_until.get(model, -math.inf)
        )

    def _rollout_is_denied(self, model: str, name: str) -> None:
        if model not in self._denied_until:
            _log.warning(
                "no permission to read %s, so rollouts of %s are ignored: deploy with this version "
                "of model-config, whose reader policy allows it",
                name,
                model,
            )
        self._denied_until[model] = self.clock() + DENIED


class Renewal:
    """The renewal of one key, in steps that ask by `yield` and are sent the answer.

    Args:
        key: the key.
        last: its last reading.
        path: the model's path, "/ai/prod/chat".
        clock: the reader's clock.
        with_secrets: whether to read secrets.
    """

    def __init__(
        self, key: Key, last: Reading | None, path: str, clock: Clock, *, with_secrets: bool
    ) -> None:
        self.model, self.selector, self._schema = key
        self._last, self._path, self._clock = last, path, clock
        self._with_secrets = with_secrets
        self._release, self.rollout = release_name(path), rollout_name(path)
        self._found: dict[str, Stored] = {}
        self._parts: dict[str, str] = {}
        # Where an answer has no text, it is the one that these secrets were made of.
        self._secrets = {
            name: each.secrets[secret]
            for each in ([] if last is None else last.releases)
            for secret, name in each.content.secret_names(path).items()
        }

    def names(self) -> list[str]:
        """Return the names that it asks for first, without the rollout's."""
        latest = self.selector == LATEST
        first = self._release if latest else f"{self._release}:{self.selector}"
        return [first, *(self._secrets if self._with_secrets else ())]

    def result(self, names: Sequence[str]) -> Asking[Result]:
        """Ask for the names and whatever they lead to, and return the result."""
        asked_at = self._clock()
        yield from self._find_newest(names)
        if (stored := self._found.get(self._release)) is None:
            raise (yield from self._not_there())
        try:
            return Result((yield from self._reading(stored, asked_at)))
        except _UNUSABLE as error:
            if self._last is None:
                raise
            return Result(self._last_with_newest_secrets(self._last), Problem.of(error))

    def _find_newest(self, names: Sequence[str]) -> Asking[None]:
        """Find parameters, with the texts of those that have changed."""
        marks = frozenset() if self._last is None else self._last.marks
        if not marks:
            self._found |= yield Ask(names, decrypt=True)
            return
        for _ in range(LOOKS):
            self._found |= yield Ask(names, decrypt=False)
            changed = [
                stored
                for stored in self._found.values()
                if stored.text is None and (stored.name, stored.mark) not in marks
            ]
            if not changed:
                return
            read = yield Ask([f"{each.name}:{each.version}" for each in changed], decrypt=True)
            self._found |= read
            if all(each.name in read and read[each.name].mark == each.mark for each in changed):
                return
        raise StoreUnavailableError(f"{', '.join(names)}: changed again after each look")

    def _reading(self, stored: Stored, asked_at: float) -> Asking[Reading]:
        last = self._last
        # If the label's release is a known one, the parameter was not deleted and made anew, and
        # the candidate is the same, too.
        known = [] if last is None else last.releases
        if not any(each.mark == stored.mark for each in known):
            known = []
        current = yield from self._opened(stored, known, asked_at)
        share = unfollowed = None
        if (plan := self._plan(current)) is not None:
            try:
                candidate = yield from self._candidate(plan.release, known, asked_at)
                share = Share(plan, current, candidate)
            except StoreUnavailableError:
                raise
            except ModelConfigError as error:
                unfollowed = Unfollowed(plan, Problem.of(error))
        reading = Reading(current, share, unfollowed, parts=self._parts)
        marks = {(self._release, each.mark) for each in reading.releases}
        for each in reading.releases:
            names = each.content.secret_names(self._path).values()
            marks |= {(name, self._found[name].mark) for name in names if name in self._found}
        return reading._replace(marks=frozenset(marks))

    def _opened(
        self, stored: Stored, known: Iterable[Configuration], asked_at: float
    ) -> Asking[Configuration]:
        """Return the configuration that a release parameter holds, with its newest secrets."""
        same = next((each for each in known if each.mark == stored.mark), None)
        content = (yield from self._content(stored)) if same is None else same.content
        secrets = yield from self._newest_secrets(content)
        if same is not None:
            return same.renewed(secrets, asked_at)
        label = self.selector if isinstance(self.selector, str) else None
        made = configuration(
            content,
            stored.version,
            label,
            secrets,
            mark=stored.mark,
            read_at=asked_at,
            clock=self._clock,
        )
        if self._schema is not None:
            made.as_model(self._schema)  # checks it, and keeps the instance
        return made

    def _content(self, stored: Stored) -> Asking[Release]:
        text, parts = stored.text or "", {}
        if '"parts"' in text:
            before = {} if self._last is None else self._last.parts
            names = [release_part(self._path, part) for part in dict.fromkeys(_hashes(text))]
            missing = [name for name in names if name not in before]
            found = (yield Ask(missing, decrypt=True)) if missing else {}
            parts = {name: before[name] for name in names if name in before}
            parts |= {each.name: each.text or "" for each in found.values()}
            self._parts |= parts
        return open_release(stored, lambda _: parts)

    def _newest_secrets(self, content: Release) -> Asking[dict[str, Secret]]:
        if not self._with_secrets:
            return locked_secrets(content, "the reader was created with secrets=False")
        names = content.secret_names(self._path)
        missing = [
            name
            for name in names.values()
            if name not in self._found
            or (self._found[name].text is None and name not in self._secrets)
        ]
        if missing:
            self._found |= yield Ask(missing, decrypt=True)
        return self._made_secrets(names)

    def _made_secrets(self, names: Mapping[str, str]) -> dict[str, Secret]:
        found = self._found
        return {
            secret: self._secrets[name]
            if name in found and found[name].text is None
            else secret_in(name, found.get(name))
            for secret, name in names.items()
        }

    def _candidate(
        self, number: int, known: Iterable[Configuration], asked_at: float
    ) -> Asking[Configuration]:
        for each in known:
            if each.release == number:
                secrets = yield from self._newest_secrets(each.content)
                return each.renewed(secrets, asked_at)
        found = yield Ask([f"{self._release}:{number}"], decrypt=True)
        if self._release not in found:
            raise ReleaseNotFoundError(
                f"there is no release {number} of {self.model}, the candidate"
            )
        return (yield from self._opened(found[self._release], [], asked_at))

    def _plan(self, current: Configuration) -> Rollout | None:
        """Return the rollout under way, if it is of this label and from this release."""
        stored = self._found.get(self.rollout)
        if stored is None or '"rollout"' not in (stored.text or ""):
            return None
        from model_config.format.errors import RolloutError  # noqa: PLC0415 - a faster start
        from model_config.format.rollout_document import rollout_in  # noqa: PLC0415 - likewise

        try:
            plan = rollout_in(stored.text or "")
        except RolloutError as error:
            _log.info("ignoring %s: %s", stored.name, error)
            return None
        applies = plan is not None and (plan.label, plan.before) == (current.label, current.release)
        return plan if applies else None

    def _last_with_newest_secrets(self, last: Reading) -> Reading:
        """Return the last reading without its rollout, as it may be served for days."""
        kept = last.configuration
        if self._with_secrets:
            names = kept.content.secret_names(self._path)
            with suppress(SecretUnavailableError):  # then it keeps those it has
                kept = replace(kept, secrets=freeze(self._made_secrets(names)))
        return Reading(kept, marks=last.marks, parts=last.parts)

    def _not_there(self) -> Asking[ModelConfigError]:
        """Return the error for a release that wasn't found, with what to do."""
        environment, model = self._path.split("/")[-2:]
        where, newest = f"{model} in {environment}", None
        if self.selector != LATEST:
            newest = (yield Ask([self._release], decrypt=False)).get(self._release)
        if newest is None:
            return ModelNotFoundError(
                f"there is no release of {where}: no parameter {self._release}. Deploy it with "
                "`pulumi up`, or check the names of model, environment and prefix. List the models "
                f"with `model-config tree --deployed --environment {environment}`"
            )
        if isinstance(self.selector, int):
            return ReleaseNotFoundError(
                f"there is no release {self.selector} of {where}: the newest is {newest.version}, "
                "and SSM keeps the newest 100. List them with "
                f"`model-config releases {model} --environment {environment}`"
            )
        promoted = self.selector.removesuffix(PREVIOUS)
        new = "" if promoted == "stable" else " --new-label"
        return LabelNotFoundError(
            f"the label {self.selector!r} is on no release of {where}, whose newest is "
            f"{newest.version}. Promote one: `model-config promote {model} --label {promoted}{new} "
            f"--environment {environment}`"
        )


def open_release(stored: Stored, fetch_parts: FetchParts) -> Release:
    """Verify a release parameter and return its content.

    Args:
        stored: the parameter.
        fetch_parts: returns the texts of parts by name. Called if the release has any.

    Raises:
        ReleaseError: the release was changed, or has another format.
        ModelConfigError: `fetch_parts` raised it.
    """
    path = stored.name.removesuffix(f"/{RELEASE}")
    try:
        return read_release(stored.text or "", path, fetch_parts)
    except ReleaseError as error:
        environment, model = path.split("/")[-2:]
        raise ReleaseError(
            f"{stored.name}:{stored.version} can't be used: {error}. "
            f"List the others with `model-config releases {model} --environment {environment}`"
        ) from None


def _hashes(document: str) -> list[str]:
    with suppress(ReleaseError):  # told when it is opened
        return part_hashes(document)
    return []


def _requests(names: Iterable[str]) -> list[list[str]]:
    """Pack names into requests: at most ten in one, and each parameter in one form only."""
    requests: list[dict[str, str]] = []
    for name in dict.fromkeys(names):
        bare = _bare(name)
        fits = (each for each in requests[-2:] if len(each) < BATCH and bare not in each)
        request = next(fits, None)
        if request is None:
            requests.append(request := {})
        request[bare] = name
    return [list(request.values()) for request in requests]


def _bare(name: str) -> str:
    return name.partition(":")[0]


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, ModelConfigError) and not isinstance(error, StoreUnavailableError)


def raise_if_a_signals(error: BaseException | None) -> None:
    """Raise the exception that a signal's handler raised: it belongs to the application.

    Handlers run in the main thread, which makes attempts itself in a reader without threads only.
    """
    if _thread.get_ident() != threading.main_thread().ident:
        return
    handlers = {_code(_signal.getsignal(number)) for number in range(1, _signal.NSIG)} - {None}
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            raise error
        frames = error.__traceback__
        while frames is not None:
            if frames.tb_frame.f_code in handlers:
                raise error
            frames = frames.tb_next
        error = error.__cause__ or error.__context__


def _code(handler: Any) -> CodeType | None:
    handler = getattr(handler, "func", handler)  # of a partial
    handler = getattr(handler, "__func__", handler)  # of a method
    if callable(handler) and not hasattr(handler, "__code__"):
        handler = getattr(type(handler), "__call__", None)
    return getattr(handler, "__code__", None)
