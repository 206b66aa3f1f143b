"""Buckets at the command line: the whole way, and everything that may be wrong with one."""

from __future__ import annotations

import json

import pytest

from tests.stores.canned import Canned, canned_server


@pytest.fixture
def aws(monkeypatch):
    def use(environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)

    return use


def failure(code: str, status: int) -> Canned:
    return Canned(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (failure("NoSuchBucket", 404), 8),
        (failure("AccessDenied", 403), 5),
        (failure("InvalidAccessKeyId", 403), 5),
        (failure("SignatureDoesNotMatch", 403), 5),
        (Canned(301, b"<Error><Code>PermanentRedirect</Code></Error>", {"x-amz-bucket-region": "eu-1"}), 8),
        (failure("RequestTimeTooSkewed", 403), 8),
        (Canned(200, b"<html>hello</html>", {"Content-Type": "text/html"}), 8),
        (Canned(404, b"<html>nothing here</html>", {"Content-Type": "text/html"}), 8),
    ],
    ids=["no-bucket", "denied", "unknown-key", "wrong-secret", "region", "skew", "html", "html-404"],
)
def test_a_bucket_that_refuses_ends_with_its_code_and_makes_nothing(run, aws, tmp_path, answer, code):
    with canned_server(lambda _asked: answer) as server:
        aws(server.env())
        done = run("setup", "s3://bucket/p", tmp_path / "f", "--recovery-file", tmp_path / "w", "--json")
    assert (done.code, done.last["exit"]) == (code, code)
    assert done.lines == ["error", "why", "fix"]
    assert not (tmp_path / "w").exists()
    assert not (tmp_path / "home" / "keys").exists()


def test_a_server_that_does_not_answer_is_7(run, aws, tmp_path, monkeypatch):
    from e2esync.adapters.stores import retrying

    monkeypatch.setattr(retrying.RetryingStore, "_wait", lambda _self, _tried: None)
    aws(
        {
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }
    )
    endpoint = ("--endpoint-url", "http://127.0.0.1:9")
    done = run("setup", "s3://bucket/p", tmp_path / "f", "--recovery-file", tmp_path / "w", *endpoint)
    assert done.code == 7


def test_without_credentials_it_is_5(run, tmp_path):
    endpoint = ("--endpoint-url", "http://127.0.0.1:9")
    done = run("setup", "s3://bucket/p", tmp_path / "f", "--recovery-file", tmp_path / "w", *endpoint)
    assert done.code == 5


@pytest.mark.server
def test_two_devices_share_a_file_through_a_bucket(run, aws, tmp_path, moto_server, bucket):
    aws(moto_server.env())
    endpoint = ("--endpoint-url", moto_server.endpoint, "--region", "us-east-1")
    moto_server.make_bucket(bucket)
    words = ("--recovery-file", tmp_path / "w")
    assert run("setup", f"s3://{bucket}/p", tmp_path / "A", *words, *endpoint).code == 0
    (tmp_path / "A" / "x").write_text("hello")
    pushed = run("push", "--json")
    assert (pushed.code, pushed.last["uploaded_files"]) == (0, 1)
    again = run("push", "--json").last
    assert sum(again["requests"].values()) <= 2
    assert run("join", f"s3://{bucket}/p", tmp_path / "B", *words, *endpoint, home=tmp_path / "h2").code == 0
    assert run("pull", "--json").last["downloaded_files"] == 1
    assert (tmp_path / "B" / "x").read_text() == "hello"


def test_a_dry_run_shows_actions_and_does_nothing(run, vault, tmp_path):
    (vault / "x").write_text("x")
    done = run("push", "--dry-run", "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["type"], line.get("action"), line.get("path")) for line in lines[:-1]] == [
        ("action", "upload", "x")
    ]
    assert lines[-1]["uploaded_files"] == 0
    assert run("push", "--json").last["uploaded_files"] == 1
