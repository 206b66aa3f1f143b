"""Defences of keys, stores and contents that can be switched off, beside those of the arena."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from itertools import cycle

import cbor2

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import HPKE_SEED_SIZE, HpkeKey, SigningKey
from e2esync.crypto.secrets import NONCE_SIZE, DataKey
from e2esync.engine.notes import KeptIdentity
from e2esync.errors import BadObject, IntegrityError, NoVault
from e2esync.format import names, shape
from e2esync.format.members import Member, Members, MembersSecrets, Role
from e2esync.vault.identity import Identity, PublicIdentity, create_identity
from tests.attacks import forge_hpke
from tests.attacks.arena_defences import DEFENCES, EqualToAll, Patch, always, skipped

_FIRST_KEY = DataKey(bytes(range(32)))


def _any_pair(_original):
    def identity(public, secret):
        return Identity(public, HpkeKey(secret[:HPKE_SEED_SIZE]), SigningKey(secret[HPKE_SEED_SIZE:]))

    return identity


def _first_card_keys(original):
    """Look at the first card keys by name alone."""

    def mine(objects, fingerprint):
        found = list(original(objects, fingerprint))
        keys = [one for one in found if one[0].kind is names.Kind.CARD_KEYS]
        yield from (one for one in found if one not in keys[1:])

    return mine


def _skips_bad_heads(original):
    def read_heads(vault, listed):
        good = []
        for device, info in listed.heads.items():
            try:
                good += original(vault, replace(listed, heads={device: info}))
            except IntegrityError:
                continue
        return good

    return read_heads


def _loads_listed_indexes(original):
    def load_indexes(vault, heads):
        from e2esync.engine.fetch import read_index

        aside = original(vault, heads)
        for info in vault.store.list(f"vaults/{vault.vault_id.hex()}/index/"):
            name = names.parse(info.key)
            if name is not None and name.id is not None:
                list(read_index(vault, name.id))
        return aside

    return load_indexes


def _asks_again(original):
    def read_head(vault, device, content=None):
        try:
            return original(vault, device, content)
        except BadObject as error:
            if "open" in error.what:
                vault.store.head(names.head(vault.vault_id, device))
            raise

    return read_head


def _heals(original):
    """Make anew what is not there, as clients do that mean well."""

    def kept_identity(store, local, entropy):
        try:
            return original(store, local, entropy)
        except (NoVault, IntegrityError):
            identity, made = create_identity(entropy)
            for key, content in made.items():
                store.put(key, content)
            return KeptIdentity(identity, made)

    return kept_identity


def _initialises(original):
    """Store identity and vault again if they are not there, as clients do that "repair" a store."""

    def see_own_head(vault):
        if not list(vault.store.list("people/")) or vault.store.head(names.genesis(vault.vault_id)) is None:
            _, made = create_identity(recovery.generate())
            for key, content in made.items():
                vault.store.put(key, content)
        return original(vault)

    return see_own_head


def _owner_from_the_store(original):
    """Take the owner's card from beside the vault."""

    def fetch_membership(store, vault_id, _owner):
        for info in list(store.list("people/")):
            name = names.parse(info.key)
            if name is not None and name.kind is names.Kind.CARD:
                try:
                    return original(store, vault_id, PublicIdentity.of_card(store.get(info.key)))
                except IntegrityError:
                    continue
        raise NoVault("there is nobody")

    return fetch_membership


def _missing_is_zero(original):
    """Take what is cut off for zeros, as a reader of sparse files does."""

    def open_chunk(self, reference, sealed):
        try:
            return original(self, reference, sealed)
        except BadObject:
            return bytes(reference.length)

    return open_chunk


def _believes_the_wrap(original):
    """Take the key that a wrap holds for the key of the vault."""

    def open_secrets(record, key):
        try:
            return original(record, key)
        except BadObject:
            return MembersSecrets(bytes(32), (), ())

    return open_secrets


def _counts_nonces(original):
    """Number nonces, as far as a byte goes."""
    numbers = cycle(range(256))

    def token_bytes(size):
        return next(numbers).to_bytes(size, "big") if size == NONCE_SIZE else original(size)

    return token_bytes


def _parses_beginnings(_original):
    """Find ours in whatever begins as ours."""

    def parse(key):
        for kind in names.Kind:
            if match := kind.pattern.match(key):
                parts = match.groupdict()
                number = int(parts["number"]) if "number" in parts else None
                identifier = bytes.fromhex(parts["id"]) if "id" in parts else None
                return names.Name(kind, bytes.fromhex(parts["owner"]), number, identifier)
        return None

    return parse


def _believes_metadata(original):
    """Read only as much of an object as its metadata say that there is."""

    def get(self, key, *, start=0, length=None):
        content = original(self, key, start=start, length=length)
        client = self._connected
        answer = client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        return content[: int(answer["Metadata"].get("size", len(content)))]

    return get


def _believes_sizes(original):
    """Read only as much of a head as the store says that there is."""

    def read_head(vault, device, content=None):
        key = names.head(vault.vault_id, device)
        return original(vault, device, vault.store.get(key, length=vault.store.head(key).size))

    return read_head


def _decodes_beginnings(_original):
    """Read the first value, and overlook what follows."""
    return lambda data: cbor2.load(BytesIO(data))


def _of_any_vault(original):
    """Take a membership record for one of any vault."""

    def decode(_cls, payload):
        members = original(Members, payload)
        return replace(members, vault=EqualToAll(members.vault))

    return decode


def _unpadded(_original):
    return lambda padded: padded[8:]


def _any_method(original):
    """Take what cannot be decompressed for what was not compressed."""

    def decompress(self, data, *, size, most):
        try:
            return original(self, data, size=size, most=most)
        except BadObject:
            return data[1:] if size is None else data[1 : size + 1].ljust(size, b"\0")

    return decompress


def _zeros_are_holes(original):
    """Take zeros for zeros, without a look at the seal (EncFS, gocryptfs)."""

    def open_chunk(self, reference, sealed):
        return original(self, reference, sealed) if any(sealed) else bytes(reference.length)

    return open_chunk


def _lenient_pair(_original):
    def pair(value, _secret_size):
        recipient, wrap = shape.array(value, 2)
        return shape.digest(recipient), shape.octets(wrap)

    return pair


def _lenient_member(_original):
    def member(value):
        fingerprint, number, card, role, wrap = shape.array(value, 5)
        return Member(fingerprint, number, card, Role(role), wrap)

    return member


DEFENCES |= {
    "all card keys": (Patch("e2esync.vault.identity", "_mine", _first_card_keys),),
    "key pairs": (Patch("e2esync.vault.identity", "_identity", _any_pair),),
    "bad heads": (Patch("e2esync.engine.fetch", "read_heads", _skips_bad_heads),),
    "listed indexes": (Patch("e2esync.engine.fetch", "load_indexes", _loads_listed_indexes),),
    "own vaults only": (Patch("e2esync.engine.join", "_is_ours", always(True)),),
    "owner's card": (
        Patch("e2esync.engine.join", "fetch_membership", _owner_from_the_store, everywhere=False),
    ),
    "silence on heads": (Patch("e2esync.engine.fetch", "read_head", _asks_again),),
    "missing is an error": (Patch("e2esync.engine.join", "kept_identity", _heals),),
    "old keys": (Patch("e2esync.engine.push", "see_own_head", _initialises, everywhere=False),),
    "missing chunks": (
        Patch("e2esync.vault.cipher:FileCipher", "open", _missing_is_zero),
        *DEFENCES["content hash"],
    ),
    "segments": (
        Patch("e2esync.vault.message", "object_hash", always(EqualToAll(bytes(32))), everywhere=False),
        Patch(
            "e2esync.vault.message",
            "segment_context",
            lambda _o: lambda _position, last: b"",
            everywhere=False,
        ),
        Patch("e2esync.vault.message", "unpad_message", _unpadded, everywhere=False),
    ),
    "committed keys": (Patch("e2esync.vault.keyring", "_open_secrets", _believes_the_wrap),),
    "random nonces": (Patch("e2esync.crypto.secrets", "token_bytes", _counts_nonces, everywhere=False),),
    "discard": (Patch("e2esync.adapters.files.staging:Staged", "discard", skipped),),
    "exact names": (Patch("e2esync.format.names", "parse", _parses_beginnings),),
    "true sizes": (Patch("e2esync.engine.fetch", "read_head", _believes_sizes),),
    "nothing after": (Patch("e2esync.format.cbor", "decode_exact", _decodes_beginnings),),
    "vault of records": (Patch("e2esync.format.members:Members", "decode", _of_any_vault),),
    "owner of records": (Patch("e2esync.vault.membership", "_check_owner", skipped),),
    "methods": (Patch("e2esync.vault.compression:Compressor", "decompress", _any_method),),
    "holes": (Patch("e2esync.vault.cipher:FileCipher", "open", _zeros_are_holes),),
    "small order": (
        Patch("e2esync.crypto.asymmetric", "_SMALL_ORDER", lambda _original: {b"none"}, everywhere=False),
    ),
    "ignored metadata": (Patch("e2esync.adapters.stores.s3:S3Store", "get", _believes_metadata),),
    "low order": (Patch("e2esync.crypto.asymmetric:HpkeKey", "unwrap", forge_hpke.unwraps_low_order),),
    "good recipients": (Patch("e2esync.crypto.asymmetric", "wrap", forge_hpke.wraps_to_anybody),),
    "hybrid": (
        Patch("e2esync.crypto.asymmetric", "wrap", lambda _original: forge_hpke.wrap_classical),
        Patch("e2esync.crypto.asymmetric:HpkeKey", "unwrap", forge_hpke.unwraps_classical),
        Patch("e2esync.format.wraps", "_decode_pair", _lenient_pair),
        Patch("e2esync.format.members", "_decode_member", _lenient_member),
    ),
    "one suite": (
        Patch("e2esync.format.wraps", "_decode_pair", _lenient_pair),
        Patch("e2esync.crypto.asymmetric:HpkeKey", "unwrap", forge_hpke.unwraps_classical),
    ),
    "bound wraps": (Patch("e2esync.format.ownrecord", "encode_wraps", always(b"")),),
    "data keys": (
        Patch("e2esync.crypto.secrets:DataKey", "generate", lambda _original: lambda _cls: _FIRST_KEY),
    ),
}

__all__ = ["DEFENCES"]
