"""Comparing yields exactly the differences, reads only what differs, and believes no page out of its place."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.errors import BadObject
from e2esync.tree.compare import compare
from e2esync.tree.pages import MAX_LEVEL, Root
from tests.tree.memory import Table, built
from tests.tree.test_pages import keys, values


def differences(mine: Table, theirs: Table) -> dict[bytes, bytes | None]:
    every = mine.nodes.keys() | theirs.nodes.keys()
    return {key: theirs.nodes.get(key) for key in every if mine.nodes.get(key) != theirs.nodes.get(key)}


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(keys, values, max_size=40),
    st.dictionaries(keys, st.one_of(st.none(), values), max_size=20),
)
def test_exactly_the_differences_come_in_order(nodes, change):
    _, mine = built(nodes)
    root, theirs = built({k: v for k, v in {**nodes, **change}.items() if v is not None})
    found = list(compare(mine, root, get=theirs.get))
    assert [key for key, _ in found] == sorted({key for key, _ in found})
    assert dict(found) == differences(mine, theirs)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(keys, values, max_size=30), st.dictionaries(keys, values, max_size=30))
def test_what_differs_turns_one_tree_into_the_other(one, other):
    _, mine = built(one)
    root, theirs = built(other)
    change = dict(compare(mine, root, get=theirs.get))
    assert mine.set(change) == root if change else built(one)[0] == root
    assert mine.nodes == other


@pytest.mark.parametrize("seed", range(4))
def test_large_trees_too(seed):
    r = random.Random(seed)
    nodes = {r.randbytes(4): r.randbytes(r.choice([10, 100, 9000])) for _ in range(2000)}
    _, mine = built(nodes)
    low, high = sorted((r.randbytes(1), r.randbytes(1)))
    other = {key: value for key, value in nodes.items() if not low < key < high or r.random() < 0.5}
    root, theirs = built(other | {r.randbytes(4): b"new" * r.randint(1, 5000) for _ in range(30)})
    assert dict(compare(mine, root, get=theirs.get)) == differences(mine, theirs)


def test_equal_pages_are_not_read():
    r = random.Random(3)
    nodes = {r.randbytes(8): r.randbytes(90) for _ in range(20_000)}
    _, mine = built(nodes)
    root, theirs = built(nodes | {b"one more": b"value"})
    read = []

    def get(named, level):
        read.append(level)
        return theirs.get(named, level)

    assert dict(compare(mine, root, get=get)) == {b"one more": b"value"}
    assert root is not None
    assert len(read) <= 2 * (root.level + 1)


def test_the_same_tree_is_known_by_its_root_page():
    root, mine = built({b"%05d" % n: bytes(90) for n in range(3000)})
    read = []

    def get(named, level):
        read.append(level)
        return mine.get(named, level)

    assert list(compare(mine, root, get=get)) == []
    assert len(read) == 1


def test_without_a_root_everything_goes():
    _, mine = built({b"a": b"1", b"b": b"2"})
    assert list(compare(mine, None, get=mine.get)) == [(b"a", None), (b"b", None)]


# --- pages that do not stand where they should ---


@pytest.fixture
def large():
    root, table = built({b"%05d" % n: bytes(900) for n in range(6000)})
    assert root is not None
    assert root.level == 2
    return root, table


def refused(root: Root, table: Table) -> None:
    with pytest.raises(BadObject):
        list(compare(Table(), root, get=table.get))


def test_the_large_tree_is_good_as_it_is(large):
    root, table = large
    assert len(list(compare(Table(), root, get=table.get))) == 6000


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("fault", ["swapped", "twice", "reversed"])
def test_a_page_out_of_order_is_refused(large, level, fault):
    root, table = large
    items = next(items for (_, at), items in table.stored.items() if at == level and len(items) > 2)
    match fault:
        case "swapped":
            items[0], items[1] = items[1], items[0]
        case "twice":
            items.insert(0, items[0])
        case _:
            items.reverse()
    refused(root, table)


@pytest.mark.parametrize("level", [0, 1])
def test_a_page_in_the_place_of_another_is_refused(large, level):
    root, table = large
    named = [key for key in table.stored if key[1] == level]
    table.stored[named[0]], table.stored[named[1]] = table.stored[named[1]], table.stored[named[0]]
    refused(root, table)


@pytest.mark.parametrize("level", [0, 1])
def test_a_page_that_ends_elsewhere_than_its_parent_says_is_refused(large, level):
    root, table = large
    items = next(items for (_, at), items in table.stored.items() if at == level)
    items.pop()
    refused(root, table)


@pytest.mark.parametrize("level", [0, 1])
def test_a_page_that_begins_before_its_range_is_refused(large, level):
    root, table = large
    pages = sorted(items for (_, at), items in table.stored.items() if at == level)
    pages[1].insert(0, (pages[0][-1][0], pages[1][0][1]))
    refused(root, table)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_an_empty_page_is_refused(large, level):
    root, table = large
    next(items for (_, at), items in table.stored.items() if at == level).clear()
    refused(root, table)


@pytest.mark.parametrize("level", [-1, MAX_LEVEL + 1, 1 << 40])
def test_a_root_of_an_impossible_level_is_refused(large, level):
    root, table = large
    with pytest.raises(BadObject):
        list(compare(Table(), Root(root.id, level), get=lambda *_: table.get(*root)))


def test_a_page_that_is_cut_elsewhere_gives_another_root(large):
    root, table = large
    level0 = [(named, items) for (named, at), items in table.stored.items() if at == 0]
    (one, first), (other, second) = sorted(level0, key=lambda page: page[1])[:2]
    # move an item over the boundary, with a parent that names it so
    second.insert(0, first.pop())
    for (_, at), items in table.stored.items():
        if at == 1:
            items[:] = [(first[-1][0] if named == one else key, named) for key, named in items]
    assert one != other
    mine = Table()
    change = dict(compare(mine, root, get=table.get))
    found = mine.set(change)
    assert found == root  # the nodes are the same; that the pages are not is seen by their ids
