"""What the S3 client's exceptions mean, told by their names, so that boto3 need not be loaded for it.

`s3_refusals` knows the servers' answers; this knows the rest: nothing was sent, or nothing came back.
Messages never repeat what an exception says of credentials; of TLS they repeat the reason.
"""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from e2esync.adapters.stores.s3_refusals import Answer, Place, not_s3, refused
from e2esync.errors import (
    BadObject,
    CredentialsRefused,
    E2ESyncError,
    StoreUnavailable,
    TLSFailure,
    UsageError,
)

_NO_CREDENTIALS = {"NoCredentialsError", "NoAuthTokenError", "ProfileNotFound", "PartialCredentialsError"}
_CREDENTIALS_BROKEN = {
    "CredentialRetrievalError",
    "LoginError",
    "MetadataRetrievalError",
    "RefreshWithMFAUnsupportedError",
    "SSOError",
    "TokenRetrievalError",
    "UnknownCredentialError",
    "UnknownTokenProviderError",
}
_ADDRESS = {
    "EndpointProviderError",
    "EndpointVariantError",
    "InvalidDNSNameError",
    "InvalidEndpointConfigurationError",
    "InvalidHostLabelError",
    "InvalidRegionError",
    "InvalidS3AddressingStyleError",
    "LocationParseError",
    "ParamValidationError",
    "UnknownEndpointError",
    "UnknownRegionError",
    "UnsupportedS3ArnError",
}
_DAMAGED = {"ChecksumError", "FlexibleChecksumError"}
_GARBLED = {"ResponseParserError", "PaginationError"}
_BEFORE_XML = b"\xef\xbb\xbf \t\r\n"  # byte order mark and space
_NO_ANSWER = {  # with all that derive from them
    "ConnectionError",
    "HTTPClientError",
    "HTTPError",
    "IncompleteReadError",
    "OSError",
}
UNREADABLE = (  # of a parser that met nonsense
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)


def failure(doing: str, error: BaseException, place: Place) -> E2ESyncError:
    """Return what an exception of the client means; `doing` ends the sentence "could not …"."""
    if hasattr(error, "response") and hasattr(error, "operation_name"):
        return refused(doing, _answer(error), place)
    causes = tuple(_causes(error))
    names = {kind.__name__ for kind in type(error).__mro__}
    what = f"could not {doing} at {place.endpoint}"
    if names & (_NO_CREDENTIALS | _CREDENTIALS_BROKEN):
        return _no_credentials(what, type(error).__name__)
    if tls := _tls(what, names, causes):
        return tls
    if names & _ADDRESS:
        return misaddressed(place)
    if names & _DAMAGED:
        return BadObject("an object is not what its checksum says")
    foreign = names & _GARBLED or any(_no_http(cause) for cause in causes)
    if names & _NO_ANSWER and not foreign:
        return StoreUnavailable(f"the store at {place.endpoint} does not answer", why=_reason(names, doing))
    if foreign or isinstance(error, UNREADABLE):
        return not_s3(place, "its answer can not be read as S3")
    return misconfigured(type(error).__name__)


def check_answer(status: int, headers: Mapping[str, str], body: bytes, place: Place) -> None:
    """Look at a whole answer with a good status: what is no XML would pass for a server in trouble.

    Raises:
        NotS3: It is a web page, or else not what S3 sends.
    """
    if status >= 300 or not body:
        return
    if headers.get("content-type", "").startswith("text/html"):
        raise not_s3(place, "it answered with a web page")
    if not body.lstrip(_BEFORE_XML).startswith(b"<"):
        raise not_s3(place, "its answer is no XML")


def misaddressed(place: Place) -> UsageError:
    """Return that the address can not be one."""
    return UsageError(
        f"the store can not be reached by this address: {place.endpoint}, bucket {place.bucket}",
        why="the endpoint, the region, the addressing style or the name of the bucket is not well-formed",
        fix="check --endpoint-url, --region, --addressing-style, and AWS_ENDPOINT_URL_S3 and AWS_REGION",
    )


def misconfigured(kind: str) -> UsageError:
    """Return that the AWS settings of this user can not be used."""
    return UsageError(
        "the AWS settings can not be used",
        why=f"the S3 client refuses them ({kind})",
        fix="check ~/.aws/config and the AWS_ variables: aws configure list",
    )


def _answer(error: Any) -> Answer:  # noqa: ANN401  a ClientError, whose class must not be imported here
    response = error.response
    said, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    status = int(meta.get("HTTPStatusCode", 0))
    code = str(said.get("Code") or status)
    region = str(said.get("Region") or headers.get("x-amz-bucket-region") or "")
    if status == 400 and code == "400" and region and error.operation_name.startswith("Head"):
        code = "PermanentRedirect"  # how AWS says it without a body
    html = status != 404 or not error.operation_name.startswith("Head")
    return Answer(
        status, code, _plain(region), html and headers.get("content-type", "").startswith("text/html")
    )


def _plain(region: str) -> str:
    """Return what a stranger calls a region, if it can be one: it goes into a command line."""
    return region if re.fullmatch(r"[a-z0-9-]{1,40}", region) else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what is behind it; botocore keeps it in `kwargs`, urllib3 in `args`."""
    waiting, seen = [error], 0
    while waiting and seen < 20:
        current = waiting.pop()
        if not isinstance(current, BaseException):
            continue
        seen += 1
        yield current
        waiting += [
            getattr(current, "kwargs", {}).get("error"),
            *current.args,
            getattr(current, "reason", None),
        ]


def _tls(what: str, names: set[str], causes: tuple[BaseException, ...]) -> TLSFailure | None:
    if any(isinstance(cause, FileNotFoundError) for cause in causes):
        why = "the file with the certificate authorities does not exist"
    elif reason := next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None):
        why = (
            getattr(reason, "verify_message", "")
            or (reason.reason or "handshake failed").replace("_", " ").lower()
        )
        why = f"TLS: {why}"
    elif "SSLError" in names:
        why = "TLS: the connection could not be secured"
    else:
        return None
    return TLSFailure(
        what,
        why=why,
        fix="correct the address, or name the store's certificate authority: AWS_CA_BUNDLE=ca.pem",
    )


def _no_http(cause: BaseException) -> bool:
    garbled = isinstance(cause, http.client.BadStatusLine | http.client.LineTooLong)
    return garbled and not isinstance(cause, http.client.RemoteDisconnected)


def _reason(names: set[str], doing: str) -> str:
    if "ReadTimeoutError" in names or "ConnectTimeoutError" in names:
        return f"it was too slow to {doing}, or a firewall swallows the connection"
    if "ProxyConnectionError" in names:
        return "the proxy of this network refuses to connect"
    if "EndpointConnectionError" in names:
        return "no connection: the network is down, the name is unknown, or nothing listens there"
    return "the connection broke off"


def _no_credentials(what: str, kind: str) -> CredentialsRefused:
    if kind in _NO_CREDENTIALS:
        why = "there is no such profile" if kind == "ProfileNotFound" else "no access key was found"
    else:
        why = f"the access key could not be fetched ({kind})"
    return CredentialsRefused(
        what, why=why, fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use --profile (aws configure)"
    )
