"""What the probe finds out about real servers, and about stores that are wrong in one way."""

import time

import pytest

from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.adapters.stores.probe import Outcome, probe
from e2esync.errors import CredentialsRefused, NoBucket
from e2esync.model.store import ObjectNotFound

CONDITIONS = ("create-once", "replace-once", "create-race", "replace-race")


def outcomes(report):
    return {finding.name: finding.outcome for finding in report.findings}


@pytest.mark.parametrize("kind", ["memory", "directory", "s3 on SeaweedFS"])
def test_a_good_store_is_found_good_and_left_clean(make_store, kind):
    store = make_store(kind)
    report = probe(store, rounds=2)
    assert set(outcomes(report).values()) == {Outcome.OK}, report
    assert report.usable
    assert report.url == store.url
    assert list(store.list("")) == []


def test_rclone_is_found_to_ignore_conditions_and_to_be_usable(make_store):
    store = make_store("s3 on rclone")
    report = probe(store, rounds=2)
    found = outcomes(report)
    assert {found[name] for name in CONDITIONS} == {Outcome.IGNORED}
    assert {found[name] for name in found if name not in CONDITIONS} == {Outcome.OK}
    assert report.usable
    for listed in store.list(""):  # it may still list, of no size, what was deleted a moment ago
        with pytest.raises(ObjectNotFound):
            store.get(listed.key)


def test_a_directory_is_left_without_a_trace(tmp_path):
    probe(DirectoryStore.create(tmp_path / "store"), rounds=1)
    assert {path.name for path in (tmp_path / "store").iterdir()} <= {".lock"}


class Stale(MemoryStore):
    def __init__(self):
        super().__init__()
        self.first = {}

    def put(self, key, body):
        self.first.setdefault(key, body)
        return super().put(key, body)

    def get(self, key, *, start=0, length=None):
        return self.first.get(key, b"old")[start:]


class Forgetful(MemoryStore):
    def list(self, prefix):
        return iter(())

    def delete(self, keys):
        pass


class Late(MemoryStore):
    def server_time(self):
        return time.time() - 1000


class Racy(MemoryStore):
    """Right one after the other, wrong at once: it tells everybody that they won."""

    def put_if_absent(self, key, body):
        return super().put_if_absent(key, body) or "create-" in key


@pytest.mark.parametrize(
    ("store", "failed"),
    [
        (Stale(), {"overwrite", "ranges"}),
        (Forgetful(), {"list", "delete"}),
        (Late(), {"clock"}),
    ],
)
def test_a_store_that_is_wrong_is_found_wrong(store, failed):
    found = outcomes(probe(store, rounds=1))
    assert failed <= {name for name, outcome in found.items() if outcome is Outcome.FAILED}


def test_conditions_that_break_in_a_race_only_are_found():
    found = outcomes(probe(Racy(), rounds=1))
    assert found["create-once"] is Outcome.OK
    assert found["create-race"] is Outcome.IGNORED


def test_a_store_that_refuses_is_reported_with_its_error(tmp_path):
    report = probe(DirectoryStore(tmp_path / "absent"))
    assert isinstance(report.error, NoBucket)
    assert not report.usable
    assert [finding.outcome for finding in report.findings] == [Outcome.FAILED]
    assert "does not exist" in report.findings[0].sentence


def test_a_key_that_may_not_write_is_reported_with_its_error(seaweed_server, make_store, monkeypatch):
    store = make_store("s3 on SeaweedFS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert isinstance(probe(store).error, CredentialsRefused)
