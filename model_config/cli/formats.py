"""The texts that `export` writes, each read back exactly by what it is written for."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from model_config.cli.variables import variables
from model_config.format.errors import UsageError

if TYPE_CHECKING:
    from model_config.reader.configuration import Configuration

Format = Literal["json", "dotenv", "yaml", "shell", "tfvars"]

_HCL_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


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
        UsageError: the format has no way to hold one of the values.
    """
    if form in {"dotenv", "shell"}:
        line = _dotenv_line if form == "dotenv" else _shell_line
        found = variables(configuration, secrets, prefix)
        return "".join(line(name, text) for name, text in found.items())
    values: dict[str, Any] = configuration.as_dict()
    if secrets:
        values["secrets"] = dict(secrets)
    if form == "json":
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    if form == "yaml":
        return _yaml(values)
    # One variable, since a field's name may be one that Terraform keeps for itself: `version`.
    return f"{configuration.model} = {_hcl(values)}\n"


def _shell_line(name: str, text: str) -> str:
    return f"export {name}={shlex.quote(text)}\n"


def _dotenv_line(name: str, text: str) -> str:
    """Return a line of a dotenv file as python-dotenv reads it.

    Single quotes, which every reader of such files takes the same way, where they can hold it.
    """
    if "${" in text:
        raise UsageError(
            f"{name} holds ${{, which python-dotenv replaces in any quotes: "
            "export it as json, yaml or shell"
        )
    if not re.search(r"['\\\r]", text):
        return f"{name}='{text}'\n"
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escape)
    return f'{name}="{text}"\n'


def _yaml(values: Mapping[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """PyYAML's, which loses some of Unicode's line ends outside of double quotes."""

    def represent(dumper: Dumper, text: str) -> yaml.ScalarNode:
        style = '"' if re.search(r"[\r\x85\u2028\u2029]", text) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    Dumper.add_representer(str, represent)
    return yaml.dump(values, Dumper=Dumper, allow_unicode=True, sort_keys=False)


def _hcl(value: Any, indent: str = "") -> str:
    """Return a value as an expression of Terraform's language."""
    inner = f"{indent}  "
    if isinstance(value, str):
        return _hcl_string(value)
    if isinstance(value, list):
        return f"[{', '.join(_hcl(item, indent) for item in value)}]"
    if isinstance(value, dict) and value:
        items = (f"{inner}{_hcl_string(key)} = {_hcl(value[key], inner)}\n" for key in value)
        return f"{{\n{''.join(items)}{indent}}}"
    return json.dumps(value)  # the rest is written as in JSON


def _hcl_string(text: str) -> str:
    escaped = re.sub(r'[\x00-\x1f\x7f"\\]', lambda match: _hcl_escape(match[0]), text)
    return '"' + re.sub(r"([$%])(?=\{)", r"\1\1", escaped) + '"'


def _hcl_escape(character: str) -> str:
    return _HCL_ESCAPES.get(character) or f"\\u{ord(character):04x}"
