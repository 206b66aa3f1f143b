"""In what several stored trees differ, and which pages have to be read for it."""

from __future__ import annotations

from random import Random

import pytest

from e2esync.errors import BadObject
from e2esync.tree.differ import differing
from e2esync.tree.keys import ROOT, Kind, node_key
from tests.tree.memory import built


def some_nodes(random: Random, count: int) -> dict[bytes, bytes]:
    return {
        node_key(ROOT, b"%d" % random.randrange(10 * count), Kind.FILE): random.randbytes(
            random.randrange(1, 900)
        )
        for _ in range(count)
    }


def changed(random: Random, nodes: dict[bytes, bytes]) -> dict[bytes, bytes]:
    other = dict(nodes)
    for key in random.sample(sorted(nodes), min(len(nodes), random.randrange(6))):
        if random.random() < 0.5:
            del other[key]
        else:
            other[key] = random.randbytes(50)
    return other | some_nodes(random, random.randrange(1, 4))


def expected(trees: list[dict[bytes, bytes]]) -> list[tuple[bytes, list[bytes | None]]]:
    rows = [(key, [tree.get(key) for tree in trees]) for key in sorted(set().union(*trees))]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


@pytest.mark.parametrize("seed", range(40))
def test_every_difference_is_found_and_nothing_else(seed):
    random = Random(seed)
    trees = [some_nodes(random, random.choice([0, 1, 5, 400]))]
    while len(trees) < random.randint(2, 4):
        trees.append(changed(random, random.choice(trees)) if random.random() < 0.9 else {})
    roots, tables = zip(*map(built, trees), strict=True)
    stored = {name: items for table in tables for name, items in table.stored.items()}
    found = differing(roots, lambda page, level: stored[page, level])
    assert list(found) == expected(trees)


def test_a_page_that_all_trees_have_is_not_read():
    random = Random(1)
    nodes = some_nodes(random, 2000)
    one, table = built(nodes)
    before = set(table.stored)
    two = table.set({sorted(nodes)[1000]: b"changed"})
    new = set(table.stored) - before
    read = set()

    def get(page, level):
        read.add((page, level))
        return table.stored[page, level]

    assert len(list(differing([two, one], get))) == 1
    assert new <= read
    assert len(read) <= 2 * len(new) + 2 < len(before) / 10


def test_a_page_that_does_not_stand_where_it_should_is_refused():
    root, table = built(some_nodes(Random(2), 300))
    assert root is not None
    assert root.level > 0
    page = table.stored[root.id, root.level]
    table.stored[root.id, root.level] = [page[1], page[0], *page[2:]]
    with pytest.raises(BadObject):
        list(differing([root, None], table.get))


def test_no_tree_differs_from_itself():
    root, table = built(some_nodes(Random(3), 300))
    assert list(differing([root, root, root], table.get)) == []
