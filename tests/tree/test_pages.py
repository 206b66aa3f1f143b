"""Pages depend on the content alone: whatever was done before, an update gives the tree that is built at once."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.tree.pages import MAX_WEIGHT, Page, cut, is_drawn, weight
from tests.tree.memory import Table, built, draw

keys = st.binary(min_size=1, max_size=3)
values = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.sampled_from([b"v" * 100, b"w" * 3000, b"x" * 8000, b"y" * 24566, b"z" * 30_000]),
)
changes = st.dictionaries(keys, st.one_of(st.none(), values), min_size=1, max_size=30)


@settings(max_examples=300, deadline=None)
@given(st.lists(changes, min_size=1, max_size=6))
def test_an_update_after_any_history_equals_a_fresh_build(history):
    table = Table()
    for change in history:
        root = table.set(change)
        fresh_root, fresh = built(table.nodes)
        assert root == fresh_root
        assert table.whole() == fresh.whole()


@pytest.mark.parametrize("seed", range(6))
def test_an_update_of_a_large_tree_equals_a_fresh_build(seed):
    r = random.Random(seed)
    table = Table()
    table.set({r.randbytes(4): r.randbytes(r.choice([10, 100, 200, 9000])) for _ in range(1500)})
    for _ in range(8):
        change: dict[bytes, bytes | None] = dict.fromkeys(r.sample(sorted(table.nodes), r.choice([0, 1, 40])))
        change |= {
            r.randbytes(4): r.randbytes(r.choice([10, 100, 30_000])) for _ in range(r.choice([1, 5, 200]))
        }
        root = table.set(change)
        fresh_root, fresh = built(table.nodes)
        assert root == fresh_root
        assert table.whole() == fresh.whole()


def test_a_change_rewrites_a_page_or_two_on_each_level():
    r = random.Random(1)
    root, table = built({r.randbytes(8): r.randbytes(90) for _ in range(20_000)})
    assert root is not None
    assert root.level >= 2
    emitted = []
    for key in r.sample(sorted(table.nodes), 50):
        before = table.emitted
        table.set({key: r.randbytes(91)})
        emitted.append(table.emitted - before)
    # one page early and the one that changed, on each level; now and then a boundary moves
    assert sum(emitted) / len(emitted) <= 3 * (root.level + 1)


def test_a_tree_without_nodes_has_no_root_and_no_pages():
    assert built({})[0] is None
    table = Table()
    table.set({b"key": b"value"})
    assert table.set({b"key": None}) is None
    assert table.whole() == {}


def test_one_node_is_one_page():
    root, table = built({b"key": b"value"})
    assert root is not None
    assert root.level == 0
    assert table.get(*root) == [(b"key", b"value")]


def test_an_oversized_item_is_a_page_of_its_own():
    nodes = {bytes([n]): bytes(10) for n in range(40)} | {b"\x14": bytes(MAX_WEIGHT * 2)}
    pages = list(cut(sorted(nodes.items()), 0, draw))
    assert [(b"\x14", bytes(MAX_WEIGHT * 2))] in pages


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(keys, values, max_size=60), st.integers(0, 12))
def test_a_cut_drops_nothing_and_every_page_but_the_last_ends_for_a_reason(nodes, level):
    items = sorted(nodes.items())
    pages = list(cut(items, level, draw))
    assert [item for page in pages for item in page] == items
    for page, following in pairwise(pages):
        filled = sum(map(weight, page))
        drawn = is_drawn(draw(bytes([level]) + page[-1][0]), weight(page[-1]))
        assert (len(page) > 1 and drawn) or filled >= MAX_WEIGHT or filled + weight(following[0]) > MAX_WEIGHT
        assert filled <= MAX_WEIGHT or len(page) == 1


def test_a_page_is_about_8_kib():
    r = random.Random(2)
    items = sorted((r.randbytes(20), r.randbytes(100)) for _ in range(20_000))
    sizes = [sum(map(weight, page)) for page in cut(items, 0, draw)]
    assert 6000 < sum(sizes) / len(sizes) < 9000


def test_the_draw_is_proportional_to_the_weight():
    assert is_drawn(bytes(8), 1)
    assert not is_drawn(b"\xff" * 8, 8191)
    assert is_drawn(b"\xff" * 8, 8192)
    assert not is_drawn((1 << 63).to_bytes(8, "big"), 4096)
    assert is_drawn(((1 << 63) - 1).to_bytes(8, "big"), 4096)


def test_a_page_is_known_by_its_last_key():
    assert Page(0, [(b"a", b"1"), (b"b", b"2")]).last == b"b"
