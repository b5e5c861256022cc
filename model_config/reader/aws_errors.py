"""What AWS or the way to it answered, in the words of someone who has to do something about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from model_config.format.errors import (
    AccessDeniedError,
    CredentialsError,
    KeyUnavailableError,
    ModelConfigError,
    ModelNotFoundError,
    ReleaseNotFoundError,
    StoreError,
    StoreUnavailableError,
)

#: What boto3 raises when a request fails, whatever the reason.
FAILURES = (BotoCoreError, ClientError)
#: What botocore's parser stumbles over in an answer that isn't SSM's JSON, or only half of it.
UNREADABLE = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)

_NO_REGION = (NoRegionError, InvalidRegionError)
_NO_CREDENTIALS = (
    ConfigParseError,
    CredentialRetrievalError,
    InvalidConfigError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
# They pass, whoever says so: AWS, or a proxy on the way.
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_TIMEOUTS = (ConnectTimeoutError, ReadTimeoutError)

_SEE_NAMES = "Look at the names of prefix, environment and model"
_SET_REGION = "Set AWS_DEFAULT_REGION or the profile's region, or pass a client that has one"
#: What to do about credentials that can't be used.
SIGN_IN = (
    "Sign in again or set the credentials (environment, profile, role); a reader made without "
    "`client` then picks them up by itself"
)
_SET_CLOCK = "Set this machine's clock: AWS refuses signatures more than five minutes off"
_WAIT = "A reader asks again by itself; if it goes on, look at the AWS Health Dashboard"
_ROUTE = "Look at the network: the route to SSM, a VPC endpoint for it, a proxy, the security group"
_ENABLE_KEY = (
    "Enable the key again (`aws kms enable-key`, after `aws kms cancel-key-deletion` where its "
    "deletion was scheduled): nothing encrypted under it can be read before"
)
_ALLOW = (
    "Attach the model's reader policy to the role that asks (stack output "
    "models.<model>.reader_policy_arn); moving labels and reading the history need the promoter's"
)

# Error codes to the type, what happened, and what to do. SSM passes KMS's refusals on as
# InvalidKeyId with KMS's own code in the text.
_CODES: dict[str, tuple[type[ModelConfigError], str, str]] = {
    # As botocore's retries know them (botocore.retries.standard), whatever the HTTP status is.
    **dict.fromkeys(
        (
            "BandwidthLimitExceeded",
            "LimitExceededException",
            "PriorRequestNotComplete",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ),
        (StoreUnavailableError, "AWS throttles requests", _WAIT),
    ),
    **dict.fromkeys(
        (
            "InternalFailure",
            "InternalServerError",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ),
        (StoreUnavailableError, "a fault of AWS", _WAIT),
    ),
    "IDPCommunicationError": (
        StoreUnavailableError,
        "the identity provider that vouches for this role can't be asked",
        _WAIT,
    ),
    "TooManyUpdates": (
        StoreUnavailableError,
        "the parameter is being changed by someone else",
        "Try again: nothing is lost by repeating it",
    ),
    **dict.fromkeys(
        ("InvalidKeyId", "DisabledException", "KMSInvalidStateException"),
        (KeyUnavailableError, "the KMS key can't be used", _ENABLE_KEY),
    ),
    **dict.fromkeys(
        ("ExpiredTokenException", "ExpiredToken"),
        (CredentialsError, "the credentials have expired", SIGN_IN),
    ),
    **dict.fromkeys(
        (
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "MissingAuthenticationToken",
        ),
        (CredentialsError, "AWS doesn't accept the credentials", SIGN_IN),
    ),
    **dict.fromkeys(
        ("RequestExpired", "RequestTimeTooSkewed"),
        (CredentialsError, "the request's time is too far from AWS's", _SET_CLOCK),
    ),
    **dict.fromkeys(
        ("AccessDeniedException", "AccessDenied"),
        (AccessDeniedError, "not allowed", _ALLOW),
    ),
    "ParameterNotFound": (
        ModelNotFoundError,
        "there is no such parameter",
        "Deploy the model first (`pulumi up`), or look at the names of model and environment",
    ),
    "ParameterVersionNotFound": (
        ReleaseNotFoundError,
        "there is no such release",
        "See which there are: `model-config releases MODEL`",
    ),
}
_CLOCK_IN_MESSAGE = re.compile(r"Signature expired|Signature not yet current")
_MISSING_PERMISSION = re.compile(r"perform: (\S+?)(?: on resource: (\S+?))?(?:[\s,]|$)")
_MESSAGE_CHARACTERS = 400


def translate(error: Exception, action: str, names: Sequence[str]) -> ModelConfigError:
    """Return the error a user can do something with.

    Args:
        error: one of `FAILURES`, or an OSError.
        action: what was asked for, as IAM calls it: "ssm:GetParameters".
        names: the parameters it was asked for.
    """
    if isinstance(error, ClientError):
        kind, what, fix = _refusal(error, action, names)
    elif isinstance(error, _NO_REGION):
        kind, what, fix = CredentialsError, f"no region is set ({error})", _SET_REGION
    elif isinstance(error, _NO_CREDENTIALS):
        kind, what, fix = CredentialsError, f"there are no usable credentials ({error})", SIGN_IN
    elif isinstance(error, _TIMEOUTS):
        kind, what, fix = StoreUnavailableError, f"no answer in time ({error})", _ROUTE
    elif isinstance(error, OSError):  # a token's file, a certificate's, a program for credentials
        what = f"there are no usable credentials, or a file is missing ({error})"
        kind, fix = CredentialsError, SIGN_IN
    elif isinstance(error, ParamValidationError):
        kind, what, fix = StoreError, f"boto3 refuses the request ({error})", _SEE_NAMES
    else:
        kind, what, fix = StoreUnavailableError, f"no answer ({error})", _ROUTE
    return kind(f"{action} of {', '.join(names)}: {what}. {fix}.")


def unreadable_answer(action: str, names: Sequence[str]) -> StoreUnavailableError:
    """Return the error for an answer that is not SSM's: cut short, or some proxy's own page."""
    return StoreUnavailableError(
        f"{action} of {', '.join(names)}: the answer was cut short or isn't from SSM. {_ROUTE}."
    )


def _refusal(
    error: ClientError, action: str, names: Sequence[str]
) -> tuple[type[ModelConfigError], str, str]:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", ""))[:_MESSAGE_CHARACTERS]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f'AWS says {code}, "{message}"'
    if _CLOCK_IN_MESSAGE.search(message):
        code = "RequestExpired"
    if code not in _CODES:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
            return StoreUnavailableError, f"a fault of AWS; {said}", _WAIT
        if code in {"", str(status)}:  # SSM's own refusals have a name
            return StoreUnavailableError, f"HTTP {status} of something that isn't SSM", _ROUTE
        return StoreError, said, "Nothing of ours explains it: see AWS's text"
    kind, what, fix = _CODES[code]
    if kind is AccessDeniedError:
        what = f"not allowed: {_missing_permission(message, action, names)}"
    return kind, f"{what}; {said}", fix


def _missing_permission(message: str, action: str, names: Sequence[str]) -> str:
    """Return which permission on what is missing: from AWS's text, or else from the request."""
    if found := _MISSING_PERMISSION.search(message):
        return f"{found[1]} is missing on {found[2] or ', '.join(map(_arn, names))}"
    if "ciphertext" in message or "KMS" in message:
        return f"kms:Decrypt is missing on the key that encrypts {', '.join(names)}"
    return f"{action} is missing on {', '.join(map(_arn, names))}"


def _arn(name: str) -> str:
    """Return a parameter's ARN as a policy would have it, without version or label."""
    return f"arn:aws:ssm:*:*:parameter{name.partition(':')[0]}"
