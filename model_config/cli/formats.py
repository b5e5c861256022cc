"""The formats of `export`. Each format's reader gets back exactly the exported values."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from model_config.cli.environment_variables import environment_variables

if TYPE_CHECKING:
    from model_config.reader.configuration import Configuration

Format = Literal["json", "dotenv", "yaml", "shell", "tfvars.json"]

# Inside double quotes, a shell and python-dotenv have no common escape for a backtick and a dollar
# sign, but both expand a variable exactly once. Node expands none; it still finds the end of the
# value, since the other two stand for a quotation mark, and end a text that ends with a backslash.
_HELPERS = {
    "`": "MODEL_CONFIG_BACKTICK",
    "$": "MODEL_CONFIG_DOLLAR",
    '"': "MODEL_CONFIG_QUOTE",
    "": "MODEL_CONFIG_END",
}
_IN_DOUBLE_QUOTES = str.maketrans(
    {
        "\\": "\\\\",
        "\r": "\\r",
        **{character: f"${{{name}}}" for character, name in _HELPERS.items() if character},
    }
)
# What python-dotenv changes inside single quotes, and a parser changes inside double quotes.
_NOT_SINGLE = re.compile(r"['\r]|\$\{|\\\\|\\\Z")
_NOT_DOUBLE = re.compile(r"[\"`$\\\r]")


def as_text(
    form: Format, configuration: Configuration, secrets: Mapping[str, str], prefix: str = ""
) -> str:
    """Return a configuration in a format.

    Args:
        secrets: the values of the secrets to include, by path. Nested formats have them under
            `secrets`, which can't be a field's name.
        prefix: what each variable's name begins with.

    Raises:
        UsageError: the values can't be variables.
    """
    if form in {"dotenv", "shell"}:
        variables = environment_variables(configuration, secrets, prefix)
        return _dotenv(variables) if form == "dotenv" else _shell(variables)
    values: dict[str, Any] = configuration.as_dict()
    if secrets:
        values["secrets"] = dict(secrets)
    if form == "yaml":
        return yaml_text(values)
    if form == "tfvars.json":
        # One variable, since Terraform reserves names such as `version`.
        values = {configuration.model: values}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _shell(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items())


def _dotenv(variables: Mapping[str, str]) -> str:
    """Return a dotenv file for python-dotenv. A shell can source it, and runs nothing in it.

    Most texts have a form that a shell and Node's --env-file read alike. Comments at the top name
    the variables that have none.
    """
    shell = [name for name, text in variables.items() if "\r" in text]
    node = [
        name
        for name, text in variables.items()
        if _NOT_SINGLE.search(text) and _NOT_DOUBLE.search(text)
    ]
    comments = ["Written for python-dotenv."]
    if shell:
        comments.append(f"A shell misreads {', '.join(shell)}: source --format shell instead.")
    if node:
        comments.append(f"Node's --env-file misreads {', '.join(node)}: use `exec` instead.")
    lines = "".join(f"{name}={_quoted(text)}\n" for name, text in variables.items())
    helpers = (f"{name}='{text}'\n" for text, name in _HELPERS.items() if f"${{{name}}}" in lines)
    return "".join((*(f"# {comment}\n" for comment in comments), *helpers, lines))


def _quoted(text: str) -> str:
    """Return a text in the quotation marks in which most parsers read it unchanged."""
    if not _NOT_SINGLE.search(text):
        return f"'{text}'"
    end = f"${{{_HELPERS['']}}}" if text.endswith("\\") else ""
    return f'"{text.translate(_IN_DOUBLE_QUOTES)}{end}"'


def yaml_text(values: Mapping[str, Any]) -> str:
    """Return YAML that every version of it reads alike, with prompts as blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """PyYAML's dumper, which would leave the text 1e3 without quotation marks."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    def represent(dumper: Dumper, text: str) -> yaml.ScalarNode:
        style = None if text[:1].isalpha() and text.isprintable() else '"'
        style = "|" if "\n" in text and not re.search(r"[\r\x85\u2028\u2029]", text) else style
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    Dumper.add_representer(str, represent)
    return yaml.dump(values, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=math.inf)
