"""SPEC.md clause 3.3 (informative): rows of elements of one descriptor, of which a tensor table may have millions."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import IO, Any, Final

import numpy as np
from construct_typed import Context, PathType

from nncodec.errors import EncodeError
from nncodec.syntax.descriptors import Descriptor, Half, ZigZag

AT_A_TIME: Final = 1 << 16
"""Elements of a run that are read or written together."""

_SHOWN: Final = 16


class Row(Descriptor):
    """Elements of one kind, as many as `count` says by the elements before them, as a list; one element in a trace."""

    def __init__(self, count: Callable[[Any], int], element: Descriptor) -> None:
        super().__init__()
        self.count, self.element = count, element
        self.text = element.text

    def read(self, stream: IO[bytes], context: Context) -> Sequence[Any]:
        """Raises FlawError as the first element does that breaks a rule."""
        return [self.element.read(stream, context) for _ in range(self.count(context))]

    def write(self, value: Sequence[Any]) -> bytes:
        """Raises ValueError or OverflowError where an element has no encoding."""
        return b"".join(map(self.element.write, value))

    def shown(self, value: Any) -> object:
        """A list if it is short, else how many there are, and between which."""
        if len(value) <= _SHOWN:
            return list(value)
        numbers = np.asarray(value)
        return f"{len(value)} values from {numbers.min()} to {numbers.max()}"

    def _parse(self, stream: IO[bytes], context: Context, path: PathType) -> object:
        if self.count(context):
            return super()._parse(stream, context, path)
        return self.read(stream, context)  # there is nothing to be seen in a trace

    def _build(self, obj: Any, stream: IO[bytes], context: Context, path: PathType) -> Any:
        if len(obj) != self.count(context):
            raise EncodeError(f"{path.rpartition(' -> ')[2]}: {len(obj)} elements, not {self.count(context)}")
        return super()._build(obj, stream, context, path)


class Run(Row):
    """A row that may be of millions: read and written many at a time, and kept in an array, in 8 bytes an element."""

    element: ZigZag | Half

    def read(self, stream: IO[bytes], context: Context) -> array[Any]:
        """Raises FlawError as the first element does that breaks a rule."""
        count = self.count(context)
        values: array[Any] = array(self.element.kind)
        while len(values) < count:
            place, wanted = stream.tell(), min(count - len(values), AT_A_TIME)
            found, used = self.element.run(stream.read(wanted * self.element.max_bytes), wanted)
            values.frombytes(found.tobytes())
            stream.seek(place + used)
            if found.size < wanted:
                values.append(self.element.read(stream, context))  # says what is wrong
        return values

    def write(self, value: Sequence[Any]) -> bytes:
        """Raises ValueError or OverflowError where an element has no encoding."""
        parts = (value[first : first + AT_A_TIME] for first in range(0, len(value), AT_A_TIME))
        return b"".join(self.element.together(part) for part in parts)
