"""Utility (informative): a number for what is left of a model's use."""

from __future__ import annotations

import math
from collections.abc import Callable

from nncodec.errors import EncodeError
from nncodec.model import Model

Utility = Callable[[Model], float]
"""Takes a decoded model, returns a finite number, greater being better."""


def measured(utility: Utility, model: Model, name: str) -> float:
    """What `utility` says of `model`, which messages call `name`.

    Raises EncodeError where that is no finite number; what the callable itself raises is not touched.
    """
    value = utility(model)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise EncodeError(f"{name!r}: its utility is {value!r}, not a number") from error
    if not math.isfinite(number):
        raise EncodeError(f"{name!r}: its utility is {number}; a utility must be finite")
    return number
