"""The key store: three kinds, one behaviour."""

import stat

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pytest

from e2esync.adapters.keystore import FILE_NAME, Kind, create_keystore, keys_exist, open_keystore
from e2esync.errors import BadObject, Locked, NewerFormat, NoAccess, UsageError
from e2esync.vault.device import create_device, load_device
from e2esync.vault.identity import Identity, load_identity

SECRETS = {"identity": {"signing": b"\x01" * 32, "hpke": b"\x02" * 96}, "device": {"signing": bytes(32)}}
OTHERS = {"identity": {"signing": b"other"}}


class FakeKeyring(keyring.backend.KeyringBackend):
    """Keeps passwords in memory; can be locked."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.most = 10**9

    def _check(self):
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")

    def set_password(self, service, username, password):
        self._check()
        self.kept[service, username] = password[: self.most]

    def get_password(self, service, username):
        self._check()
        return self.kept.get((service, username))

    def delete_password(self, service, username):
        self._check()
        del self.kept[service, username]


@pytest.fixture
def backend():
    before, fake = keyring.get_keyring(), FakeKeyring()
    keyring.set_keyring(fake)
    yield fake
    keyring.set_keyring(before)


def ask():
    return "correct horse"


@pytest.mark.parametrize("kind", Kind)
def test_what_was_saved_is_loaded_by_a_later_run(kind, tmp_path, backend):
    home = tmp_path / "new" / "home"
    create_keystore(home, kind, ask=ask).save(SECRETS)
    opened = open_keystore(home, ask=ask)
    assert opened.kind is kind
    assert opened.load() == SECRETS


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.KEYRING])
def test_saving_again_replaces_what_was_there(kind, tmp_path, backend):
    store = create_keystore(tmp_path, kind, ask=ask)
    store.save(SECRETS)
    store.save(OTHERS)
    assert open_keystore(tmp_path, ask=ask).load() == OTHERS
    assert len(backend.kept) == (1 if kind is Kind.KEYRING else 0)


@pytest.mark.parametrize("kind", Kind)
def test_the_file_is_for_its_owner_only_and_nothing_else_is_left(kind, tmp_path, backend):
    create_keystore(tmp_path, kind, ask=ask).save(SECRETS)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", [Kind.PASSPHRASE, Kind.KEYRING])
def test_only_the_file_kind_shows_the_secrets(kind, tmp_path, backend):
    create_keystore(tmp_path, kind, ask=ask).save(SECRETS)
    assert b"\x01" * 32 not in (tmp_path / FILE_NAME).read_bytes()


def test_a_home_without_keys_says_so(tmp_path):
    assert not keys_exist(tmp_path)
    with pytest.raises(NoAccess):
        open_keystore(tmp_path)


def test_identity_and_device_come_back_as_they_were(tmp_path):
    identity = Identity.generate()
    device = create_device(identity)
    create_keystore(tmp_path, Kind.FILE).save({"identity": identity.reveal(), "device": device.reveal()})
    kept = open_keystore(tmp_path).load()
    assert load_identity(kept["identity"]).public == identity.public
    assert load_device(kept["device"]).id == device.id


def test_a_failed_write_leaves_the_old_keys(tmp_path, monkeypatch):
    store = create_keystore(tmp_path, Kind.FILE)
    store.save(SECRETS)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.save(OTHERS)
    assert store.load() == SECRETS
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"e2esync keys 1 file",
        b"e2esync keys 1 floppy\nx",
        b"something else\n",
        b"e2esync keys 1 file\n\x80",
    ],
)
def test_a_damaged_file_says_so(content, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(content)
    (tmp_path / FILE_NAME).chmod(0o600)
    with pytest.raises(BadObject) as error:
        open_keystore(tmp_path).load()
    assert error.value.fix != "e2esync verify --deep"


def test_a_file_of_a_later_version_says_so(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"e2esync keys 2 file\n")
    with pytest.raises(NewerFormat):
        open_keystore(tmp_path)


def test_a_file_that_others_can_read_is_refused(tmp_path):
    create_keystore(tmp_path, Kind.FILE).save(SECRETS)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(Locked) as error:
        open_keystore(tmp_path).load()
    assert error.value.fix.startswith("chmod 600")


def test_another_passphrase_opens_nothing(tmp_path):
    create_keystore(tmp_path, Kind.PASSPHRASE, ask=ask).save(SECRETS)
    with pytest.raises(Locked):
        open_keystore(tmp_path, ask=lambda: "wrong").load()


def test_without_anybody_to_ask_the_keys_stay_locked(tmp_path):
    create_keystore(tmp_path, Kind.PASSPHRASE, ask=ask).save(SECRETS)
    with pytest.raises(Locked) as error:
        open_keystore(tmp_path).load()
    assert "E2ESYNC_PASSPHRASE_FILE" in error.value.fix


def test_an_empty_passphrase_is_refused(tmp_path):
    with pytest.raises(UsageError):
        create_keystore(tmp_path, Kind.PASSPHRASE, ask=lambda: "").save(SECRETS)
    assert not keys_exist(tmp_path)


def test_the_kind_can_not_be_changed_from_outside(tmp_path):
    create_keystore(tmp_path, Kind.FILE).save(SECRETS)
    content = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(content.replace(b" file\n", b" passphrase\n"))
    with pytest.raises((BadObject, Locked, NewerFormat)):
        open_keystore(tmp_path, ask=ask).load()


def test_a_locked_keyring_is_locked_keys(tmp_path, backend):
    store = create_keystore(tmp_path, Kind.KEYRING)
    store.save(SECRETS)
    backend.locked = True
    with pytest.raises(Locked):
        store.load()
    with pytest.raises(Locked):
        store.save(OTHERS)
    backend.locked = False
    assert store.load() == SECRETS


def test_a_keyring_that_lost_the_entry_is_locked_keys(tmp_path, backend):
    create_keystore(tmp_path, Kind.KEYRING).save(SECRETS)
    backend.kept.clear()
    with pytest.raises(Locked) as error:
        open_keystore(tmp_path).load()
    assert error.value.fix


def test_a_keyring_that_cuts_what_it_keeps_is_noticed_at_once(tmp_path, backend):
    backend.most = 50
    with pytest.raises(Locked):
        create_keystore(tmp_path, Kind.KEYRING).save(SECRETS)
    assert not keys_exist(tmp_path)


def test_a_damaged_entry_says_so(tmp_path, backend):
    create_keystore(tmp_path, Kind.KEYRING).save(SECRETS)
    for entry in backend.kept:
        backend.kept[entry] = "not base64!"
    with pytest.raises(BadObject):
        open_keystore(tmp_path).load()


def test_no_keyring_at_all_names_the_other_kinds(tmp_path):
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    try:
        with pytest.raises(Locked) as error:
            create_keystore(tmp_path, Kind.KEYRING).save(SECRETS)
    finally:
        keyring.set_keyring(before)
    assert "--key-store passphrase" in error.value.fix
