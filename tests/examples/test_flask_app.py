"""The second example: through its test client, and as a process that listens."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.flask_app import MAX_TEXT, app

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def client():
    return app.test_client()


def test_encrypt_and_decrypt_give_the_text_back(client):
    encrypted = client.post("/encrypt", json={"data": "meet at noon ☕"})
    assert encrypted.status_code == 200
    assert list(encrypted.json) == ["encrypted_data"]
    decrypted = client.post("/decrypt", json=encrypted.json)
    assert decrypted.status_code == 200
    assert decrypted.json == {"decrypted_data": "meet at noon ☕"}


def test_the_longest_text_that_can_be_encrypted_can_be_decrypted(client):
    text = "x" * MAX_TEXT
    encrypted = client.post("/encrypt", json={"data": text})
    assert encrypted.status_code == 200
    assert client.post("/decrypt", json=encrypted.json).json == {"decrypted_data": text}


BAD_BODIES = {
    "nothing": b"",
    "not JSON": b"hello",
    "not UTF-8": b'{"data": "\xff"}',
    "a list": b"[]",
    "null": b"null",
    "an empty object": b"{}",
    "another field": b'{"text": "x"}',
    "a number": b'{"data": 1, "encrypted_data": 1}',
    "null in the field": b'{"data": null, "encrypted_data": null}',
    "a list in the field": b'{"data": ["x"], "encrypted_data": ["x"]}',
    "a lone surrogate": b'{"data": "\\ud800", "encrypted_data": "\\ud800"}',
    "an endless number": b'{"data": ' + b"9" * 10_000 + b"}",
    "a deep nest": b"[" * 100_000,
}


@pytest.mark.parametrize("path", ["/encrypt", "/decrypt"])
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_body_that_is_not_understood_is_400(client, path, body):
    _refused(client.post(path, data=body, content_type="application/json"), 400)


@pytest.mark.parametrize("path", ["/encrypt", "/decrypt"])
def test_another_content_type_is_415(client, path):
    _refused(client.post(path, data=b'{"data": "x", "encrypted_data": "x"}', content_type="text/plain"), 415)


@pytest.mark.parametrize("damage", ["", "hello", "ü", "A" * 4000])
def test_a_text_that_was_not_sealed_here_is_400(client, damage):
    _refused(client.post("/decrypt", json={"encrypted_data": damage}), 400)


def test_a_damaged_text_is_400(client):
    sealed = client.post("/encrypt", json={"data": "meet at noon"}).json["encrypted_data"]
    middle = len(sealed) // 2
    other = "A" if sealed[middle] != "A" else "B"
    for damaged in (sealed[:-4], sealed + "AAAA", sealed[:middle] + other + sealed[middle + 1 :]):
        _refused(client.post("/decrypt", json={"encrypted_data": damaged}), 400)


def test_a_text_over_the_limit_is_413(client):
    _refused(client.post("/encrypt", json={"data": "x" * (MAX_TEXT + 1)}), 413)


@pytest.mark.parametrize("path", ["/encrypt", "/decrypt"])
def test_a_body_over_the_limit_is_413(client, path):
    _refused(client.post(path, data=b" " * (2 * MAX_TEXT + 1), content_type="application/json"), 413)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/encrypt", "/decrypt"])
def test_another_method_is_405_and_names_the_right_one(client, path, method):
    answer = client.open(path, method=method)
    _refused(answer, 405)
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/", "/encrypt/", "/nothing"])
def test_an_unknown_route_is_404(client, path):
    _refused(client.post(path, json={"data": "x"}), 404)


@pytest.mark.server
def test_started_as_its_docstring_says_it_answers_over_the_network():
    with _server() as port:
        status, encrypted = _post(port, "/encrypt", {"data": "meet at noon"})
        assert status == 200
        assert _post(port, "/decrypt", encrypted) == (200, {"decrypted_data": "meet at noon"})
        status, refusal = _post(port, "/decrypt", {"encrypted_data": "damaged"})
        assert (status, list(refusal)) == (400, ["error"])


def _refused(answer, status):
    assert answer.status_code == status
    assert answer.mimetype == "application/json"
    assert list(answer.json) == ["error"]
    assert answer.json["error"]


@contextlib.contextmanager
def _server():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "flask", "--app", "examples/flask_app", "run", "--port", str(port)]
    # Coverage of subprocesses and the like may stand in the environment; an old FLASK_* must not.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port, process):
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        else:
            return


def _post(port, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
