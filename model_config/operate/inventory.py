"""The parameters below a path in SSM: all are listed, and the permitted ones are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from model_config.format.errors import StoreError, StoreUnavailableError
from model_config.format.names import parse
from model_config.operate.drift.parameters import ListedParameter
from model_config.operate.store import OperatorStore, in_batches

#: Parameters that SSM lists in one request (SSM API reference, DescribeParameters).
LISTED = 50

Item = TypeVar("Item")
Result = TypeVar("Result")


class Watch(Protocol):
    """Shows progress to a person: the command line's `with_progress`."""

    def __call__(self, items: Iterable[Item], what: str, total: int | None, /) -> Iterable[Item]:
        """Return the items, and count each one that is consumed."""


def unwatched(items: Iterable[Item], what: str, total: int | None, /) -> Iterable[Item]:  # noqa: ARG001
    """Return the items."""
    return items


class Inventory(OperatorStore):
    """A store that continues when one of many parameters is denied.

    Needs `ssm:DescribeParameters` on `*` (AWS supports no narrower resource), and
    `ssm:GetParameters` and `kms:Decrypt` on the parameters that are read.

    Attributes:
        requests: the number of requests sent.
        problems: a message for each parameter that was denied.
        watch: shows progress.

    Args:
        client: a boto3 client for SSM. Default: a new one, configured like the reader's.
        watch: shows progress to a person. Default: nothing is shown.
    """

    def __init__(self, client: Any = None, watch: Watch = unwatched) -> None:
        super().__init__(client)
        self.requests = 0
        self.problems: list[str] = []
        self.watch = watch

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], what: str
    ) -> list[Result]:
        """Return the function's result for each item, in their order.

        Args:
            function: sends requests for one item.
            items: its arguments.
            what: the label of the progress bar: "Reading releases".

        Raises:
            Exception: whatever the function raises first.
        """
        return [function(item) for item in self.watch(items, what, len(items))]

    def below(self, path: str) -> dict[str, ListedParameter]:
        """Return the parameters below a path, at any depth, by name."""
        return self._listed(path, Key="Path", Option="Recursive", Values=[path])

    def models_below(self, path: str) -> list[str]:
        """Return the names of the models of an environment's path that have a release."""
        return released_models(self.below(path), path)

    def everything(self) -> dict[str, ListedParameter]:
        """Return every parameter of the account in this region, by name."""
        return self._listed("*")

    def beginning_with(self, start: str) -> dict[str, ListedParameter]:
        """Return the parameters whose names begin with a text, by name."""
        return self._listed(start, Key="Name", Option="BeginsWith", Values=[start])

    def texts(self, names: Sequence[str]) -> dict[str, str]:
        """Return decrypted values by name. A denied parameter is left out and added to `problems`.

        Raises:
            StoreUnavailableError: AWS is unavailable.
        """
        wanted = list(dict.fromkeys(names))
        batches = list(in_batches(wanted))
        texts: dict[str, str] = {}
        for batch in self.watch(batches, "Reading values", len(batches)):
            texts |= self._texts_of_batch(batch)
        return texts

    def _listed(self, about: str, **parameter_filter: Any) -> dict[str, ListedParameter]:
        filters = {"ParameterFilters": [parameter_filter]} if parameter_filter else {}
        found = self._pages("describe_parameters", [about], MaxResults=LISTED, **filters)
        listed = self.watch(found, "Listing parameters", None)  # SSM doesn't return a total
        return {each["Name"]: _parameter(each) for each in listed}

    def _texts_of_batch(self, names: list[str]) -> dict[str, str]:
        try:
            return {stored.name: stored.text for stored in self._get_batch(names)}
        except StoreUnavailableError:
            raise
        except StoreError as error:
            if len(names) == 1:
                self.problems.append(str(error))
                return {}
        # SSM refuses the whole request if one of its names is denied.
        return {key: text for name in names for key, text in self._texts_of_batch([name]).items()}

    def _ask(self, operation: str, about: Sequence[str], **wanted: Any) -> dict[str, Any]:
        self.requests += 1
        return super()._ask(operation, about, **wanted)


def released_models(names: Iterable[str], path: str) -> list[str]:
    """Return the models with a release among the parameters of an environment's path."""
    parsed = (parse(name, path) for name in names)
    return sorted(name.model for name in parsed if name.kind == "release")


def _parameter(listed: dict[str, Any]) -> ListedParameter:
    return ListedParameter(
        name=listed["Name"],
        type=listed["Type"],
        tier=listed.get("Tier", "Standard"),
        key=listed.get("KeyId"),
        version=listed["Version"],
        at=listed["LastModifiedDate"],
        by=listed.get("LastModifiedUser", ""),
    )
