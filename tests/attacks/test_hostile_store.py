"""The fixtures of the attacks themselves: an honest hostile store is a store, each verb does what it says, oracles see."""

import inspect
from itertools import product

import pytest

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.crypto.asymmetric import object_hash
from e2esync.errors import BadObject, IntegrityError, NoVault, StoreRefused, StoreUnavailable
from e2esync.format import names
from e2esync.format.names import Kind
from e2esync.model.store import ObjectNotFound
from moto_fixtures.hostile import HostileStore
from moto_fixtures.hostile_adversary import Adversary
from moto_fixtures.hostile_proxy import HostileProxy
from tests.attacks.arena import (
    CANARY,
    DEFENCES,
    Arena,
    AttackSucceeded,
    ClientCrashed,
    bnd,
    det,
    noch,
    nolk,
    nost,
    row,
    same,
    same_view,
    trust_of,
    weakened,
)
from tests.attacks.arena_defences import OURS
from tests.cli.conftest import no_settings, run
from tests.engine.world import World, tree
from tests.stores import test_contract

__all__ = ["no_settings", "run"]  # fixtures of the command line

# --- an honest hostile store is a store ------------------------------------------------------------


def forked() -> HostileStore:
    store = HostileStore(MemoryStore())
    store.fork("ann", "bob")
    return store


def forgiven() -> HostileStore:
    store = HostileStore(MemoryStore())
    store.put("a/b", b"honest")
    store.flip("a/b")
    store.hide("a/c")
    store.drop_writes()
    store.honest()
    store.delete(["a/b"])
    return store


STORES = {
    "plain": lambda: HostileStore(MemoryStore()),
    "a view": lambda: HostileStore(MemoryStore()).view("ann"),
    "a view after a fork": lambda: forked().view("bob"),
    "after all lies were taken back": forgiven,
}


def contract():
    """Yield each case of the suite that all stores pass: its function, and parameters."""
    for name, function in vars(test_contract).items():
        given = set(inspect.signature(function).parameters) if name.startswith("test_") else set()
        if not given & {"store", "strict_store"}:
            continue
        marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
        rows = [
            [dict(zip(_names(mark.args[0]), _values(value), strict=True)) for value in mark.args[1]]
            for mark in marks
        ]
        for parts in product(*rows):
            yield function, {key: value for part in parts for key, value in part.items()}


def _names(text):
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else list(text)


def _values(value):
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
def test_an_honest_hostile_store_keeps_the_contract_of_stores(make):
    count = 0
    for function, parameters in contract():
        name = "store" if "store" in inspect.signature(function).parameters else "strict_store"
        function(**{name: make()}, **parameters)
        count += 1
    assert count >= 15


# --- verbs -----------------------------------------------------------------------------------------


@pytest.fixture
def store():
    made = HostileStore(MemoryStore())
    for key in ("a/one", "a/two", "b/three"):
        made.put(key, key.encode())
    return made


CHANGES = {
    "flip": (lambda s: s.flip("a/one", 2, 0x80), b"a/\xefne"),
    "trunc": (lambda s: s.trunc("a/one", 3), b"a/o"),
    "extend": (lambda s: s.extend("a/one", b"!"), b"a/one!"),
    "zero": (lambda s: s.zero("a/one", 1, 2), b"a\0\0ne"),
    "zero all": (lambda s: s.zero("a/one"), bytes(5)),
    "swap": (lambda s: s.swap("a/one", "a/two"), b"a/two"),
    "copy": (lambda s: s.copy("b/three", "a/one"), b"b/three"),
    "inject": (lambda s: s.inject("a/one", b"new"), b"new"),
    "lose": (lambda s: s.lose("a/one"), None),
    "hide": (lambda s: s.hide("a/one"), None),
    "replay": (lambda s: s.replay("a/one", 0), None),
    "replay all": (lambda s: s.replay_all(0), None),
}


@pytest.mark.parametrize(("verb", "shown"), CHANGES.values(), ids=CHANGES)
def test_a_verb_changes_what_get_head_and_list_show_and_not_what_was_written(store, verb, shown):
    etag = store.head("a/one").etag
    verb(store)
    assert {info.key: info.size for info in store.list("a/on")} == (
        {} if shown is None else {"a/one": len(shown)}
    )
    if shown is None:
        assert store.head("a/one") is None
        with pytest.raises(ObjectNotFound):
            store.get("a/one")
    else:
        assert store.get("a/one") == shown
        assert store.get("a/one", start=1, length=2) == shown[1:3]
        assert (store.head("a/one").size, store.head("a/one").etag != etag) == (len(shown), True)
    assert store.wrapped.get("a/one") == b"a/one"
    assert store.at(store.now)["a/one"] == b"a/one"
    store.honest()
    assert store.get("a/one") == b"a/one"
    assert store.head("a/one").etag == etag


def test_every_version_is_kept_also_of_what_was_deleted(store):
    then = store.now
    store.put("a/one", b"second")
    store.delete(["a/one"])
    assert store.history("a/one") == [b"a/one", b"second"]
    assert (store.at(then)["a/one"], "a/one" in store.at(store.now)) == (b"a/one", False)
    store.replay("a/one", then + 1)
    assert store.get("a/one") == b"second"


def test_after_everything_was_rolled_back_new_writes_show(store):
    then = store.now
    store.put("a/one", b"second")
    store.put("a/four", b"four")
    store.replay_all(then)
    assert store.shown() == ["a/one", "a/two", "b/three"]
    store.put("a/five", b"five")
    assert (store.get("a/five"), store.get("a/one")) == (b"five", b"a/one")


def test_a_write_ends_a_lie_about_its_key_but_not_what_is_hidden(store):
    store.flip("a/one")
    store.hide("a/two")
    store.put("a/one", b"again")
    store.put("a/two", b"again")
    assert store.get("a/one") == b"again"
    assert store.head("a/two") is None


def test_after_a_fork_each_client_sees_its_own_writes_until_one_leaks(store):
    ann, bob = store.view("ann"), store.view("bob")
    ann.put("a/one", b"before")
    store.fork("ann", "bob")
    ann.put("a/one", b"by ann")
    ann.delete(["a/two"])
    bob.put("b/three", b"by bob")
    assert (ann.get("a/one"), bob.get("a/one")) == (b"by ann", b"before")
    assert (ann.head("a/two"), bob.get("a/two")) == (None, b"a/two")
    assert (ann.get("b/three"), bob.get("b/three")) == (b"b/three", b"by bob")
    store.leak("a/one", source="ann", to="bob")
    assert bob.get("a/one") == b"by ann"
    store.honest()
    assert (bob.get("a/one"), ann.get("b/three"), ann.head("a/two")) == (b"by ann", b"by bob", None)


def test_a_verb_for_one_client_does_not_touch_the_other(store):
    store.fork("ann", "bob")
    store.flip("a/one", client="ann")
    store.hide("a/two", client="ann")
    assert store.view("ann").get("a/one") != b"a/one"
    assert store.view("bob").get("a/one") == b"a/one"
    assert store.view("bob").head("a/two") is not None


def test_lists_and_headers_say_what_they_are_told(store):
    store.lie_in_list(leave_out=["a/one"], show={"a/ghost": 7})
    store.edit_headers("a/two", etag="same", size=99)
    told = {info.key: (info.size, info.etag) for info in store.list("a/")}
    assert told == {"a/ghost": (7, "listed"), "a/two": (99, "same")}
    assert (store.get("a/one"), store.head("a/two").size) == (b"a/one", 99)


def test_an_endless_object_gives_what_is_asked_for_and_never_ends(store):
    store.endless("a/one")
    assert store.get("a/one", length=9) == b"a/one" + bytes(4)
    assert store.get("a/one", start=1 << 40, length=3) == bytes(3)
    with pytest.raises(BadObject):
        store.get("a/one")


def test_errors_redirects_and_waits_come_when_they_should():
    waited: list[float] = []
    store = HostileStore(MemoryStore(), wait=waited.append)
    store.put("a/one", b"one")
    store.slow("a/one", 30)
    store.error("a/one", times=2)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            store.get("a/one")
    assert (store.get("a/one"), waited) == (b"one", [30, 30, 30])
    store.redirect("a/one")
    with pytest.raises(StoreRefused):
        store.head("a/one")


def test_dropped_writes_are_acknowledged_and_conditions_answered_at_will(store):
    store.drop_writes("b/")
    assert store.put("b/four", b"four")
    assert store.head("b/four") is None
    store.lie_on_conditions(True)
    assert store.put_if_absent("a/one", b"overwritten")
    store.lie_on_conditions(False)
    assert not store.put_if_absent("a/free", b"free")
    assert store.get("a/one") == b"overwritten"


def test_requests_are_recorded_in_order_with_who_asked(store):
    start = len(store.requests)
    store.view("ann").get("a/one", start=1, length=2)
    with pytest.raises(ObjectNotFound):
        store.view("bob").get("a/none")
    list(store.view("ann").list("a/"))
    store.view("bob").put("a/one", b"four")
    found = [(r.client, r.verb, r.key, r.start, r.length, r.size, r.found) for r in store.requests[start:]]
    assert found == [
        ("ann", "GET", "a/one", 1, 2, 2, True),
        ("bob", "GET", "a/none", 0, None, 0, False),
        ("ann", "LIST", "a/", 0, None, 0, True),
        ("bob", "PUT", "a/one", 0, None, 4, True),
    ]


# --- oracles can fail ------------------------------------------------------------------------------


def raises(error):
    def command():
        raise error

    return command


def test_det_wants_an_error_of_ours_of_the_right_kind():
    assert det(raises(BadObject("bad"))).exit_code == 6
    for command in (lambda: 1, raises(NoVault("none"))):
        with pytest.raises(AttackSucceeded):
            det(command)
    with pytest.raises(ClientCrashed):
        det(raises(KeyError("x")))


@pytest.mark.parametrize("path", ["folder/new", "folder/.e2esync/tmp/partial", "beside"])
def test_noch_sees_files_also_partial_ones_and_those_outside(arena, path):
    dev = arena.device("laptop")
    with pytest.raises(AttackSucceeded), noch(dev):
        (dev.home / path).write_bytes(b"x")


def test_nost_sees_trust_that_is_neither_old_nor_honest(arena):
    laptop, desk = arena.pair()
    old = trust_of(desk)
    arena.edit(laptop)
    laptop.push()
    desk.pull()
    new = trust_of(desk)
    assert new != old
    nost(old, new, new)
    nost(old, old, new)
    with pytest.raises(AttackSucceeded):
        nost(old, {**new, "trusted": b"else"}, new)
    with pytest.raises(AttackSucceeded):
        nost(new, old, new)


def test_nolk_sees_a_canary_its_hash_and_what_was_opened(arena):
    arena.pair()
    nolk(arena.store, [CANARY, CANARY * 3])
    with pytest.raises(AttackSucceeded):
        nolk(arena.store, [CANARY], ["an epoch"])
    for leak in (CANARY, object_hash(CANARY), object_hash(CANARY).hex().encode()):
        arena.store.put("a/leak", b"xx" + leak)
        with pytest.raises(AttackSucceeded):
            nolk(arena.store, [CANARY])
        arena.store.versions.pop()


def test_bnd_counts_requests_bytes_and_memory(store):
    with bnd(store, requests=1, size=5, memory=1 << 20):
        store.get("a/one")
    for bound in ({"requests": 1}, {"size": 9}, {"memory": 1 << 20}):
        with pytest.raises(AttackSucceeded), bnd(store, **bound):
            (store.get("a/one") + store.get("a/one")).zfill(4 << 20)


def test_same_and_view_tell_runs_apart(store):
    def run_of(*calls):
        start = len(store.requests)
        for call in calls:
            call()
        return store.requests[start:]

    one, two = lambda: store.get("a/one"), lambda: store.get("a/two")
    same({"x": run_of(one, two), "y": run_of(two, one)})
    same_view(run_of(one, one), run_of(two, two))
    with pytest.raises(AttackSucceeded):
        same({"x": run_of(one), "y": run_of(two)})
    with pytest.raises(AttackSucceeded):
        same_view(run_of(one, one), run_of(one, two))
    with pytest.raises(AttackSucceeded):
        same_view(run_of(one), run_of(one, one))


@pytest.mark.parametrize("defence", OURS)
def test_a_defence_is_on_again_and_honest_work_goes_on_without_it(arena, defence):
    before = {name: [_target(patch) for patch in patches] for name, patches in DEFENCES.items()}
    with weakened(defence):
        assert [_target(patch) for patch in DEFENCES[defence]] != before[defence]
        laptop, desk = arena.pair()
        arena.edit(laptop)
        laptop.push()
        arena.pulls(desk)
        assert desk.differs(laptop.tree()) == {}
    assert {name: [_target(patch) for patch in patches] for name, patches in DEFENCES.items()} == before


def _target(patch):
    module, _, attribute = patch.owner.partition(":")
    owner = __import__(module, fromlist=["x"])
    return inspect.getattr_static(getattr(owner, attribute) if attribute else owner, patch.name)


# --- two rows, as examples -------------------------------------------------------------------------


@row("C1", shows=["G2"], weaknesses=["signatures", ("seals", "chunk ids", "content hash")])
def test_a_flipped_byte_of_a_record_or_a_file_is_refused(arena: Arena):
    laptop, _ = arena.pair()
    arena.edit(laptop, content=bytes(range(256)))
    laptop.push()
    (pack,) = [version.key for version in arena.store.versions[-3:] if "/packs/" in version.key]
    for key, positions in ((arena.keys(Kind.CARD)[0], (0, 100, -1)), (pack, (20,))):
        for position in positions:
            arena.store.flip(key, position)
            arena.newcomer_refuses()
            arena.store.honest()


@row("R1", shows=["G5"], weaknesses=["trust memory"])
def test_a_head_of_yesterday_is_refused(arena: Arena):
    laptop, desk = arena.pair()
    then = arena.store.now
    arena.edit(laptop)
    laptop.push()
    desk.pull()
    arena.store.replay(arena.head_of(laptop), then)
    arena.refuses(desk)


# --- the adversary ---------------------------------------------------------------------------------


def test_what_the_adversary_plants_is_a_complete_vault_of_its_own(arena, tmp_path):
    mallory = Adversary(arena.store)
    planted = mallory.plant({b"name %d" % n: b"content %d" % n for n in range(300)})
    for key, body in planted.objects.items():
        assert names.parse(key) is not None
        arena.store.inject(key, body)
    world = World(tmp_path / "mallory's", arena.store)
    world.entropy = mallory.entropy
    world.keys = type(world.keys)(mallory.identity, planted.membership, planted.keyring, planted.vault_id)
    reader = world.fresh("reader")
    reader.pull()
    assert {path: thing[1] for path, thing in tree(reader.root).items()} == {
        b"name %d" % n: b"content %d" % n for n in range(300)
    }
    world.close()


def test_the_adversary_knows_cards_and_opens_nothing_but_what_was_wrapped_to_it(arena):
    arena.pair()
    mallory = Adversary(arena.store)
    owner = arena.world.keys.identity.public
    assert mallory.cards() == [owner]
    assert mallory.opens() == []
    mallory.others.append(arena.world.keys.identity)
    assert {what.split()[0] for what in mallory.opens()} == {"epoch", "head"}


def test_records_of_the_adversary_stand_where_they_should_and_are_refused(arena):
    arena.pair()
    mallory, vault = Adversary(arena.store), arena.world.keys.vault_id
    (owner,) = mallory.cards()
    for key, body in (mallory.members_record(vault, [owner]), mallory.own_record(owner)):
        assert names.parse(key) is not None
        arena.store.inject(key, body)
        arena.newcomer_refuses(BadObject)
        arena.store.honest()


# --- the proxy -------------------------------------------------------------------------------------


@pytest.fixture
def proxy(rclone_server, bucket, prefix, monkeypatch):
    from e2esync.adapters.stores import retrying

    monkeypatch.setattr(retrying.RetryingStore, "_wait", lambda _self, _tried: None)
    with HostileProxy(rclone_server, bucket, prefix) as made:
        for name, value in {**made.env(), "AWS_MAX_ATTEMPTS": "1"}.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def folder(run, proxy, tmp_path, bucket, prefix):
    """Two devices at the command line behind the proxy; the second has pulled once; its folder."""
    address, words = f"s3://{bucket}/{prefix}", ("--recovery-file", tmp_path / "w")
    endpoint = ("--endpoint-url", proxy.endpoint)
    assert run("setup", address, tmp_path / "A", *words, *endpoint).code == 0
    (tmp_path / "A" / "x").write_bytes(CANARY)
    assert run("push", tmp_path / "A").code == 0
    assert run("join", address, tmp_path / "B", *words, *endpoint, home=tmp_path / "h2").code == 0
    assert run("pull", tmp_path / "B", home=tmp_path / "h2").code == 0
    (tmp_path / "A" / "x").write_bytes(CANARY * 2)
    (tmp_path / "A" / "y").write_bytes(CANARY * 3)
    assert run("push", tmp_path / "A", home=tmp_path / "home").code == 0
    return tmp_path / "B"


def only(proxy, kind):
    found = [key for key in proxy.store.shown() if (name := names.parse(key)) and name.kind is kind]
    return found[0] if kind is Kind.HEAD else found[-1]


LIES = {
    "flipped": (lambda s, key: s.flip(key, 50), 6),
    "truncated": (lambda s, key: s.trunc(key, 40), 6),
    "endless": (lambda s, key: s.endless(key), 6),
    "hidden": (lambda s, key: s.hide(key), 6),
    "zeros": (lambda s, key: s.zero(key), 6),
    "redirected": (lambda s, key: s.redirect(key, 301), 8),
    "redirected for now": (lambda s, key: s.redirect(key, 307), 7),
    "failing": (lambda s, key: s.error(key), 7),
}


@pytest.mark.server
@pytest.mark.parametrize(("verb", "code"), LIES.values(), ids=LIES)
def test_a_pull_of_the_command_line_refuses_what_a_hostile_server_makes_of_a_head(
    run, proxy, folder, tmp_path, verb, code
):
    before = tree(folder)
    head = only(proxy, Kind.HEAD)
    verb(proxy.store, head)
    done = run("pull", folder, "--json", home=tmp_path / "h2")
    assert done.code == code, done.err
    assert tree(folder) == before
    assert proxy.elsewhere == []
    assert proxy.sent_by_endless < 64 << 20
    proxy.store.honest()
    assert run("pull", folder, home=tmp_path / "h2").code == 0
    assert (folder / "y").read_bytes() == CANARY * 3


@pytest.mark.server
def test_a_head_that_a_server_puts_back_is_refused_once_a_newer_one_was_accepted(
    run, proxy, folder, tmp_path
):
    assert run("pull", folder, home=tmp_path / "h2").code == 0
    before, head = tree(folder), only(proxy, Kind.HEAD)
    proxy.store.inject(head, proxy.store.history(head)[0])
    assert run("pull", folder, home=tmp_path / "h2").code == 6
    assert tree(folder) == before
    proxy.store.honest()
    assert run("pull", folder, home=tmp_path / "h2").code == 0


@pytest.mark.server
def test_headers_and_slowness_have_no_effect_and_a_real_redirect_would_have_been_seen(
    run, proxy, folder, tmp_path
):
    import urllib.request

    head = only(proxy, Kind.HEAD)
    proxy.store.edit_headers(head, headers={"Content-Type": "text/html", "x-amz-meta-mode": "0777"})
    proxy.store.slow(only(proxy, Kind.INDEX), 0.1)
    assert run("pull", folder, home=tmp_path / "h2").code == 0
    assert (folder / "y").read_bytes() == CANARY * 3
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(proxy.other_address + "/come")
    assert proxy.elsewhere == ["GET /come"]


@pytest.mark.server
def test_what_passes_a_proxy_before_a_store_that_checks_signatures_is_as_it_was(
    run, seaweed_server, bucket, prefix, monkeypatch, tmp_path
):
    address, words = f"s3://{bucket}/{prefix}", ("--recovery-file", tmp_path / "w")
    with HostileProxy(seaweed_server, bucket, prefix) as proxy:
        for name, value in proxy.env().items():
            monkeypatch.setenv(name, value)
        assert run("setup", address, tmp_path / "A", *words, "--endpoint-url", proxy.endpoint).code == 0
        (tmp_path / "A" / "x").write_bytes(CANARY)
        assert run("push", tmp_path / "A").code == 0
        assert run("verify", tmp_path / "A", "--deep").code == 0
        client = seaweed_server.client()
        for key in proxy.store.shown():
            stored = client.get_object(Bucket=bucket, Key=f"{prefix}/{key}")["Body"].read()
            assert stored == proxy.store.body(key)
        client.close()
        proxy.store.flip(only(proxy, Kind.CARD))
        assert run("verify", tmp_path / "A").code == IntegrityError.exit_code
