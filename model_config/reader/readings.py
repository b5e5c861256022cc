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
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, cast

from model_config.format import errors
from model_config.format.errors import ModelConfigError, StoreUnavailableError
from model_config.format.names import LATEST, PREVIOUS, RELEASE, ROLLOUT, release_part
from model_config.format.release import Release, part_hashes, read_release
from model_config.reader.configuration import Configuration, Secret, locked_secrets, secret_in
from model_config.reader.problems import Problem
from model_config.reader.source import BATCH, Clock, Source, Stored

if TYPE_CHECKING:  # for a faster cold start: most readers start outside of a rollout
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


class Reading(NamedTuple):
    """What a key is served: the release that was asked for, and its label's rollout, if any."""

    configuration: Configuration
    share: Share | None = None
    # A candidate that can't be used, and why. All units are served the label's release.
    unfollowed: tuple[int, Problem] | None = None
    # The marks of the releases and secrets that it was built of, with their names.
    marks: frozenset[tuple[str, object]] = frozenset()
    parts: Mapping[object, Mapping[str, str]] = {}  # their texts, by the release's mark and by name

    @property
    def releases(self) -> list[Configuration]:
        return [self.configuration, self.share.candidate] if self.share else [self.configuration]


class Result(NamedTuple):
    reading: Reading | None
    problem: Problem | None = None


class Ask(NamedTuple):
    names: Sequence[str]
    decrypt: bool


T = TypeVar("T")
#: A renewal asks, is sent the parameters by their bare name, and returns what it was made for.
Asking: TypeAlias = Generator[Ask, Mapping[str, Stored], T]
#: What was found, or why that failed, by what was asked.
Answers: TypeAlias = dict[tuple[bool, str], Stored | BaseException | None]


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
        self.path, self.clock, self._fallback = path, clock, fallback
        self.with_secrets = with_secrets
        self.close = source.close
        self._get = {True: source.get, False: getattr(source, "look", source.get)}
        self._fallbacks: dict[Key, Reading] = {}
        self.denied: set[Key] = set()  # they'd have the requests refused that they share
        self.rollouts_denied: dict[str, float] = {}  # of these models, and until when

    def fallback_for(self, key: Key) -> Reading | None:
        model, selector, _ = key
        kept = self._fallback.get(model)
        if kept is None or selector not in (kept.label, kept.number):
            return None
        if key not in self._fallbacks:
            made = Configuration(
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
        together = {key: last for key, last in wanted.items() if key not in self.denied}
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
            (self.denied.add if is_denied else self.denied.discard)(key)
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
        renewals = {key: Renewal(self, key, last).run() for key, last in wanted.items()}
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
            answers = self._answers(asks.values(), progress, most_refused)
            steps = {}
            for key, ask in asks.items():
                answer = [answers[ask.decrypt, name] for name in ask.names]
                failure = next((it for it in answer if isinstance(it, BaseException)), None)
                if failure is None:
                    there = {it.name: it for it in answer if isinstance(it, Stored)}
                    steps[key] = partial(renewals[key].send, there)
                elif len(renewals) == 1 or not _is_refusal(failure):
                    steps[key] = partial(renewals[key].throw, failure)
        return results

    def _answers(
        self, asks: Iterable[Ask], progress: Callable[[], object], most_refused: int
    ) -> Answers:
        # Names are packed by bare name: at most ten in one request, and each in one form only.
        requests: list[tuple[bool, dict[str, str]]] = []
        wanted = {(ask.decrypt, name): name.partition(":")[0] for ask in asks for name in ask.names}
        for decrypt, name in sorted(wanted, key=lambda one: one[0]):  # looks, then reads
            bare = wanted[decrypt, name]
            for known, names in requests[-2:]:
                if known == decrypt and len(names) < BATCH and bare not in names:
                    names[bare] = name
                    break
            else:
                requests.append((decrypt, {bare: name}))
        answers: Answers = {}
        answer: Mapping[str, Stored | BaseException]
        refused, stopped = 0, None
        for decrypt, names in requests:
            if stopped is not None:
                answer = dict.fromkeys(names, stopped)
            else:
                try:
                    answer = dict(self._get[decrypt](list(names.values())))
                    progress()
                except BaseException as error:  # noqa: BLE001 - a source may do anything
                    answer = dict.fromkeys(names, error)
                    refused += _is_refusal(error)
                    stopped = error if refused == most_refused or not _is_refusal(error) else None
            answers |= {(decrypt, name): answer.get(bare) for bare, name in names.items()}
        return answers


class Renewal:
    """The renewal of one key, in steps that ask by `yield` and are sent the answer."""

    def __init__(self, readings: Readings, key: Key, last: Reading | None) -> None:
        self._readings, self._key, self._last = readings, key, last
        self._model, self._selector, self._schema = key
        self._path = f"{readings.path}/{self._model}"
        self._release, self._rollout = f"{self._path}/{RELEASE}", f"{self._path}/{ROLLOUT}"
        self._found: dict[str, Stored] = {}
        self._parts: dict[object, Mapping[str, str]] = {}
        self._parts_before = last.parts if last else {}
        # Where an answer has no text, it is the one that these secrets were made of.
        self._secrets = {
            name: release.secrets[secret]
            for release in (last.releases if last else ())
            for secret, name in release.content.secret_names(self._path).items()
        }

    def run(self) -> Asking[Result]:
        readings, asked_at = self._readings, self._readings.clock()
        is_newest = self._selector == LATEST
        names = [self._release if is_newest else f"{self._release}:{self._selector}"]
        names += self._secrets if readings.with_secrets else ()
        if (
            isinstance(self._selector, int)
            or is_newest
            or self._key in readings.denied
            or asked_at < readings.rollouts_denied.get(self._model, -math.inf)
        ):
            yield from self._find(names)
        else:
            try:
                yield from self._find([names[0], self._rollout, *names[1:]])
            except errors.AccessDeniedError:
                # One denied name makes SSM refuse the whole request, and the reader policy of an
                # older deploy doesn't allow the rollout.
                yield from self._find(names)
                self._rollout_is_denied()
        if (stored := self._found.get(self._release)) is None:
            raise (yield from self._not_there())
        try:
            return Result((yield from self._reading(stored, asked_at)))
        except _UNUSABLE as error:
            if self._last is None:
                raise
            kept = self._last.configuration  # without its rollout, as it may be served for days
            with suppress(errors.SecretUnavailableError):  # then it keeps those it has
                kept = kept.renewed((yield from self._secrets_of(kept.content)))
            candidates = {(self._release, it.mark) for it in self._last.releases[1:]}
            marks = self._last.marks - candidates  # so that one is read when the label moves to it
            return Result(Reading(kept, marks=marks, parts=self._last.parts), Problem.of(error))

    def _rollout_is_denied(self) -> None:
        if self._model not in self._readings.rollouts_denied:
            _log.warning(
                "no permission to read %s, so rollouts of %s are ignored: deploy with this version "
                "of model-config, whose reader policy allows it",
                self._rollout,
                self._model,
            )
        self._readings.rollouts_denied[self._model] = self._readings.clock() + DENIED

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
        known = {it.release: it for it in (self._last.releases if self._last else ())}
        if stored.mark not in {release.mark for release in known.values()}:
            known = {}
        current = yield from self._opened(stored.version, known, asked_at)
        releases, share, unfollowed = [current], None, None
        rollout = self._found.get(self._rollout)
        if rollout is not None and '"rollout"' in (rollout.text or ""):
            from model_config.reader.share import Share, plan_in  # noqa: PLC0415 - a faster start

            if (plan := plan_in(rollout, current)) is not None:
                try:
                    candidate = yield from self._opened(plan.release, known, asked_at)
                    share = Share(plan, current, candidate)
                    releases.append(candidate)
                except StoreUnavailableError:
                    raise
                except ModelConfigError as error:
                    unfollowed = plan.release, Problem.of(error)
        marks: set[tuple[str, object]] = set()
        for release in releases:
            names = release.content.secret_names(self._path).values()
            marks |= {(name, self._found[name].mark) for name in names if name in self._found}
            marks.add((self._release, release.mark))
        return Reading(current, share, unfollowed, frozenset(marks), self._parts)

    def _opened(
        self, number: int, known: Mapping[int, Configuration], asked_at: float
    ) -> Asking[Configuration]:
        if (same := known.get(number)) is not None:
            self._parts[same.mark] = self._parts_before.get(same.mark, {})
            return same.renewed((yield from self._secrets_of(same.content)), asked_at)
        stored = self._found[self._release]
        if stored.version != number:  # the candidate
            answer = yield Ask([f"{self._release}:{number}"], decrypt=True)
            if self._release not in answer:
                raise errors.ReleaseNotFoundError(
                    f"there is no release {number} of {self._model}, the candidate"
                )
            stored = answer[self._release]
        text, parts = stored.text or "", {}
        if '"parts"' in text:
            with suppress(errors.ReleaseError):  # raised again where the document is opened
                parts = yield from self._fetched(part_hashes(text))
            self._parts[stored.mark] = parts
        try:
            content = read_release(text, self._path, lambda _: parts)
        except errors.ReleaseError as error:
            environment, model = self._path.split("/")[-2:]
            raise errors.ReleaseError(
                f"{stored.name}:{stored.version} can't be used: {error}. "
                f"List the others with `model-config releases {model} --environment {environment}`"
            ) from None
        made = Configuration(
            content,
            stored.version,
            self._selector if isinstance(self._selector, str) else None,
            (yield from self._secrets_of(content)),
            mark=stored.mark,
            read_at=asked_at,
            clock=self._readings.clock,
        )
        if self._schema is not None:
            made.as_model(self._schema)  # checks it, and keeps the instance
        return made

    def _fetched(self, hashes: Iterable[str]) -> Asking[dict[str, str]]:
        """Return parts by name. Those of the last reading are kept, as their names are hashes."""
        kept = {name: text for of in self._parts_before.values() for name, text in of.items()}
        names = [release_part(self._path, part) for part in dict.fromkeys(hashes)]
        parts = {name: kept[name] for name in names if name in kept}
        if missing := [name for name in names if name not in kept]:
            fetched = yield Ask(missing, decrypt=True)
            parts |= {name: stored.text or "" for name, stored in fetched.items()}
        return parts

    def _secrets_of(self, content: Release) -> Asking[dict[str, Secret]]:
        if not self._readings.with_secrets:
            return locked_secrets(content, "the reader was created with secrets=False")
        found, names = self._found, content.secret_names(self._path)
        missing = [
            name
            for name in names.values()
            if name not in found or (found[name].text is None and name not in self._secrets)
        ]
        if missing:
            found |= yield Ask(missing, decrypt=True)
        return {
            secret: self._secrets[name]
            if name in found and found[name].text is None
            else secret_in(name, found.get(name))
            for secret, name in names.items()
        }

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


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, ModelConfigError) and not isinstance(error, StoreUnavailableError)
