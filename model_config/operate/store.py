"""The requests that write, beside those that a reader makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_config.reader.store import BATCH, Store


class WritingStore(Store):
    """A store that also writes. No request of it changes a value that a deploy wrote."""

    @property
    def region(self) -> str:
        """The region that is asked."""
        return str(self._client().meta.region_name)

    def unlabel(self, name: str, version: int, label: str) -> None:
        """Take a label off a version; where it isn't there, that is no error.

        Needs `ssm:UnlabelParameterVersion`.

        Raises:
            StoreError: AWS can't be asked, or refuses.
        """
        self._ask(
            "unlabel_parameter_version",
            [f"{name}:{version}"],
            Name=name,
            ParameterVersion=version,
            Labels=[label],
        )

    def write_string(self, name: str, text: str) -> int:
        """Write over a parameter of type String, and return the number of the new version.

        Needs `ssm:PutParameter`.

        Raises:
            StoreError: AWS can't be asked, or refuses.
        """
        answer = self._ask(
            "put_parameter", [name], Name=name, Value=text, Type="String", Overwrite=True
        )
        return int(answer["Version"])

    def existing(self, names: Sequence[str]) -> set[str]:
        """Return those of the names that there are parameters of. Nothing is decrypted.

        Needs `ssm:GetParameters`, and no right to a key.

        Raises:
            StoreError: AWS can't be asked, or refuses.
        """
        found: set[str] = set()
        for start in range(0, len(names), BATCH):
            batch = list(names[start : start + BATCH])
            answer: dict[str, Any] = self._ask(
                "get_parameters", batch, Names=batch, WithDecryption=False
            )
            found.update(each["Name"] for each in answer["Parameters"])
        return found
