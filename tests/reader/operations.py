"""What each operation of the test vectors is, for the second reader: inputs to what `expect` has."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from examples import read_without_e2esync as r
from tests.vectors import writer as w


class Pages(r.Blobs):
    """Blobs that need no store: bodies by kind and id."""

    def __init__(self, secret: bytes, bodies: dict[tuple[int, bytes], bytes]) -> None:
        self.vault = vault_of(b"", secret=secret)
        self.bodies = bodies

    def page(self, kind: int, id_: bytes) -> bytes:
        return self.bodies[kind, id_]


def vault_of(vault: bytes, *, secret: bytes = b"", root: Path = Path()) -> r.Vault:
    return r.Vault(r.Store(root), vault, {}, {}, b"", {}, secret)


TEXTS = {"purpose", "words", "text", "rule", "nodes"}


def operate(operation: str, inputs: dict[str, Any], folder: Path) -> Any:
    """Do one operation; `folder` is an empty one. Bytes come as hex."""
    given = {key: value if key in TEXTS else unhexed(value) for key, value in inputs.items()}
    return OPERATIONS[operation](given, folder)


def unhexed(value: Any) -> Any:
    """Bytes where hex stands by itself, or as a key."""
    match value:
        case str():
            return bytes.fromhex(value)
        case dict():
            return {bytes.fromhex(key): inner for key, inner in value.items()}
        case _:
            return value


def words(i: dict[str, Any], folder: Path) -> Any:
    entropy = r.entropy_of(i["words"])
    known = r.keys_of_words(entropy)
    return {
        "entropy": entropy,
        "root private": r.derive(entropy, "root signing"),
        "root public": known.root_public,
        "recovery seed": r.derive(entropy, "recovery hpke", 96),
        "recovery public": known.recovery.public,
        "fingerprint": known.fingerprint,
        "safety number": r.safety_number(known.fingerprint),
    }


def card(i: dict[str, Any], folder: Path) -> Any:
    read = r.parse_card(i["record"], i["fingerprint"], i["n"], i["hash"])
    return {"hash": read.hash, "hpke": read.hpke_public, "signing": read.signing_public}


def card_of(i: dict[str, Any]) -> r.Card:
    payload = r.open_record(i["card"], "a card")[0]
    cards = r.decode(payload, "a card")
    return r.parse_card(i["card"], r.fingerprint(cards[2], cards[3]), 1, i["card hash"])


def put(folder: Path, key: str, content: bytes) -> r.Store:
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    (folder / key).write_bytes(content)
    return r.Store(folder)


def card_keys(i: dict[str, Any], folder: Path) -> Any:
    known = r.keys_of_words(r.entropy_of(i["words"]))
    store = put(folder, f"people/{known.fingerprint.hex()}/keys-1-{i['hash'].hex()}", i["record"])
    r.open_card_keys(store, known, card_of(i))
    opened = r.decode(r.open_record(i["record"], "")[0], "")
    context = known.fingerprint + r.u64(1) + i["card hash"]
    secret = known.recovery.unwrap_from(opened[5], "card keys wrap", context)
    return {"seed": secret[:96], "signing": secret[96:]}


def own_record(i: dict[str, Any], folder: Path) -> Any:
    read = r._open_own(i["object"], i["device"], card_of(i), r.HpkeKey.from_seed(i["seed"]))
    return {"name": read[5], "user": read[6], "vaults": read[7]}


def genesis(i: dict[str, Any], folder: Path) -> Any:
    r.read_genesis(put(folder, f"vaults/{i['vault'].hex()}/genesis", i["record"]), i["vault"], card_of(i))
    return True


def members(i: dict[str, Any], folder: Path) -> Any:
    put(folder, f"vaults/{i['vault'].hex()}/genesis", i["genesis"])
    store = put(folder, f"vaults/{i['vault'].hex()}/members/{i['n']}-{i['hash'].hex()}", i["record"])
    owner = card_of(i)
    vault = r.open_vault(store, i["vault"], owner, owner, r.HpkeKey.from_seed(i["seed"]))
    epoch = vault.epoch_of[vault.tip]
    return {"epoch": epoch, "epoch key": vault.keys[epoch], "vault secret": vault.secret}


def chunk(i: dict[str, Any], folder: Path) -> Any:
    body = r.unpack(r.unseal(i["data key"], "chunk seal", i["vault"], i["sealed"]), i["length"])
    r.want(
        len(body) == i["length"] and r.keyed_id(i["data key"], "chunk id", body) == i["id"], "another chunk"
    )
    return body if any(body) else {"zeros": len(body)}


def data_key(i: dict[str, Any], folder: Path) -> Any:
    try:
        return aes_key_unwrap(r.derive(i["epoch key"], "data key wrap"), i["wrapped"])
    except InvalidUnwrap as e:
        raise r.Bad("a data key") from e


def cut(i: dict[str, Any], folder: Path) -> Any:
    cutter = r.Cutter(r.derive(i["secret"], "page cut"), i["level"])
    starts = [cutter.starts_page(bytes.fromhex(key), weight) for key, weight in i["items"]]
    return [place for place, start in enumerate(starts) if start or place == 0]


def tree(i: dict[str, Any], folder: Path) -> Any:
    def node(n: int) -> tuple[bytes, bytes]:
        key = r.ROOT + f"name {n:05d}".encode() + b"\0\2" + bytes(4)
        return key, hashlib.shake_128(b"%d" % n).digest(20 + n % 90)

    nodes = [node(n) for n in range(i["count"])]
    root, levels = w.tree_pages(i["secret"], nodes)
    blobs = Pages(i["secret"], {(r.TREE, id_): body for level in levels for id_, body in level})
    assert nodes == (list(r.walk_tree(blobs, *root)) if root else [])
    pages = [[id_ for id_, _ in level] if i["count"] <= 500 else len(level) for level in levels]
    return {"root": root, "pages": pages}


def chunk_list(i: dict[str, Any], folder: Path) -> Any:
    count = i["count"]
    given = i["references"] and [[k, bytes.fromhex(id_), n] for k, id_, n in i["references"]]
    if not given and i["rule"].startswith("every"):
        _, id_, length = i["rule"].removeprefix("every reference: ").split(", ")
        given = [[0, bytes.fromhex(id_), int(length)]] * count
    if not given:
        given = [[0, hashlib.sha256(b"%d" % n).digest(), 1000 + n] for n in range(count)]
    root, levels = w.list_pages(i["secret"], given)
    blobs = Pages(i["secret"], {(r.LIST, id_): body for level in levels for id_, body in level})
    assert [list(ref) for ref in r.references_of(blobs, root, sum(n for *_, n in given))] == given
    return {"chunks": root, "pages": [[id_ for id_, _ in level] for level in levels]}


def snapshot(i: dict[str, Any], folder: Path) -> Any:
    writer = r.Device(i["device"], i["signing public"])
    hash_, read = r.open_snapshot(vault_of(i["vault"]), writer, i["record"])
    r._check_context(read, [[bytes.fromhex(d), s, bytes.fromhex(h)] for d, s, h in i["context"]], i["device"])
    return {"hash": hash_, "sequence": read[4]}


def proof(i: dict[str, Any], folder: Path) -> Any:
    vault, device = vault_of(i["vault"], secret=i["secret"]), r.Device(i["device"], i["signing public"])
    plain = r.unseal(i["epoch key"], "page seal", i["vault"] + r.u8(r.PROOF), i["sealed"])
    found = r.open_proof(r.unpack(plain, r.PROOF_MOST))
    if i["of"] == i["device"]:
        r.check_fault(vault, device, found, lambda body: r.blob_id(i["secret"], r.HISTORY, body))
    else:
        r.open_joined(vault, device, found, i["sequence"], i["of"])
    return {"id": r.keyed_id(i["secret"], "proof id", i["of"]), "indexes": found[2]}


def history(i: dict[str, Any], folder: Path) -> Any:
    hashes = [hashlib.sha256(r.u64(s)).digest() for s in range(1, i["count"] + 1)]
    levels, pages = w.fold(i["secret"], hashes)
    blobs = Pages(i["secret"], {(r.HISTORY, id_): body for id_, body in pages})
    state = {4: i["count"] + 1, 5: hashes[-1] if hashes else None}
    head = r.Head(r.Device(b"", b""), b"", b"", state, {}, levels, [])
    assert r.read_history(head, blobs) == hashes
    return {"levels": levels, "pages": [id_ for id_, _ in pages]}


def accepted_vault(i: dict[str, Any], folder: Path) -> r.Vault:
    """A vault of one membership record, which need not be signed here."""
    vault = vault_of(i["vault"], root=folder)
    member = [i.get("fingerprint", b""), 1, i.get("card hash", b""), 0, b""]
    vault.records, vault.tip = {i["record"]: {3: 1, 5: [member]}}, i["record"]
    vault.epoch_of, vault.keys = {i["record"]: i["epoch"]}, {i["epoch"]: i["epoch key"]}
    return vault


def index(i: dict[str, Any], folder: Path) -> Any:
    vault, id_ = accepted_vault(i, folder), hashlib.sha256(i["object"]).digest()
    put(folder, f"vaults/{i['vault'].hex()}/index/{id_.hex()}", i["object"])
    blobs = r.Blobs(vault, r.open_tables(folder / "tables"))
    try:
        blobs.add_index(id_)
        rows = blobs.tables.execute(
            "SELECT prefix, 1 - chunk, pack, start, length, epoch FROM rows"
        ).fetchall()
    finally:
        blobs.tables.close()
    return {"rows": rows}


def head(i: dict[str, Any], folder: Path) -> Any:
    vault = accepted_vault(i, folder)
    put(folder, f"people/{i['fingerprint'].hex()}/card-1-{i['card hash'].hex()}", i["card"])
    read = r._accept_head(vault, i["device"], i["object"])
    r.read_history(read, Pages(b"", {}))
    return {"snapshot": read.hash, "indexes": read.indexes}


MESSAGE = {1: r.VERSION, 2: bytes, 3: [(32, 1168)], 4: 32, 5: 32}
CARD_FILE = {1: r.VERSION, 2: bytes, 3: str}


def card_inside(encoded: bytes) -> r.Card:
    """A card that comes along with what its identity key signed: its fingerprint is what it says."""
    payload, _ = r.open_record(encoded, "a card")
    fields = r.decode(payload, "a card")
    r.check(fields, r.CARD, "a card")
    return r.parse_card(encoded, r.fingerprint(fields[2], fields[3]), fields[4], r.digest("card", payload))


def message(i: dict[str, Any], folder: Path) -> Any:
    """§11."""
    stored, key = i["object"], r.HpkeKey.from_seed(i["seed"])
    r.want(stored[:17] == b"e2esync sealed 1\n", "no sealed message of version 1")
    end = 21 + int.from_bytes(stored[17:21], "big")
    payload, signature = r.open_record(stored[21:end], "a message")
    body, fields = stored[end:], r.decode(payload, "a message")
    r.check(fields, MESSAGE, "a message")
    sender = card_inside(fields[2])
    r.verify(sender.signing_public, "message", payload, signature)
    r.want(hashlib.sha256(body).digest() == fields[5], "a message's body")
    k = key.unwrap_from(fields[3], "message wrap", sender.fingerprint + fields[5])
    r.want(len(k) == 32 and r.derive(k, "message check") == fields[4], "a message's key")
    step = r.MIB + 28
    parts = [body[at : at + step] for at in range(0, len(body), step)]
    opened = [
        r.unseal(k, "message seal", r.u64(n) + r.u8(n == len(parts) - 1), part)
        for n, part in enumerate(parts)
    ]
    plain = b"".join(opened)
    r.want(len(plain) >= 8, "a message without a length")
    length = int.from_bytes(plain[:8], "big")
    r.want(len(plain) == r.padme(8 + length) and not any(plain[8 + length :]), "a message's padding")
    return {"sender": sender.fingerprint, "content": plain[8 : 8 + length]}


def card_file(i: dict[str, Any], folder: Path) -> Any:
    """§12."""
    first, _, text = i["text"].partition("\n")
    r.want(first == "e2esync card 1", "no card file of version 1")
    lines = text.splitlines()
    r.want(all(len(line) == 76 for line in lines[:-1]), "a card file's lines")
    try:
        encoded = base64.b64decode("".join(lines), validate=True)
    except ValueError as e:
        raise r.Bad("a card file is not base64") from e
    payload, signature = r.open_record(encoded, "a card file")
    fields = r.decode(payload, "a card file")
    r.check(fields, CARD_FILE, "a card file")
    owner = card_inside(fields[2])
    r.verify(owner.signing_public, "card file", payload, signature)
    return {"fingerprint": owner.fingerprint, "name": fields[3]}


def join_node(i: dict[str, Any], folder: Path) -> Any:
    """§6.7."""
    one, other = (i[side] and r.decode(i[side], "a node") for side in ("one", "other"))
    kind = r.split_key(i["key"])[2]
    joined = r.join_node(kind, one or [], other or [], i["seen by one"], i["seen by other"])
    assert joined == r.join_node(kind, other or [], one or [], i["seen by other"], i["seen by one"])
    return {"value": r.encode(joined) if joined else b""}


def fold(i: dict[str, Any], folder: Path) -> Any:
    """§6.8."""
    kind = r.split_key(i["key"])[2]
    fields = r.fold([r.open_entry(kind, entry) for entry in r.decode(i["value"], "a node")])
    places, contents, attributes = (
        [[value.device, value.sequence, value.j, value.told] for value in field] for field in fields
    )
    return {
        "places": [[*dot, *told] for *dot, told in places],
        "contents": [[*dot, told_bytes(told)] for *dot, told in contents],
        "attributes": attributes,
        "stands": r.standing(i["key"], fields[0])[:2],
    }


def told_bytes(told: Any) -> bytes:
    """What a content tells; of a directory whether it is there, as one byte."""
    return r.u8(told) if isinstance(told, bool) else told


def view(i: dict[str, Any], folder: Path) -> Any:
    """§6.9; `tree` is an array of key and value in hex."""
    tables = r.open_tables(folder / "tables")
    try:
        nodes = sorted((bytes.fromhex(key), bytes.fromhex(value)) for key, value in i["tree"])
        r.fill_nodes(tables, i["secret"], ((key, r.decode(value, "a node")) for key, value in nodes))
        r.settle_places(tables, i["secret"])
        r.show_tree(tables, i["secret"])
        rows = tables.execute("SELECT path, key, content, mode FROM shown ORDER BY path").fetchall()
    finally:
        tables.close()
    return [[path, key, told_bytes(r.decode(content, "a row")[0]), mode] for path, key, content, mode in rows]


def cbor(i: dict[str, Any], folder: Path) -> Any:
    assert r.encode(r.decode(i["encoded"], "a value")) == i["encoded"]
    return True


def verify(i: dict[str, Any], folder: Path) -> Any:
    r.verify(i["public"], i["purpose"], i["payload"], i["signature"])
    return True


OPERATIONS: dict[str, Callable[[dict[str, Any], Path], Any]] = {
    "label": lambda i, _: r.label(i["purpose"]),
    "derive": lambda i, _: r.derive(i["key"], i["purpose"], i["length"]),
    "hash": lambda i, _: r.digest(i["purpose"], i["payload"]),
    "id": lambda i, _: r.keyed_id(i["key"], i["purpose"], i["data"]),
    "seal": lambda i, _: w.seal(i["key"], i["purpose"], i["context"], i["plaintext"], nonce=i["nonce"]),
    "unseal": lambda i, _: r.unseal(i["key"], i["purpose"], i["context"], i["sealed"]),
    "verify": verify,
    "padme": lambda i, _: [r.padme(n) for n in i["lengths"]],
    "pad": lambda i, _: w.pad(i["body"], i["around"]),
    "unpad": lambda i, _: r.unpad(i["padded"], lambda z: len(i["padded"]) + i["around"] - z),
    "cbor": cbor,
    "words": words,
    "hpke public": lambda i, _: r.HpkeKey.from_seed(i["seed"]).public,
    "unwrap": lambda i, _: r.HpkeKey.from_seed(i["seed"]).unwrap(i["purpose"], i["context"], i["wrapped"]),
    "device id": lambda i, _: r.digest("device", i["public"])[:16],
    "card": card,
    "card keys": card_keys,
    "certificate": lambda i, _: r.check_certificate(r.decode(i["certificate"], ""), card_of(i)).id,
    "own record": own_record,
    "genesis": genesis,
    "members": members,
    "chunk": chunk,
    "data key": data_key,
    "page id": lambda i, _: r.blob_id(i["secret"], i["kind"], i["body"]),
    "directory number": lambda i, _: r.directory_number(i["secret"], i["key"]),
    "node key": lambda i, _: r.split_key(i["key"]),
    "cut": cut,
    "tree": tree,
    "chunk list": chunk_list,
    "snapshot": snapshot,
    "proof": proof,
    "history": history,
    "index": index,
    "head": head,
    "message": message,
    "card file": card_file,
    "join node": join_node,
    "fold": fold,
    "view": view,
}
