from __future__ import annotations

import pytest

from ganlens.measures import holm


def test_holm_by_hand():
    """.01·4, .02·3, .03·2 = .06 as before it, .5·1; by whatever order they come."""
    found = holm({7: 0.03, 2: 0.01, 9: 0.5, 4: 0.02})
    assert found == pytest.approx({2: 0.04, 4: 0.06, 7: 0.06, 9: 0.5})


def test_no_p_value_is_above_one_or_below_its_own():
    assert holm({0: 0.6, 1: 0.7}) == {0: 1.0, 1: 1.0}
    assert holm({0: 0.2}) == {0: 0.2}
    assert holm({}) == {}
