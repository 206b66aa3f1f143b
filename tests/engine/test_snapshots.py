"""The snapshots of a device are walked from its head to its first push, and gaps are seen as such."""

import pytest

from e2esync.engine.blobs import BlobReader
from e2esync.engine.fetch import load_indexes, read_head
from e2esync.engine.snapshots import snapshots
from e2esync.errors import BadObject, MissingObject
from e2esync.vault.cipher import BlobKind
from tests.engine.test_push_pull import write


def walked(reader, dev):
    """What `reader`, a device, sees of the snapshots of `dev`."""
    head = read_head(reader.vault, dev.device.id)
    load_indexes(reader.vault, [head])
    return list(snapshots(reader.vault, head, BlobReader(reader.vault)))


def push_often(dev, count):
    for number in range(count):
        write(dev.root / "note", b"%d" % number)
        dev.push()


def forget(dev, blob_id):
    """Let no index name a blob any more."""
    dev.vault.catalogue._db.execute("DELETE FROM blob WHERE prefix = ?", (blob_id[:16],))


@pytest.mark.parametrize("count", [1, 2, 70, 140])
def test_every_snapshot_comes_from_the_newest_to_the_first(pair, count):
    a, b = pair
    push_often(a, count)
    past = walked(b, a)
    assert [one.sequence for one in past] == list(range(count, 0, -1))
    assert [one.snapshot.sequence for one in past] == [one.sequence for one in past]
    assert [one.snapshot.previous for one in past] == [*(one.hash for one in past[1:]), None]


def test_a_device_walks_its_own_snapshots(pair):
    a, _ = pair
    push_often(a, 3)
    assert [one.sequence for one in walked(a, a)] == [3, 2, 1]


def test_one_that_is_in_no_pack_is_a_gap_and_the_walk_goes_on(pair):
    a, b = pair
    push_often(a, 5)
    whole = walked(b, a)
    forget(b, b.vault.cipher.snapshot_id(whole[2].hash))
    past = walked(b, a)
    assert past == [*whole[:2], whole[2]._replace(snapshot=None), *whole[3:]]


def test_one_in_the_place_of_another_is_refused(pair):
    a, b = pair
    push_often(a, 3)
    first, second = (b.vault.cipher.snapshot_id(one.hash)[:16] for one in walked(b, a)[1:])
    forget(b, first)
    b.vault.catalogue._db.execute("UPDATE blob SET prefix = ? WHERE prefix = ?", (first, second))
    with pytest.raises(BadObject):
        walked(b, a)


def test_a_page_of_the_history_that_is_gone_is_an_error(pair):
    a, b = pair
    push_often(a, 130)
    head = read_head(b.vault, a.device.id)
    assert len(head.history) > 1
    walked(b, a)
    forget(b, head.history[1][0])
    with pytest.raises(MissingObject):
        walked(b, a)


def test_a_page_that_is_no_history_is_refused(pair, monkeypatch):
    a, b = pair
    push_often(a, 130)
    head = read_head(b.vault, a.device.id)
    reader = BlobReader(b.vault)
    load_indexes(b.vault, [head])
    monkeypatch.setattr(
        reader, "history_page", lambda page_id: reader._page(BlobKind.HISTORY, page_id) + b"\0"
    )
    with pytest.raises(BadObject):
        list(snapshots(b.vault, head, reader))
