"""What a server may send at most, and how slowly: the S3 client bounds neither.

Answers that are no objects (listings, answers to writes, errors) are read whole into memory by
botocore, whatever their size, and its read timeout begins anew with every byte. There is no public
place to stand before that; so the client's session is wrapped, and a test says if botocore moves it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST = 16 << 20  # bytes of an answer; a page of a listing has a thousand keys, half a megabyte
_STEP = 1 << 16  # bytes
_SLOWEST = 1 << 10  # bytes a second, on the average


class Paced:
    """A body that gives up where it comes slower than `_SLOWEST` for longer than `seconds`."""

    def __init__(self, body: Any, *, seconds: float) -> None:  # noqa: ANN401  urllib3's, or botocore's around it
        self._body, self._seconds = getattr(body, "_raw_stream", body), seconds
        self._began, self._size = time.monotonic(), 0

    def read(self, amt: int | None = None, /) -> bytes:
        """Return `amt` bytes, or what is left; all if None.

        Raises:
            TimeoutError: They drip.
        """
        parts: list[bytes] = []
        while amt is None or amt > 0:
            part: bytes = self._body.read1(_STEP if amt is None else min(amt, _STEP))
            if not part:
                break
            parts.append(part)
            amt = None if amt is None else amt - len(part)
            self._check(len(part))
        return b"".join(parts)

    def _check(self, size: int) -> None:
        self._size += size
        waited = time.monotonic() - self._began
        if waited > self._seconds and self._size < waited * _SLOWEST:
            raise TimeoutError("slower than any network that is worth waiting for")


class _Bounded:
    """A session of botocore that reads no answer beyond `_MOST` bytes, and none that drips."""

    def __init__(self, session: Any, *, seconds: float) -> None:  # noqa: ANN401  botocore's
        self._session, self._seconds = session, seconds

    def send(self, request: Any) -> Any:  # noqa: ANN401  botocore's
        is_object, request.stream_output = request.stream_output, True
        answer = self._session.send(request)
        if not is_object or answer.status_code >= 300:
            answer._content = self._whole(answer.raw)  # noqa: SLF001
        return answer

    def _whole(self, raw: Any) -> bytes:  # noqa: ANN401  urllib3's
        try:
            content = Paced(raw, seconds=self._seconds).read(_MOST + 1)
            if len(content) > _MOST:
                raise OSError("more than any S3 server answers")
        except BaseException:
            raw.close()  # the connection holds what is left of the answer
            raise
        return content

    def close(self) -> None:
        self._session.close()


def bound(client: S3Client, *, seconds: float) -> None:
    """Let the client read no answer without bound; `seconds` is how long one may drip."""
    endpoint = client._endpoint  # type: ignore[attr-defined]  # noqa: SLF001
    endpoint.http_session = _Bounded(endpoint.http_session, seconds=seconds)
