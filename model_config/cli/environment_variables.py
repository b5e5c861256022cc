"""Environment variables from a release.

A variable's name is the path in upper case, with an underscore for each character that is not a
letter, a digit or an underscore: `generation/temperature` becomes GENERATION_TEMPERATURE, and the
secret `api_key` becomes API_KEY. A string is used unchanged; any other value is compact JSON.
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
_PREFIX = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)?")


def environment_variables(
    configuration: Configuration, secrets: Mapping[str, str], prefix: str = ""
) -> dict[str, str]:
    """Return a configuration as environment variables.

    Args:
        configuration: the configuration.
        secrets: the values of the secrets to include, by path.
        prefix: the prefix of each name.

    Raises:
        UsageError: two paths have the same name, a name is reserved by other programs, a value
            can't be stored in a variable, or the prefix is invalid. The message holds no value.
    """
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(
            f"{prefix!r} is not a valid prefix for variables: use letters, digits and "
            "underscores, and don't begin with a digit"
        )
    found: dict[str, str] = {}
    paths: dict[str, str] = {}
    for path, text in _texts(configuration, secrets):
        name = prefix + re.sub(r"[^A-Z0-9_]", "_", path.upper())
        if name in found:
            raise UsageError(
                f"{paths[name]} and {path} of {configuration.model} would both be named {name}: "
                "rename one, or read them with the Reader or `model-config export --format json`"
            )
        if "\0" in text:
            raise UsageError(
                f"{path} of {configuration.model} contains a NUL character, which an environment "
                "variable can't: read it with the Reader or `model-config export --format json`"
            )
        found[name], paths[name] = text, path
    if obeyed := [f"{paths[name]} would be {name}" for name in found if _OBEYED.fullmatch(name)]:
        raise UsageError(
            f"{', '.join(obeyed)}, which changes how other programs behave. Use a prefix, such as "
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
            release's variables to another value, so that it is unclear which one to use.
    """
    asked = {name for name, text in present.items() if text == PLACEHOLDER}
    problems = [
        *(f"{name} is requested, but is not in the release" for name in sorted(asked - set(found))),
        *(
            f"{name} is in the release, but is set to another value here: unset it, or set it to "
            f"{PLACEHOLDER}"
            for name in sorted((set(found) & set(present)) - asked)
        ),
    ]
    if problems:
        raise UsageError(
            "the environment doesn't match the release:\n"
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
