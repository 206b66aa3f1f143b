"""Make `vault/`: a small vault of two devices, three pushes, two epochs and a removed directory (docs/format.md).

    python -m tests.vectors.make_vault

`vault/store/` is the copied store, `vault/words.txt` its recovery words, and `vault/expect.json` what a reader
must make of it: path -> kind, permission bits, mtime, and SHA256 or target.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples import read_without_e2esync as r
from tests.vectors import writer as w

VAULT = Path(__file__).resolve().parent / "vault"
SECOND = 10**9
T0 = 1_700_000_000


def words_of(entropy: bytes) -> str:
    """The recovery words of 32 bytes (§3.1)."""
    bits = int.from_bytes(entropy + hashlib.sha256(entropy).digest()[:1], "big")
    names = list(r.wordlist())
    return " ".join(names[bits >> 11 * place & 2047] for place in range(23, -1, -1))


@dataclass
class Writer:
    """The devices of one vault, as if they shared one memory."""

    store: Path
    chance: w.Chance
    person: w.Person
    secret: bytes
    vault: bytes = b""
    tip: tuple[int, bytes] = (0, b"")
    epoch: bytes = b""
    keys: dict[bytes, bytes] = field(default_factory=dict)  # epoch -> key
    nodes: dict[bytes, bytes] = field(default_factory=dict)  # of the newest tree
    stored: set[tuple[int, bytes]] = field(default_factory=set)  # blobs in packs
    indexes: list[bytes] = field(default_factory=list)
    snapshots: dict[bytes, list[bytes]] = field(default_factory=dict)  # device -> hashes
    contexts: dict[bytes, list[Any]] = field(default_factory=dict)  # device -> newest
    proofs: dict[bytes, bytes] = field(default_factory=dict)  # snapshot hash -> body
    pending: list[tuple[int, bytes, bytes]] = field(default_factory=list)  # kind, id, sealed
    saved: dict[bytes, tuple[bytes, list[Any]]] = field(
        default_factory=dict
    )  # path -> epoch of birth, references

    def put(self, key: str, content: bytes) -> None:
        path = self.store / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    # §3, §4

    def found(self) -> None:
        folder = f"people/{self.person.fingerprint.hex()}"
        self.put(f"{folder}/card-1-{self.person.card_hash.hex()}", self.person.card)
        keys, hash_ = self.person.card_keys()
        self.put(f"{folder}/keys-1-{hash_.hex()}", keys)
        genesis = r.encode({1: 1, 2: self.person.fingerprint, 3: self.person.card_hash, 4: self.chance(32)})
        self.vault = r.digest("genesis", genesis)
        self.open_epoch()
        self.put(f"vaults/{self.vault.hex()}/genesis", w.record(self.person.signing, "genesis", genesis))

    def open_epoch(
        self, *others: tuple[w.Person, int], change: dict[int, Any] | None = None, secret: bytes = b""
    ) -> None:
        """Write a membership record that opens an epoch, with others in a role (§4.2); `change` makes it wrong."""
        key, n = self.chance(32), self.tip[0] + 1
        before = [self.tip[1]] if self.tip[1] else []
        about = self.vault + r.u64(n) + b"".join(before)
        members = []
        for person, role in ((self.person, 0), *others):
            print_, card = person.fingerprint, person.card_hash
            wrapped = w.wrap(person.hpke.public, "epoch wrap", about + print_ + card, key)
            members.append([print_, 1, card, role, wrapped])
            self.put(f"people/{print_.hex()}/card-1-{card.hex()}", person.card)
        older = [[self.epoch, self.keys[self.epoch]]] if self.epoch else []
        secret = secret or self.secret
        secrets = r.encode({1: secret, 2: older, 3: [[self.person.fingerprint, "Ada"]]})
        fields = {
            1: 1,
            2: self.vault,
            3: n,
            4: before,
            5: sorted(members),
            6: None,
            7: [r.derive(key, "check"), r.derive(secret, "check")],
            8: w.seal(key, "members seal", about, secrets, nonce=self.chance(12)),
            9: [],
        }
        payload = r.encode(fields | (change or {}))
        self.epoch = r.digest("members", payload)
        self.tip, self.keys[self.epoch] = (n, self.epoch), key
        stored = w.record(self.person.signing, "members", payload)
        number = (fields | (change or {}))[3]
        self.put(f"vaults/{self.vault.hex()}/members/{number}-{self.epoch.hex()}", stored)

    # §5

    def add_page(self, kind: int, id_: bytes, body: bytes, *, zstd: bool = False) -> None:
        if (kind, id_) in self.stored:
            return
        self.stored.add((kind, id_))
        plain = b"\1" + w.frame(body) if zstd else b"\0" + body
        context = self.vault + r.u8(kind)
        sealed = w.seal(self.keys[self.epoch], "page seal", context, plain, nonce=self.chance(12))
        self.pending.append((kind, id_, sealed))

    def add_chunk(self, data_key: bytes, chunk: bytes) -> bytes:
        id_ = r.keyed_id(data_key, "chunk id", chunk)
        if (r.CHUNK, id_) not in self.stored:
            self.stored.add((r.CHUNK, id_))
            plain = b"\1" + w.frame(chunk) if len(set(chunk)) == 1 else b"\0" + chunk
            sealed = w.seal(data_key, "chunk seal", self.vault, plain, nonce=self.chance(12))
            self.pending.append((r.CHUNK, id_, sealed))
        return id_

    def push_pack(self) -> None:
        """Write what is pending as one pack with two groups, then its index (§5.1, §5.3)."""
        blobs = sorted(self.pending, key=lambda blob: blob[0] != r.CHUNK)
        self.pending = []
        content = b"".join(sealed for *_, sealed in blobs)
        content += self.chance(r.padme(len(content)) - len(content))
        pack = hashlib.sha256(content).digest()
        self.put(f"vaults/{self.vault.hex()}/packs/{pack.hex()[:2]}/{pack.hex()}", content)
        groups, start = [], 0
        for kind in (0, 1):
            rows = [blob for blob in blobs if (blob[0] != r.CHUNK) == bool(kind)]
            if rows:
                prefixes = b"".join(id_[:16] for _, id_, _ in rows)
                lengths = b"".join(len(sealed).to_bytes(4, "big") for *_, sealed in rows)
                groups.append([pack, start, kind, 0, prefixes, lengths])
                start += sum(len(sealed) for *_, sealed in rows)
        body = r.encode([1, [self.epoch], groups])
        context = self.vault + self.tip[1]
        key, nonce = self.keys[self.epoch], self.chance(12)
        stored = w.sealed_object(
            key, "index seal", self.tip[1], context, body, nonce=nonce, least=w.INDEX_LEAST
        )
        id_ = hashlib.sha256(stored).digest()
        self.put(f"vaults/{self.vault.hex()}/index/{id_.hex()}", stored)
        self.indexes.append(id_)

    # §6

    def entry(self, device: bytes, content: list[Any], *, mode: int | None, place: Any, other: Any) -> bytes:
        """The value of a node with one entry by `device`, dots already inside; `other`: a dot of another device."""
        sequence = len(self.snapshots[device]) + 1
        devices, past = ([device, other[0]], [[1, other[1]]]) if other else ([device], [])
        epochs: list[bytes] = []
        if len(content) == 10:
            epochs = sorted({e for key in content[6] for e in key[:2]})
            content = list(content)
            content[6] = [
                [epochs.index(born), epochs.index(under), wrapped] for born, under, wrapped in content[6]
            ]
        places = [[0, sequence, 9, *place]] if place else []
        attributes = [] if mode is None else [[0, sequence, 8, mode]]
        return r.encode([[devices, epochs, sequence, past, places, [content], attributes]])

    def data_key(self, path: bytes) -> bytes:
        return hashlib.sha256(b"data key of " + path).digest()

    def file_content(
        self, device: bytes, path: bytes, chunks: list[bytes], mtime: int, like: bytes | None
    ) -> list[Any]:
        """The content of a file; `like` is the path of a file whose key all chunks are under."""
        owner = like or path
        data_key = self.data_key(owner)
        references = [[1 if like else 0, self.add_chunk(data_key, chunk), len(chunk)] for chunk in chunks]
        keys = [[self.epoch, self.epoch, w.wrap_data_key(self.keys[self.epoch], self.data_key(path))]]
        self.saved.setdefault(path, (self.epoch, []))
        if like:
            born = self.saved[like][0]
            keys.append([born, self.epoch, w.wrap_data_key(self.keys[self.epoch], data_key)])
        flat: list[Any] = [part for reference in references for part in reference]
        if len(references) > 64:
            flat, levels = w.list_pages(self.secret, references)
            for page in (page for level in levels for page in level):
                self.add_page(r.LIST, *page)
        whole = b"".join(chunks)
        content_hash = r.keyed_id(self.secret, "content hash", whole)
        sequence = len(self.snapshots[device]) + 1
        saved = T0 + sequence
        return [0, sequence, 7, len(whole), content_hash, mtime, keys, flat, "laptop", saved]

    # §8

    def push(self, machine: w.Machine, context: list[Any]) -> None:
        """Store tree, snapshot and index, then the head (§8.1, §8.3, §10)."""
        root, levels = w.tree_pages(self.secret, list(self.nodes.items()))
        for page in (page for level in levels for page in level):
            self.add_page(r.TREE, *page, zstd=page[0][0] % 2 == 0)
        before = self.snapshots[machine.id]
        sequence = len(before) + 1
        part = (
            context
            if sequence == 1
            else [dot for dot in context if dot not in self.contexts.get(machine.id, [])]
        )
        self.contexts[machine.id] = context
        payload = r.encode(
            {
                1: 1,
                2: self.vault,
                3: machine.id,
                4: sequence,
                5: before[-1] if before else None,
                6: root,
                7: [sequence % 64 == 1, part],
                8: hashlib.sha256(r.encode(context)).digest(),
                9: list(self.tip),
                10: self.epoch,
                11: T0 + sequence,
            }
        )
        snapshot, hash_ = w.record(machine.signing, "snapshot", payload), r.digest("snapshot", payload)
        history, pages = w.fold(self.secret, before)
        for page in pages:
            self.add_page(r.HISTORY, *page)
        self.add_page(r.SNAPSHOT_BLOB, r.keyed_id(self.secret, "snapshot id", hash_), snapshot)
        for seen in (seen for *_, seen in context if seen in self.proofs):
            self.add_page(r.PROOF, r.keyed_id(self.secret, "proof id", seen), self.proofs[seen])
        self.push_pack()
        self.proofs[hash_] = r.encode([[snapshot], [], sorted(self.indexes), context])
        head = r.encode(
            {
                1: 1,
                2: self.vault,
                3: r.encode(machine.certificate),
                4: sequence,
                5: snapshot,
                6: context,
                7: history,
                8: sorted(self.indexes),
                9: [machine.name, "Ada"],
                10: hashlib.sha256().digest(),
                11: [],
            }
        )
        body = w.record(machine.signing, "head", head)
        about = self.vault + self.tip[1] + machine.id
        stored = w.sealed_object(
            self.keys[self.epoch], "head seal", self.tip[1], about, body, nonce=self.chance(12)
        )
        self.put(f"vaults/{self.vault.hex()}/heads/{machine.id.hex()}", stored)
        before.append(hash_)


def key_of(parent: bytes, name: bytes, kind: int, n: int = 0) -> bytes:
    """A node's key (§6.1)."""
    return parent + name + b"\0" + r.u8(kind) + n.to_bytes(4, "big")


@dataclass
class Story:
    """What the two devices do, and what a reader must find after it."""

    writer: Writer
    laptop: w.Machine
    tower: w.Machine
    expect: dict[str, Any] = field(default_factory=dict)

    def directory(
        self, by: w.Machine, parent: bytes, path: bytes, mode: int = 0o755, *, here: bool = True
    ) -> bytes:
        """Make a directory, or remove it; return its number."""
        key = key_of(parent, path.rpartition(b"/")[2], r.DIRECTORY)
        content = [0, len(self.writer.snapshots[by.id]) + 1, 7, here]
        self.writer.nodes[key] = self.writer.entry(by.id, content, mode=mode, place=None, other=None)
        if here:
            self.expect[path.decode()] = {"kind": "directory", "mode": mode}
        else:
            del self.expect[path.decode()]
        return r.directory_number(self.writer.secret, key)

    def file(
        self,
        by: w.Machine,
        parent: bytes,
        path: bytes,
        chunks: list[bytes],
        *,
        mode: int = 0o644,
        mtime: int = T0 * SECOND,
        like: bytes | None = None,
        place: Any = None,
        other: Any = None,
    ) -> None:
        """Write a file; `place` is where it was moved to, parent and name, and the name that it was born with."""
        birth = place[2] if place else path.rpartition(b"/")[2]
        content = self.writer.file_content(by.id, path, chunks, mtime, like)
        value = self.writer.entry(by.id, content, mode=mode, place=place[:2] if place else None, other=other)
        self.writer.nodes[key_of(parent, birth, r.FILE)] = value
        sha256 = hashlib.sha256(b"".join(chunks)).hexdigest()
        self.expect[path.decode()] = {"kind": "file", "mode": mode, "mtime": mtime, "sha256": sha256}

    def link(self, by: w.Machine, parent: bytes, path: bytes, target: str, mtime: int) -> None:
        """Make a symlink in the first push."""
        key = key_of(parent, path.rpartition(b"/")[2], r.SYMLINK)
        content = [0, 1, 7, target.encode(), mtime]
        self.writer.nodes[key] = self.writer.entry(by.id, content, mode=None, place=None, other=None)
        self.expect[path.decode()] = {"kind": "symlink", "mtime": mtime, "target": target}

    def seen(self, machine: w.Machine) -> list[Any]:
        """Return what a context says of a device that was just seen."""
        hashes = self.writer.snapshots[machine.id]
        return [machine.id, len(hashes), hashes[-1]]


def tell(story: Story) -> None:
    """Do the three pushes."""
    v, laptop, tower, chance = story.writer, story.laptop, story.tower, story.writer.chance
    directory, file = story.directory, story.file

    # First push, by the laptop: nothing special in it twice.
    docs = directory(laptop, r.ROOT, b"docs")
    deep = directory(laptop, docs, b"docs/deep", 0o700)
    directory(laptop, r.ROOT, b"empty directory", 0o750)
    old = directory(laptop, r.ROOT, b"old")
    file(laptop, old, b"old/draft", [b"a draft\n"])
    file(laptop, r.ROOT, b"hello.txt", [b"hello\n"], mtime=T0 * SECOND + 123_456_789)
    file(laptop, r.ROOT, b"empty", [])
    three = [chance(20_000), chance(9_999), b"z" * 15_000]
    file(laptop, deep, b"docs/deep/three chunks", three, mode=0o600)
    file(laptop, docs, "docs/grüße.txt".encode(), ["Grüße\n".encode()], mtime=-1)
    story.link(laptop, docs, b"docs/link", "deep/three chunks", 5 * SECOND + 5)
    for i in range(120):
        file(laptop, docs, b"docs/%03d" % i, [b"file %d\n" % i])
    v.push(laptop, [])

    # Second, by the tower, which has seen the first: an executable file, and one edited.
    file(tower, docs, b"docs/run", [b"#!/bin/sh\n"], mode=0o755)
    file(tower, r.ROOT, b"hello.txt", [b"hello again\n"], other=(laptop.id, 1))
    v.push(tower, [story.seen(laptop)])

    # Third, by the laptop, in a second epoch: many chunks, the chunks of another file, a move, a removal.
    v.open_epoch()
    file(laptop, r.ROOT, b"many chunks", [chance(211) for _ in range(100)] + [b"\0" * 1024] * 500)
    file(laptop, r.ROOT, b"same as three", three, like=b"docs/deep/three chunks")
    del story.expect["old/draft"], v.nodes[key_of(old, b"draft", r.FILE)]
    directory(laptop, r.ROOT, b"old", here=False)
    del story.expect["docs/run"]
    moved = (deep, b"moved", b"run")
    file(laptop, docs, b"docs/deep/moved", [b"#!/bin/sh\n"], mode=0o755, place=moved, other=(tower.id, 1))
    v.push(laptop, [story.seen(tower)])


def make(folder: Path) -> None:
    """Make the vault in a directory that is not there yet."""
    chance = w.Chance("the small vault")
    folder.mkdir(parents=True)
    entropy = chance(32)
    v = Writer(folder / "store", chance, w.Person(entropy, chance), chance(32))
    words = words_of(entropy).split()
    lines = [" ".join(words[i : i + 6]) for i in range(0, 24, 6)]
    (folder / "words.txt").write_text("\n".join(["# the recovery words of the small vault", *lines, ""]))
    v.found()
    machines = w.Machine(v.person, "laptop", chance), w.Machine(v.person, "tower", chance)
    v.snapshots = {machine.id: [] for machine in machines}
    story = Story(v, *machines)
    tell(story)
    heads = sorted(story.seen(machine) for machine in machines)
    mine = [[v.vault, v.person.fingerprint, "small vault", "file:///copied", list(v.tip), heads]]
    for machine in machines:
        stored = machine.own_record(mine, key=chance(32), nonce=chance(12))
        v.put(f"people/{v.person.fingerprint.hex()}/own-{machine.id.hex()}", stored)
    tree = {"directory": "small vault", "vault": v.vault.hex(), "tree": dict(sorted(story.expect.items()))}
    (folder / "expect.json").write_text(json.dumps(tree, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    shutil.rmtree(VAULT, ignore_errors=True)
    make(VAULT)
