"""Where a store is, as people write it."""

from pathlib import Path

import pytest

from e2esync.adapters.stores.counting import CountingStore, Traffic
from e2esync.adapters.stores.location import DirectoryLocation, S3Location, open_store, parse_location
from e2esync.adapters.stores.s3 import S3Store
from e2esync.errors import NoBucket, UsageError

GOOD = [
    ("s3://bucket", S3Location("bucket", ""), "s3://bucket"),
    ("s3://bucket/", S3Location("bucket", ""), "s3://bucket"),
    ("s3://my.bucket-1/home/me/", S3Location("my.bucket-1", "home/me"), "s3://my.bucket-1/home/me"),
    ("file:///mnt/nas", DirectoryLocation(Path("/mnt/nas")), "file:///mnt/nas"),
    ("file:///mnt/my%20disk", DirectoryLocation(Path("/mnt/my disk")), "file:///mnt/my%20disk"),
    ("/mnt/my disk", DirectoryLocation(Path("/mnt/my disk")), "file:///mnt/my%20disk"),
    ("/mnt/a:b", DirectoryLocation(Path("/mnt/a:b")), "file:///mnt/a%3Ab"),
]


@pytest.mark.parametrize(("text", "location", "url"), GOOD)
def test_a_good_address_is_understood_and_written_the_same_way(text, location, url):
    assert parse_location(text) == location
    assert location.url == url
    assert parse_location(url) == location


def test_a_path_is_relative_to_the_current_directory_and_may_begin_with_the_home(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert parse_location("store") == DirectoryLocation(tmp_path / "store")
    assert parse_location("~/store") == DirectoryLocation(tmp_path / "home" / "store")


BAD = [
    "", "  ", "a\0b", "s3://", "s3:///prefix", "s3://b", "s3://bad bucket/x", "s3://-bucket", "s3://bucket/a//b",
    "s3://bucket/../x", "s3://bucket/a/./b", "s3://bucket/a?b", "s3://bucket/ä", "s3:bucket", "s3:https://host/bucket",
    "https://s3.example.com/bucket", "http://[::1", "gs://bucket", "sftp://host/dir", "file://host/dir", "file:dir",
    "file:/dir", "S3://bucket",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_another_address_is_an_error_of_usage_with_words(text):
    with pytest.raises(UsageError) as caught:
        parse_location(text)
    for line in (caught.value.what, caught.value.why, caught.value.fix):
        assert line
        assert "\n" not in line
        assert "\0" not in line


def test_credentials_in_an_address_are_not_repeated():
    with pytest.raises(UsageError) as caught:
        parse_location("s3://AKIA:topsecret@bucket/x")
    assert "topsecret" not in f"{caught.value.what}{caught.value.why}{caught.value.fix}"


def test_a_missing_directory_is_made_only_on_request(tmp_path):
    location = parse_location(str(tmp_path / "new" / "store"))
    with pytest.raises(NoBucket):
        open_store(location).put("a", b"")
    open_store(location, create=True).put("a", b"1")
    assert open_store(location).get("a") == b"1"


def test_the_requests_of_every_kind_of_store_are_counted_once(tmp_path, rclone_server, use, bucket, prefix):
    use(rclone_server)
    for text in (str(tmp_path), f"s3://{bucket}/{prefix}"):
        traffic = Traffic()
        store = open_store(parse_location(text), traffic=traffic)
        assert isinstance(store, CountingStore | S3Store)
        store.put("a/b", b"1234")
        store.get("a/b")
        store.head("a/b")
        list(store.list(""))
        store.delete(["a/b"])
        store.close()
        assert traffic.counts.requests == {"PUT": 1, "GET": 1, "LIST": 1, "HEAD": 1, "DELETE": 1}
        assert (traffic.counts.uploaded_bytes, traffic.counts.downloaded_bytes) == (4, 4)
