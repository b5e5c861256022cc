"""A configuration as environment variables, and in the formats of `export`.

A variable's name is the path in upper case, with an underscore for each character that is not a
letter, a digit or an underscore: `generation/temperature` becomes GENERATION_TEMPERATURE, and the
secret `api_key` becomes API_KEY. A string is used unchanged; any other value is compact JSON. Each
format's reader gets back exactly the exported values.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from model_config.comparing.changes import leaves
from model_config.format.errors import UsageError

if TYPE_CHECKING:  # --help needn't wait for it
    from model_config.reader.configuration import Configuration

#: The value of a variable that requests its value from the release.
PLACEHOLDER = "from-release"

#: Variables that change how shells, loaders, interpreters, HTTP and AWS clients behave. A release
#: must not set them.
_OBEYED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|IFS|ENV|BASH_ENV|SHELLOPTS|PS4|PROMPT_COMMAND"
    r"|LD_.*|DYLD_.*|GCONV_PATH|GLIBC_TUNABLES|PYTHON.*|PERL5?(LIB|OPT|DB)|RUBY(LIB|OPT)|CLASSPATH"
    r"|NODE_(OPTIONS|PATH|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED)|(JDK_)?JAVA_(TOOL_)?OPTIONS"
    r"|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|SSLKEYLOGFILE|(REQUESTS|CURL)_CA_BUNDLE"
    r"|(AWS|GIT|SSH|PULUMI|MODEL_CONFIG)_.*"
)


def environment_variables(
    configuration: Configuration, secrets: Mapping[str, str], prefix: str = ""
) -> dict[str, str]:
    """Return a configuration, and secrets by their paths, as environment variables.

    UsageError, without any value: two paths have the same name, a name is reserved by other
    programs, a value can't be stored in a variable, or the prefix is invalid.
    """
    if not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)?", prefix):
        raise UsageError(
            f"{prefix!r} is not a valid prefix for variables: use letters, digits and "
            "underscores, and don't begin with a digit"
        )
    texts = {
        "/".join(path): value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for path, value in leaves(configuration.as_dict())
    }
    variables: dict[str, str] = {}
    paths: dict[str, str] = {}
    for path, text in (*texts.items(), *secrets.items()):
        name = prefix + re.sub(r"[^A-Z0-9_]", "_", path.upper())
        if name in variables:
            raise UsageError(
                f"{paths[name]} and {path} of {configuration.model} would both be named {name}: "
                "rename one, or read them with the Reader or `model-config export --format json`"
            )
        if "\0" in text:
            raise UsageError(
                f"{path} of {configuration.model} contains a NUL character, which an environment "
                "variable can't: read it with the Reader or `model-config export --format json`"
            )
        variables[name], paths[name] = text, path
    if obeyed := [f"{paths[name]} would be {name}" for name in paths if _OBEYED.fullmatch(name)]:
        raise UsageError(
            f"{', '.join(obeyed)}, which changes how other programs behave. Use a prefix, such as "
            f"--variable-prefix {configuration.model.upper()}_"
        )
    return variables


def only_requested(variables: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Return the release's variables that the caller's environment requests with the placeholder.

    Any other variable of the release must be unset there, or it is unclear which one to use.
    """
    asked = {name for name, text in present.items() if text == PLACEHOLDER}
    problems = [
        *(
            f"{name} is requested, but is not in the release"
            for name in sorted(asked - {*variables})
        ),
        *(
            f"{name} is in the release, but is set to another value here: unset it, or set it to "
            f"{PLACEHOLDER}"
            for name in sorted((variables.keys() & present.keys()) - asked)
        ),
    ]
    if problems:
        raise UsageError("\n  ".join(["the environment doesn't match the release:", *problems]))
    return {name: text for name, text in variables.items() if name in asked}


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
    {"\\": "\\\\", "\r": "\\r", **{it: f"${{{name}}}" for it, name in _HELPERS.items() if it}}
)
# What python-dotenv changes inside single quotes, and a parser changes inside double quotes.
_NOT_SINGLE = re.compile(r"['\r]|\$\{|\\\\|\\\Z")
_NOT_DOUBLE = re.compile(r"[\"`$\\\r]")


def as_text(
    form: Format, configuration: Configuration, secrets: Mapping[str, str], prefix: str = ""
) -> str:
    """Return a configuration in a format. Nested ones have the secrets under `secrets`."""
    if form in {"dotenv", "shell"}:
        variables = environment_variables(configuration, secrets, prefix)
        if form == "dotenv":
            return _dotenv(variables)
        return "".join(f"export {name}={shlex.quote(it)}\n" for name, it in variables.items())
    values: dict[str, Any] = configuration.as_dict()
    if secrets:
        values["secrets"] = dict(secrets)
    if form == "yaml":
        return yaml_text(values)
    if form == "tfvars.json":
        # One variable, since Terraform reserves names such as `version`.
        values = {configuration.model: values}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _dotenv(variables: Mapping[str, str]) -> str:
    """Return a dotenv file for python-dotenv. A shell can source it, and runs nothing in it.

    Most texts have a form that a shell and Node's --env-file read alike. Comments at the top name
    the variables that have none.
    """
    shell = [name for name, text in variables.items() if "\r" in text]
    hard = (name for name, text in variables.items() if _NOT_SINGLE.search(text))
    node = [name for name in hard if _NOT_DOUBLE.search(variables[name])]
    comments = ["# Written for python-dotenv.\n"]
    if shell:
        names = ", ".join(shell)
        comments.append(f"# A shell misreads {names}: source --format shell instead.\n")
    if node:
        comments.append(f"# Node's --env-file misreads {', '.join(node)}: use `exec` instead.\n")
    lines = "".join(f"{name}={_quoted(text)}\n" for name, text in variables.items())
    helpers = (f"{name}='{text}'\n" for text, name in _HELPERS.items() if f"${{{name}}}" in lines)
    return "".join((*comments, *helpers, lines))


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
        # Outside of quotes, YAML 1.1 has y and n for true and false, which PyYAML doesn't know.
        is_plain = text[:1].isalpha() and text.isprintable() and text.lower() not in {"y", "n"}
        style = None if is_plain else '"'
        style = "|" if "\n" in text and not re.search(r"[\r\x85\u2028\u2029]", text) else style
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    Dumper.add_representer(str, represent)
    return yaml.dump(values, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=math.inf)
