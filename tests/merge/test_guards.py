"""What counts as a step that may be a mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.merge.guards import Risk, risk_of


@pytest.mark.parametrize(
    ("files", "gone", "changed", "risk"),
    [
        (0, 0, 0, None),
        (19, 19, 0, None),
        (19, 0, 19, None),
        (20, 10, 0, None),
        (20, 11, 0, Risk.MASS_DELETE),
        (21, 11, 0, Risk.MASS_DELETE),
        (1_000_000, 999, 0, None),
        (1_000_000, 1000, 0, Risk.MASS_DELETE),
        (20, 0, 17, None),
        (20, 0, 18, Risk.MASS_CHANGE),
        (1000, 0, 899, None),
        (1000, 0, 900, Risk.MASS_CHANGE),
        (100, 60, 40, Risk.MASS_DELETE),
    ],
)
def test_the_bounds(files, gone, changed, risk):
    assert risk_of(files=files, gone=gone, changed=changed) is risk


def test_an_emptied_folder_is_a_risk_whatever_its_size():
    assert risk_of(files=2, gone=2, changed=0, is_emptied=True) is Risk.ROOT_EMPTIED


@given(st.integers(0, 5000), st.data())
def test_less_is_never_a_risk_where_more_is_none(files, data):
    gone = data.draw(st.integers(0, files))
    changed = data.draw(st.integers(0, files - gone))
    if risk_of(files=files, gone=gone, changed=changed) is None:
        fewer = data.draw(st.integers(0, gone)), data.draw(st.integers(0, changed))
        assert risk_of(files=files, gone=fewer[0], changed=fewer[1]) is None
