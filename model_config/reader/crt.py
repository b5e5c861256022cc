"""Reads parameters from SSM over AWS's own runtime, awscrt: a faster start than with boto3.

It looks for the settings and credentials that boto3 would find, in boto3's order, and fails as
`Store` does. What awscrt can't do in the same way is left to boto3.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

import awscrt
from awscrt import auth, http, io

from model_config.format import errors
from model_config.reader import problems, source

_ACTION = "ssm:GetParameters"
#: Credentials are renewed when they expire within this many seconds, as by boto3.
_EARLY = 15 * 60
#: The most seconds to look for credentials. boto3 asks a container three times, for two seconds.
_LOOKING = 10.0
# The variables that need boto3, as NAME=value: modes, and what it takes for more than unset if it
# is empty.
_LEFT = re.compile(
    "AWS_(USE_FIPS_ENDPOINT|USE_DUALSTACK_ENDPOINT|IGNORE_CONFIGURED_ENDPOINT_URLS|DATA_PATH"
    r"|EC2_METADATA_V1_DISABLED|IMDS_USE_IPV6|METADATA_SERVICE_\w+|STS_REGIONAL_ENDPOINTS"
    "|CREDENTIAL_EXPIRATION|SECURITY_TOKEN|CREDENTIAL_FILE|CSM_ENABLED)=(?!false$).+|BOTO_CONFIG=.+"
    "|REQUESTS_CA_BUNDLE="
    r"|AWS_((DEFAULT_)?PROFILE|CA_BUNDLE|CONFIG_FILE|SHARED_CREDENTIALS_FILE|CONTAINER_\w+"
    r"|(EC2_)?METADATA_SERVICE_\w+)=",
    re.IGNORECASE | re.DOTALL,
)
# The settings of a profile that don't need it.
_TAKEN = (
    "(region|output|endpoint_url|aws_(access_key_id|secret_access_key|session_token|account_id)"
    "|retry_mode|max_attempts|tcp_keepalive|s3|cli_.*)=(?s:.*)|(ca_bundle|credential_process)=.+"
)
_KEY_ID = "aws_access_key_id"
# The partition `aws` of botocore's partitions.json. The hosts of others have other names.
_REGION = r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+"

# As an answer of STS and of a credential process calls them.
_SHORT = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")

# The event loop that all readers share, by the process's id: its thread doesn't survive a fork.
_loops: dict[int, Any] = {}
_of_parent: list[_Wire] = []  # in a child process, which can't even free their connections


class NeedsBoto3(Exception):  # noqa: N818 - boto3 reads instead
    pass


def _failure(kind: str, text: object, response: object = None) -> Exception:
    """Return an error of botocore's: `problems` knows them by the names of their classes."""
    made: Exception = type(kind, (Exception,), {"response": response})(str(text))
    return made


class Crt:
    """SSM's Parameter Store, as a source, over awscrt; or over boto3, and `boto3_because` of what.

    If the credentials are refused it looks for others.
    """

    def __init__(self, **given: Any) -> None:
        self._given = given  # as Store takes them
        self._wire: _Wire | None = None
        self._used: list[_Wire] = []  # by requests that are under way
        self._store: Any = None
        self.boto3_because: str | None = None

    def close(self) -> None:
        wire, self._wire = self._wire, None
        used, self._used = self._used, []
        for part in (*used, wire, self._store):
            if part is not None:
                part.close()

    def get(self, names: Sequence[str], *, decrypt: bool = True) -> Mapping[str, source.Stored]:
        if self._store is None:
            try:
                return self._get(names, decrypt=decrypt)
            except NeedsBoto3 as reason:
                from model_config.reader.store import Store  # noqa: PLC0415 - imports botocore

                self._store, self.boto3_because = Store(**self._given), str(reason)
        found: Mapping[str, source.Stored] = self._store.get(names, decrypt=decrypt)
        return found

    def look(self, names: Sequence[str]) -> Mapping[str, source.Stored]:
        return self.get(names, decrypt=False)

    def _get(self, names: Sequence[str], *, decrypt: bool) -> Mapping[str, source.Stored]:
        body = json.dumps({"Names": list(names), "WithDecryption": decrypt}).encode()
        kind = "application/x-amz-json-1.1"
        headers = {"Content-Type": kind, "X-Amz-Target": "AmazonSSM.GetParameters"}
        wire = self._wire
        try:
            if wire is None or wire.is_closed:
                wire = self._wire = _Wire(**self._given)
            self._used.append(wire)
            answer = wire.post(wire.endpoint("ssm"), headers, body, wire.credentials())
            answer.raise_if_refused()
        except (NeedsBoto3, errors.ModelConfigError):
            self._wire = None
            raise
        except Exception as error:
            problem = problems.translate(error, _ACTION, names)
            if isinstance(problem, errors.CredentialsError):
                self._wire = None
            raise problem from error
        finally:
            with suppress(ValueError):  # closed, or none was made
                self._used.remove(wire)  # type: ignore[arg-type]
        if (parameters := answer.parameters(decrypt=decrypt)) is None:
            raise problems.unreadable_answer(_ACTION, names)
        return parameters


class _Answer:
    """What a request is answered. Its repr shows nothing, because the body may hold a secret."""

    def __init__(self) -> None:
        self.status, self.heard_at = 0, time.monotonic()
        self.body: bytearray | None = bytearray()  # None: it was cut short

    def on_response(self, *, status_code: int, **_: object) -> None:
        self.status, self.heard_at = status_code, time.monotonic()

    def on_body(self, *, chunk: bytes, **_: object) -> None:
        self.heard_at = time.monotonic()
        if self.body is not None:
            self.body += chunk

    def raise_if_refused(self) -> None:
        if self.status < 300 or self.body is None:  # noqa: PLR2004 - HTTP's
            return
        try:
            document = json.loads(self.body)
        except ValueError:
            document = {"message": self.body.decode(errors="replace")}
        if isinstance(document, dict):
            code = str(document.get("__type", self.status)).partition(":")[0].rpartition("#")[2]
            message = document.get("message", document.get("Message", ""))
            raise self.refusal({"Code": code, "Message": message})

    def refusal(self, error: Mapping[str, Any]) -> Exception:
        status = {"HTTPStatusCode": self.status}
        return _failure("ClientError", error, {"Error": error, "ResponseMetadata": status})

    def parameters(self, *, decrypt: bool) -> dict[str, source.Stored] | None:
        """Return what SSM answered, or None: no error may hold a part of it."""
        with suppress(ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
            stored = [
                source.Stored.of(
                    it,
                    (at := it.get("LastModifiedDate")) and datetime.fromtimestamp(at, UTC),
                    decrypt=decrypt,
                )
                for it in json.loads(self.body or b"")["Parameters"]
            ]
            return {parameter.name: parameter for parameter in stored}
        return None


class _Wire:
    """The settings, credentials and connections of one source. No lock: a signal may interrupt."""

    def __init__(
        self,
        region: str | None = None,
        connect_timeout: float = 2.0,
        read_timeout: float = 5.0,
    ) -> None:
        self.timeouts = connect_timeout, read_timeout
        self._pid, self.is_closed = os.getpid(), False
        self._idle: list[Any] = []
        self._connections: dict[Any, None] = {}
        self._tls: Any = None
        self._keys: Any = None  # a provider of credentials
        self._expires_at = math.inf
        self._profile = _profile()
        env = os.environ
        given = [region, env.get("AWS_DEFAULT_REGION"), self._profile.get("region")]
        self._region = next((name for name in given if name is not None), "")
        if not self._region:
            raise _failure("NoRegionError", "You must specify a region.")
        self._loop = _loop(self._pid)

    def close(self) -> None:
        self.is_closed = True
        if self._pid != os.getpid():
            _of_parent.append(self)
            return
        for connection in list(self._connections):
            connection.close()

    def endpoint(self, service: str) -> SplitResult:
        variables = f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"
        given = [*map(os.environ.get, variables), self._profile.get("endpoint_url")]
        url = next(filter(None, given), None)
        if url is None:
            if not re.fullmatch(_REGION, self._region):
                raise NeedsBoto3(f"boto3 knows the hosts of the region {self._region}")
            url = f"https://{service}.{self._region}.amazonaws.com"
        with suppress(ValueError):
            split = urlsplit(url)
            if split.scheme in {"http", "https"} and split.hostname and split.port != 0:
                return split
        raise errors.UsageError(
            f"no SSM client can be created: Invalid endpoint: {url}. Check AWS_ENDPOINT_URL, "
            "AWS_ENDPOINT_URL_SSM and the profile"
        )

    # Requests

    def post(
        self, url: SplitResult, headers: Mapping[str, str], body: bytes, keys: Any = None
    ) -> _Answer:
        """Send a request; with keys, it is signed, and its connection is kept.

        A new connection that is closed without an answer is tried once more, as by `Store`.
        """
        closed = 0
        fields = {"Host": url.netloc, "Content-Length": str(len(body)), **headers}
        while closed < 2 and not self.is_closed:  # noqa: PLR2004 - once more
            pairs = [*fields.items(), ("User-Agent", "model-config awscrt")]
            path = url.path or "/"
            request = http.HttpRequest("POST", path, http.HttpHeaders(pairs), BytesIO(body))
            if keys is not None:
                self._sign(request, keys)
            request.headers.add("Accept-Encoding", "identity")  # unsigned: a proxy may change it
            connection = None if keys is None else self._idle_one()
            closed += connection is None
            answer = self._send(request, connection or self._connect(url), url, keep=bool(keys))
            if answer.status:
                return answer
        raise _failure("ConnectionClosedError", f"{url.geturl()} closed the connection")

    def _sign(self, request: Any, keys: Any) -> None:
        # A chain's provider looks for its credentials here.
        given = {"credentials_provider": keys, "region": self._region, "service": "ssm"}
        try:
            auth.aws_sign_request(request, auth.AwsSigningConfig(**given)).result(_LOOKING)
        except Exception as error:  # noqa: BLE001 - awscrt has several kinds
            if "NO_CREDENTIALS" in str(error):
                text = "Unable to locate credentials" + " in the container" * _is_container()
                raise _failure("NoCredentialsError", text) from None
            raise _failure("CredentialRetrievalError", str(error) or "no answer in time") from None

    def _send(self, request: Any, connection: Any, url: SplitResult, *, keep: bool) -> _Answer:
        """Return the answer, without a status if there was none."""
        answer, is_whole = _Answer(), False
        try:
            try:
                stream = connection.request(request, answer.on_response, answer.on_body)
                stream.activate()
            except RuntimeError:  # it was closed at this moment
                return answer
            while not is_whole:
                left = answer.heard_at + self.timeouts[1] - time.monotonic()
                if left <= 0:
                    text = f'Read timeout on endpoint URL: "{url.geturl()}"'
                    raise _failure("ReadTimeoutError", text)
                with suppress(TimeoutError):
                    if stream.completion_future.exception(left) is not None:
                        answer.body = None
                        break
                    is_whole = True
        finally:
            if is_whole and keep and not self.is_closed:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def _idle_one(self) -> Any:
        while self._idle:
            with suppress(IndexError):  # another thread was faster
                connection = self._idle.pop()
                if connection.is_open():
                    return connection
        return None

    def _connect(self, url: SplitResult) -> Any:
        options, tls, proxy = io.SocketOptions(), None, _proxy(url)
        options.connect_timeout_ms = max(1, int(self.timeouts[0] * 1000))
        if url.scheme == "https":
            self._tls = self._tls or _trust(self._profile)
            tls = self._tls.new_connection_options()
            tls.set_server_name(url.hostname)
        port = url.port or (443 if tls else 80)
        made = http.HttpClientConnection.new(url.hostname, port, self._loop, options, tls, proxy)
        try:
            connection = made.result(sum(self.timeouts))
        except Exception as error:  # noqa: BLE001 - likewise
            if tls and not made.done():
                # s2n holds back for up to 30 s that a certificate isn't trusted.
                raise NeedsBoto3("no TLS connection was made in time") from None
            name = getattr(error, "name", type(error).__name__)
            kind = "EndpointConnectionError" if proxy is None else "ProxyConnectionError"
            if isinstance(error, TimeoutError) or "TIMEOUT" in name:
                kind = "ConnectTimeoutError"
            elif "_TLS_" in name or (tls and name == "AWS_IO_SOCKET_CLOSED"):
                kind = "SSLError"
            text = f'Could not connect to the endpoint URL: "{url.geturl()}" ({name})'
            raise _failure(kind, text) from None
        for known in list(self._connections):
            if not known.is_open():
                self._connections.pop(known, None)
        self._connections[connection] = None
        if self.is_closed:
            connection.close()
        return connection

    # Credentials

    def credentials(self) -> Any:
        """Return a provider, renewed if its credentials expire soon."""
        if self._keys is None or self._expires_at - time.time() < _EARLY:
            try:
                self._keys, self._expires_at = self._find()
            except Exception as error:
                if self._keys is not None and time.time() < self._expires_at:
                    return self._keys
                is_odd = isinstance(error, LookupError | TypeError | ValueError)
                if is_odd and not isinstance(error, errors.ModelConfigError):
                    raise problems.unusable_credentials(error) from error
                raise
        return self._keys

    def _find(self) -> tuple[Any, float]:
        env, profile = os.environ, self._profile
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        if env.get(names[0]):
            return _static(env, *names)
        if path := env.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
            return self._assumed_role(path)
        if _KEY_ID in profile:
            return _static(profile, *(name.lower() for name in names))
        if command := profile.get("credential_process"):
            return _of_process(command)
        if not _is_container():
            without = env.get("AWS_EC2_METADATA_DISABLED", "false").lower()
            if without not in {"true", "false"}:  # awscrt takes it for "true"
                raise NeedsBoto3("AWS_EC2_METADATA_DISABLED is neither true nor false")
            if without == "true":
                raise _failure("NoCredentialsError", "Unable to locate credentials")
            host, version = "AWS_EC2_METADATA_SERVICE_ENDPOINT", awscrt.__version__
            if host in env and tuple(map(int, version.split(".")[:3])) < (0, 31, 3):
                raise NeedsBoto3(f"awscrt {version} ignores {host}")
        return auth.AwsCredentialsProvider.new_default_chain(self._loop), math.inf

    def _assumed_role(self, path: str) -> tuple[Any, float]:
        """Exchange the token of a Kubernetes service account for a role's credentials (IRSA)."""
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - without pathlib
            token = file.read()
        role = os.environ.get("AWS_ROLE_ARN")
        if not role:
            raise _failure("InvalidConfigError", "AWS_ROLE_ARN isn't set")
        session = os.environ.get("AWS_ROLE_SESSION_NAME") or f"model-config-{time.time():.0f}"
        fields = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": session,
            "WebIdentityToken": token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        answer = self.post(self.endpoint("sts"), headers, urlencode(fields).encode())
        if answer.body is None:
            raise _failure("ConnectionClosedError", "STS cut its answer short")
        found = dict(re.findall(r"<(\w+)>([^<]*)</", answer.body.decode()))
        if answer.status != 200:  # noqa: PLR2004 - HTTP's
            raise answer.refusal(found)
        return _static(found, *_SHORT)


def _is_container() -> bool:
    return any(name.startswith("AWS_CONTAINER_CREDENTIALS_") for name in os.environ)


def _loop(process: int) -> Any:
    for name in ("gevent", "eventlet"):
        if name in sys.modules:
            raise NeedsBoto3(f"awscrt's threads can't wake those of {name}")
    if _loops.keys() - {process}:
        raise NeedsBoto3("the process was forked from one that had used awscrt")
    if not _loops:
        group = io.EventLoopGroup(1)
        _loops.setdefault(process, io.ClientBootstrap(group, io.DefaultHostResolver(group)))
    return _loops[process]


def _profile() -> dict[str, str]:
    for variable in os.environ:
        text = os.environ.get(variable, "")
        if _LEFT.fullmatch(f"{variable}={text}"):
            raise NeedsBoto3(f"{variable} is {'set' if text else 'empty'}")
    given = os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE")
    name, profile, is_known = given or "default", dict[str, str](), given is None
    for variable, path, prefix in (
        ("AWS_CONFIG_FILE", "~/.aws/config", "profile "),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", ""),
    ):
        file = os.path.expanduser(os.path.expandvars(os.environ.get(variable) or path))  # noqa: PTH111
        if os.path.isfile(file):  # noqa: PTH113 - without pathlib
            sections = {f"{prefix}{name}", f'{prefix}"{name}"'}
            settings = _settings(file, sections | ({name} if name == "default" else set()))
            if _KEY_ID in profile.keys() & settings.keys():
                raise NeedsBoto3("the profile has keys in two files")
            profile |= settings
            is_known |= bool(settings)
    if not is_known:  # boto3 reads headings that are written in other ways
        raise NeedsBoto3(f"no profile {given} was found")
    for setting, text in profile.items():
        if not re.fullmatch(_TAKEN, f"{setting}={text}"):
            raise NeedsBoto3(f"the profile has {setting}")
    if {_KEY_ID, "credential_process"} <= profile.keys():
        raise NeedsBoto3("the profile has credentials of two kinds")
    return profile


def _settings(file: str, sections: set[str]) -> dict[str, str]:
    import configparser  # noqa: PLC0415 - in few places is there a file

    parser = configparser.RawConfigParser()
    try:
        parser.read(file)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _failure("ConfigParseError", f"Unable to parse {file}: {error}") from None
    held = [dict(parser.items(section)) for section in parser.sections() if section in sections]
    if len(held) > 1:
        raise NeedsBoto3("the profile has several sections")
    return held[0] if held else {}


def _static(
    found: Mapping[str, Any], key: str, secret: str, token: str, expires: str = ""
) -> tuple[Any, float]:
    for name in (key, secret):
        if not found.get(name):
            text = f"Partial credentials found, missing: {name}"
            raise _failure("PartialCredentialsError", text)
    keys = auth.AwsCredentialsProvider.new_static(found[key], found[secret], found.get(token))
    if (until := found.get(expires)) is None:
        return keys, math.inf
    with suppress(TypeError, ValueError):
        ends = datetime.fromisoformat(until)
        if ends > datetime.now(UTC):
            return keys, ends.timestamp()
    raise NeedsBoto3(f"credentials expire at {until!r}")


def _of_process(command: str) -> tuple[Any, float]:
    import shlex  # noqa: PLC0415 - in few places is there a process
    import subprocess  # noqa: PLC0415 - likewise

    words = command if sys.platform == "win32" else shlex.split(command)
    done = subprocess.run(words, capture_output=True, check=False)  # noqa: S603 - the user's
    text = done.stderr.decode(errors="replace") or "it printed no JSON of version 1"
    with suppress(AttributeError, ValueError):
        found = json.loads(done.stdout)
        if done.returncode == 0 and found.get("Version") == 1:
            return _static(found, *_SHORT)
    raise _failure("CredentialRetrievalError", f"credential_process: {text}")


def _trust(profile: Mapping[str, str]) -> Any:
    """Return a TLS context that trusts what boto3 trusts."""
    env, options = os.environ, io.TlsContextOptions()
    path = env.get("AWS_CA_BUNDLE") or profile.get("ca_bundle") or env.get("REQUESTS_CA_BUNDLE")
    if not path:
        from importlib.util import find_spec  # noqa: PLC0415 - over TLS alone

        specs = [*filter(None, map(find_spec, ("certifi", "botocore")))]
        path = f"{(specs[0].submodule_search_locations or [])[0]}/cacert.pem"
    paths = (path, None) if os.path.isdir(path) else (None, path)  # noqa: PTH112
    options.override_default_trust_store_from_path(*paths)
    try:
        return io.ClientTlsContext(options)
    except Exception:  # noqa: BLE001 - likewise
        raise NeedsBoto3(f"awscrt can't use the certificates in {path}") from None


def _proxy(url: SplitResult) -> Any:
    """Return the proxy that Python's urllib finds, as botocore asks it."""
    is_posix = sys.platform not in {"darwin", "win32"}  # the others have settings of the system
    if is_posix and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - imports ssl and more

    text = None if proxy_bypass(url.netloc) else getproxies().get(url.scheme)
    if not text:
        return None
    proxy = urlsplit(text if "://" in text else f"http://{text}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise NeedsBoto3(f"the proxy is reached by {proxy.scheme}")
    options = http.HttpProxyOptions(proxy.hostname, proxy.port or 80)
    if proxy.username:
        options.auth_type = http.HttpProxyAuthenticationType.Basic
        options.auth_username = unquote(proxy.username)
        options.auth_password = unquote(proxy.password or "")
    return options
