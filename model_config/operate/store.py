"""The requests of the command line to SSM, in addition to those of a reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from model_config.format.errors import StoreError
from model_config.reader.aws_errors import unreadable_answer
from model_config.reader.store import BATCH, Store


class OperatorStore(Store):
    """A store that also reads histories and writes. It changes no value that a deploy wrote.

    Every method raises StoreError or a subclass, or ModelNotFoundError if the parameter doesn't
    exist. Each needs the permission of the request that it is named after.
    """

    @property
    def region(self) -> str:
        """The client's region."""
        return str(self._client().meta.region_name)

    def history(self, name: str, *, decrypt: bool) -> list[dict[str, Any]]:
        """Return a parameter's versions from GetParameterHistory, oldest first."""
        found = list(
            self._pages("get_parameter_history", [name], Name=name, WithDecryption=decrypt)
        )
        if not found:  # a parameter has at least one version; callers rely on it
            raise unreadable_answer("ssm:GetParameterHistory", [name])
        return sorted(found, key=lambda version: int(version["Version"]))

    def names_below(self, path: str) -> list[str]:
        """Return the names of the parameters directly below a path, without reading values."""
        return [found["Name"] for found in self._pages("get_parameters_by_path", [path], Path=path)]

    def arn_of(self, name: str) -> str | None:
        """Return a parameter's ARN, or None if the parameter doesn't exist."""
        asked = {"Names": [name], "WithDecryption": False}
        found = list(self._pages("get_parameters", [name], **asked))
        return str(found[0]["ARN"]) if found and "ARN" in found[0] else None

    def existing(self, names: Sequence[str]) -> set[str]:
        """Return the names of the existing parameters. Nothing is decrypted."""
        found: set[str] = set()
        for batch in in_batches(names):
            answer = self._list("get_parameters", batch, Names=batch, WithDecryption=False)
            found.update(each["Name"] for each in answer[0])
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
        for batch in in_batches(names):
            self._ask("delete_parameters", batch, Names=batch)

    def _pages(self, operation: str, about: list[str], **wanted: Any) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            found, token = self._list(operation, about, **wanted, **more)
            yield from found
            if not token:
                return
            more = {"NextToken": token}


def in_batches(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the names in batches for one request (SSM API reference: GetParameters, Delete…)."""
    for start in range(0, len(names), BATCH):
        yield list(names[start : start + BATCH])
