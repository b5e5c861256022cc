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

from model_config.format import errors
from model_config.format.errors import ModelConfigError, StoreUnavailableError
from model_config.format.names import LATEST, PREVIOUS, RELEASE, ROLLOUT, release_part
from model_config.format.release import Release, part_hashes, read_release
from model_config.reader.configuration import (
    Configuration,
    Secret,
    configuration,
    freeze,
    locked_secrets,
    secret_in,
)
from model_config.reader.problems import Problem
from model_config.reader.source import BATCH, Clock, Source, Stored

if TYPE_CHECKING:  # for a faster cold start: most readers start outside of a rollout
    from model_config.format.rollout import Rollout
    from model_config.reader.files import FallbackRelease
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
_UNUSABLE = (errors.ReleaseError, errors.SchemaMismatchError, errors.SecretUnavailableError)

_log = logging.getLogger("model_config.reader")


class Unfollowed(NamedTuple):
    """A rollout whose candidate can't be used. All units are served the label's release."""

    plan: Rollout
    problem: Problem


class Reading(NamedTuple):
    """What a key is served: the release that was asked for, and its label's rollout, if any."""

    configuration: Configuration
    share: Share | None = None
    unfollowed: Unfollowed | None = None
    # The marks of the releases and secrets that it was built of, with their names.
    marks: frozenset[tuple[str, object]] = frozenset()
    parts: Mapping[str, str] = {}  # the texts of the releases' parts, by name

    @property
    def releases(self) -> list[Configuration]:
        return [self.configuration, self.share.candidate] if self.share else [self.configuration]

    def __repr__(self) -> str:
        return repr(self.configuration)


class Result(NamedTuple):
    reading: Reading | None
    problem: Problem | None = None


class Ask(NamedTuple):
    names: Sequence[str]
    decrypt: bool


T = TypeVar("T")
#: A renewal asks, is sent the parameters by their bare name, and returns what it was made for.
Asking: TypeAlias = Generator[Ask, Mapping[str, Stored], T]
#: What was found, by what was asked.
Answers: TypeAlias = dict[tuple[bool, str], Stored | None]


class Readings:
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
        return len(Renewal(self, key, last, self._path).with_rollout)

    def fallback_for(self, key: Key) -> Reading | None:
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
            if not self.fits(key, Reading(made)):
                return None
            self._fallbacks[key] = Reading(made)
        return self._fallbacks[key]

    def fits(self, key: Key, reading: Reading) -> bool:
        """Return whether the key's class takes a reading that was made without one."""
        try:
            for release in reading.releases if key[2] is not None else ():
                release.as_model(cast(type[Any], key[2]))
        except BaseException as error:  # noqa: BLE001 - a validator may raise anything
            Problem.of(error)  # raises a signal's
            return False
        return True

    def load(
        self, wanted: Mapping[Key, Reading | None], progress: Callable[[], object]
    ) -> dict[Key, Result]:
        """Return the result for each key, given its last reading. Raises what a signal raised."""
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
            is_denied = problem is not None and issubclass(problem.kind, errors.AccessDeniedError)
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
        """Run renewals side by side. Keys refused together have no result."""
        renewals = {key: self._renewal(key, last) for key, last in wanted.items()}
        steps: dict[Key, Callable[[], Ask]] = {
            key: partial(next, renewal) for key, renewal in renewals.items()
        }
        results: dict[Key, Result] = {}
        while steps:
            asks: dict[Key, Ask] = {}
            for key, step in steps.items():
                try:
                    asks[key] = step()
                except StopIteration as end:
                    results[key] = end.value
                except BaseException as error:  # noqa: BLE001 - none may lose the last good reading
                    results[key] = Result(None, Problem.of(error))
            answers, failed = self._answers(asks, progress, most_refused)
            steps = {}
            for key, ask in asks.items():
                if (failure := failed.get(key)) is None:
                    answer = (answers[ask.decrypt, name] for name in ask.names)
                    there = {stored.name: stored for stored in answer if stored is not None}
                    steps[key] = partial(renewals[key].send, there)
                elif len(renewals) == 1 or not _is_refusal(failure):
                    steps[key] = partial(renewals[key].throw, failure)
        return results

    def _answers(
        self, asks: Mapping[Key, Ask], progress: Callable[[], object], most_refused: int
    ) -> tuple[Answers, dict[Key, BaseException]]:
        answers: Answers = {}
        failed: dict[Key, BaseException] = {}
        refused = 0
        for decrypt, names in _requests(asks.values()):
            try:
                answer = self._get[decrypt](list(names.values()))
            except BaseException as error:  # noqa: BLE001 - a source may raise anything
                refused += _is_refusal(error)
                stops = not _is_refusal(error) or refused == most_refused
                missing = {(decrypt, name) for name in names.values()}
                for key, ask in asks.items():
                    needs = {(ask.decrypt, name) for name in ask.names}
                    if needs & missing or (stops and not needs <= answers.keys()):
                        failed.setdefault(key, error)
                if stops:
                    break
            else:
                progress()
                answers |= {(decrypt, name): answer.get(bare) for bare, name in names.items()}
        return answers, failed

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
        except errors.AccessDeniedError:
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
        self._path = f"{path}/{model}"
        self._clock, self._with_secrets = readings.clock, readings.with_secrets
        self._release, self.rollout = f"{self._path}/{RELEASE}", f"{self._path}/{ROLLOUT}"
        self._last, self._known = last, [] if last is None else last.releases
        self._found: dict[str, Stored] = {}
        self._parts: dict[str, str] = {}
        # Where an answer has no text, it is the one that these secrets were made of.
        self._secrets = {
            name: release.secrets[secret]
            for release in self._known
            for secret, name in release.content.secret_names(self._path).items()
        }
        latest = self._selector == LATEST
        first = self._release if latest else f"{self._release}:{self._selector}"
        secrets = self._secrets if self._with_secrets else ()
        #: What is asked for first.
        self.names, self.with_rollout = [first, *secrets], [first, self.rollout, *secrets]

    def result(self, names: Sequence[str]) -> Asking[Result]:
        asked_at = self._clock()
        yield from self._find(names)
        if (stored := self._found.get(self._release)) is None:
            raise (yield from self._not_there())
        try:
            return Result((yield from self._reading(stored, asked_at)))
        except _UNUSABLE as error:
            if self._last is None:
                raise
            kept = self._last.configuration  # without its rollout, as it may be served for days
            if self._with_secrets:
                with suppress(errors.SecretUnavailableError):  # then it keeps those it has
                    kept = replace(kept, secrets=freeze(self._found_secrets(kept.content)))
            last = Reading(kept, marks=self._last.marks, parts=self._last.parts)
            return Result(last, Problem.of(error))

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
            read = yield Ask([f"{it.name}:{it.version}" for it in changed], decrypt=True)
            self._found |= read
            if all(it.name in read and read[it.name].mark == it.mark for it in changed):
                return
        raise StoreUnavailableError(f"{', '.join(names)}: changed again after each look")

    def _reading(self, stored: Stored, asked_at: float) -> Asking[Reading]:
        # If the label's release is a known one, the parameter was not deleted and made anew, and
        # the candidate is the same, too.
        known = {release.mark: release for release in self._known}
        if stored.mark not in known:
            known = {}
        current = yield from self._opened(stored, known.get(stored.mark), asked_at)
        share = unfollowed = None
        rollout = self._found.get(self.rollout)
        if rollout is not None and '"rollout"' in (rollout.text or ""):
            from model_config.reader.share import Share, plan_in  # noqa: PLC0415 - a faster start

            if (plan := plan_in(rollout, current)) is not None:
                try:
                    candidate = yield from self._candidate(plan.release, known.values(), asked_at)
                    share = Share(plan, current, candidate)
                except StoreUnavailableError:
                    raise
                except ModelConfigError as error:
                    unfollowed = Unfollowed(plan, Problem.of(error))
        reading = Reading(current, share, unfollowed, parts=self._parts)
        marks: set[tuple[str, object]] = set()
        for release in reading.releases:
            names = release.content.secret_names(self._path).values()
            marks |= {(name, self._found[name].mark) for name in names if name in self._found}
            marks.add((self._release, release.mark))
        return reading._replace(marks=frozenset(marks))

    def _opened(
        self, stored: Stored, known: Configuration | None, asked_at: float
    ) -> Asking[Configuration]:
        if known is not None:
            return known.renewed((yield from self._newest_secrets(known.content)), asked_at)
        text, parts = stored.text or "", {}
        if '"parts"' in text:
            with suppress(errors.ReleaseError):  # raised again where the document is opened
                parts = yield from self._fetched(part_hashes(text))
        try:
            content = read_release(text, self._path, lambda _: parts)
        except errors.ReleaseError as error:
            environment, model = self._path.split("/")[-2:]
            raise errors.ReleaseError(
                f"{stored.name}:{stored.version} can't be used: {error}. "
                f"List the others with `model-config releases {model} --environment {environment}`"
            ) from None
        made = configuration(
            content,
            stored.version,
            self._selector if isinstance(self._selector, str) else None,
            (yield from self._newest_secrets(content)),
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
            fetched = yield Ask(missing, decrypt=True)
            parts |= {name: stored.text or "" for name, stored in fetched.items()}
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
        same = next((release for release in known if release.release == number), None)
        if same is not None:
            return same.renewed((yield from self._newest_secrets(same.content)), asked_at)
        found = yield Ask([f"{self._release}:{number}"], decrypt=True)
        if self._release not in found:
            raise errors.ReleaseNotFoundError(
                f"there is no release {number} of {self._path.rpartition('/')[2]}, the candidate"
            )
        return (yield from self._opened(found[self._release], None, asked_at))

    def _not_there(self) -> Asking[ModelConfigError]:
        environment, model = self._path.split("/")[-2:]
        where, newest = f"{model} in {environment}", None
        if self._selector != LATEST:
            newest = (yield Ask([self._release], decrypt=False)).get(self._release)
        if newest is None:
            return errors.ModelNotFoundError(
                f"there is no release of {where}: no parameter {self._release}. Deploy it with "
                "`pulumi up`, or check the names of model, environment and prefix. List the models "
                f"with `model-config tree --deployed --environment {environment}`"
            )
        if isinstance(self._selector, int):
            return errors.ReleaseNotFoundError(
                f"there is no release {self._selector} of {where}: the newest is {newest.version}, "
                "and SSM keeps the newest 100. List them with "
                f"`model-config releases {model} --environment {environment}`"
            )
        promoted = self._selector.removesuffix(PREVIOUS)
        new = "" if promoted == "stable" else " --new-label"
        return errors.LabelNotFoundError(
            f"the label {self._selector!r} is on no release of {where}, whose newest is "
            f"{newest.version}. Promote one: `model-config promote {model} --label {promoted}{new} "
            f"--environment {environment}`"
        )


def _requests(asks: Iterable[Ask]) -> list[tuple[bool, dict[str, str]]]:
    """Pack names by bare name: at most ten in one request, and each in one form only."""
    requests: list[tuple[bool, dict[str, str]]] = []
    wanted = dict.fromkeys((ask.decrypt, name) for ask in asks for name in ask.names)
    for decrypt, name in sorted(wanted, key=lambda one: one[0]):  # looks, then reads
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
