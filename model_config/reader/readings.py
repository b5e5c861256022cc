"""Readings: what a renewal asks for, what has changed, and what is built of the answers.

A renewal looks first: SSM gives versions and dates without decrypting anything, which costs
nothing. Then it reads what has another version or date. The renewals of several models share
requests.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, cast

from model_config.format.errors import (
    AccessDeniedError,
    LabelNotFoundError,
    ModelConfigError,
    ModelNotFoundError,
    ReleaseError,
    ReleaseNotFoundError,
    SchemaMismatchError,
    SecretUnavailableError,
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
from model_config.reader.problems import Problem
from model_config.reader.source import BATCH, Source, Stored

if TYPE_CHECKING:  # for a faster cold start: most readers start outside of a rollout
    from model_config.format.rollout import Rollout
    from model_config.reader.fallback import FallbackRelease
    from model_config.reader.share import Share

#: Seconds for which a model's rollout isn't asked for after a denial. Set by this package.
DENIED = 600.0
#: How often a renewal looks again because something changed after its look.
LOOKS = 3
#: After so many refusals in a row, an attempt makes no more requests for single keys. Set by this
#: package: then the role as a whole lacks a permission.
MOST_REFUSED = 2

#: The key of a read: a model, a label or number, and a class or None.
Key: TypeAlias = tuple[str, str | int, type[Any] | None]

# The errors of a release that was read and can't be used.
_UNUSABLE = (ReleaseError, SchemaMismatchError, SecretUnavailableError)

_log = logging.getLogger("model_config.reader")


class Unfollowed(NamedTuple):
    """A rollout whose candidate can't be used. All units are served the label's release."""

    plan: Rollout
    problem: Problem


class Reading(NamedTuple):
    """What a key is served: the release that was asked for, and its label's rollout, if any.

    Attributes:
        marks: the marks of the releases and secrets that it was built of, with their names.
        parts: the texts of the releases' parts, by name.
    """

    configuration: Configuration
    share: Share | None = None
    unfollowed: Unfollowed | None = None
    marks: frozenset[tuple[str, object]] = frozenset()
    parts: Mapping[str, str] = {}

    @property
    def releases(self) -> list[Configuration]:
        """The release that was asked for, and the candidate if there is one."""
        return [self.configuration, self.share.candidate] if self.share else [self.configuration]

    def __repr__(self) -> str:
        return repr(self.configuration)


class Result(NamedTuple):
    """What an attempt gives for a key: a reading, or a problem and at times the last reading."""

    reading: Reading | None
    problem: Problem | None = None


class Ask(NamedTuple):
    """What a renewal asks for next: names as `Source.get` takes them, to look at or to read."""

    names: Sequence[str]
    decrypt: bool


T = TypeVar("T")
#: A renewal asks, is sent the parameters by their bare name, and returns what it was made for.
Asking: TypeAlias = Generator[Ask, Mapping[str, Stored], T]


class Readings:
    """Loads readings from a source, for the environment with that path.

    Args:
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
        self._path, self.clock, self._fallback = path, clock, fallback
        self.with_secrets = with_secrets
        self.close = source.close
        self._get = {True: source.get, False: getattr(source, "look", source.get)}
        self._fallbacks: dict[Key, Reading] = {}
        self._denied_until: dict[str, float] = {}  # the rollouts of these models
        self._denied: set[Key] = set()  # they'd have the requests refused that they share

    def size(self, key: Key, last: Reading | None) -> int:
        """Return the number of names that a renewal asks for first, with the rollout's."""
        return len(Renewal(self, key, last, self._path).with_rollout)

    def fallback_for(self, key: Key) -> Reading | None:
        """Return the fallback's release for the same label or number, if it fits the class."""
        model, selector, _ = key
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
            if self.typed(key, Reading(made)).reading is None:
                return None
            self._fallbacks[key] = Reading(made)
        return self._fallbacks[key]

    def typed(self, key: Key, reading: Reading) -> Result:
        """Return a reading that was made without a class, if the class takes it."""
        schema = key[2]
        try:
            for each in reading.releases if schema is not None else ():
                each.as_model(cast(type[Any], schema))
        except BaseException as error:  # noqa: BLE001 - a validator may raise anything
            return Result(None, Problem.of(error))
        return Result(reading)

    def load(
        self, wanted: Mapping[Key, Reading | None], progress: Callable[[], object]
    ) -> dict[Key, Result]:
        """Return the result for each key, given its last reading.

        Nothing is raised but what a signal's handler raised in a reader without threads.
        `progress` is called after each answer.
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
        for decrypt, names in _requests(asked.values()):
            try:
                answer = self._get[decrypt](list(names.values()))
            except BaseException as error:  # noqa: BLE001 - a source may raise anything
                refused += _is_refusal(error)
                stops = not _is_refusal(error) or refused == most_refused
                missing = {(decrypt, name) for name in names.values()}
                for key, ask in asked.items():
                    needs = {(ask.decrypt, name) for name in ask.names}
                    if needs & missing or (stops and not needs <= found.keys()):
                        errors.setdefault(key, error)
                if stops:
                    break
            else:
                progress()
                found |= {(decrypt, name): answer.get(bare) for bare, name in names.items()}
        return found, errors

    def _renewal(self, key: Key, last: Reading | None) -> Asking[Result]:
        model, selector, _ = key
        renewal = Renewal(self, key, last, self._path)
        if (
            isinstance(selector, int)
            or selector == LATEST
            or key in self._denied
            or self.clock() < self._denied_until.get(model, -math.inf)
        ):
            return (yield from renewal.result(renewal.names))
        try:
            return (yield from renewal.result(renewal.with_rollout))
        except AccessDeniedError:
            # One denied name makes SSM refuse the whole request, and the reader policy of an older
            # deploy doesn't allow the rollout.
            result = yield from Renewal(self, key, last, self._path).result(renewal.names)
        if model not in self._denied_until:
            _log.warning(
                "no permission to read %s, so rollouts of %s are ignored: deploy with this version "
                "of model-config, whose reader policy allows it",
                renewal.rollout,
                model,
            )
        self._denied_until[model] = self.clock() + DENIED
        return result


class Renewal:
    """The renewal of one key, in steps that ask by `yield` and are sent the answer."""

    def __init__(self, readings: Readings, key: Key, last: Reading | None, path: str) -> None:
        model, self._selector, self._schema = key
        self._last, self._path = last, f"{path}/{model}"
        self._clock, self._with_secrets = readings.clock, readings.with_secrets
        self._release, self.rollout = release_name(self._path), rollout_name(self._path)
        self._found: dict[str, Stored] = {}
        self._parts: dict[str, str] = {}
        # Where an answer has no text, it is the one that these secrets were made of.
        self._secrets = {
            name: each.secrets[secret]
            for each in ([] if last is None else last.releases)
            for secret, name in each.content.secret_names(self._path).items()
        }
        latest = self._selector == LATEST
        first = self._release if latest else f"{self._release}:{self._selector}"
        secrets = self._secrets if self._with_secrets else ()
        #: What is asked for first.
        self.names, self.with_rollout = [first, *secrets], [first, self.rollout, *secrets]

    def result(self, names: Sequence[str]) -> Asking[Result]:
        """Ask for the names and whatever they lead to."""
        asked_at = self._clock()
        yield from self._find(names)
        if (stored := self._found.get(self._release)) is None:
            raise (yield from self._not_there())
        try:
            return Result((yield from self._reading(stored, asked_at)))
        except _UNUSABLE as error:
            if self._last is None:
                raise
            return Result(self._with_newest_secrets(self._last), Problem.of(error))

    def _find(self, names: Sequence[str]) -> Asking[None]:
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
        # If the label's release is a known one, the parameter was not deleted and made anew, and
        # the candidate is the same, too.
        known = [] if self._last is None else self._last.releases
        if not any(each.mark == stored.mark for each in known):
            known = []
        current = yield from self._opened(stored, known, asked_at)
        share = unfollowed = None
        rollout = self._found.get(self.rollout)
        if rollout is not None and '"rollout"' in (rollout.text or ""):
            from model_config.reader.share import Share, plan_in  # noqa: PLC0415 - a faster start

            if (plan := plan_in(rollout, current)) is not None:
                try:
                    candidate = yield from self._candidate(plan.release, known, asked_at)
                    share = Share(plan, current, candidate)
                except StoreUnavailableError:
                    raise
                except ModelConfigError as error:
                    unfollowed = Unfollowed(plan, Problem.of(error))
        releases = [current, *([share.candidate] if share else [])]
        marks: set[tuple[str, object]] = {(self._release, each.mark) for each in releases}
        for each in releases:
            names = each.content.secret_names(self._path).values()
            marks |= {(name, self._found[name].mark) for name in names if name in self._found}
        return Reading(current, share, unfollowed, frozenset(marks), self._parts)

    def _opened(
        self, stored: Stored, known: Iterable[Configuration], asked_at: float
    ) -> Asking[Configuration]:
        """Return the configuration that a release parameter holds, with its newest secrets."""
        for each in known:
            if each.mark == stored.mark:
                return each.renewed((yield from self._newest_secrets(each.content)), asked_at)
        parts: dict[str, str] = {}
        if '"parts"' in (stored.text or ""):
            with suppress(ReleaseError):  # raised again where the document is opened
                parts = yield from self._fetched(part_hashes(stored.text or ""))
        content = open_release(stored, lambda _: parts)
        secrets = yield from self._newest_secrets(content)
        made = configuration(
            content,
            stored.version,
            self._selector if isinstance(self._selector, str) else None,
            secrets,
            mark=stored.mark,
            read_at=asked_at,
            clock=self._clock,
        )
        if self._schema is not None:
            made.as_model(self._schema)  # checks it, and keeps the instance
        return made

    def _fetched(self, hashes: Iterable[str]) -> Asking[dict[str, str]]:
        """Return parts by name. Those of the last reading are kept, as their names are hashes."""
        before = {} if self._last is None else self._last.parts
        names = [release_part(self._path, part) for part in dict.fromkeys(hashes)]
        parts = {name: before[name] for name in names if name in before}
        if missing := [name for name in names if name not in before]:
            found = yield Ask(missing, decrypt=True)
            parts |= {each.name: each.text or "" for each in found.values()}
        self._parts |= parts
        return parts

    def _newest_secrets(self, content: Release) -> Asking[dict[str, Secret]]:
        if not self._with_secrets:
            return locked_secrets(content, "the reader was created with secrets=False")
        missing = [
            name
            for name in content.secret_names(self._path).values()
            if name not in self._found
            or (self._found[name].text is None and name not in self._secrets)
        ]
        if missing:
            self._found |= yield Ask(missing, decrypt=True)
        return self._found_secrets(content)

    def _found_secrets(self, content: Release) -> dict[str, Secret]:
        found = self._found
        return {
            secret: self._secrets[name]
            if name in found and found[name].text is None
            else secret_in(name, found.get(name))
            for secret, name in content.secret_names(self._path).items()
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
                f"there is no release {number} of {self._path.rpartition('/')[2]}, the candidate"
            )
        return (yield from self._opened(found[self._release], [], asked_at))

    def _with_newest_secrets(self, last: Reading) -> Reading:
        """Return the last reading without its rollout, as it may be served for days."""
        kept = last.configuration
        if self._with_secrets:
            with suppress(SecretUnavailableError):  # then it keeps those it has
                kept = replace(kept, secrets=freeze(self._found_secrets(kept.content)))
        return Reading(kept, marks=last.marks, parts=last.parts)

    def _not_there(self) -> Asking[ModelConfigError]:
        """Return the error for a release that wasn't found, with what to do."""
        environment, model = self._path.split("/")[-2:]
        where, newest = f"{model} in {environment}", None
        if self._selector != LATEST:
            newest = (yield Ask([self._release], decrypt=False)).get(self._release)
        if newest is None:
            return ModelNotFoundError(
                f"there is no release of {where}: no parameter {self._release}. Deploy it with "
                "`pulumi up`, or check the names of model, environment and prefix. List the models "
                f"with `model-config tree --deployed --environment {environment}`"
            )
        if isinstance(self._selector, int):
            return ReleaseNotFoundError(
                f"there is no release {self._selector} of {where}: the newest is {newest.version}, "
                "and SSM keeps the newest 100. List them with "
                f"`model-config releases {model} --environment {environment}`"
            )
        promoted = self._selector.removesuffix(PREVIOUS)
        new = "" if promoted == "stable" else " --new-label"
        return LabelNotFoundError(
            f"the label {self._selector!r} is on no release of {where}, whose newest is "
            f"{newest.version}. Promote one: `model-config promote {model} --label {promoted}{new} "
            f"--environment {environment}`"
        )


def open_release(stored: Stored, fetch_parts: FetchParts) -> Release:
    """Verify a release parameter and return its content, or raise a ReleaseError."""
    path = stored.name.removesuffix(f"/{RELEASE}")
    try:
        return read_release(stored.text or "", path, fetch_parts)
    except ReleaseError as error:
        environment, model = path.split("/")[-2:]
        raise ReleaseError(
            f"{stored.name}:{stored.version} can't be used: {error}. "
            f"List the others with `model-config releases {model} --environment {environment}`"
        ) from None


def _requests(asks: Iterable[Ask]) -> list[tuple[bool, dict[str, str]]]:
    """Pack names by bare name: at most ten in one request, and each in one form only."""
    requests: list[tuple[bool, dict[str, str]]] = []
    wanted = dict.fromkeys((ask.decrypt, name) for ask in asks for name in ask.names)
    for decrypt, name in sorted(wanted, key=lambda each: each[0]):  # looks, then reads
        bare = name.partition(":")[0]
        for known, names in requests[-2:]:
            if known == decrypt and len(names) < BATCH and bare not in names:
                names[bare] = name
                break
        else:
            requests.append((decrypt, {bare: name}))
    return requests


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, ModelConfigError) and not isinstance(error, StoreUnavailableError)
