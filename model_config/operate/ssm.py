"""SSM as an operator uses it: lists, histories and values, labels, and the rollout parameter."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat, takewhile
from typing import Any, Protocol, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from model_config.format import errors
from model_config.format.names import parse
from model_config.reader.problems import translate, unreadable_answer

#: Names in one GetParameters or DeleteParameters, and parameters that one DescribeParameters lists
#: (SSM API reference).
BATCH, LISTED = 10, 50
#: What boto3 raises when a request fails, for any reason.
FAILURES = (BotoCoreError, ClientError)
# What botocore's parser raises for an answer that is incomplete or isn't SSM's JSON.
_UNREADABLE = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)
#: How long a write is tried while AWS is unavailable, and the pause between two tries, in seconds:
#: a move of a label that stops half-way is worse than a wait. botocore's own retries count tries,
#: not seconds. Set by this package.
WRITING, PAUSE = 60, 2
#: Concurrent requests. Set by this package.
THREADS = 4
#: Short timeouts, since a person waits. botocore's adaptive mode also slows down while SSM
#: throttles, which leaves room for applications in the same account.
CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "adaptive", "total_max_attempts": 4}
)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Watch(Protocol):
    """Shows progress to a person: the command line's `with_progress`."""

    def __call__(self, items: Iterable[Item], what: str, total: int | None, /) -> Iterable[Item]:
        """Return the items, and count each one that is consumed."""


def unwatched(items: Iterable[Item], what: str, total: int | None, /) -> Iterable[Item]:  # noqa: ARG001
    return items


@dataclass(frozen=True, slots=True)
class ListedParameter:
    name: str
    type: str
    tier: str
    key: str | None  #: The KMS key as the writer named it: an id, an ARN or an alias.
    version: int
    at: datetime
    by: str  #: The ARN of who wrote it last, as far as SSM says.


@dataclass(frozen=True, slots=True)
class ReadParameter:
    """One version of a parameter. Its repr leaves out the text, which may be a secret."""

    name: str
    version: int
    text: str = field(repr=False)


class Ssm:
    """A client for SSM in one region. It changes no value that a deploy wrote.

    Every method raises StoreError or a subclass if AWS is unavailable or refuses, and
    ModelNotFoundError or ReleaseNotFoundError if a parameter doesn't exist. Listing needs
    `ssm:DescribeParameters` on `*`, since AWS supports no narrower resource.
    """

    def __init__(
        self,
        client: Any,
        *,
        watch: Watch = unwatched,
        threads: int = THREADS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client, self.watch, self._threads = client, watch, threads
        self._clock, self._sleep = clock, sleep
        self.problems: list[str] = []  #: A message for each parameter that was denied.
        #: In a view, why AWS is unavailable, and the time of the oldest answer that is shown.
        self.away: errors.StoreUnavailableError | None = None
        self.as_of: datetime | None = None
        self._answers: dict[str, Any] | None = None
        self._earlier: dict[str, tuple[datetime, list[Any]]] = {}

    def view(self, watch: Watch = unwatched) -> Ssm:
        """Return a client that asks nothing twice, and answers from earlier views in an outage."""
        view = Ssm(self.client, watch=watch, threads=self._threads)
        view._answers, view._earlier = {}, self._earlier
        return view

    @property
    def region(self) -> str:
        return str(self.client.meta.region_name)

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], what: str
    ) -> list[Result]:
        """Return the function's result for each item, in their order; several run at once."""
        if self._threads == 1 or len(items) <= 1:
            return [function(item) for item in self.watch(items, what, len(items))]
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                return list(self.watch(pool.map(function, items), what, len(items)))
            finally:
                pool.shutdown(cancel_futures=True)

    def below(self, path: str) -> dict[str, ListedParameter]:
        return self._listed(path, Key="Path", Option="Recursive", Values=[path])

    def everything(self) -> dict[str, ListedParameter]:
        return self._listed("*")

    def beginning_with(self, start: str) -> dict[str, ListedParameter]:
        return self._listed(start, Key="Name", Option="BeginsWith", Values=[start])

    def names_below(self, path: str) -> list[str]:
        """Return the names directly below a path, with `ssm:GetParametersByPath` alone."""
        return [listed["Name"] for listed in self._all("get_parameters_by_path", path, Path=path)]

    def history(self, name: str, *, decrypt: bool) -> list[dict[str, Any]]:
        """Return a parameter's versions from GetParameterHistory, oldest first."""
        versions = self._all("get_parameter_history", name, Name=name, WithDecryption=decrypt)
        if not versions:  # a parameter has at least one version; callers rely on it
            raise unreadable_answer("ssm:GetParameterHistory", [name])
        return sorted(versions, key=lambda version: int(version["Version"]))

    def get(self, names: Sequence[str]) -> dict[str, ReadParameter]:
        """Return decrypted parameters by their bare name, leaving out those that don't exist.

        A name may select a version or a label, "name:7" or "name:stable"; only one of each.
        """
        return {it.name: it for batch in _batches(names) for it in self._read(batch)}

    def texts(self, names: Sequence[str]) -> dict[str, str]:
        """Return decrypted values by name. A denied parameter is added to `problems` instead."""
        read = self.map(self._texts_of_batch, list(_batches(names)), "Reading values")
        return {name: text for batch in read for name, text in batch.items()}

    def arns(self, names: Sequence[str]) -> dict[str, str]:
        read = (it for batch in _batches(names) for it in self._ask_for(batch, decrypt=False))
        return {it["Name"]: it.get("ARN", "") for it in read}

    def label(self, name: str, version: int, label: str) -> None:
        wanted = {"Name": name, "ParameterVersion": version, "Labels": [label]}
        answer = self._write("label_parameter_version", f"{name}:{version}", wanted)
        if answer.get("InvalidLabels"):  # SSM refuses a label without an error
            raise errors.StoreError(f"SSM refused the label {label!r} on {name}:{version}")
        if answer.get("ParameterVersion") != version:
            raise unreadable_answer("ssm:LabelParameterVersion", [f"{name}:{version}"])

    def unlabel(self, name: str, version: int, label: str) -> None:
        """Take a label off a version. A missing label is not an error."""
        wanted = {"Name": name, "ParameterVersion": version, "Labels": [label]}
        self._write("unlabel_parameter_version", f"{name}:{version}", wanted)

    def write_string(self, name: str, text: str) -> int:
        # Without a tier, SSM takes the account's default, which may be Advanced, for good.
        wanted = {"Name": name, "Value": text, "Type": "String", "Tier": "Standard"}
        return int(self._write("put_parameter", name, wanted | {"Overwrite": True})["Version"])

    def delete(self, names: Sequence[str]) -> None:
        """Delete parameters with their history. A missing parameter is not an error."""
        for batch in _batches(names):
            self._ask("delete_parameters", batch, {"Names": batch})

    def _listed(self, about: str, **parameter_filter: Any) -> dict[str, ListedParameter]:
        filters = {"ParameterFilters": [parameter_filter]} if parameter_filter else {}
        return {
            it["Name"]: ListedParameter(
                name=it["Name"],
                type=it["Type"],
                tier=it.get("Tier", "Standard"),
                key=it.get("KeyId"),
                version=it["Version"],
                at=it["LastModifiedDate"],
                by=it.get("LastModifiedUser", ""),
            )
            for it in self._all("describe_parameters", about, MaxResults=LISTED, **filters)
        }

    def _all(self, operation: str, about: str, **wanted: Any) -> list[dict[str, Any]]:
        key = f"{operation} {json.dumps(wanted, sort_keys=True)}"
        watch = self.watch if operation == "describe_parameters" else unwatched

        def pages() -> Iterator[dict[str, Any]]:
            with _translated(operation, [about]):
                for page in self.client.get_paginator(operation).paginate(**wanted):
                    yield from page["Parameters"]  # botocore leaves it out of a torn reply

        answers = self._once([key], lambda _: {key: [*watch(pages(), "Listing parameters", None)]})
        return list(answers[key])

    def _ask_for(self, names: Sequence[str], *, decrypt: bool) -> list[Any]:
        with _translated("get_parameters", names):
            answer = self.client.get_parameters(Names=names, WithDecryption=decrypt)
            return list(answer["Parameters"])

    def _read(self, names: list[str]) -> list[ReadParameter]:
        # One batch, so that no frame holds a secret's text when another request fails.

        def ask(missing: Sequence[str]) -> dict[str, list[Any]]:
            parameters = self._ask_for(missing, decrypt=True)
            if not all(it.keys() >= {"Name", "Version", "Value"} for it in parameters):
                raise unreadable_answer("ssm:GetParameters", missing)
            read = [ReadParameter(it["Name"], it["Version"], it["Value"]) for it in parameters]
            return {
                name: [it for it in read if it.name == name.partition(":")[0]] for name in missing
            }

        answers = self._once(names, ask)
        return [parameter for name in names for parameter in answers[name]]

    def _texts_of_batch(self, names: list[str]) -> dict[str, str]:
        try:
            return {it.name: it.text for it in self._read(names)}
        except errors.StoreUnavailableError:
            raise
        except errors.StoreError as error:
            if len(names) == 1:
                self.problems.append(str(error))
                return {}
        # SSM refuses the whole request if one of its names is denied.
        return {key: text for name in names for key, text in self._texts_of_batch([name]).items()}

    def _once(
        self, keys: Sequence[str], ask: Callable[[Sequence[str]], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Return the answer for each key. A view asks only for those that it has no answer for."""
        if self._answers is None:
            return ask(keys)
        if missing := [key for key in keys if key not in self._answers]:
            try:
                if self.away:  # every further request would wait for the same timeout
                    raise type(self.away)(str(self.away))
                answers = ask(missing)
            except errors.StoreUnavailableError as error:
                self.away = error
                self._answers.update({key: self._earlier_answer(key, error) for key in missing})
            except errors.StoreError as error:
                if len(missing) > 1:
                    raise  # the caller asks for each name by itself to find the one that is denied
                self._answers[missing[0]] = error
            else:
                self._answers.update(answers)
                now = datetime.now(UTC)
                self._earlier.update({key: (now, answer) for key, answer in answers.items()})
        known = {key: self._answers[key] for key in keys}
        for answer in known.values():
            if isinstance(answer, errors.StoreError):
                raise answer
        return known

    def _earlier_answer(self, key: str, error: errors.StoreError) -> list[Any] | errors.StoreError:
        if key not in self._earlier:
            return error
        at, answer = self._earlier[key]
        self.as_of = min(self.as_of or at, at)
        return answer

    def _write(self, operation: str, about: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Send a request that may be repeated, for up to a minute while AWS is unavailable."""
        end = self._clock() + WRITING
        try:
            return self._ask(operation, [about], wanted)
        except errors.StoreUnavailableError as error:
            problem = error
        pauses = takewhile(lambda _: self._clock() < end, repeat(PAUSE))
        for pause in self.watch(pauses, "Waiting for SSM", None):
            self._sleep(pause)
            try:
                return self._ask(operation, [about], wanted)
            except errors.StoreUnavailableError as error:
                problem = error
        raise problem

    def _ask(self, operation: str, about: Sequence[str], wanted: dict[str, Any]) -> dict[str, Any]:
        with _translated(operation, about):
            return dict(getattr(self.client, operation)(**wanted))


def aws_client(service: str, region: str | None) -> Any:
    """Return a client of a service, such as "kms". Without a region, boto3's settings name it."""
    try:
        # Not boto3's default session, which threads can't share while it is created.
        return boto3.session.Session().client(service, region_name=region, config=CONFIG)
    except FAILURES as error:
        raise translate(error, service, ["the account"]) from error
    except ValueError as error:
        raise errors.UsageError(
            f"no client for {service} can be created: {error}. Check AWS_ENDPOINT_URL and the "
            "profile"
        ) from None


def released_models(names: Iterable[str], path: str) -> list[str]:
    """Return the models with a release among the parameters of an environment's path."""
    parsed = (parse(name, path) for name in names)
    return sorted(name.model for name in parsed if name.kind == "release")


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    wanted = list(dict.fromkeys(names))
    for start in range(0, len(wanted), BATCH):
        yield wanted[start : start + BATCH]


@contextmanager
def _translated(operation: str, about: Sequence[str]) -> Iterator[None]:
    action = f"ssm:{operation.title().replace('_', '')}"
    try:
        yield
    except (*FAILURES, OSError) as error:
        raise translate(error, action, about) from error
    except _UNREADABLE:
        # Without its cause, which may hold the bytes of the answer, and so a secret.
        raise unreadable_answer(action, about) from None
