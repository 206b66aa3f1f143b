"""Objects in a bucket: any server that speaks S3. The only module that knows boto3.

boto3 takes half a second to load: it is imported when the first client is made, never before.

* On AWS the client's defaults hold. Other servers get no checksum trailers, which several of them
  refuse or store as content, but Content-MD5, the one check that all of them make.
* A redirect is never followed: a bucket in another region is the user's to name, and a request
  that carries a signature goes to the host that was configured, to no other.
* Whatever the client raises is converted here, once, also while a listing is read.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from e2esync.adapters.stores.counting import Traffic
from e2esync.adapters.stores.s3_bounds import Paced, bound
from e2esync.adapters.stores.s3_failures import UNREADABLE, failure, misaddressed
from e2esync.adapters.stores.s3_ranges import Reply, range_header, read_piece
from e2esync.adapters.stores.s3_refusals import DELETE, LIST, LOOK, READ, SAVE, Answer, Place, not_s3, refused
from e2esync.adapters.stores.s3_rules import code_of, content_md5, instruct, is_aws, status_of
from e2esync.model.store import ObjectInfo, ObjectNotFound, check_key, check_prefix, check_range, is_key

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectRequestTypeDef,
        ObjectIdentifierTypeDef,
        PutObjectRequestTypeDef,
    )

_BATCH = 1000  # keys of one delete; S3 takes no more
_CONNECT_TIMEOUT = 10  # seconds
_READ_TIMEOUT = 30  # seconds without a byte, or with hardly any
_DEFAULT_REGION = "us-east-1"  # what servers that have no regions sign for
_CHECKSUMS = ("request_checksum_calculation", "response_checksum_validation")
_NO_OBJECT = frozenset({"NoSuchKey", "NoSuchVersion"})
_NO_BATCH = frozenset(
    {
        "NotImplemented",
        "MethodNotAllowed",
        "MalformedXML",
        "MissingContentMD5",
        "InvalidRequest",
        "InvalidArgument",
    }
)


@dataclass(frozen=True, slots=True)
class S3Settings:
    """What the user says beyond the AWS chain; None leaves it to that."""

    endpoint_url: str | None = None
    profile: str | None = None
    region: str | None = None
    addressing_style: Literal["auto", "path", "virtual"] | None = None
    max_connections: int = 8  # as many as there are threads


class S3Store:
    """A bucket, or what is under a prefix of it."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        settings: S3Settings | None = None,
        *,
        traffic: Traffic | None = None,
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._settings = settings or S3Settings()
        self._traffic = traffic or Traffic()
        self._lock = threading.Lock()
        self._connected: S3Client | None = None
        self._one_by_one = False  # the server does not know how to delete in batches
        self._place = Place(bucket, prefix, self._settings.endpoint_url or "the configured endpoint")

    @property
    def url(self) -> str:
        """Where this is, for people."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put(self, key: str, body: bytes) -> str:
        """Store `body` under `key`; return the new ETag."""
        request = self._request(key, body)
        with self._told(SAVE) as client:
            return self._etag(client.put_object(**request))

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` if `key` is absent; a server that does not know how overwrites."""
        return self._put_if({**self._request(key, body), "IfNoneMatch": "*"})

    def put_if_match(self, key: str, body: bytes, *, etag: str) -> bool:
        """Replace the object if its ETag is `etag`; a server that does not know how overwrites."""
        return self._put_if(
            {**self._request(key, body), "IfMatch": etag}
        )  # bare: some refuse the quoted form

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start`, or all of them."""
        check_key(key)
        check_range(start, length)
        if length == 0:  # which no Range can say
            if self.head(key) is None:
                raise ObjectNotFound(key)
            return b""
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._prefix + key}
        if (wanted := range_header(start, length)) is not None:
            request["Range"] = wanted
        with self._told(READ) as client:
            try:
                answer = client.get_object(**request)
            except client.exceptions.ClientError as error:
                if status_of(error) == 416:  # the object ends before `start`
                    return b""
                if code_of(error) in _NO_OBJECT:
                    raise ObjectNotFound(key) from None
                raise
            with closing(answer["Body"]) as body:
                self._etag(answer)
                status = answer["ResponseMetadata"]["HTTPStatusCode"]
                reply = Reply(status, answer.get("ContentRange", ""), answer.get("ContentLength"))
                content = read_piece(Paced(body, seconds=_READ_TIMEOUT), reply, start, length)
        self._traffic.received(len(content))
        return content

    def head(self, key: str) -> ObjectInfo | None:
        """Return size and ETag, or None."""
        check_key(key)
        with self._told(LOOK) as client:
            try:
                answer = client.head_object(Bucket=self._bucket, Key=self._prefix + key)
            except client.exceptions.ClientError as error:
                if status_of(error) == 404:  # has no body that could tell a missing bucket
                    return None
                raise
            return ObjectInfo(key, answer["ContentLength"], self._etag(answer))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`."""
        check_prefix(prefix)
        with self._told(LIST) as client:
            pages = client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                if not page.keys() & {"IsTruncated", "Name"}:
                    raise not_s3(self._place, "it answered something else than a listing")
                for row in page.get("Contents", ()):
                    key = row["Key"].removeprefix(self._prefix)
                    if row["Key"] == self._prefix + key and key.startswith(prefix) and is_key(key):
                        yield ObjectInfo(key, row["Size"], row["ETag"].strip('"'))

    def delete(self, keys: Iterable[str]) -> None:
        """Remove these objects, a thousand with each request if the server knows how."""
        rest = iter(keys)
        while batch := tuple(islice(rest, _BATCH)):
            for key in batch:
                check_key(key)
            if self._one_by_one or not self._delete_batch(batch):
                self._delete_each(batch)

    def server_time(self) -> float | None:
        """Return what the server's clock says, in seconds since 1970, if it tells."""
        with self._told(LIST) as client:
            answer = client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
            date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
            return parsedate_to_datetime(date).timestamp() if date else None

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._connected is not None:
                self._connected.close()

    def _request(self, key: str, body: bytes) -> PutObjectRequestTypeDef:
        check_key(key)
        request: PutObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._prefix + key, "Body": body}
        if not self._is_aws():
            request["ContentMD5"] = content_md5(body)
        return request

    def _put_if(self, request: PutObjectRequestTypeDef) -> bool:
        with self._told(SAVE) as client:
            try:
                self._etag(client.put_object(**request))
            except client.exceptions.ClientError as error:
                lost = status_of(error) in (409, 412) or code_of(error) in _NO_OBJECT
                if lost:
                    return False
                raise
            return True

    def _delete_batch(self, batch: Sequence[str]) -> bool:
        """Remove at most a thousand objects; return False if the server does not know how."""
        objects: Sequence[ObjectIdentifierTypeDef] = [{"Key": self._prefix + key} for key in batch]
        with self._told(DELETE) as client:
            try:
                answer = client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
            except client.exceptions.ClientError as error:
                self._one_by_one = status_of(error) in (405, 411, 501) or code_of(error) in _NO_BATCH
                if self._one_by_one:
                    return False
                raise
        for failed in answer.get("Errors", ()):
            if failed.get("Code") not in _NO_OBJECT:
                raise refused(DELETE, Answer(0, failed.get("Code", "")), self._place)
        return True

    def _delete_each(self, batch: Sequence[str]) -> None:
        for key in batch:
            with self._told(DELETE) as client:
                try:
                    client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
                except client.exceptions.ClientError as error:
                    if code_of(error) not in _NO_OBJECT:
                        raise

    def _etag(self, answer: Mapping[str, Any]) -> str:
        """Return the ETag, without which no S3 server answers."""
        etag = str(answer.get("ETag", "")).strip('"')
        if not etag:
            raise not_s3(self._place, "it answered without an ETag")
        return etag

    @contextmanager
    def _told(self, doing: str) -> Iterator[S3Client]:
        """Lend the client; convert what it raises."""
        client = self._client()
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError  # which is no BotoCoreError
        from urllib3.exceptions import HTTPError

        try:
            yield client
        except (BotoCoreError, ClientError, HTTPError, OSError, ResponseParserError, *UNREADABLE) as error:
            raise failure(doing, error, self._place) from error

    def _client(self) -> S3Client:
        with self._lock:
            if self._connected is None:
                self._connected = _connect(self._settings, self._place, self._traffic)
                self._place = replace(self._place, endpoint=self._connected.meta.endpoint_url)
            return self._connected

    def _is_aws(self) -> bool:
        return is_aws(self._client().meta.endpoint_url)


def _connect(settings: S3Settings, place: Place, traffic: Traffic) -> S3Client:
    """Return a client that does what the module's docstring says."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.session.Session(profile_name=settings.profile)
        guess = (
            settings.endpoint_url
            or os.environ.get("AWS_ENDPOINT_URL_S3")
            or os.environ.get("AWS_ENDPOINT_URL")
        )
        client = _client_of(session, settings, is_aws=guess is None or is_aws(guess))
        if guess is None and not is_aws(client.meta.endpoint_url):  # the endpoint is in a configuration file
            client = _client_of(session, settings, is_aws=False)
    except BotoCoreError as error:
        raise failure("open the store", error, place) from error
    except ValueError as error:
        raise misaddressed(place) from error
    instruct(client, place, traffic)
    return client


def _client_of(session: boto3.session.Session, settings: S3Settings, *, is_aws: bool) -> S3Client:
    from botocore.config import Config

    # botocore itself reads only AWS_DEFAULT_REGION.
    region = (
        settings.region
        or os.environ.get("AWS_REGION")
        or session.region_name
        or (None if is_aws else _DEFAULT_REGION)
    )
    checksums: dict[str, Any] = {} if is_aws else dict.fromkeys(_CHECKSUMS, "when_required")
    style = settings.addressing_style
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": style} if style else None,
        retries={"mode": "standard", "total_max_attempts": 1},  # `RetryingStore` is patient, and it alone
        max_pool_connections=settings.max_connections,
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        tcp_keepalive=True,
        **checksums,
    )
    client = session.client("s3", endpoint_url=settings.endpoint_url, region_name=region, config=config)
    bound(client, seconds=_READ_TIMEOUT)
    return client
