"""The parameters below a path in SSM: listed whole, and read as far as we are allowed to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from model_config.format.errors import StoreError, StoreUnavailableError
from model_config.format.names import parse
from model_config.operate.parameters import ListedParameter
from model_config.operate.store import OperatorStore
from model_config.reader.store import BATCH

#: Parameters that SSM lists in one request (SSM API reference, DescribeParameters).
LISTED = 50

Item = TypeVar("Item")
Result = TypeVar("Result")


class Watch(Protocol):
    """Shows a person how far it is: `with_progress` of the command line."""

    def __call__(self, items: Iterable[Item], what: str, total: int | None, /) -> Iterable[Item]:
        """Return the items, and note each that is taken."""


def unwatched(items: Iterable[Item], what: str, total: int | None, /) -> Iterable[Item]:  # noqa: ARG001
    """Return the items."""
    return items


class Inventory(OperatorStore):
    """A store that goes on where one parameter of many is denied.

    Needs `ssm:DescribeParameters` on everything (it can't be had on less), `ssm:GetParameters`
    and `kms:Decrypt` on what is read.

    Attributes:
        requests: how many were made.
        problems: what was denied, in words.
        watch: shows how far it is.

    Args:
        client: a boto3 client for SSM. Default: one of our own, as the reader's.
        watch: shows a person how far it is. Default: nothing.
    """

    def __init__(self, client: Any = None, watch: Watch = unwatched) -> None:
        super().__init__(client)
        self.requests = 0
        self.problems: list[str] = []
        self.watch = watch

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], what: str
    ) -> list[Result]:
        """Return what a function that asks for something gives for each item, in their order.

        Args:
            function: what is called.
            items: what it is called with.
            what: what it does, for who watches: "Reading releases".

        Raises:
            Exception: whatever the function raises first.
        """
        return [function(item) for item in self.watch(items, what, len(items))]

    def below(self, path: str) -> dict[str, ListedParameter]:
        """Return the parameters below a path, at any depth, by name."""
        return self._listed(path, Key="Path", Option="Recursive", Values=[path])

    def models_below(self, path: str) -> list[str]:
        """Return the names of the models of an environment's path that have a release."""
        parsed = (parse(name, path) for name in self.below(path))
        return sorted(name.model for name in parsed if name.kind == "release")

    def everything(self) -> dict[str, ListedParameter]:
        """Return every parameter of the account in this region, by name."""
        return self._listed("*")

    def beginning_with(self, start: str) -> dict[str, ListedParameter]:
        """Return what has a name that begins so."""
        return self._listed(start, Key="Name", Option="BeginsWith", Values=[start])

    def texts(self, names: Sequence[str]) -> dict[str, str]:
        """Return values, decrypted; one that is denied is noted as a problem and left out.

        Raises:
            StoreUnavailableError: AWS can't be asked.
        """
        wanted = list(dict.fromkeys(names))
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
        texts: dict[str, str] = {}
        for batch in self.watch(batches, "Reading values", len(batches)):
            texts |= self._texts_of_batch(batch)
        return texts

    def _listed(self, about: str, **parameter_filter: Any) -> dict[str, ListedParameter]:
        filters = {"ParameterFilters": [parameter_filter]} if parameter_filter else {}
        found = self._pages("describe_parameters", [about], MaxResults=LISTED, **filters)
        listed = self.watch(found, "Listing parameters", None)  # SSM doesn't tell how many
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
        # SSM refuses all ten for one that is denied.
        return {key: text for name in names for key, text in self._texts_of_batch([name]).items()}

    def _ask(self, operation: str, about: Sequence[str], **wanted: Any) -> dict[str, Any]:
        self.requests += 1
        return super()._ask(operation, about, **wanted)


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
