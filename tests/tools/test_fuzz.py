"""The fuzzer: streams that both decoders take or refuse alike."""

from __future__ import annotations

import random
from itertools import islice

from tools.fuzz import Tally, cases, damaged, judge


def test_both_decoders_say_the_same_of_damaged_streams() -> None:
    dice, tally = random.Random(0), Tally()  # noqa: S311 - nothing is kept secret
    whole = list(islice(cases(0), 4))
    broken = [damaged(case, dice) for case in whole for _ in range(3)]
    assert all(case.data not in {each.data for each in whole} for case in broken)
    judge([*whole, *broken], tally)
    assert (tally.decoded, tally.suspicious) == (16, [])
    assert tally.refused >= 8
