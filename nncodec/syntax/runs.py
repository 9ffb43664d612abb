"""SPEC.md clause 3.3 (informative): runs of elements of one descriptor, of which a tensor table may have millions."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import IO, Any, Final

from construct_typed import Context, PathType

from nncodec.errors import EncodeError
from nncodec.syntax.descriptors import Descriptor, Half, ZigZag

READ_TOGETHER: Final = 1 << 16
"""Elements that are read at a time."""

_SHOWN: Final = 16


class Run(Descriptor):
    """A run of elements of one kind, as many as `count` says by the elements before it; one element in a trace.

    There may be millions: so they are read together, and kept in an array of numbers, which takes 8 bytes for each.
    """

    def __init__(self, count: Callable[[Any], int], element: ZigZag | Half) -> None:
        super().__init__()
        self.count, self.element = count, element
        self.text = element.text

    def read(self, stream: IO[bytes], context: Context) -> array[Any]:
        """Raises FlawError as the first element does that breaks a rule."""
        count = self.count(context)
        values: array[Any] = array(self.element.kind)
        while len(values) < count:
            place, wanted = stream.tell(), min(count - len(values), READ_TOGETHER)
            found, used = self.element.run(stream.read(wanted * self.element.max_bytes), wanted)
            values.frombytes(found.tobytes())
            stream.seek(place + used)
            if found.size < wanted:
                values.append(self.element.read(stream, context))  # says what is wrong
        return values

    def write(self, value: Sequence[Any]) -> bytes:
        """Raises ValueError or OverflowError where an element has no encoding."""
        return b"".join(map(self.element.write, value))

    def shown(self, value: Any) -> object:
        """A list if it is short, else how many there are of what kind."""
        return list(value) if len(value) <= _SHOWN else f"{len(value)} values from {min(value)} to {max(value)}"

    def _parse(self, stream: IO[bytes], context: Context, path: PathType) -> object:
        if self.count(context):
            return super()._parse(stream, context, path)
        return array(self.element.kind)  # there is nothing to be seen in a trace

    def _build(self, obj: Any, stream: IO[bytes], context: Context, path: PathType) -> Any:
        if len(obj) != self.count(context):
            raise EncodeError(f"{path.rpartition(' -> ')[2]}: {len(obj)} elements, not {self.count(context)}")
        return super()._build(obj, stream, context, path)
