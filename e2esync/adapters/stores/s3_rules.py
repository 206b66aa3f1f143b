"""Our rules, hung into an S3 client by its events, and what they need to know; boto3 is not loaded here."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from e2esync.adapters.stores.counting import Traffic, Verb
from e2esync.adapters.stores.s3_failures import check_answer
from e2esync.adapters.stores.s3_refusals import Place

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AWS_HOST = re.compile(r"(?:.+\.)?amazonaws\.com(?:\.cn)?")
_VERBS: dict[str, Verb] = {
    "PutObject": "PUT",
    "GetObject": "GET",
    "ListObjectsV2": "LIST",
    "HeadObject": "HEAD",
    "DeleteObject": "DELETE",
    "DeleteObjects": "DELETE",
}


def instruct(client: S3Client, place: Place, traffic: Traffic) -> None:
    """Hang our rules into the client."""

    def stay(params: dict[str, Any], **_: object) -> None:
        params["context"].setdefault("s3_redirect", {})["redirected"] = (
            True  # so that it does not do it again
        )

    def sign_batch(params: dict[str, Any], **_: object) -> None:
        params["headers"]["Content-MD5"] = content_md5(params["body"])  # some servers refuse a batch without

    def count(request: Any, event_name: str, **_: object) -> None:  # noqa: ANN401  botocore's own
        operation = event_name.rpartition(".")[2]
        if operation in _VERBS:
            size = (
                request.headers.get("X-Amz-Decoded-Content-Length")
                or request.headers.get("Content-Length")
                or 0
            )
            traffic.request(_VERBS[operation], uploaded=int(size) if operation == "PutObject" else 0)

    def check(response_dict: Mapping[str, Any] | None, **_: object) -> None:
        # At this event, and no other, a page with status 200 that can not be read is not yet passed off as 500.
        if response_dict is not None and isinstance(
            response_dict["body"], bytes
        ):  # else it is still to be read
            check_answer(response_dict["status_code"], response_dict["headers"], response_dict["body"], place)

    events = client.meta.events
    events.register("before-call.s3", stay)
    events.register("before-call.s3.DeleteObjects", sign_batch)
    events.register("before-send.s3", count)
    events.register("response-received.s3", check)


def is_aws(endpoint: str) -> bool:
    """Return whether this address is Amazon's own."""
    try:
        return _AWS_HOST.fullmatch(urlsplit(endpoint).hostname or "") is not None
    except ValueError:
        return False


def content_md5(body: bytes) -> str:
    """Return a Content-MD5; it finds damage, it keeps nobody out."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def status_of(error: Any) -> int:  # noqa: ANN401  a ClientError
    """Return the HTTP status of a refusal, 0 if it has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: Any) -> str:  # noqa: ANN401  a ClientError
    """Return S3's code of a refusal, or the status in digits."""
    return str(error.response.get("Error", {}).get("Code", ""))
