"""What goes wrong: the errors of AWS, botocore and the network, with a fix, and kept problems."""

from __future__ import annotations

import _thread
import re
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from model_config.format import errors
from model_config.format.errors import CredentialsError, ModelConfigError, StoreUnavailableError

#: The fix for credentials that can't be used.
SIGN_IN = (
    "Sign in again or set the credentials (environment, profile, role); a reader without `client` "
    "picks them up by itself"
)
_WAIT = "A reader retries by itself; if the error persists, see the AWS Health Dashboard"
_ROUTE = "Check the network: the route to SSM, its VPC endpoint, a proxy, the security group"
_TLS = (
    "Check which certificates are trusted (AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE), a proxy that "
    "opens TLS connections, and this machine's clock"
)
_ENABLE_KEY = (
    "Enable the key (`aws kms enable-key`, after `aws kms cancel-key-deletion` if its deletion "
    "is scheduled): until then, nothing encrypted under it can be read"
)
_ALLOW = (
    "Attach the model's reader policy to the role (stack output "
    "models.<model>.reader_policy_arn); moving labels and reading the history need the "
    "promoter's"
)

_LIST = "List the releases with `model-config releases MODEL`"
_REGION = "Set AWS_DEFAULT_REGION or the profile's region, or pass a client that has one"
_PROXY = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and that the proxy runs"
_NAMES = "Check the prefix and the names of environment and model"
_AGAIN = "Try again: repeating the request does no harm"
_CLOCK = "Set this machine's clock: AWS refuses signatures more than five minutes off"
_DEPLOY = "Deploy the model first (`pulumi up`), or check the names of model and environment"

_Rows = list[tuple[type[ModelConfigError], str, str, str]]

# The error's type, the problem, the fix, and the names of botocore's exceptions, which isn't
# imported here, and of their base classes.
_EXCEPTIONS: _Rows = [
    (CredentialsError, "no region is set", _REGION, "NoRegionError InvalidRegionError"),
    (
        CredentialsError,
        "there are no usable credentials",
        SIGN_IN,
        """ConfigParseError CredentialRetrievalError InvalidConfigError NoCredentialsError
        PartialCredentialsError ProfileNotFound SSOError TokenRetrievalError""",
    ),
    (StoreUnavailableError, "no answer in time", _ROUTE, "ConnectTimeoutError ReadTimeoutError"),
    (StoreUnavailableError, "the proxy doesn't answer", _PROXY, "ProxyConnectionError"),
    (StoreUnavailableError, "no trusted TLS connection", _TLS, "SSLError"),
    (errors.StoreError, "boto3 refuses the request", _NAMES, "ParamValidationError"),
    (StoreUnavailableError, "no answer", _ROUTE, "BotoCoreError"),
    # From a token file, a certificate or a credential process.
    (CredentialsError, "no usable credentials, or a file is missing", SIGN_IN, "OSError"),
    (StoreUnavailableError, "no answer", _ROUTE, "Exception"),
]
# The same by AWS's error codes, with any HTTP status. The first two rows are those that botocore
# retries (botocore.retries.standard). SSM passes on KMS's refusals as InvalidKeyId, with KMS's own
# code in the text.
_CODES: _Rows = [
    (
        StoreUnavailableError,
        "AWS is throttling requests",
        _WAIT,
        """BandwidthLimitExceeded LimitExceededException PriorRequestNotComplete
        RequestLimitExceeded RequestThrottled RequestThrottledException SlowDown
        ThrottledException Throttling ThrottlingException TooManyRequestsException""",
    ),
    (
        StoreUnavailableError,
        "a fault of AWS",
        _WAIT,
        """InternalFailure InternalServerError RequestTimeout RequestTimeoutException
        ServiceUnavailable ServiceUnavailableException""",
    ),
    (
        StoreUnavailableError,
        "AWS can't reach the role's identity provider",
        _WAIT,
        "IDPCommunicationError",
    ),
    (
        StoreUnavailableError,
        "the parameter is being changed by someone else",
        _AGAIN,
        "TooManyUpdates",
    ),
    (
        errors.KeyUnavailableError,
        "the KMS key can't be used",
        _ENABLE_KEY,
        "InvalidKeyId DisabledException KMSInvalidStateException",
    ),
    (
        CredentialsError,
        "the credentials have expired",
        SIGN_IN,
        "ExpiredTokenException ExpiredToken",
    ),
    (
        CredentialsError,
        "AWS doesn't accept the credentials",
        SIGN_IN,
        """UnrecognizedClientException InvalidClientTokenId InvalidSignatureException
        SignatureDoesNotMatch IncompleteSignature MissingAuthenticationToken""",
    ),
    (
        CredentialsError,
        "the request's time is too far from AWS's",
        _CLOCK,
        "RequestExpired RequestTimeTooSkewed",
    ),
    (errors.AccessDeniedError, "not allowed", _ALLOW, "AccessDeniedException AccessDenied"),
    (errors.ModelNotFoundError, "there is no such parameter", _DEPLOY, "ParameterNotFound"),
    (errors.ReleaseNotFoundError, "there is no such release", _LIST, "ParameterVersionNotFound"),
]
# A timeout and too many requests, temporary as a server's faults are, whether AWS or a proxy on the
# way answers so.
_PASSING = {408, 429}
_MESSAGE_CHARACTERS = 400


def translate(error: Exception, action: str, names: Sequence[str]) -> ModelConfigError:
    """Return this package's error for what a request with this IAM action raised, with a fix."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's ClientError
        kind, what, fix = _refusal(response, action, names)
    else:
        classes = {kind.__name__ for kind in type(error).__mro__}
        kind, what, fix, _ = next(row for row in _EXCEPTIONS if classes & {*row[3].split()})
        what = f"{what} ({error})"
    return kind(f"{action} of {', '.join(names)}: {what}. {fix}.")


def unusable_credentials(error: Exception) -> CredentialsError:
    """Return the error for what a user's token file or credential process raises: anything."""
    name = type(error).__name__
    return CredentialsError(f"there are no usable credentials ({name}: {error}). {SIGN_IN}.")


def unreadable_answer(action: str, names: Sequence[str]) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"{action} of {', '.join(names)}: the answer was cut short or isn't from SSM. {_ROUTE}."
    )


def _refusal(
    response: Mapping[str, Any], action: str, names: Sequence[str]
) -> tuple[type[ModelConfigError], str, str]:
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("Error", {}).get("Message", ""))[:_MESSAGE_CHARACTERS]
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    answer = f'AWS says {code}, "{message}"'
    if re.search("Signature (expired|not yet current)", message):
        code = "RequestExpired"
    row = next((row for row in _CODES if code in row[3].split()), None)
    if row is None:
        if status >= 500 or status in _PASSING:  # noqa: PLR2004 - HTTP's
            return StoreUnavailableError, f"a fault of AWS; {answer}", _WAIT
        if code in {"", str(status)}:  # SSM's own refusals have a code
            return StoreUnavailableError, f"HTTP {status}, which is not from SSM", _ROUTE
        return (
            errors.StoreError,
            answer,
            "This package doesn't know the error: see the text from AWS",
        )
    kind, what, fix, _ = row
    if kind is errors.AccessDeniedError:
        what = f"not allowed: {_missing_permission(message, action, names)}"
    return kind, f"{what}; {answer}", fix


def _missing_permission(message: str, action: str, names: Sequence[str]) -> str:
    bare = [name.partition(":")[0] for name in names]  # as in a policy, without version or label
    resources = ", ".join(
        f"arn:aws:ssm:*:*:parameter{name}" if name.startswith("/") else name for name in bare
    )
    if stated := re.search(r"perform: (\S+?)(?: on resource: (\S+?))?(?:[\s,]|$)", message):
        return f"{stated[1]} is missing on {stated[2] or resources}"
    if "ciphertext" in message or "KMS" in message:
        return f"kms:Decrypt is missing on the key that encrypts {', '.join(names)}"
    return f"{action} is missing on {resources}"


class Problem(NamedTuple):
    """Why an attempt failed. The error isn't kept, because it would keep its frames alive."""

    kind: type[ModelConfigError]
    text: str
    reason: str  # identifies the cause, so that the log reports each cause once
    is_outage: bool  # AWS could not be reached, rather than refused the request

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        """Return the problem that an error describes, or raise a signal's."""
        raise_if_a_signals(error)
        cause = error.__cause__ or error
        answer = getattr(cause, "response", {})
        code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
        reason = f"{type(error).__name__} {type(cause).__name__} {code}"
        if isinstance(error, ModelConfigError):
            return cls(type(error), str(error), reason, isinstance(error, StoreUnavailableError))
        text = f"an unexpected error: {type(error).__name__}: {error}"
        return cls(errors.StoreError, text, reason, is_outage=False)


def raise_if_a_signals(error: BaseException | None) -> None:
    """Raise the exception that a signal's handler raised: it belongs to the application.

    Handlers run in the main thread, which makes attempts itself in a reader without threads only.
    """
    if _thread.get_ident() != threading.main_thread().ident:
        return
    handlers = {_code(signal.getsignal(number)) for number in range(1, signal.NSIG)} - {None}
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            raise error
        frames = error.__traceback__
        while frames is not None:
            if frames.tb_frame.f_code in handlers:
                raise error
            frames = frames.tb_next
        error = error.__cause__ or error.__context__


def _code(handler: Any) -> Any:
    handler = getattr(handler, "func", handler)  # of a partial
    handler = getattr(handler, "__func__", handler)  # of a method
    if callable(handler) and not hasattr(handler, "__code__"):
        handler = type(handler).__call__
    return getattr(handler, "__code__", None)
