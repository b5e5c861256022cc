"""A release as environment variables.

A variable's name is the path in upper case, with an underscore for each character that is not a
letter, a digit or an underscore: `generation/temperature` becomes GENERATION_TEMPERATURE, and the
secret `api_key` API_KEY. A string is the variable's text as it is; any other value is compact JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from model_config.comparing.changes import leaves
from model_config.format.codec import Value
from model_config.format.errors import UsageError

if TYPE_CHECKING:
    from model_config.reader.configuration import Configuration

#: The text of a variable that the release is to fill.
PLACEHOLDER = "from-release"

#: Variables that shells, loaders, interpreters, HTTP and AWS clients obey. A release must not set
#: them.
_OBEYED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|IFS|ENV|BASH_ENV|SHELLOPTS|PS4|PROMPT_COMMAND"
    r"|LD_.*|DYLD_.*|GCONV_PATH|GLIBC_TUNABLES|PYTHON.*|PERL5?(LIB|OPT|DB)|RUBY(LIB|OPT)|CLASSPATH"
    r"|NODE_(OPTIONS|PATH|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED)|(JDK_)?JAVA_(TOOL_)?OPTIONS"
    r"|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|SSLKEYLOGFILE|(REQUESTS|CURL)_CA_BUNDLE"
    r"|(AWS|GIT|SSH|PULUMI|MODEL_CONFIG)_.*"
)
_PREFIX = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)?")


def environment_variables(
    configuration: Configuration, secrets: Mapping[str, str], prefix: str = ""
) -> dict[str, str]:
    """Return a configuration as environment variables.

    Args:
        configuration: the configuration.
        secrets: the texts of the secrets to include, by path.
        prefix: the beginning of each name.

    Raises:
        UsageError: two paths have the same name, other programs obey a name, a value can't be a
            variable's, or the prefix can't begin a name. The text holds no value.
    """
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(
            f"{prefix!r} can't begin a variable's name: use letters, digits and underscores, and "
            "no digit first"
        )
    found: dict[str, str] = {}
    paths: dict[str, str] = {}
    for path, text in _texts(configuration, secrets):
        name = prefix + re.sub(r"[^A-Z0-9_]", "_", path.upper())
        if name in found:
            raise UsageError(
                f"{paths[name]} and {path} of {configuration.model} would both be {name}: "
                "rename one, or read them with the Reader or `model-config export --format json`"
            )
        if "\0" in text:
            raise UsageError(
                f"{path} of {configuration.model} has a NUL character, which no environment "
                "variable can have: read it with the Reader or `model-config export --format json`"
            )
        found[name], paths[name] = text, path
    if obeyed := [f"{paths[name]} would be {name}" for name in found if _OBEYED.fullmatch(name)]:
        raise UsageError(
            f"{', '.join(obeyed)}, which other programs obey. Give all variables a prefix, such as "
            f"--variable-prefix {configuration.model.upper()}_"
        )
    return found


def only_requested(found: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the caller's environment requests with the placeholder.

    Args:
        found: the release's variables.
        present: the caller's environment.

    Raises:
        UsageError: the release lacks a requested variable, or the environment sets one of the
            release's variables to something else, so that it is unclear which is meant.
    """
    asked = {name for name, text in present.items() if text == PLACEHOLDER}
    problems = [
        *(f"{name} is requested, and is not in the release" for name in sorted(asked - set(found))),
        *(
            f"{name} is in the release, and is set to something else here: unset it, or set it to "
            f"{PLACEHOLDER}"
            for name in sorted((set(found) & set(present)) - asked)
        ),
    ]
    if problems:
        raise UsageError(
            "the environment does not match the release:\n"
            + "\n".join(f"  {each}" for each in problems)
        )
    return {name: text for name, text in found.items() if name in asked}


def _texts(configuration: Configuration, secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path, value in leaves(configuration.as_dict()):
        yield "/".join(path), _text(value)
    yield from secrets.items()


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
