"""The body of a page: read back as it was, anything else refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.errors import BadObject
from e2esync.format.cbor import decode, encode
from e2esync.tree.pagecodec import list_items, page_items, page_value
from e2esync.tree.pages import Page

ID = bytes(range(32))


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.binary(max_size=50)), min_size=1, max_size=9)
)
def test_a_page_of_nodes_is_read_back(items):
    assert page_items(decode(encode(page_value(Page(0, items)))), 0) == items


@given(st.integers(1, 12), st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=9))
def test_a_page_of_pages_is_read_back(level, keys):
    items = [(key, ID) for key in keys]
    assert page_items(decode(encode(page_value(Page(level, items)))), level) == items


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (None, 0),
        ({}, 0),
        (b"", 0),
        ([], 0),
        ([0], 0),
        ([0, b"key"], 0),
        ([0, b"key", b"value", b"key"], 0),
        ([1, b"key", b"value"], 0),
        ([0, b"key", ID], 1),
        ([False, b"key", b"value"], 0),
        ([True, b"key", ID], 1),
        ([0.0, b"key", b"value"], 0),
        ([0, "key", b"value"], 0),
        ([0, b"key", "value"], 0),
        ([0, b"key", []], 0),
        ([0, b"", b"value"], 0),
        ([0, b"k" * 301, b"value"], 0),
        ([1, b"key", ID[:-1]], 1),
        ([1, b"key", ID + b"\0"], 1),
        ([1, b"key", None], 1),
    ],
)
def test_what_is_no_page_is_refused(value, level):
    with pytest.raises(BadObject):
        page_items(value, level)


@pytest.mark.parametrize(
    ("value", "level"), [([0, [0, ID, 1]], 0), ([0, [0, ID, 1], [5, ID, 2]], 0), ([1, [ID, 2, 3]], 1)]
)
def test_a_page_of_a_list_is_read_back(value, level):
    assert list_items(value, level) == [tuple(item) for item in value[1:]]


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (None, 0),
        ([], 0),
        ([0], 0),
        ([1, [0, ID, 1]], 0),
        ([False, [0, ID, 1]], 0),
        ([0, [0, ID]], 0),
        ([0, [0, ID, 1, 1]], 0),
        ([0, [False, ID, 1]], 0),
        ([0, [0, ID, True]], 0),
        ([0, [0, "id", 1]], 0),
        ([0, [ID, 0, 1]], 0),
        ([0, b"item"], 0),
        ([0, 0, ID, 1], 0),
        ([1, [0, ID, 1]], 1),
        ([1, [ID, 1]], 1),
        ([1, [ID, True, 1]], 1),
    ],
)
def test_what_is_no_page_of_a_list_is_refused(value, level):
    with pytest.raises(BadObject):
        list_items(value, level)
