"""Every kind of store, by name."""

from collections.abc import Callable

import pytest

from e2esync.adapters.stores.counting import CountingStore
from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.adapters.stores.limited import Budget, LimitedStore, Limits
from e2esync.adapters.stores.logged import LoggedStore
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.adapters.stores.retrying import RetryingStore, RetryPolicy
from e2esync.adapters.stores.s3 import S3Store
from e2esync.model.store import Store

LOCAL: dict[str, Callable[[], Store]] = {
    "memory": MemoryStore,
    "counting": lambda: CountingStore(MemoryStore()),
    "limited": lambda: LimitedStore(MemoryStore(), Budget(Limits(calls=2))),
    "logged": lambda: LoggedStore(MemoryStore()),
    "retrying": lambda: RetryingStore(MemoryStore()),
}
SERVERS = {
    "s3 on moto": "moto_server",
    "s3 on SeaweedFS": "seaweed_server",
    "s3 on SeaweedFS over TLS": "tls_seaweed_server",
    "s3 on rclone": "rclone_server",
}
HONOURS_CONDITIONS = [*LOCAL, "directory", "s3 on moto", "s3 on SeaweedFS", "s3 on SeaweedFS over TLS"]
KINDS = [*HONOURS_CONDITIONS, "s3 on rclone"]


@pytest.fixture(autouse=True)
def no_aws_of_the_user(monkeypatch, tmp_path):
    """What this user has set up for AWS is none of the tests' business."""
    for name in (
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_CA_BUNDLE",
        "AWS_SESSION_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-aws-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def use(monkeypatch):
    """Return a function that makes a server the one of the environment."""

    def set_environment(server):
        for name, value in server.env().items():
            monkeypatch.setenv(name, value)

    return set_environment


@pytest.fixture
def make_store(request, tmp_path, bucket, prefix, use):
    """Return a function that opens an empty store of a kind."""
    opened: list[Store] = []

    def find(kind) -> Store:
        if kind in SERVERS:
            use(request.getfixturevalue(SERVERS[kind]))
            store = S3Store(bucket, prefix)
            # moto answers 500 where several write at once; as ever in use, somebody is patient.
            return RetryingStore(store, RetryPolicy(first=0.05)) if kind == "s3 on moto" else store
        if kind == "directory":
            return DirectoryStore.create(tmp_path / "store")
        return LOCAL[kind]()

    def make(kind):
        opened.append(find(kind))
        return opened[-1]

    yield make
    for store in opened:
        store.close()
