"""SSM as an operator uses it: lists, histories and values, labels, and the rollout parameter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import boto3
from botocore.config import Config

from model_config.format.errors import (
    CredentialsError,
    ModelConfigError,
    StoreError,
    StoreUnavailableError,
    UsageError,
)
from model_config.format.names import parse
from model_config.reader.aws_errors import FAILURES, UNREADABLE, translate, unreadable_answer

#: Names in one request (SSM API reference, GetParameters and DeleteParameters).
BATCH = 10
#: Parameters that SSM lists in one request (SSM API reference, DescribeParameters).
LISTED = 50
#: Concurrent requests. Set by this package.
THREADS = 4
#: Seconds to wait for a connection, and for an answer. Set by this package, since a person waits.
CONNECT_TIMEOUT, READ_TIMEOUT = 2, 5
#: Attempts of one request. botocore's adaptive mode also slows down while SSM throttles, which
#: leaves room for applications in the same account.
RETRIES = {"mode": "adaptive", "total_max_attempts": 4}

Item = TypeVar("Item")
Result = TypeVar("Result")


class Watch(Protocol):
    """Shows progress to a person: the command line's `with_progress`."""

    def __call__(self, items: Iterable[Item], what: str, total: int | None, /) -> Iterable[Item]:
        """Return the items, and count each one that is consumed."""


def unwatched(items: Iterable[Item], what: str, total: int | None, /) -> Iterable[Item]:  # noqa: ARG001
    """Return the items."""
    return items


@dataclass(frozen=True, slots=True)
class ListedParameter:
    """A parameter as SSM lists it, without its value.

    Attributes:
        key: the KMS key as the writer named it: an id, an ARN or an alias.
        by: the ARN of who wrote it last, as far as SSM says.
    """

    name: str
    type: str
    tier: str
    key: str | None
    version: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class ReadParameter:
    """One version of a parameter. Its repr leaves out the text, which may be a secret."""

    name: str
    version: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Answer:
    parameters: list[Any]
    at: datetime


class Ssm:
    """A client for SSM in one region. It changes no value that a deploy wrote.

    Every method raises StoreError or a subclass if AWS is unavailable or refuses, and
    ModelNotFoundError or ReleaseNotFoundError if a parameter doesn't exist. Each needs the
    permission of the request that it is named after; listing needs `ssm:DescribeParameters` on `*`,
    since AWS supports no narrower resource.

    Attributes:
        problems: a message for each parameter that was denied.
        away: in a view, why AWS is unavailable, or None.
        as_of: in a view, the time of the oldest answer that is shown because AWS is unavailable.

    Args:
        client: a boto3 client for SSM. Default: a new one from boto3's settings.
        region: the region, if not that of boto3's settings.
        watch: shows progress.
        threads: concurrent requests.
    """

    def __init__(
        self,
        client: Any = None,
        *,
        region: str | None = None,
        watch: Watch = unwatched,
        threads: int = THREADS,
    ) -> None:
        self._connection = _Connection(client, region)
        self.watch, self._threads = watch, threads
        self.problems: list[str] = []
        self.away: StoreUnavailableError | None = None
        self.as_of: datetime | None = None
        self._answers: dict[str, list[Any] | StoreError] | None = None
        self._earlier: dict[str, _Answer] = {}

    def view(self, watch: Watch = unwatched) -> Ssm:
        """Return a client that sends no request twice, over the same connections.

        While AWS is unavailable, it returns the answers that earlier views received.
        """
        view = Ssm(watch=watch, threads=self._threads)
        view._connection, view._earlier = self._connection, self._earlier
        view._answers = {}
        return view

    @property
    def client(self) -> Any:
        """The boto3 client."""
        with _translated("ssm:DescribeParameters", ["the environment"]):
            return self._connection.client()

    @property
    def region(self) -> str:
        """The client's region."""
        return str(self.client.meta.region_name)

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], what: str
    ) -> list[Result]:
        """Return the function's result for each item, in their order; several run at once.

        `what` is the label of the progress bar, such as "Reading releases". The first exception of
        the function is raised.
        """
        if self._threads == 1 or len(items) <= 1:
            return [function(item) for item in self.watch(items, what, len(items))]
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                return list(self.watch(pool.map(function, items), what, len(items)))
            finally:
                pool.shutdown(cancel_futures=True)

    def below(self, path: str) -> dict[str, ListedParameter]:
        """Return the parameters below a path, at any depth, by name."""
        return self._listed(path, Key="Path", Option="Recursive", Values=[path])

    def everything(self) -> dict[str, ListedParameter]:
        """Return every parameter of the account in this region, by name."""
        return self._listed("*")

    def beginning_with(self, start: str) -> dict[str, ListedParameter]:
        """Return the parameters whose names begin with a text, by name."""
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
        return {each.name: each for batch in batches(names) for each in self._read(batch)}

    def texts(self, names: Sequence[str]) -> dict[str, str]:
        """Return decrypted values by name. A denied parameter is left out and added to `problems`.

        Raises:
            StoreUnavailableError: AWS is unavailable.
        """
        read = self.map(self._texts_of_batch, list(batches(names)), "Reading values")
        return {name: text for batch in read for name, text in batch.items()}

    def arns(self, names: Sequence[str]) -> dict[str, str]:
        """Return the ARNs of the parameters that exist, by name. Nothing is decrypted."""
        found: dict[str, str] = {}
        for batch in batches(names):
            answer = self._ask("get_parameters", batch, Names=batch, WithDecryption=False)
            parameters = _parameters(answer, "ssm:GetParameters", batch)
            found.update((each["Name"], each.get("ARN", "")) for each in parameters)
        return found

    def label(self, name: str, version: int, label: str) -> None:
        """Put a label on a version, and take it off any other.

        Raises:
            StoreError: also if SSM refuses the label, which it does without an error.
        """
        about = [f"{name}:{version}"]
        answer = self._ask(
            "label_parameter_version", about, Name=name, ParameterVersion=version, Labels=[label]
        )
        if answer.get("InvalidLabels"):
            raise StoreError(f"SSM refused the label {label!r} on {name}:{version}")
        if answer.get("ParameterVersion") != version:
            raise unreadable_answer("ssm:LabelParameterVersion", about)

    def unlabel(self, name: str, version: int, label: str) -> None:
        """Take a label off a version. A missing label is not an error."""
        about = [f"{name}:{version}"]
        self._ask(
            "unlabel_parameter_version", about, Name=name, ParameterVersion=version, Labels=[label]
        )

    def write_string(self, name: str, text: str) -> int:
        """Overwrite a parameter of type String, and return the new version's number."""
        wanted = {"Name": name, "Value": text, "Type": "String", "Overwrite": True}
        return int(self._ask("put_parameter", [name], **wanted)["Version"])

    def delete(self, names: Sequence[str]) -> None:
        """Delete parameters with their history. A missing parameter is not an error."""
        for batch in batches(names):
            self._ask("delete_parameters", batch, Names=batch)

    def _listed(self, about: str, **parameter_filter: Any) -> dict[str, ListedParameter]:
        filters = {"ParameterFilters": [parameter_filter]} if parameter_filter else {}
        # The paginator's own page size of 50 would not reach the request.
        listed = self._all("describe_parameters", about, MaxResults=LISTED, **filters)
        return {each["Name"]: _listed_parameter(each) for each in listed}

    def _all(self, operation: str, about: str, **wanted: Any) -> list[dict[str, Any]]:
        """Return all pages' parameters."""

        def pages() -> Iterator[dict[str, Any]]:
            action = _action(operation)
            with _translated(action, [about], self._connection):
                paginator = self._connection.client().get_paginator(operation)
                for page in paginator.paginate(**wanted):
                    yield from _parameters(page, action, [about])

        what = "Listing parameters" if operation == "describe_parameters" else None
        key = f"{operation} {json.dumps(wanted, sort_keys=True)}"

        def ask(_: Sequence[str]) -> dict[str, list[Any]]:
            return {key: list(self.watch(pages(), what, None) if what else pages())}

        return self._once([key], ask)[key]

    def _read(self, names: list[str]) -> list[ReadParameter]:
        """Return one batch, so that no frame holds a secret's text when another request fails."""

        def ask(missing: Sequence[str]) -> dict[str, list[Any]]:
            answer = self._ask("get_parameters", missing, Names=missing, WithDecryption=True)
            parameters = _parameters(answer, "ssm:GetParameters", missing)
            if not all(each.keys() >= {"Name", "Version", "Value"} for each in parameters):
                raise unreadable_answer("ssm:GetParameters", missing)
            by_name = {
                each["Name"]: ReadParameter(each["Name"], each["Version"], each["Value"])
                for each in parameters
            }
            bare = {name: name.partition(":")[0] for name in missing}
            return {
                name: [by_name[bare[name]]] if bare[name] in by_name else [] for name in missing
            }

        answers = self._once(names, ask)
        return [each for name in names for each in answers[name]]

    def _texts_of_batch(self, names: list[str]) -> dict[str, str]:
        try:
            return {each.name: each.text for each in self._read(names)}
        except StoreUnavailableError:
            raise
        except StoreError as error:
            if len(names) == 1:
                self.problems.append(str(error))
                return {}
        # SSM refuses the whole request if one of its names is denied.
        return {key: text for name in names for key, text in self._texts_of_batch([name]).items()}

    def _once(
        self, keys: Sequence[str], ask: Callable[[Sequence[str]], Mapping[str, list[Any]]]
    ) -> Mapping[str, list[Any]]:
        """Return the answer for each key. A view asks only for those that it has no answer for."""
        if self._answers is None:
            return ask(keys)
        missing = [key for key in keys if key not in self._answers]
        if missing:
            try:
                if self.away:  # every further request would wait for the same timeout
                    raise type(self.away)(str(self.away))
                answers = ask(missing)
            except StoreUnavailableError as error:
                self.away = self.away or error
                self._answers.update({key: self._earlier_answer(key, error) for key in missing})
            except StoreError as error:
                if len(missing) > 1:
                    raise  # the caller asks for each name by itself to find the one that is denied
                self._answers[missing[0]] = error
            else:
                self._answers.update(answers)
                now = datetime.now(UTC)
                self._earlier.update({key: _Answer(answers[key], now) for key in missing})
        known: dict[str, list[Any]] = {}
        for key in keys:
            answer = self._answers[key]
            if isinstance(answer, StoreError):
                raise answer
            known[key] = answer
        return known

    def _earlier_answer(self, key: str, error: StoreError) -> list[Any] | StoreError:
        answer = self._earlier.get(key)
        if answer is None:
            return error
        self.as_of = min(self.as_of or answer.at, answer.at)
        return answer.parameters

    def _ask(self, operation: str, about: Sequence[str], **wanted: Any) -> dict[str, Any]:
        with _translated(_action(operation), about, self._connection):
            return dict(getattr(self._connection.client(), operation)(**wanted))


class _Connection:
    """The boto3 client of several views. Unless it was given, refused credentials replace it."""

    def __init__(self, client: Any, region: str | None) -> None:
        self._given, self._region, self._own = client, region, None

    def client(self) -> Any:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = aws_client("ssm", self._region)
        return self._own

    def reopen(self) -> None:
        """Create a new client at the next request, which picks up renewed credentials."""
        self._own = None


def aws_client(service: str, region: str | None) -> Any:
    """Return a client of a service, such as "kms". Without a region, boto3's settings name it.

    Raises:
        UsageError: a setting is not valid, such as the endpoint's URL.
    """
    config = Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, retries=RETRIES)
    # Not boto3's default session, which threads can't share while it is created.
    session = boto3.session.Session()
    try:
        return session.client(service, region_name=region, config=config)
    except ValueError as error:
        raise UsageError(
            f"no client for {service} can be created: {error}. Check AWS_ENDPOINT_URL and the "
            "profile"
        ) from None


def batches(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the names in batches for one request, each name once."""
    wanted = list(dict.fromkeys(names))
    for start in range(0, len(wanted), BATCH):
        yield wanted[start : start + BATCH]


def released_models(names: Iterable[str], path: str) -> list[str]:
    """Return the models with a release among the parameters of an environment's path."""
    parsed = (parse(name, path) for name in names)
    return sorted(name.model for name in parsed if name.kind == "release")


@contextmanager
def _translated(
    action: str, about: Sequence[str], connection: _Connection | None = None
) -> Iterator[None]:
    try:
        yield
    except (*FAILURES, OSError) as error:
        problem = translate(error, action, about)
        if connection and isinstance(problem, CredentialsError):
            connection.reopen()
        raise problem from error
    except ModelConfigError:  # before UNREADABLE, as it may be a ValueError
        raise
    except UNREADABLE:
        # Without its cause, which may hold the bytes of the answer, and so a secret.
        raise unreadable_answer(action, about) from None


def _action(operation: str) -> str:
    """Return the IAM action of a request."""
    return f"ssm:{operation.title().replace('_', '')}"


def _parameters(answer: Mapping[str, Any], action: str, about: Sequence[str]) -> list[Any]:
    """Return an answer's parameters.

    botocore parses an incomplete reply, or a proxy's page, as an empty answer.
    """
    parameters = answer.get("Parameters")
    if not isinstance(parameters, list):
        raise unreadable_answer(action, about)
    return parameters


def _listed_parameter(listed: Mapping[str, Any]) -> ListedParameter:
    return ListedParameter(
        name=listed["Name"],
        type=listed["Type"],
        tier=listed.get("Tier", "Standard"),
        key=listed.get("KeyId"),
        version=listed["Version"],
        at=listed["LastModifiedDate"],
        by=listed.get("LastModifiedUser", ""),
    )
