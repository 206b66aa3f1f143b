"""Fixtures for pytest: one server of each kind for a session (and worker), one bucket, a prefix for each test.

pytest_plugins = ["moto_fixtures.plugin"]
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from moto_fixtures.servers import MotoServer, RcloneServer, SeaweedServer
from moto_fixtures.tls import TLSFront

BUCKET = "test-bucket"


@pytest.fixture(scope="session")
def moto_server() -> Iterator[MotoServer]:
    with MotoServer() as server:
        server.make_bucket(BUCKET)
        yield server


@pytest.fixture(scope="session")
def seaweed_server() -> Iterator[SeaweedServer]:
    with SeaweedServer() as server:
        server.make_bucket(BUCKET)
        yield server


@pytest.fixture(scope="session")
def rclone_server() -> Iterator[RcloneServer]:
    with RcloneServer() as server:
        server.make_bucket(BUCKET)
        yield server


@pytest.fixture(scope="session")
def tls_seaweed_server(seaweed_server: SeaweedServer) -> Iterator[TLSFront]:
    with TLSFront(seaweed_server) as front:
        yield front


@pytest.fixture
def bucket() -> str:
    """Return the bucket that every server has."""
    return BUCKET


@pytest.fixture
def prefix() -> str:
    """Return a prefix that no other test uses."""
    return f"test-{secrets.token_hex(8)}"
