"""The key of a node says where it was born; nothing else is a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.errors import BadObject
from e2esync.tree.keys import ROOT, Birthplace, Kind, birthplace, is_name, kind_of, node_key

numbers = st.binary(min_size=16, max_size=16)
names = st.binary(min_size=1, max_size=255).filter(is_name)


@given(numbers, names, st.sampled_from(Kind), st.integers(0, 2**32 - 1))
def test_a_key_comes_apart_as_it_was_put_together(parent, name, kind, n):
    key = node_key(parent, name, kind, n)
    assert birthplace(key) == Birthplace(parent, name, kind, n)
    assert kind_of(key) is kind
    assert len(key) == 16 + len(name) + 6


@given(numbers, names, names)
def test_keys_of_one_directory_sort_by_name(parent, one, other):
    if one < other:
        assert node_key(parent, one, Kind.FILE) < node_key(parent, other, Kind.FILE)


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/", b"a\0b", b"x" * 256])
def test_what_is_no_name_is_in_no_key(name):
    assert not is_name(name)
    with pytest.raises(BadObject):
        birthplace(ROOT + name + b"\0\2" + bytes(4))


@pytest.mark.parametrize("name", [b"...", b".a", b"..a", b" ", b"\n", b"\xff", b"x" * 255, b"a\\b"])
def test_any_other_bytes_are_a_name(name):
    assert is_name(name)


@pytest.mark.parametrize(
    "key",
    [
        b"",
        bytes(15),
        ROOT,
        ROOT + b"\0\2" + bytes(4),
        ROOT + b"a\1\2" + bytes(4),
        ROOT + b"a\0\4" + bytes(4),
        ROOT + b"a\0\xff" + bytes(4),
        ROOT + b"a\0\2" + bytes(3),
        ROOT + b"a\0\2" + bytes(5),
        ROOT + b"a\0",
        ROOT[:-1] + b"a\0\2" + bytes(4),
    ],
)
def test_what_is_no_key_is_refused(key):
    with pytest.raises(BadObject):
        birthplace(key)
