"""The mutations reach what they are for: a form that is read and written gives the same bytes, and each way bends."""

import random

import pytest

from e2esync.errors import BadObject
from e2esync.format import cbor
from tests.fuzz import forms
from tests.fuzz.forms import ARRAY, OCTETS, UINT, Item
from tests.fuzz.mutate import BYTE_WAYS, ITEM_WAYS
from tests.fuzz.targets import TARGETS

SEED = cbor.encode({1: 1, 2: b"\x82\x01\x02", 3: ["text", None, [-1, True]], 4: b"plain"})


def test_a_form_is_written_as_it_was_read():
    forms_read = 0
    for target in TARGETS:
        for seed in target.seeds:
            form = forms.read(seed)
            if form is not None:
                forms_read += 1
                assert form.encode() == seed
    assert forms_read > 150


def test_what_a_byte_string_holds_is_opened_and_its_length_follows():
    form = forms.read(SEED)
    assert form is not None
    inner = next(item.inner for item in form.walk() if item.inner)
    inner.parts.append(Item(UINT, 3))
    assert cbor.decode_exact(form.encode())[2] == b"\x83\x01\x02\x03"


@pytest.mark.parametrize("way", [pytest.param(way, id=way.__name__) for way in dict.fromkeys(ITEM_WAYS)])
def test_each_way_changes_items(way):
    chance, results = random.Random(1), set()
    for _ in range(40):
        form = forms.read(SEED)
        assert form is not None
        items = list(form.walk())
        way(items[chance.randrange(len(items))], items, chance.randrange)
        try:
            results.add(form.encode())
        except ValueError:
            continue
    assert len(results - {SEED}) > 2


@pytest.mark.parametrize("way", [pytest.param(way, id=way.__name__) for way in BYTE_WAYS])
def test_each_way_changes_bytes(way):
    chance = random.Random(1)
    assert len({way(SEED, [SEED, b"other"], chance.randrange) for _ in range(40)} - {SEED}) > 2


@pytest.mark.parametrize(
    "item", [Item(UINT, 1, wide=2), Item(OCTETS, content=b"a", wide=4), Item(ARRAY, wide=1)]
)
def test_a_wide_head_is_not_the_one_encoding(item):
    assert cbor.decode(item.encode()) in (1, b"a", [])
    with pytest.raises(BadObject):
        cbor.decode_exact(item.encode())
