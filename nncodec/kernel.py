"""SPEC.md clause 9.5 (informative): how the integer kernels run: compiled where numba is there, else as they stand.

One rule: a kernel is plain Python on integers, so that numba makes it faster and never changes a byte. Importing this
room neither imports numba nor compiles anything: both happen when a slice is first coded.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import pkgutil
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import accumulate
from threading import Lock
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar, cast

import numpy.typing as npt

_BEING_READIED = Lock()

P = ParamSpec("P")
R = TypeVar("R")


class Kernel(Generic[P, R]):
    """A function of integers and flat integer sequences; the first call of any kernel makes all of them ready."""

    registered: ClassVar[list[Kernel[..., Any]]] = []

    def __init__(self, function: Callable[P, R], *, inline: bool) -> None:
        self.function = function
        self.inline = inline
        self.ready: Callable[P, R] | None = None
        self.__doc__ = function.__doc__
        self.registered.append(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the kernel. Compiled code does not come through here: it calls compiled code."""
        if self.ready is None:
            _make_all_ready()
        return cast("Callable[P, R]", self.ready)(*args, **kwargs)


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
    """Mark `function` as a kernel that is called from Python; its machine code is kept in numba's cache."""
    return Kernel(function, inline=False)


def inlined(function: Callable[P, R]) -> Kernel[P, R]:
    """Mark `function` as a part of kernels."""
    return Kernel(function, inline=True)


@inlined
def index(i: int) -> int:
    """`i`, known not to be negative: compiled code then need not ask whether it counts from the end."""
    return i


@cache
def numba() -> Any | None:
    """The module numba; None where it is missing or NUMBA_DISABLE_JIT is set."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        return None
    try:
        return importlib.import_module("numba")
    except ImportError:
        return None


def sequence(values: npt.NDArray[Any]) -> Any:
    """The flat array as kernels take it: itself, or without numba a list of Python integers, which cannot overflow."""
    return values if numba() is not None else values.tolist()


def _make_all_ready() -> None:
    """Once, by whichever thread is first; no kernel is ready before the names in all of them lead to functions."""
    with _BEING_READIED:
        if all(each.ready is not None for each in Kernel.registered):
            return
        made = {id(each): _prepared(each) for each in Kernel.registered}
        for each in Kernel.registered:
            names = each.function.__globals__
            for name, value in names.items():
                if isinstance(value, Kernel):  # numba takes names in a kernel from here, and must find functions
                    names[name] = made[id(value)]
        for each in Kernel.registered:
            each.ready = made[id(each)]


def mark_of(package: str) -> str:
    """A digest of the sources of a package and of those above it: where a kernel and all its parts stand.

    numba's cache looks at the file of a kernel only, and would keep machine code whose parts have changed. Without
    sources, as in a frozen application, nobody changes them.
    """
    above = accumulate(package.split("."), "{}.{}".format)
    return hashlib.sha256(b"".join(map(_text_digest, above))).hexdigest()[:12]


@cache
def _text_digest(package: str) -> bytes:
    digest = hashlib.sha256()
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        with suppress(OSError):
            digest.update(pkgutil.get_data(package, f"{module.name}.py") or b"")
    return digest.digest()


def _prepared(each: Kernel[P, R]) -> Callable[P, R]:
    module = numba()
    if module is None:
        return each.function
    mark = mark_of(each.function.__module__.rpartition(".")[0])
    each.function.__qualname__ = f"{each.function.__name__}_{mark}"  # by which numba finds kept machine code
    # Without _nrt=False every call of a part would count references to its arrays, at five times the cost of coding.
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
    options["forceinline" if each.inline else "cache"] = True
    unsigned = module.uint64
    function = (lambda i: unsigned(i)) if each is index else each.function  # noqa: PLW0108 - a type is no function
    return cast("Callable[P, R]", module.njit(**options)(function))
