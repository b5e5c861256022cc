"""The texts that `export` writes, each read back exactly by what it is written for."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from model_config.cli.environment_variables import variables

if TYPE_CHECKING:
    from model_config.reader.configuration import Configuration

Format = Literal["json", "dotenv", "yaml", "shell", "tfvars.json"]

# In double quotes a shell would run the one and expand the other. No escape is read alike by a
# shell and by python-dotenv, but both replace a variable once.
_HELPERS = {"`": "MODEL_CONFIG_BACKTICK", "$": "MODEL_CONFIG_DOLLAR"}
_IN_DOUBLE_QUOTES = str.maketrans(
    {
        "\\": "\\\\",
        '"': '\\"',
        "\r": "\\r",
        **{character: f"${{{name}}}" for character, name in _HELPERS.items()},
    }
)


def as_text(
    form: Format, configuration: Configuration, secrets: Mapping[str, str], prefix: str = ""
) -> str:
    """Return a configuration in a format.

    Args:
        form: the format.
        configuration: the release.
        secrets: the texts of the secrets that shall be in it, by their path; in the nested
            formats under `secrets`, a name that no field has.
        prefix: what variables' names begin with, in dotenv and shell.

    Raises:
        UsageError: the values can't be variables.
    """
    if form in {"dotenv", "shell"}:
        found = variables(configuration, secrets, prefix)
        return _dotenv(found) if form == "dotenv" else _shell(found)
    values: dict[str, Any] = configuration.as_dict()
    if secrets:
        values["secrets"] = dict(secrets)
    if form == "yaml":
        return _yaml(values)
    if form == "tfvars.json":
        # One variable, since a field's name may be one that Terraform keeps for itself: `version`.
        values = {configuration.model: values}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _shell(found: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(text)}\n" for name, text in found.items())


def _dotenv(found: Mapping[str, str]) -> str:
    """Return a dotenv file as python-dotenv reads it; a shell that sources it runs nothing."""
    lines = "".join(f"{name}={_quoted(text)}\n" for name, text in found.items())
    helpers = (f"{name}='{each}'\n" for each, name in _HELPERS.items() if f"${{{name}}}" in lines)
    return "".join(helpers) + lines


def _quoted(text: str) -> str:
    """Return a text in single quotes, which every reader takes alike, where they can hold it."""
    if "${" in text or re.search(r"['\\\r]", text):
        return f'"{text.translate(_IN_DOUBLE_QUOTES)}"'
    return f"'{text}'"


def _yaml(values: Mapping[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """PyYAML's, with prompts as blocks, and in double quotes what it loses outside of them."""

    def represent(dumper: Dumper, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else None
        style = '"' if re.search(r"[\r\x85\u2028\u2029]", text) else style
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    Dumper.add_representer(str, represent)
    return yaml.dump(values, Dumper=Dumper, allow_unicode=True, sort_keys=False)
