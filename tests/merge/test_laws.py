"""The laws of merging, on states that anybody may make: nothing here supposes that devices are honest."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.format.cbor import decode, encode
from e2esync.merge.fold import fold, place_of
from e2esync.merge.join import EMPTY, State, join, join_entries
from e2esync.merge.restate import Meant, restate
from e2esync.merge.standing import ORPHANS, Stand, folded, is_here, standing
from e2esync.merge.vector import covers, union
from e2esync.merge.whole import paths, view
from e2esync.merge.write import Writer
from e2esync.tree.codec import decode_entries, encode_entries
from e2esync.tree.keys import MAX_NAME, ROOT, Kind, birthplace, is_name, kind_of, node_key
from e2esync.tree.lists import Reference
from e2esync.tree.values import (
    Attributes,
    Content,
    DirectoryContent,
    Dot,
    Entry,
    FileContent,
    Place,
    SymlinkContent,
    VaultContent,
    WrappedKey,
    stored_order,
    value,
)
from tests.merge.devices import tag

DEVICES = [bytes([n]) * 16 for n in (1, 2, 3)]
NAMES = [b"a", b"b", b"a.txt"]
TOP = [node_key(ROOT, name, Kind.DIRECTORY) for name in NAMES]
INNER = [node_key(tag(top), name, Kind.DIRECTORY) for top in TOP[:2] for name in NAMES[:2]]
DIRECTORIES = [*TOP, *INNER]
PARENTS = [ROOT, *map(tag, DIRECTORIES), b"nobody".ljust(16)]
KEYS = [
    *DIRECTORIES,
    *(
        node_key(parent, name, kind, n)
        for parent in PARENTS[:4]
        for name in NAMES[:2]
        for kind in (Kind.FILE, Kind.SYMLINK)
        for n in (0, 1)
    ),
    node_key(ROOT, b"a", Kind.VAULT),
]
MOST = 4  # sequences

vectors = st.dictionaries(st.sampled_from(DEVICES), st.integers(1, MOST), max_size=3)
dots = st.builds(Dot, st.integers(1, MOST), st.sampled_from(DEVICES), st.integers(0, 1))


def contents(kind: Kind) -> st.SearchStrategy[Content]:
    match kind:
        case Kind.DIRECTORY:
            return st.builds(DirectoryContent, dots, st.booleans())
        case Kind.SYMLINK:
            return st.builds(SymlinkContent, dots, st.sampled_from([b"x", b"y"]), st.integers(0, 1))
        case Kind.VAULT:
            return st.builds(VaultContent, dots, st.sampled_from([b"v" * 32, b"w" * 32]))
        case Kind.FILE:
            return file_contents


file_contents = st.builds(
        lambda dot, number, mtime, form: FileContent(
            dot, min(number, 1), bytes([number, 0 if number else form]) * 16, mtime,
            (WrappedKey(bytes(32), bytes(32), bytes([form]) * 40),) if number else (),
            (Reference(0, bytes(32), 1),) if number else (), "Anna's laptop", number,
        ),
        dots, st.integers(0, 2), st.integers(0, 1), st.integers(0, 1),
    )  # fmt: skip


places = st.builds(Place, dots, st.sampled_from(PARENTS), st.sampled_from(NAMES))


def unique(items: st.SearchStrategy, least: int = 0) -> st.SearchStrategy:
    """Values of one field: none twice, though a dot may be, where somebody passes off a value under it."""
    return st.lists(items, min_size=least, max_size=3, unique_by=stored_order)


@st.composite
def entry(draw, kind: Kind, device: bytes, sequence: int) -> Entry:
    """Any entry that the format allows."""
    fields = (
        draw(unique(places)),
        draw(unique(contents(kind), 1)),
        draw(unique(st.builds(Attributes, dots, st.sampled_from([0o644, 0o600]))))
        if kind in {Kind.FILE, Kind.DIRECTORY}
        else [],
    )
    named = union({each.dot.device: each.dot.sequence} for field in fields for each in field)
    past = union([named, draw(vectors)])
    own = max(past.pop(device, 0), sequence)
    order = [tuple(sorted(field, key=stored_order)) for field in fields]
    return Entry(device, own, tuple(sorted(past.items())), *order)


@st.composite
def entries(draw, kind: Kind) -> frozenset[Entry]:
    chosen = draw(st.sets(st.sampled_from(DEVICES), min_size=1, max_size=3))
    return frozenset(draw(entry(kind, device, draw(st.integers(1, MOST)))) for device in sorted(chosen))


@st.composite
def trees(draw) -> dict[bytes, frozenset[Entry]]:
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=9))
    return {key: draw(entries(kind_of(key))) for key in keys}


@st.composite
def states(draw) -> State:
    """A tree, and a context that covers it."""
    tree = draw(trees())
    covered = ({e.device: e.sequence} for each in tree.values() for e in each)
    return State(tree, union([*covered, draw(vectors)]))


# --- join ---


@given(states(), states(), states())
@settings(max_examples=300)
def test_join_is_commutative_associative_and_idempotent(one, two, three):
    assert join(one, two) == join(two, one)
    assert join(join(one, two), three) == join(one, join(two, three))
    assert join(one, one) == one
    assert join(join(one, two), two) == join(one, two)


@given(states())
def test_joining_nothing_changes_nothing(one):
    assert join(one, EMPTY) == join(EMPTY, one) == one


@given(states(), states())
def test_what_is_new_to_the_other_survives_a_join(one, two):
    joined = join(one, two)
    for mine, other in ((one, two), (two, one)):
        for key, known in mine.tree.items():
            for each in known:
                if not covers(other.context, each.device, each.sequence):
                    kept = [
                        e for e in joined.tree[key] if (e.device, e.sequence) == (each.device, each.sequence)
                    ]
                    assert kept == [each]


@given(states(), states())
def test_what_one_has_seen_and_not_kept_goes(one, two):
    joined = join(one, two)
    for key, known in two.tree.items():
        mine = {(e.device, e.sequence) for e in one.tree.get(key, ())}
        for each in known:
            dot = each.device, each.sequence
            if dot not in mine and covers(one.context, *dot):
                assert dot not in {(e.device, e.sequence) for e in joined.tree.get(key, ())}


@given(st.data())
def test_two_entries_under_one_dot_lose_nothing_of_either(data):
    one = data.draw(entry(Kind.FILE, DEVICES[0], MOST))
    two = data.draw(entry(Kind.FILE, DEVICES[0], MOST))
    seen = {DEVICES[0]: MOST}
    (joined,) = join_entries(frozenset({one}), seen, frozenset({two}), seen)
    held = {(each.dot, value(each)) for each in joined.contents}
    assert held == {(each.dot, value(each)) for part in (one, two) for each in part.contents}
    assert set(joined.places) == {*one.places, *two.places}


# --- fold ---


@given(st.sampled_from([Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK]).flatmap(entries))
def test_fold_keeps_a_content_and_makes_none(known):
    come_to = fold(known)
    given_values = {(each.dot, value(each)) for e in known for each in e.contents}
    assert come_to.contents
    assert {(each.dot, value(each)) for each in come_to.contents} <= given_values
    assert come_to.past == union({**dict(e.past), e.device: e.sequence} for e in known)


@given(entries(Kind.FILE))
def test_fold_does_not_depend_on_order(known):
    assert len({repr(sorted(map(repr, fold(order).contents))) for order in permutations(known)}) == 1


@given(entries(Kind.FILE))
def test_fold_drops_a_value_only_for_an_entry_that_has_seen_it_and_gone_on(known):
    come_to = fold(known)
    kept = {each.dot for each in come_to.contents}
    for e in known:
        for each in e.contents:
            if each.dot in kept:
                continue
            past = [
                covers({**dict(o.past), o.device: o.sequence}, each.dot.device, each.dot.sequence)
                for o in known
                if each.dot not in {c.dot for c in o.contents}
            ]
            assert any(past)


# --- view ---


@given(trees())
@settings(max_examples=300)
def test_the_view_is_total_and_leads_from_everything_to_the_root(tree):
    seen = view(tree, tag)
    by_path = paths(seen, tag)
    assert len(by_path) == len(seen), "two things stand at one place"
    for path in by_path:
        above, slash, _ = path.rpartition(b"/")
        assert not slash or kind_of(by_path[above].node) is Kind.DIRECTORY
        assert all(is_name(part) and len(part) <= MAX_NAME for part in path.split(b"/"))


@given(trees())
def test_the_view_shows_every_content_but_the_empty_beside_one_that_is_not(tree):
    shown: dict[bytes, list] = {}
    for sight in view(tree, tag).values():
        shown.setdefault(sight.node, []).append(sight)
    for key, known in tree.items():
        if kind_of(key) in {Kind.DIRECTORY, Kind.VAULT}:
            assert len(shown.get(key, [])) <= 1
            continue
        come_to = fold(known)
        assert {dot for sight in shown[key] for dot in sight.dots} == {c.dot for c in come_to.contents}
        told = {value(sight.content) for sight in shown[key]}
        assert all(value(c) in told or (isinstance(c, FileContent) and c.size == 0) for c in come_to.contents)
        assert sum(sight.is_first for sight in shown[key]) == 1


@given(trees())
def test_a_removed_directory_is_shown_only_for_what_is_in_it(tree):
    seen = view(tree, tag)
    parents = {stand.parent for stand in seen}
    for sight in seen.values():
        if kind_of(sight.node) is Kind.DIRECTORY:
            is_empty = tag(sight.node) not in parents
            assert not is_empty or is_here(fold(tree[sight.node]))


@given(trees(), st.randoms())
def test_the_view_does_not_depend_on_the_order_of_the_tree(tree, random):
    keys = list(tree)
    random.shuffle(keys)
    assert view({key: tree[key] for key in keys}, tag) == view(tree, tag)


@given(trees())
def test_a_directory_in_a_cycle_goes_to_the_root_and_only_one_of_each(tree):
    nodes = folded(tree)
    stands = standing(nodes, tag)
    numbers = {tag(key): key for key in nodes if kind_of(key) is Kind.DIRECTORY}
    for key, stand in stands.items():
        place = place_of(key, nodes[key])
        if stand == Stand(place.parent, place.name):
            continue
        if stand.parent == tag(ORPHANS):
            assert place.parent not in numbers
            continue
        assert stand == Stand(ROOT, place.name)
        here, cycle = key, [key]
        while (here := numbers[place_of(here, nodes[here]).parent]) != key:
            cycle.append(here)
        assert key == min(cycle, key=lambda k: (place_of(k, nodes[k]).dot, k))


# --- writes ---


@st.composite
def meant(draw, key: bytes, known: frozenset[Entry], writer: Writer) -> Meant:
    """What a local write may want: of what it saw, and of its own."""
    come_to = fold(known)
    left = draw(st.sets(st.sampled_from(sorted(come_to.contents, key=lambda c: c.dot))))
    new = draw(st.lists(contents(kind_of(key)), max_size=2, min_size=0 if left else 1))
    own = frozenset(content._replace(dot=writer.dot()) for content in new)
    where = come_to.places
    if draw(st.booleans()):
        where = frozenset({draw(places)._replace(dot=writer.dot())})
    return Meant(where, frozenset(left) | own, come_to.attributes)


@given(st.sampled_from(KEYS), st.data())
@settings(max_examples=300)
def test_a_write_comes_to_what_was_meant_and_covers_what_it_replaced(key, data):
    known = data.draw(entries(kind_of(key)))
    writer = Writer(data.draw(st.sampled_from([*DEVICES, b"new".ljust(16)])), MOST + 1)
    wanted = data.draw(meant(key, known, writer))
    after = restate(key, known, wanted, writer)
    come_to = fold(after)
    assert come_to.contents == wanted.contents
    assert place_of(key, come_to)[1:] == place_of(key, come_to._replace(places=wanted.places))[1:]
    coded = decode_entries(decode(encode(encode_entries(tuple(after)))), kind_of(key))
    assert frozenset(coded) == after, "the format does not allow it"
    seen = union({e.device: e.sequence} for e in known)
    now = {**seen, writer.device: MOST + 1}
    assert join(State({key: known}, seen), State({key: after}, now)) == State({key: after}, now)


def test_a_node_without_contents_goes():
    key = node_key(ROOT, b"a", Kind.FILE)
    assert restate(key, frozenset(), Meant(), Writer(DEVICES[0], 1)) == frozenset()


def test_the_word_of_another_that_stays_true_is_left_to_it():
    key = node_key(ROOT, b"a", Kind.FILE)
    here = [
        FileContent(Dot(1, d, 1), 0, bytes([n]) * 32, 0, (), (), "x", 0) for n, d in enumerate(DEVICES[:2])
    ]
    mine, theirs = (Entry(c.dot.device, 1, (), (), (c,), ()) for c in here)
    writer = Writer(DEVICES[0], 2)
    new = here[0]._replace(dot=writer.dot(), hash=b"n" * 32)
    after = restate(key, frozenset({mine, theirs}), Meant(contents=frozenset({new, here[1]})), writer)
    assert theirs in after
    assert [e.contents for e in after if e.device == DEVICES[0]] == [(new,)]


@pytest.mark.parametrize("key", [k for k in KEYS if birthplace(k).n == 0][:3])
def test_a_birth_needs_no_place(key):
    writer = Writer(DEVICES[0], 1)
    here = DirectoryContent(writer.dot(), here=True)
    (born,) = restate(key, frozenset(), Meant(contents=frozenset({here})), writer)
    assert born.places == ()
    assert place_of(key, fold([born]))[1:] == birthplace(key)[:2]
