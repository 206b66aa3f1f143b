"""What an S3 server's refusals mean: a total function from its answer to our errors, without I/O.

Sorted by who must act (`e2esync.errors`). Servers agree on the codes only roughly, so the code is
asked first and the status decides the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from e2esync.errors import (
    ClockSkew,
    CredentialsRefused,
    E2ESyncError,
    NoBucket,
    NotS3,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
    WrongRegion,
)

SAVE, READ, LOOK, LIST, DELETE = (
    "save an object",
    "read an object",
    "look at an object",
    "list objects",
    "delete objects",
)
_RIGHTS = {SAVE: "write", READ: "read", LOOK: "read", LIST: "list", DELETE: "delete"}

_KEY_UNKNOWN = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "AuthFailure"}
_KEY_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidToken",
    "TokenRefreshRequired",
    "RequestExpired",
}
_FORBIDDEN = {"AccessDenied", "AccountProblem", "AllAccessDisabled", "NotSignedUp", "UnauthorizedAccess"}
_ELSEWHERE = {
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
}
_FULL = {
    "QuotaExceeded",
    "QuotaExceededException",
    "StorageFull",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "InsufficientStorage",
    "InsufficientCapacity",
    "EntityTooLarge",
    "RequestEntityTooLarge",
    "MaxMessageLengthExceeded",
    "StorageCapExceeded",
}
_LATER = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "InternalError",
    "ServiceUnavailable",
    "OperationAborted",
    "TemporaryRedirect",
    "BadDigest",  # damaged on the way
    "XAmzContentSHA256Mismatch",
    "IncompleteBody",
}
_SKEWED = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_GATEWAY = {500, 502, 503, 504}  # answered in HTML by what stands before a server that is down


@dataclass(frozen=True, slots=True)
class Place:
    """Where we wanted to do something, in the user's words."""

    bucket: str
    prefix: str  # without slashes at its ends; may be empty
    endpoint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal, as the server put it."""

    status: int  # 0 if unknown: one row of a batch
    code: str  # S3's, or the status in digits where there was none
    region: str = ""  # where the server says that the bucket is
    is_html: bool = False

    @property
    def named(self) -> str:
        """The answer in a message."""
        if not self.status:
            return self.code
        return str(self.status) if self.code in ("", str(self.status)) else f"{self.status} {self.code}"


def refused(doing: str, answer: Answer, place: Place) -> E2ESyncError:
    """Return the error that an answer to `doing` means."""
    what = f"the bucket refused to {doing} ({answer.named})"
    if answer.is_html and answer.status not in _GATEWAY:
        return not_s3(place, f"it answered {answer.status} with a web page")
    if answer.code in _SKEWED:
        return ClockSkew("this computer's clock and the store's are more than 15 minutes apart", why=what)
    if answer.code in _FULL or answer.status in (413, 507):
        return StoreFull(f'the bucket "{place.bucket}" or its account takes no more bytes', why=what)
    if answer.code in _NO_BUCKET:
        return no_bucket(place)
    return _refused_as_such(what, doing, answer, place)


def _refused_as_such(what: str, doing: str, answer: Answer, place: Place) -> E2ESyncError:
    if answer.code in _ELSEWHERE or answer.status == 301:
        return _elsewhere(what, answer, place)
    if answer.code in _KEY_UNKNOWN | _KEY_EXPIRED | _FORBIDDEN or answer.status in (401, 403):
        return _not_let_in(what, doing, answer, place)
    if (
        answer.code in _LATER
        or answer.status in (307, 408, 409, 429)
        or (answer.status >= 500 and answer.status != 501)
    ):
        return StoreUnavailable(f"the store at {place.endpoint} is busy or has trouble of its own", why=what)
    if answer.code == str(answer.status) and answer.status in (400, 404, 405, 501):
        return not_s3(place, f"it answered {answer.status} without saying why, which S3 does not do")
    return StoreRefused(what, why=f"the store at {place.endpoint} does not do this")


def no_bucket(place: Place) -> NoBucket:
    """Return that the bucket is missing."""
    return NoBucket(
        f'there is no bucket "{place.bucket}"',
        why=f"the store at {place.endpoint} does not know it",
        fix="make the bucket at your provider, or correct the name in s3://BUCKET/PREFIX",
    )


def not_s3(place: Place, why: str) -> NotS3:
    """Return that something else answers."""
    return NotS3(
        f"what answers at {place.endpoint} does not speak S3",
        why=why,
        fix="give the address of the S3 service itself: --endpoint-url https://…",
    )


def _elsewhere(what: str, answer: Answer, place: Place) -> E2ESyncError:
    known = f'the bucket "{place.bucket}" is in the region {answer.region}'
    unknown = f'the bucket "{place.bucket}" is in another region'
    return WrongRegion(
        what,
        why=known if answer.region else unknown,
        fix=f"use --region {answer.region or 'REGION'} (or set AWS_REGION), and the endpoint of that region",
    )


def _not_let_in(what: str, doing: str, answer: Answer, place: Place) -> CredentialsRefused:
    if answer.code in _KEY_EXPIRED:
        return CredentialsRefused(
            "the credentials for the store have expired", why=what, fix="log in again: aws sso login"
        )
    if answer.code in _KEY_UNKNOWN:
        return CredentialsRefused(
            "the store does not know this access key, or the secret does not belong to it",
            why=what,
            fix="check ~/.aws/credentials, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or --profile",
        )
    below = f'under "{place.prefix}/"' if place.prefix else f'in "{place.bucket}"'
    right = _RIGHTS.get(doing, "do that")
    return CredentialsRefused(
        f"this access key may not {right} {below}",
        why=what,
        fix=f"let it {right} there at your provider (e2esync doctor --store tells what else is missing)",
    )
