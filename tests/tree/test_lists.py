"""Chunk lists come back as they were built, and add up, or are refused."""

from hashlib import sha256
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2esync.errors import BadObject
from e2esync.tree.lists import ListRoot, Reference, build, cut_list, walk
from e2esync.tree.pagecodec import list_items
from e2esync.tree.pages import MAX_LEVEL
from tests.tree.memory import draw


def reference(n: int) -> Reference:
    return Reference(n % 3, sha256(b"%d" % n).digest(), 1000 + n)


def listed(references) -> tuple[ListRoot, dict[tuple[bytes, int], list]]:
    stored: dict[tuple[bytes, int], list] = {}

    def put(level, items):
        named = sha256(repr((level, items)).encode()).digest()
        stored[named, level] = [tuple(item) for item in items]
        return named

    return build(references, draw=draw, put=put), stored


def walked(root, stored) -> list[Reference]:
    size = sum(item[2] for item in stored.get((root.id, root.level), []))
    return list(walk(root, size, get=lambda named, level: stored[named, level]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=700))
def test_a_list_comes_back_as_it_was_built(numbers):
    references = [reference(n) for n in numbers]
    root, stored = listed(references)
    assert root.references == len(references)
    assert walked(root, stored) == references


@pytest.mark.parametrize("count", [1, 65, 511, 512, 513, 1024, 60_000])
def test_a_list_of_equal_references_comes_back(count):
    references = [reference(7)] * count
    root, stored = listed(references)
    assert walked(root, stored) == references
    assert len(stored) < 600


def test_a_list_does_not_depend_on_what_stood_behind_it():
    r = [reference(n) for n in range(3000)]
    _, one = listed(r)
    _, other = listed([*r[:1500], reference(9999), *r[1500:]])
    assert len(one.keys() & other.keys()) >= len(one) - 6


def test_a_page_has_at_most_512_references():
    assert max(map(len, cut_list([reference(7)] * 2000, 0, lambda _: b"\xff" * 8))) == 512


def test_a_single_reference_does_not_end_a_page():
    assert [len(page) for page in cut_list([reference(7)] * 5, 0, lambda _: bytes(8))] == [2, 2, 1]


@pytest.fixture
def good():
    root, stored = listed([reference(n) for n in range(3000)])
    assert root.level == 1
    return root, stored


@pytest.mark.parametrize(
    ("level", "change"),
    [
        (0, lambda items: items.pop()),
        (0, lambda items: items.append(items[0])),
        (0, lambda items: items.__setitem__(0, (items[0][0], items[0][1], items[0][2] + 1))),
        (1, lambda items: items.pop()),
        (1, lambda items: items.append(items[0])),
        (1, lambda items: items.__setitem__(0, (items[0][0], items[0][1] + 1, items[0][2]))),
        (1, lambda items: items.__setitem__(0, (items[0][0], items[0][1], items[0][2] - 1))),
        (1, lambda items: items.__setitem__(0, (items[0][0], items[0][1], -1))),
        (1, lambda items: items.__setitem__(0, (items[0][0], -1, items[0][2]))),
    ],
)
def test_a_list_that_does_not_add_up_is_refused(good, level, change):
    root, stored = good
    change(next(items for (_, at), items in stored.items() if at == level))
    with pytest.raises(BadObject):
        walked(root, stored)


@pytest.mark.parametrize("more", [-1, 1])
def test_another_count_than_the_root_says_is_refused(good, more):
    root, stored = good
    with pytest.raises(BadObject):
        walked(root._replace(references=root.references + more), stored)


@pytest.mark.parametrize("level", [-1, MAX_LEVEL + 1, 1 << 40])
def test_an_impossible_level_is_refused(good, level):
    root, stored = good
    with pytest.raises(BadObject):
        walked(root._replace(level=level), stored)


def test_a_list_that_blows_up_is_refused_before_it_is_walked():
    """Pages that name one another many times claim more content than a file can have: 512^12 references."""
    named = bytes(32)
    items: dict[int, list[tuple[int | bytes, ...]]] = {
        level: [(named, 512**level, 1)] * 512 for level in range(1, 13)
    }
    items[0] = [(0, named, 1)] * 512
    root = ListRoot(named, 12, 65)
    references = walk(root, 65, get=lambda _, level: items[level])
    with pytest.raises(BadObject):
        for _ in islice(references, 512 * 512):
            pass


@pytest.mark.parametrize(
    "item",
    [
        [0, bytes(32), 0],
        [0, bytes(32), -1],
        [0, bytes(32), (1 << 21) + 1],
        [0, bytes(32), 1 << 62],
        [-1, bytes(32), 1],
        [0, bytes(31), 1],
        [0, bytes(33), 1],
        [0, b"", 1],
    ],
)
def test_a_reference_out_of_bounds_is_refused_when_a_list_is_read(item):
    """The bounds of §6.3 hold wherever a reference stands: nothing is fetched or opened by one beyond them."""
    pages = {0: [0, *[item] * 65]}
    with pytest.raises(BadObject):
        list(
            walk(
                ListRoot(bytes(32), 0, 65), 65 * item[2], get=lambda _, level: list_items(pages[level], level)
            )
        )


def test_a_list_of_another_size_than_its_file_is_refused():
    root, stored = listed([reference(n) for n in range(300)])
    size = sum(item[2] for item in stored[root.id, root.level])
    for wrong in (size - 1, size + 1, 0):
        with pytest.raises(BadObject):
            list(walk(root, wrong, get=lambda named, level: stored[named, level]))
