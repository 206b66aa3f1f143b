"""The S3 adapter against real servers and against one that answers what it is told."""

import base64
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import Literal, cast

import pytest

from e2esync.adapters.stores.counting import Traffic
from e2esync.adapters.stores.retrying import RetryingStore
from e2esync.adapters.stores.s3 import S3Settings, S3Store
from e2esync.adapters.stores.s3_ranges import Reply, read_piece
from e2esync.errors import (
    BadObject,
    ClockSkew,
    CredentialsRefused,
    NoBucket,
    NotS3,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
    TLSFailure,
    UsageError,
    WrongRegion,
)
from e2esync.model.store import MAX_OBJECT, ObjectNotFound
from tests.stores.canned import Asked, Canned, canned_server, s3_error

SERVERS = ["moto_server", "seaweed_server", "rclone_server"]
HTML = {"Content-Type": "text/html; charset=utf-8"}
ETAG = {"ETag": '"e"'}


@pytest.fixture
def ask(use):
    """Return a function that does something with a store whose server answers `reply` to everything."""

    def run(reply, do, settings=None):
        with canned_server(reply if callable(reply) else lambda _: reply) as server:
            use(server)
            with closing(S3Store("bucket", "home", settings)) as store:
                return do(store), server.asked

    return run


def put(store):
    return store.put("a/b", b"body")


def get(store):
    return store.get("a/b")


def listing(store):
    return list(store.list("a/"))


def fails(ask, kind, reply, do):
    with pytest.raises(kind) as caught:
        ask(reply, do)
    error = caught.value
    assert type(error) is kind
    for line in (error.what, error.why, error.fix):
        assert line
        assert "\n" not in line
        assert "canned-secret" not in line
    return error


# --- laziness ---------------------------------------------------------------------------------------


def test_importing_the_adapter_and_making_a_store_loads_no_boto3():
    code = (
        "import sys; from e2esync.adapters.stores.s3 import S3Store; S3Store('b'); "
        "import e2esync.adapters.stores.location; "
        "print([name for name in sys.modules if name.startswith(('boto', 'urllib3'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- refusals of real servers -----------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVERS)
def test_a_missing_bucket_is_told(request, use, name):
    use(request.getfixturevalue(name))
    with closing(S3Store("no-such-bucket")) as store:
        for do in (put, get, listing, lambda s: s.delete(["a"]), lambda s: s.put_if_absent("a", b"")):
            with pytest.raises(NoBucket, match="no-such-bucket"):
                do(store)


@pytest.mark.parametrize("name", ["seaweed_server", "rclone_server"])
def test_a_wrong_secret_is_refused_credentials(request, use, monkeypatch, bucket, name):
    use(request.getfixturevalue(name))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    with closing(S3Store(bucket, "home")) as store:
        for do in (put, get, listing, lambda s: s.head("a"), lambda s: s.delete(["a"])):
            with pytest.raises(CredentialsRefused) as caught:
                do(store)
            assert "wrong-secret" not in f"{caught.value.what}{caught.value.why}{caught.value.fix}"


def test_an_unknown_access_key_is_refused_credentials(seaweed_server, use, monkeypatch, bucket):
    use(seaweed_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKUNKNOWN")
    with closing(S3Store(bucket)) as store, pytest.raises(CredentialsRefused, match="does not know"):
        put(store)


def test_a_certificate_of_an_unknown_authority_is_a_tls_failure(tls_seaweed_server, use, monkeypatch, bucket):
    use(tls_seaweed_server)
    monkeypatch.delenv("AWS_CA_BUNDLE")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with closing(S3Store(bucket)) as store, pytest.raises(TLSFailure) as caught:
        listing(store)
    assert "certificate" in caught.value.why or "issuer" in caught.value.why
    assert "AWS_CA_BUNDLE" in caught.value.fix


def test_a_missing_file_of_authorities_is_a_tls_failure(
    tls_seaweed_server, use, monkeypatch, bucket, tmp_path
):
    use(tls_seaweed_server)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with closing(S3Store(bucket)) as store, pytest.raises(TLSFailure):
        listing(store)


def test_https_to_a_server_of_http_is_a_tls_failure(rclone_server, use, monkeypatch, bucket):
    use(rclone_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", rclone_server.endpoint.replace("http:", "https:"))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with closing(S3Store(bucket)) as store, pytest.raises(TLSFailure):
        listing(store)


def test_a_page_of_keys_that_are_not_ours_is_left_out(seaweed_server, use, bucket, prefix):
    use(seaweed_server)
    client = seaweed_server.client()
    for key in ("good", "with space", "ümlaut", ".hidden"):
        client.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=b"x")
    client.close()
    with closing(S3Store(bucket, prefix)) as store:
        assert [info.key for info in store.list("")] == ["good"]


def test_the_server_tells_its_time(seaweed_server, use, bucket):
    use(seaweed_server)
    with closing(S3Store(bucket)) as store:
        assert abs((store.server_time() or 0) - time.time()) < 300


# --- refusals as they are worded --------------------------------------------------------------------

REFUSALS = [
    (s3_error(404, "NoSuchBucket"), NoBucket),
    (s3_error(403, "AccessDenied"), CredentialsRefused),
    (s3_error(401, "Unauthorized"), CredentialsRefused),
    (Canned(403), CredentialsRefused),
    (s3_error(403, "SignatureDoesNotMatch"), CredentialsRefused),
    (s3_error(400, "SignatureDoesNotMatch"), CredentialsRefused),
    (s3_error(400, "ExpiredToken"), CredentialsRefused),
    (s3_error(403, "RequestTimeTooSkewed"), ClockSkew),
    (s3_error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), WrongRegion),
    (s3_error(301, "PermanentRedirect"), WrongRegion),
    (s3_error(507, "XMinioStorageFull"), StoreFull),
    (s3_error(403, "QuotaExceeded"), StoreFull),
    (s3_error(400, "EntityTooLarge"), StoreFull),
    (Canned(507), StoreFull),
    (s3_error(503, "SlowDown"), StoreUnavailable),
    (s3_error(500, "InternalError"), StoreUnavailable),
    (s3_error(429, "TooManyRequests"), StoreUnavailable),
    (s3_error(400, "RequestTimeout"), StoreUnavailable),
    (s3_error(400, "BadDigest"), StoreUnavailable),
    (Canned(502, b"<html>bad gateway</html>", HTML), StoreUnavailable),
    (Canned(404, b"<html><body>nothing here</body></html>", HTML), NotS3),
    (Canned(405, b"<!doctype html><p>no", HTML), NotS3),
    (Canned(400, b"Client sent an HTTP request to an HTTPS server.", {"Content-Type": "text/plain"}), NotS3),
    (Canned(302, b"", {"Location": "https://login.example/"}), StoreRefused),
    (s3_error(501, "NotImplemented"), StoreRefused),
]


@pytest.mark.parametrize(("reply", "kind"), REFUSALS, ids=lambda x: getattr(x, "__name__", None))
@pytest.mark.parametrize("do", [put, listing])
def test_a_refusal_is_sorted_by_who_must_act(ask, reply, kind, do):
    fails(ask, kind, reply, do)


def test_a_refusal_names_what_why_and_fix(ask):
    error = fails(ask, CredentialsRefused, s3_error(403, "AccessDenied"), put)
    assert error.what == 'this access key may not write under "home/"'
    assert error.why == "the bucket refused to save an object (403 AccessDenied)"
    assert "e2esync doctor --store" in error.fix


def test_a_wrong_region_is_named_in_the_fix(ask):
    malformed = s3_error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")
    moved = s3_error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1")
    for reply in (malformed, moved):
        assert "--region eu-west-1" in fails(ask, WrongRegion, reply, put).fix
    on_head = Canned(400, b"", {"x-amz-bucket-region": "eu-west-1"})
    assert "--region eu-west-1" in fails(ask, WrongRegion, on_head, lambda s: s.head("a")).fix


def test_a_region_that_is_a_command_is_not_repeated(ask):
    error = fails(
        ask, WrongRegion, s3_error(301, "PermanentRedirect", x_amz_bucket_region="x; rm -rf ~"), put
    )
    assert "rm" not in error.fix + error.why


def test_no_redirect_is_followed(ask):
    visited: list[Asked] = []

    def answer(asked):
        visited.append(asked)
        return Canned(200, b"", ETAG)

    with canned_server(answer) as elsewhere:
        for status in (301, 302, 307, 308):
            reply = Canned(
                status, b"", {"Location": f"{elsewhere.endpoint}/x", "x-amz-bucket-region": "eu-west-1"}
            )
            for do in (put, get, lambda s: s.head("a")):
                with pytest.raises((StoreRefused, StoreUnavailable)):
                    ask(reply, do)
    assert visited == []


def test_an_answer_that_is_no_s3_is_told(ask):
    page = Canned(200, b"<html><body>Welcome</body></html>", HTML)
    for do in (put, get, listing, lambda s: s.head("a")):
        fails(ask, NotS3, page, do)
    for body in (b"<hello/>", b"hello", b"{}"):
        fails(ask, NotS3, Canned(200, body), listing)
    fails(ask, NotS3, Canned(200, b"<!doctype html><title>Log in</title><br>", HTML), listing)


def test_a_listing_with_nonsense_in_it_is_no_s3(ask):
    rows = (
        b"<Contents><Key>home/a/b</Key><Size>many</Size><ETag>e</ETag></Contents>",
        b"<Contents><Key>home/a/b</Key></Contents>",
        b"<Contents><LastModified>never</LastModified></Contents>",
    )
    for row in rows:
        reply = Canned(
            200,
            b"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>%s</ListBucketResult>" % row,
        )
        fails(ask, NotS3, reply, listing)


def test_a_listing_that_breaks_off_is_temporary(ask):
    fails(ask, StoreUnavailable, Canned(200, b"<ListBucketResult><Name>b</Name>", cut=50), listing)


def test_a_failure_on_the_second_page_is_converted_too(ask):
    row = b"<Contents><Key>home/a/1</Key><Size>1</Size><ETag>&quot;e&quot;</ETag></Contents>"
    page = b"<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>%s</ListBucketResult>"

    def answer(asked):
        return s3_error(503, "SlowDown") if "continuation-token" in asked.path else Canned(200, page % row)

    seen = []

    def read(store):
        seen.extend(store.list("a/"))  # takes one after the other, also before a failure

    with pytest.raises(StoreUnavailable):
        ask(answer, read)
    assert [info.key for info in seen] == ["a/1"]


def test_what_speaks_no_http_is_no_s3(use, monkeypatch, bucket):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(1 << 16)

        thread = threading.Thread(target=greet)
        thread.start()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        settings = S3Settings(endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        with closing(S3Store(bucket, settings=settings)) as store, pytest.raises(NotS3):
            listing(store)
        thread.join()


def test_a_server_that_is_down_is_temporary(ask, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings = S3Settings(endpoint_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        for do in (put, get, listing):
            with pytest.raises(StoreUnavailable, match="does not answer"):
                ask(Canned(), do, settings)


# --- settings ---------------------------------------------------------------------------------------


def test_missing_credentials_are_told_with_how_to_give_them(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    settings = S3Settings(endpoint_url="http://127.0.0.1:9")
    with closing(S3Store("bucket", settings=settings)) as store, pytest.raises(CredentialsRefused) as caught:
        put(store)
    assert "AWS_ACCESS_KEY_ID" in caught.value.fix


def test_an_unknown_profile_is_told():
    store = S3Store("bucket", settings=S3Settings(profile="nobody"))
    with pytest.raises(CredentialsRefused, match="could not open") as caught:
        put(store)
    assert "--profile" in caught.value.fix


@pytest.mark.parametrize(
    "settings",
    [
        S3Settings(endpoint_url="not a url"),
        S3Settings(endpoint_url="127.0.0.1:9000"),
        S3Settings(endpoint_url="http://[::1"),
        S3Settings(endpoint_url="http://host:port"),
        S3Settings(endpoint_url=""),
        S3Settings(region="eu west"),
        S3Settings(addressing_style=cast("Literal['path']", "sideways")),
    ],
)
def test_an_address_that_is_none_is_an_error_of_usage(monkeypatch, settings):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "also not a url")
    with pytest.raises(UsageError):
        put(S3Store("bucket", settings=settings))


def test_the_profile_and_its_endpoint_come_from_the_files_of_the_user(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with canned_server(lambda _: Canned(200, b"", ETAG)) as server:
        (tmp_path / "no-aws-config").write_text(
            f"[profile mine]\nregion = xy-north-1\nendpoint_url = {server.endpoint}\n"
            "aws_access_key_id = AKMINE\naws_secret_access_key = s\n"
        )
        with closing(S3Store("bucket", settings=S3Settings(profile="mine"))) as store:
            put(store)
    assert "AKMINE" in server.asked[0].headers["authorization"]
    assert "/xy-north-1/s3/" in server.asked[0].headers["authorization"]
    assert "content-md5" in server.asked[0].headers


def test_a_put_carries_an_md5_and_no_checksum_trailer(ask):
    _, (asked,) = ask(Canned(200, b"", ETAG), put)
    assert asked.path == "/bucket/home/a/b"
    assert asked.body == b"body"
    assert asked.headers["content-md5"] == base64.b64encode(hashlib.md5(b"body").digest()).decode()
    assert not [name for name in asked.headers if "checksum" in name or "trailer" in name]


def test_the_etag_of_a_condition_is_bare(ask):
    _, (asked,) = ask(Canned(200, b"", ETAG), lambda s: s.put_if_match("a", b"", etag="abc"))
    assert asked.headers["if-match"] == "abc"


@pytest.mark.parametrize(
    "reply", [s3_error(412, "PreconditionFailed"), s3_error(409, "ConditionalRequestConflict")]
)
def test_a_lost_condition_is_no_error(ask, reply):
    assert ask(reply, lambda s: s.put_if_absent("a", b""))[0] is False
    assert ask(reply, lambda s: s.put_if_match("a", b"", etag="x"))[0] is False


# --- ranges -----------------------------------------------------------------------------------------

TEN = b"0123456789"


def piece(store):
    return store.get("a", start=4, length=3)


def test_a_server_that_ignores_ranges_is_cut_to_size(ask):
    assert ask(Canned(200, TEN, ETAG), piece)[0] == b"456"
    assert ask(Canned(200, b"012", ETAG), piece)[0] == b""


def test_a_piece_that_is_sent_with_200_is_taken_by_its_content_range(ask):
    assert ask(Canned(200, b"456", {**ETAG, "Content-Range": "bytes 4-6/10"}), piece)[0] == b"456"


def test_a_piece_that_begins_elsewhere_is_refused(ask):
    for headers in ({"Content-Range": "bytes 0-2/10"}, {}, {"Content-Range": "nonsense"}):
        fails(ask, BadObject, Canned(206, b"012", {**ETAG, **headers}), piece)


def test_more_than_was_asked_for_is_not_read(ask):
    assert ask(Canned(206, TEN[4:], {**ETAG, "Content-Range": "bytes 4-9/10"}), piece)[0] == b"456"


def test_a_body_that_breaks_off_is_temporary(ask):
    fails(ask, StoreUnavailable, Canned(200, TEN, ETAG, cut=5), get)
    fails(ask, StoreUnavailable, Canned(206, b"4", {**ETAG, "Content-Range": "bytes 4-6/10"}), piece)


def test_an_object_that_is_too_large_is_refused_before_it_is_read(ask):
    fails(ask, BadObject, Canned(200, TEN, {**ETAG, "Content-Length": str(MAX_OBJECT + 1)}), get)


class Endless:
    """A body without an end, which counts what is taken from it."""

    def __init__(self):
        self.taken = 0

    def read(self, amt=None, /):
        self.taken += amt
        return bytes(amt)


def test_of_an_object_that_never_ends_no_more_is_read_than_the_bound():
    body = Endless()
    with pytest.raises(BadObject, match="larger"):
        read_piece(body, Reply(200, "", None), 0, None)
    assert body.taken == MAX_OBJECT + 1


def test_of_a_piece_that_never_ends_no_more_is_read_than_was_asked_for():
    body = Endless()
    assert read_piece(body, Reply(206, "bytes 4-6/*", None), 4, 3) == bytes(3)
    assert body.taken == 3


def test_what_is_not_there_is_not_found(ask):
    with pytest.raises(ObjectNotFound):
        ask(s3_error(404, "NoSuchKey"), get)


# --- deleting ---------------------------------------------------------------------------------------


def test_a_batch_carries_an_md5(ask):
    _, (asked,) = ask(Canned(200, b"<DeleteResult/>"), lambda s: s.delete(["a", "b"]))
    assert asked.headers["content-md5"] == base64.b64encode(hashlib.md5(asked.body).digest()).decode()


def test_a_thousand_and_one_keys_take_two_batches(ask):
    _, asked = ask(Canned(200, b"<DeleteResult/>"), lambda s: s.delete(f"{n}" for n in range(1001)))
    assert [request.body.count(b"<Key>") for request in asked] == [1000, 1]


@pytest.mark.parametrize(
    "refusal", [s3_error(501, "NotImplemented"), s3_error(400, "MissingContentMD5"), Canned(405)]
)
def test_where_batches_are_refused_objects_are_deleted_one_by_one(ask, refusal):
    def answer(asked):
        return refusal if asked.method == "POST" else Canned(204)

    def twice(store):
        store.delete(["a", "b"])
        store.delete(["c"])

    _, asked = ask(answer, twice)
    assert [(request.method, request.path.partition("?")[0]) for request in asked] == [
        ("POST", "/bucket"),
        ("DELETE", "/bucket/home/a"),
        ("DELETE", "/bucket/home/b"),
        ("DELETE", "/bucket/home/c"),
    ]


def test_a_batch_that_failed_in_part_is_an_error(ask):
    reply = Canned(
        200, b"<DeleteResult><Error><Key>home/a</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    )
    error = fails(ask, CredentialsRefused, reply, lambda s: s.delete(["a"]))
    assert error.why == "the bucket refused to delete objects (AccessDenied)"


# --- counting ---------------------------------------------------------------------------------------


def test_each_attempt_and_each_page_is_counted(use, monkeypatch):
    replies = iter([s3_error(503, "SlowDown"), Canned(200, b"", ETAG), Canned(200, TEN, ETAG)])
    with canned_server(lambda _: next(replies)) as server:
        use(server)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")  # botocore's patience is off: there is one
        traffic = Traffic()
        with closing(S3Store("bucket", traffic=traffic)) as bare:
            store = RetryingStore(bare, sleep=lambda _seconds: None)
            store.put("a", b"body")
            store.get("a")
    assert traffic.counts.requests == {"PUT": 2, "GET": 1, "LIST": 0, "HEAD": 0, "DELETE": 0}
    assert (traffic.counts.uploaded_bytes, traffic.counts.downloaded_bytes) == (8, 10)


def test_the_environment_is_not_changed(rclone_server, use, bucket):
    use(rclone_server)
    before = dict(os.environ)
    with closing(S3Store(bucket)) as store:
        listing(store)
    assert dict(os.environ) == before
