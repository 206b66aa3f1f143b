"""An exported log proves itself to the second reader, which has neither keys nor store; what was tampered with does not."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.crypto import recovery
from e2esync.crypto.labels import Purpose
from e2esync.engine.export import Exported, export
from e2esync.engine.history import events
from e2esync.engine.prune import prune
from e2esync.engine.pushes import Pushes
from e2esync.engine.restore import put_into_folder, version, versions
from e2esync.errors import UsageError
from e2esync.format.head import HeadBody
from e2esync.format.signed import SignedRecord
from e2esync.format.snapshot import Snapshot
from e2esync.merge.retention import DAY, Rules
from e2esync.vault.records import sign_record
from examples import read_without_e2esync as reader
from tests.engine.histories import History, Kinds
from tests.engine.test_other_readers import SMALL
from tests.engine.test_sync import once, round_of, write
from tests.engine.world import Dev, World, open_from_words

PROOFS = {"page", "snapshot", "directory"}
Line = dict[str, Any]


def exported(dev: Dev, **wanted) -> list[bytes]:
    lines: list[bytes] = []
    export(dev.vault, lines.append, **wanted)
    return lines


def owner_of(dev: Dev) -> str:
    return dev.keys.identity.public.safety_number


def is_good(lines: list[bytes], owner: str, folder: Path, *more: str) -> bool:
    file = folder / "log"
    file.write_bytes(b"".join(lines))
    code = reader.main(["check-log", str(file), "--fingerprint", owner, *more])
    assert code in {0, 6}
    return code == 0


def listed(lines: list[bytes]) -> list[tuple[str, str, str | None]]:
    changes = (line for line in map(json.loads, lines) if line["type"] == "change")
    return sorted((line["version"], line["change"], line["path"]) for line in changes)


def logged(dev: Dev, **wanted) -> list[tuple[str, str, str | None]]:
    return sorted(
        (event.id, str(event.what), None if b"\xff" in event.path else event.path.decode())
        for event in events(dev.vault, **wanted)
    )


def live(world: World) -> list[Dev]:
    """Three devices with edits, moves, deletions, conflicts, links, bad names and a restored version."""
    a, b, c = world.device("a"), world.device("b"), world.device("c")
    write(a, "docs/deep/x", b"1")
    write(a, "docs/y", b"y")
    (a.root / "link").symlink_to("docs/y")
    (a.root / os.fsdecode(b"no text \xff")).write_bytes(b"n")
    round_of(a, b, c)
    write(b, "docs/y", b"two")
    (b.root / "docs").rename(b.root / "texts")
    round_of(b, c, a)
    world.clock.advance(100)
    write(a, "texts/y", b"of a")
    write(c, "texts/y", b"of c")
    (c.root / "texts" / "deep" / "x").chmod(0o600)
    round_of(a, b, c)
    for copy in (b.root / "texts").glob("*conflict*"):
        copy.unlink()
    (b.root / "texts" / "deep" / "x").rename(b.root / "x")
    round_of(b, a, c)
    shutil.rmtree(c.root / "texts")
    round_of(c, a, b)
    old = next(event for event in versions(a.vault, b"texts/y") if event.content is not None)
    put_into_folder(a.vault, [version(a.vault, b"texts/y", old.id)], mine_to=None)
    round_of(a, b, c)
    return [a, b, c]


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> Iterator[list[Dev]]:
    world = World(tmp_path_factory.mktemp("lived"))
    yield live(world)
    world.close()


@pytest.fixture(scope="module")
def whole(lived: list[Dev]) -> list[bytes]:
    return exported(lived[1])


# --- what is good ---


def test_any_device_exports_what_its_log_lists_and_the_second_reader_believes_it(lived, tmp_path, capsys):
    for dev in lived:
        once(dev)
        lines = exported(dev)
        assert is_good(lines, owner_of(dev), tmp_path)
        assert listed(lines) == logged(dev)
        kinds = {change for _, change, _ in listed(lines)}
        assert kinds == {"added", "changed", "moved", "mode", "settled", "deleted"}
        told = capsys.readouterr().out
        assert f"{len(listed(lines))} changes" in told
        assert "Not proven" in told
        assert "pruned" not in told


def test_the_owner_may_be_given_by_the_whole_fingerprint_and_has_to_be_the_right_one(lived, whole, tmp_path):
    assert is_good(whole, lived[0].keys.identity.public.fingerprint.hex(), tmp_path)
    assert not is_good(whole, "1" * 64, tmp_path)
    assert not is_good(whole, "12345 " * 8, tmp_path)
    assert reader.main(["check-log", str(tmp_path / "log"), "--fingerprint", "me"]) == 2


def test_nothing_in_it_opens_anything(lived, whole):
    keys = lived[0].keys.keyring
    secrets = [keys.vault_secret.reveal(), *(key.reveal() for key in keys.epochs.values())]
    everything = b"".join(whole)
    for secret in secrets:
        for raw in (secret, base64.b64encode(secret)[:40], secret.hex().encode()):
            assert raw not in everything
    records = [
        base64.b64decode(value)
        for line in map(json.loads, whole)
        for value in line.values()
        if isinstance(value, str) and len(value) > 100
    ]
    assert not any(secret in record for secret in secrets for record in records)
    assert list(json.loads(whole[0])["keys"]) == ["page id", "directory number"]


def test_whoever_holds_a_file_shows_that_it_is_a_version_if_the_key_was_disclosed(
    lived, whole, tmp_path, capsys
):
    mine = tmp_path / "mine"
    mine.write_bytes(b"two")
    lines = exported(lived[0], contents=True)
    assert is_good(lines, owner_of(lived[0]), tmp_path, "--content", str(mine))
    found = capsys.readouterr().out
    assert "'b' changed 'docs/y'" in found or "'b' changed 'texts/y'" in found
    mine.write_bytes(b"three")
    assert is_good(lines, owner_of(lived[0]), tmp_path, "--content", str(mine))
    assert "the content of no change" in capsys.readouterr().out
    (tmp_path / "log").write_bytes(b"".join(whole))
    arguments = ["check-log", str(tmp_path / "log"), "--fingerprint", owner_of(lived[0])]
    assert reader.main([*arguments, "--content", str(mine)]) == 2


def test_since_a_time_and_of_one_device(lived, tmp_path):
    dev = lived[0]
    times = sorted({event.time for event in events(dev.vault)})
    for since in (times[0], times[len(times) // 2], times[-1], times[-1] + 1):
        lines = exported(dev, since=since)
        assert is_good(lines, owner_of(dev), tmp_path)
        assert listed(lines) == logged(dev, since=since)
    lines = exported(dev, device="b")
    assert is_good(lines, owner_of(dev), tmp_path)
    assert {json.loads(line).get("device_name", "b") for line in lines if b'"change"' in line} == {"b"}
    assert listed(lines) == sorted(
        (event.id, str(event.what), event.path.decode())
        for event in events(dev.vault)
        if event.device_name == "b"
    )
    with pytest.raises(UsageError):
        exported(dev, device="nobody")


def test_a_vault_in_which_nothing_was_pushed_has_a_log_without_changes(world, tmp_path):
    dev = world.device("a")
    lines = exported(dev)
    assert [json.loads(line)["type"] for line in lines] == [
        "e2esync log",
        "card",
        "genesis",
        "members",
        "end",
    ]
    assert is_good(lines, owner_of(dev), tmp_path)


def test_long_histories_have_lists_on_pages_and_contexts_in_parts(pair, tmp_path):
    a, b = pair
    for number in range(135):
        write(a, "d/of a", b"%d" % number)
        once(a)
        if number % 9 == 0:
            write(b, "of b", b"%d" % number)
            (b.root / "d" / "of a").unlink(missing_ok=True)
            once(b)
    round_of(a, b)
    lines = exported(b)
    assert any(json.loads(line).get("kind") == 4 for line in lines)
    assert is_good(lines, owner_of(b), tmp_path)
    assert listed(lines) == logged(b)
    last = max(event.time for event in events(b.vault))
    assert is_good(exported(b, since=last), owner_of(b), tmp_path)


@pytest.mark.parametrize("seed", range(10))
def test_whatever_was_lived_is_exported_as_the_log_lists_it(tmp_path, seed):
    history = History(tmp_path / "world", seed, Kinds(killed=0.2, restored=0.1))
    try:
        for _ in range(60):
            history.step()
        history.settle()
        for dev in history.devices[:2]:
            lines = exported(dev)
            assert is_good(lines, owner_of(dev), tmp_path)
            assert listed(lines) == logged(dev)
    finally:
        history.world.close()


def test_the_log_of_the_small_vault_is_the_one_that_is_kept(tmp_path):
    store = DirectoryStore(shutil.copytree(SMALL / "store", tmp_path / "store"))
    entropy = recovery.from_words((SMALL / "words.txt").read_text())
    vault = bytes.fromhex(json.loads((SMALL / "expect.json").read_text())["vault"])
    world = World(tmp_path / "world")
    dev = world.device("reader", keys=open_from_words(store, entropy, vault), store=store)
    dev.pull()
    assert b"".join(exported(dev, contents=True)) == (SMALL.parent / "log" / "vault.jsonl").read_bytes()
    assert is_good([(SMALL.parent / "log" / "vault.jsonl").read_bytes()], owner_of(dev), tmp_path)
    world.close()


# --- what is not there any more ---


def pruned(world: World, a: Dev, b: Dev, rules: Rules) -> None:
    for _ in range(6):
        write(a, "file", os.urandom(200_000))
        write(b, "other", os.urandom(200_000))
        world.clock.advance(DAY)
        round_of(a, b)
    (b.root / "file").unlink()
    for _ in range(3):
        prune(a.vault, rules)
        for dev in (a, b):
            once(dev)
        world.clock.advance(31 * DAY)


@pytest.mark.parametrize(
    "rules", [Rules(keep_days=0), Rules(keep_days=0, keep_versions=2), Rules(keep_days=33)]
)
def test_what_was_pruned_is_untold_and_the_rest_is_proven(world, pair, tmp_path, rules, capsys):
    a, b = pair
    pruned(world, a, b, rules)
    lines: list[bytes] = []
    done = export(b.vault, lines.append)
    assert done.told < done.pushes
    assert is_good(lines, owner_of(b), tmp_path)
    assert listed(lines) == logged(b)
    assert f"{done.pushes - done.told} more pushes" in capsys.readouterr().out


@pytest.mark.parametrize("seed", range(3))
def test_where_a_snapshot_is_missing_what_others_took_in_from_it_is_told_in_part(
    tmp_path, seed, monkeypatch, capsys
):
    history = History(tmp_path / "world", seed, Kinds(), number=3)
    try:
        for _ in range(60):
            history.step()
        history.settle()
        dev = history.devices[0]
        of_b = history.devices[1].device.id
        read = Pushes._read_snapshot

        def some(pushes: Pushes, device: bytes, sequence: int) -> object:
            is_newest = sequence == pushes._by_device[device].sequence
            gone = device == of_b and not is_newest and sequence % 2
            return None if gone else read(pushes, device, sequence)

        monkeypatch.setattr(Pushes, "_read_snapshot", some)
        lines = exported(dev)
        pushes = [told for told in map(json.loads, lines) if told["type"] == "push"]
        assert is_good(lines, owner_of(dev), tmp_path)
        assert listed(lines) == logged(dev)
        assert any(not push["told"] for push in pushes)
        parts = sum(push["told"] and not push["whole"] for push in pushes)
        assert (f"In part: of {parts} pushes" in capsys.readouterr().out) == bool(parts)
        assert parts
    finally:
        history.world.close()


def test_what_is_left_out_of_a_whole_log_is_no_pruning(lived, whole, tmp_path):
    for at, line in enumerate(whole):
        told = json.loads(line)
        if told["type"] == "push" and told["told"]:
            changes = next(n for n, after in enumerate(whole[at + 1 :]) if b'"type":"change"' not in after)
            untold = written(told | {"told": False, "whole": False})
            end = json.loads(whole[-1])
            counts = end | {"told": end["told"] - 1, "changes": end["changes"] - changes}
            forged = [*whole[:at], untold, *whole[at + 1 + changes : -1], written(counts)]
            assert not is_good(forged, owner_of(lived[0]), tmp_path)


# --- what was tampered with ---


def written(line: Line) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def altered(value: object) -> Iterator[object]:
    """Other values in the place of one."""
    match value:
        case bool():
            yield not value
            yield int(value)
        case int():
            yield value + 1
            yield float(value)
            yield value + 10**10
        case str():
            yield value[:-1]
            if value:
                middle = len(value) // 2
                yield value[:middle] + ("0" if value[middle] != "0" else "1") + value[middle + 1 :]
                yield value.swapcase() if value != value.swapcase() else value + " "
        case None:
            yield "x"
        case dict():
            yield {}
            for name, each in value.items():
                yield from (value | {name: other} for other in altered(each))
        case _:
            raise TypeError(value)


def harmless(line: Line, name: str, other: object) -> bool:
    """Whether a line with another value says nothing that is not true: all pushes since 1970, and since a second later."""
    return line["type"] == "e2esync log" and name == "since" and other == 1


KINDS = [
    "e2esync log",
    "card",
    "genesis",
    "members",
    "head",
    "page",
    "snapshot",
    "directory",
    "push",
    "change",
    "end",
]


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_of_any_line_can_be_altered(lived, whole, tmp_path, kind):
    tried = 0
    for at, line in [(at, json.loads(line)) for at, line in enumerate(whole)]:
        if line["type"] != kind or (kind == "page" and at % 3):
            continue
        for name in line:
            for other in altered(line[name]):
                if not harmless(line, name, other):
                    forged = [*whole[:at], written(line | {name: other}), *whole[at + 1 :]]
                    assert not is_good(forged, owner_of(lived[0]), tmp_path), (line, name, other)
                    tried += 1
    assert tried


def test_bytes_have_one_form_only(lived, whole, tmp_path):
    tried = 0
    for at, line in enumerate(whole):
        told = json.loads(line)
        for name in {"record", "body", "key"} & told.keys():
            if told[name].endswith("="):
                last = told[name].rstrip("=")
                other = last[:-1] + chr(ord(last[-1]) + 1) + told[name][len(last) :]
                same = base64.b64decode(other) == base64.b64decode(told[name])
                forged = [*whole[:at], written(told | {name: other}), *whole[at + 1 :]]
                assert not is_good(forged, owner_of(lived[0]), tmp_path)
                tried += same
    assert tried


def test_pushes_cannot_be_hidden_behind_a_device_that_is_not_there(lived, whole, tmp_path):
    kinds = [json.loads(line)["type"] for line in whole]
    signed = [line for line, kind in zip(whole, kinds, strict=True) if kind not in {"push", "change", "end"}]
    empty = written({"type": "end", "pushes": 0, "told": 0, "changes": 0})
    nobody = written(json.loads(whole[0]) | {"device": "nobody"})
    assert not is_good([nobody, *signed[1:], empty], owner_of(lived[0]), tmp_path)
    assert not is_good([*signed, empty], owner_of(lived[0]), tmp_path)


def test_no_line_can_be_dropped_or_stand_there_twice(lived, whole, tmp_path):
    for at, line in enumerate(whole):
        assert not is_good(whole[:at] + whole[at + 1 :], owner_of(lived[0]), tmp_path), line
        assert not is_good([*whole[: at + 1], line, *whole[at + 1 :]], owner_of(lived[0]), tmp_path), line


def test_no_change_or_push_can_be_dropped_with_its_count(lived, whole, tmp_path):
    end = json.loads(whole[-1])
    for at, line in enumerate(whole):
        kind = json.loads(line)["type"]
        if kind in {"change", "push"}:
            counts = end | (
                {"changes": end["changes"] - 1} if kind == "change" else {"pushes": end["pushes"] - 1}
            )
            forged = [*whole[:at], *whole[at + 1 : -1], written(counts)]
            assert not is_good(forged, owner_of(lived[0]), tmp_path)


def test_no_two_lines_can_be_swapped_but_proofs_that_stand_beside_each_other(lived, whole, tmp_path):
    kinds = [json.loads(line)["type"] for line in whole]
    for at in range(len(whole) - 1):
        first, second = kinds[at : at + 2]
        if (first in {*PROOFS, "push"} and second in PROOFS) or first == second == "head":
            continue
        swapped = [*whole[:at], whole[at + 1], whole[at], *whole[at + 2 :]]
        assert not is_good(swapped, owner_of(lived[0]), tmp_path), (first, second)


def test_no_push_comes_before_one_that_it_had_seen(lived, whole, tmp_path):
    kinds = [json.loads(line)["type"] for line in whole]
    first = next(at for at, kind in enumerate(kinds) if kind in PROOFS)
    proofs = [line for line, kind in zip(whole, kinds, strict=True) if kind in PROOFS]
    blocks: list[list[bytes]] = []
    for line, kind in zip(whole, kinds, strict=True):
        if kind == "push":
            blocks.append([line])
        elif kind == "change":
            blocks[-1].append(line)
    assert is_good(
        [*whole[:first], *proofs, *chain.from_iterable(blocks), whole[-1]], owner_of(lived[0]), tmp_path
    )
    refused = 0
    for at in range(len(blocks) - 1):
        swapped = [*blocks[:at], blocks[at + 1], blocks[at], *blocks[at + 2 :]]
        refused += not is_good(
            [*whole[:first], *proofs, *chain.from_iterable(swapped), whole[-1]], owner_of(lived[0]), tmp_path
        )
    assert refused == len(blocks) - 1 - lived_apart(whole)


def lived_apart(lines: list[bytes]) -> int:
    """How many pushes had not seen the one that is listed before them."""
    signed: dict[tuple[str, int], Snapshot] = {}
    for line in map(json.loads, lines):
        if line["type"] in {"snapshot", "head"}:
            payload = SignedRecord.decode(base64.b64decode(line["record"])).payload
            if line["type"] == "head":
                payload = SignedRecord.decode(HeadBody.decode(payload).snapshot).payload
            snapshot = Snapshot.decode(payload)
            signed[snapshot.device.hex(), snapshot.sequence] = snapshot
    pushes = [(line["device"], line["sequence"]) for line in map(json.loads, lines) if line["type"] == "push"]
    return sum(
        one[0] != other[0] and not any((device.hex(), at) == one for device, at, _ in signed[other].changes)
        for one, other in pairwise(pushes)
    )


def test_a_file_that_was_cut_off_is_refused_wherever_that_was(lived, whole, tmp_path):
    for at in range(len(whole)):
        assert not is_good(whole[:at], owner_of(lived[0]), tmp_path)
    assert not is_good([*whole[:-1], whole[-1][:-1]], owner_of(lived[0]), tmp_path)
    assert not is_good([*whole[:-1], whole[-1][:20]], owner_of(lived[0]), tmp_path)
    assert not is_good([*whole, whole[-1]], owner_of(lived[0]), tmp_path)


def test_random_damage_is_refused_and_never_more_than_that(lived, whole, tmp_path):
    random, everything = Random(1), b"".join(whole)
    for _ in range(300):
        at = random.randrange(len(everything))
        other = random.randrange(256).to_bytes(1, "big")
        if everything[at : at + 1] != other:
            assert not is_good([everything[:at], other, everything[at + 1 :]], owner_of(lived[0]), tmp_path)
    for junk in (
        b"",
        b"\n",
        b"[]\n",
        b'{"type":1}\n',
        b"[" * 5000 + b"\n",
        b'{"type":"end"}\n',
        b"\xff\n",
        b"9" * 5000 + b"\n",
    ):
        assert not is_good([junk], owner_of(lived[0]), tmp_path)


def test_the_first_line_that_fails_is_named(lived, whole, tmp_path, capsys):
    at = next(n for n, line in enumerate(whole) if b'"type":"change"' in line)
    assert not is_good(
        [*whole[:at], whole[at].replace(b'"time":"2', b'"time":"3'), *whole[at + 1 :]],
        owner_of(lived[0]),
        tmp_path,
    )
    assert capsys.readouterr().err.startswith(f"error: line {at + 1}: ")


def test_nothing_signed_of_another_vault_counts(lived, whole, tmp_path):
    world = World(tmp_path / "other")
    other = world.device("a")
    write(other, "x", b"1")
    once(other)
    write(other, "x", b"2")
    once(other)
    for line in exported(other):
        kind = json.loads(line)["type"]
        places = [at for at, mine in enumerate(whole) if json.loads(mine)["type"] == kind]
        if kind in PROOFS - {"snapshot"} or not places:
            continue  # a page that nobody asks for
        for at in (places[0], places[-1]):
            assert not is_good([*whole[:at], line, *whole[at + 1 :]], owner_of(lived[0]), tmp_path)
            assert not is_good([*whole[:at], line, *whole[at:]], owner_of(lived[0]), tmp_path)
    world.close()


def test_what_another_device_or_person_signed_does_not_count(lived, whole, tmp_path):
    signers = [lived[0].device.signing, lived[1].device.signing, lived[0].keys.identity.signing]
    purposes = {
        "card": Purpose.CARD, "genesis": Purpose.GENESIS, "members": Purpose.MEMBERS, "head": Purpose.HEAD,
        "snapshot": Purpose.SNAPSHOT,
    }  # fmt: skip
    tried = 0
    for at, line in enumerate(whole):
        told = json.loads(line)
        if told["type"] not in purposes:
            continue
        record = base64.b64decode(told["record"])
        for signer in signers:
            forged, _ = sign_record(signer, purposes[told["type"]], SignedRecord.decode(record).payload)
            if forged != record:
                lines = [
                    *whole[:at],
                    written(told | {"record": base64.b64encode(forged).decode()}),
                    *whole[at + 1 :],
                ]
                assert not is_good(lines, owner_of(lived[0]), tmp_path), told["type"]
                tried += 1
    assert tried > 20


def test_an_older_export_of_one_device_does_not_hide_what_another_has_seen(pair, tmp_path):
    a, b = pair
    write(a, "x", b"1")
    round_of(a, b)
    old = exported(b)
    write(a, "x", b"2")
    round_of(a, b)
    write(b, "y", b"1")
    round_of(b, a)
    new = exported(b)
    heads = [[line for line in lines if b'"type":"head"' in line] for lines in (old, new)]
    of_a = [line for line in heads[1] if a.device.id in base64.b64decode(json.loads(line)["record"])]
    assert len(of_a) >= 1
    for line in heads[1]:
        for older in heads[0]:
            assert not is_good([older if each == line else each for each in new], owner_of(a), tmp_path)


def test_all_counts_are_of_what_was_written(lived):
    lines: list[bytes] = []
    done = export(lived[0].vault, lines.append)
    kinds = [json.loads(line)["type"] for line in lines]
    assert done == Exported(kinds.count("push"), kinds.count("push"), kinds.count("change"))
