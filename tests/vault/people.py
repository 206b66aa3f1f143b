"""Ann, who owns a vault, and others: made once for all tests of this package."""

from __future__ import annotations

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import SigningKey
from e2esync.format.history import NO_HISTORY, History, append
from e2esync.format.signed import SignedRecord
from e2esync.vault.device import create_device
from e2esync.vault.heads import Head, SignedSnapshot, make_head, make_snapshot, open_head
from e2esync.vault.identity import Identity, create_identity
from e2esync.vault.keyring import create_vault

ENTROPY = recovery.generate()
ANN, ANN_OBJECTS = create_identity(ENTROPY)
BOB, EVE = Identity.generate(), Identity.generate()
LAPTOP, DESK = create_device(ANN), create_device(ANN)
VAULT = create_vault(ANN, "Ann")
ID = VAULT.vault_id
NAMES = ("laptop", "Ann")


def resigned(record: bytes, key: SigningKey, purpose, payload: bytes | None = None) -> bytes:
    """Return the record with another signature, and perhaps another payload."""
    payload = SignedRecord.decode(record).payload if payload is None else payload
    return SignedRecord(payload, key.sign(purpose, payload)).encode()


def flipped(content: bytes, position: int, mask: int = 1) -> bytes:
    return content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :]


class Writer:
    """A device that pushes, push after push."""

    def __init__(self, device, vault=VAULT, keyring=None):
        self.device, self.vault = device, vault
        self.keyring = keyring or vault.keyring
        self.sequence, self.revision = 0, 0
        self.previous: bytes | None = None
        self.history: History = NO_HISTORY
        self.context: dict[bytes, tuple[int, bytes]] = {}
        self.pages: dict[bytes, bytes] = {}

    def push(self, *seen: Head, name: str = "laptop") -> bytes:
        """Return the next head, which has joined the heads that it has seen."""
        before = self.context
        if self.previous is not None:
            self.history, new = append(self.history, self.previous, lambda body: body[:32])
            self.pages |= {body[:32]: body for body in new}
        self.context = before | {head.device: (head.sequence, head.hash) for head in seen}
        for head in seen:
            others = {d: p for d, p in head.context.items() if d != self.device.id}
            self.context |= {d: p for d, p in others.items() if p[0] > self.context.get(d, (0, b""))[0]}
        self.sequence += 1
        self.revision += 1
        snapshot = make_snapshot(
            self.device,
            self.vault.vault_id,
            sequence=self.sequence,
            previous=self.previous,
            root=None,
            context=self.context,
            previous_context=before,
            tip=self.keyring.tip,
            epoch=self.keyring.current,
            time=1_700_000_000 + self.sequence,
        )
        self.previous = snapshot.hash
        return self.head(snapshot, name=name)

    def head(self, snapshot: SignedSnapshot, *, name: str = "laptop") -> bytes:
        return make_head(
            self.device,
            self.keyring,
            self.vault.vault_id,
            snapshot=snapshot,
            context=self.context,
            history=self.history,
            revision=self.revision,
            live_indexes=(),
            names=(name, "Ann"),
        )

    def open(self, content: bytes, membership=None) -> Head:
        return open_head(
            content,
            self.device.id.hex(),
            vault_id=self.vault.vault_id,
            membership=membership or self.vault.membership,
            keyring=self.keyring,
        )

    def pushed(self, *seen: Head, name: str = "laptop") -> Head:
        return self.open(self.push(*seen, name=name))
