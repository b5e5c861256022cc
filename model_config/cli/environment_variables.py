"""A release as environment variables: how they are named, and what stands in them.

The name is the path in upper case, each character that isn't a letter, a digit or an underscore
as an underscore: `generation/temperature` is GENERATION_TEMPERATURE, the secret `api_key` is
API_KEY. A string stands as itself, everything else as compact JSON.
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

#: What a caller sets a variable to, to say that the release must fill it.
PLACEHOLDER = "from-release"

#: What shells, loaders, interpreters, HTTP and AWS clients obey: a release must not set it.
_OBEYED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|IFS|ENV|BASH_ENV|SHELLOPTS|PS4|PROMPT_COMMAND"
    r"|LD_.*|DYLD_.*|GCONV_PATH|GLIBC_TUNABLES|PYTHON.*|PERL5?(LIB|OPT|DB)|RUBY(LIB|OPT)|CLASSPATH"
    r"|NODE_(OPTIONS|PATH|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED)|(JDK_)?JAVA_(TOOL_)?OPTIONS"
    r"|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|SSLKEYLOGFILE|(REQUESTS|CURL)_CA_BUNDLE"
    r"|(AWS|GIT|SSH|PULUMI|MODEL_CONFIG)_.*"
)
_PREFIX = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)?")


def variables(
    configuration: Configuration, secrets: Mapping[str, str], prefix: str = ""
) -> dict[str, str]:
    """Return a configuration's variables.

    Args:
        configuration: the release.
        secrets: the texts of the secrets that shall be among them, by their path.
        prefix: what every name begins with.

    Raises:
        UsageError: two paths have one name, a name is one that other programs obey, a value
            can't be a variable's, or the prefix can't begin a name. No value is shown.
    """
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(
            f"{prefix!r} can't begin a variable's name: letters, digits and underscores, "
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
                f"{path} of {configuration.model} holds a NUL character, which no environment "
                "variable can: read it with the Reader or `model-config export --format json`"
            )
        found[name], paths[name] = text, path
    if obeyed := [f"{paths[name]} would be {name}" for name in found if _OBEYED.fullmatch(name)]:
        raise UsageError(
            f"{', '.join(obeyed)}: other programs obey such variables. Give all of them a prefix, "
            f"such as --variable-prefix {configuration.model.upper()}_"
        )
    return found


def asked_for(found: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the caller's environment asks for with the placeholder.

    Args:
        found: the release's variables.
        present: the caller's environment.

    Raises:
        UsageError: one that is asked for isn't in the release, or one that is in the release has
            another value in the environment, so that which of the two is meant isn't known.
    """
    asked = {name for name, text in present.items() if text == PLACEHOLDER}
    problems = [
        *(f"{name} is asked for, and not in the release" for name in sorted(asked - set(found))),
        *(
            f"{name} is in the release, and set to something else here: unset it, or set it to "
            f"{PLACEHOLDER}"
            for name in sorted((set(found) & set(present)) - asked)
        ),
    ]
    if problems:
        raise UsageError("the variables don't fit:\n" + "\n".join(f"  {each}" for each in problems))
    return {name: text for name, text in found.items() if name in asked}


def _texts(configuration: Configuration, secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path, value in leaves(configuration.as_dict()):
        yield "/".join(path), _text(value)
    yield from secrets.items()


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
