"""The purposes of format §1.1: one label for each use of a key, none shared by two."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What a key, a signature or a ciphertext is for."""

    ROOT_SIGNING = "root signing"
    RECOVERY_HPKE = "recovery hpke"
    FINGERPRINT = "fingerprint"
    DEVICE = "device"
    CARD = "card"
    CARD_KEYS = "card keys"
    DEVICE_CERTIFICATE = "device certificate"
    DEVICE_ACCEPTANCE = "device acceptance"
    OWN_RECORD = "own record"
    CARD_FILE = "card file"
    RETIRED = "retired"
    GENESIS = "genesis"
    MEMBERS = "members"
    SNAPSHOT = "snapshot"
    HEAD = "head"
    PRUNE_MARK = "prune mark"
    MESSAGE = "message"
    CARD_KEYS_WRAP = "card keys wrap"
    OWN_RECORD_WRAP = "own record wrap"
    EPOCH_WRAP = "epoch wrap"
    MESSAGE_WRAP = "message wrap"
    OWN_RECORD_SEAL = "own record seal"
    MEMBERS_SEAL = "members seal"
    HEAD_SEAL = "head seal"
    PRUNE_MARK_SEAL = "prune mark seal"
    INDEX_SEAL = "index seal"
    PAGE_SEAL = "page seal"
    CHUNK_SEAL = "chunk seal"
    MESSAGE_SEAL = "message seal"
    DATA_KEY_WRAP = "data key wrap"
    CHECK = "check"
    MESSAGE_CHECK = "message check"
    CHUNK_ID = "chunk id"
    PAGE_ID = "page id"
    SNAPSHOT_ID = "snapshot id"
    PROOF_ID = "proof id"
    DIRECTORY_NUMBER = "directory number"
    CONTENT_HASH = "content hash"
    PAGE_CUT = "page cut"
    CHUNKER_SEED = "chunker seed"


def label(purpose: Purpose) -> bytes:
    """Return the ASCII prefix that keeps this purpose apart from every other (format §1.1)."""
    return b"e2esync/1 " + purpose.value.encode("ascii") + b"\x00"
