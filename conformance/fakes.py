"""Bad decoders, each wrong in one way: `fakes.py NAME IN [REF ...]`. They prove that the runner finds them out.

Those that are right except for one thing take what is right from nncodec.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if __package__ in (None, ""):  # as in run.py; nncodec lies beside this folder, or is installed
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    sys.modules["conformance"] = ModuleType("conformance")
    sys.modules["conformance"].__path__ = [str(Path(__file__).resolve().parent)]

if TYPE_CHECKING:
    from conformance.adapter_nncodec import Decoded
    from nncodec.model import Model, Tensor

Fake = Callable[[str, Sequence[str]], int]
FAKES: Final[dict[str, Fake]] = {}


def fake(function: Fake) -> Fake:
    """Register a decoder under its name."""
    FAKES[function.__name__.replace("_", "-")] = function
    return function


def write(data: bytes) -> None:
    """To standard output."""
    sys.stdout.buffer.write(data)


def say(line: str) -> None:
    """To standard error."""
    sys.stderr.write(line + "\n")


def right(stream: str, refs: Sequence[str], change: Callable[[Model], Model] = lambda model: model) -> int:
    """Decode as nncodec does, with a change to each model."""
    return decoded(stream, refs, lambda models: [(name, change(model)) for name, model in models])


def decoded(stream: str, refs: Sequence[str], change: Callable[[Decoded], Decoded]) -> int:
    """Decode as nncodec does, with a change to what comes out."""
    from conformance.adapter_nncodec import decode_files, refuse  # noqa: PLC0415
    from nncodec.cli.tds import write_tds  # noqa: PLC0415
    from nncodec.errors import BitstreamError  # noqa: PLC0415

    try:
        models = decode_files(stream, refs)
    except BitstreamError as error:
        return refuse(error)
    write_tds(change(models), sys.stdout.buffer)
    return 0


def dump(stream: str, refs: Sequence[str]) -> bytes:
    """The right tensor dump of a valid stream."""
    import io  # noqa: PLC0415

    from conformance.adapter_nncodec import decode_files  # noqa: PLC0415
    from nncodec.cli.tds import write_tds  # noqa: PLC0415

    out = io.BytesIO()
    write_tds(decode_files(stream, refs), out)
    return out.getvalue()


def first_changed(change: Callable[[Tensor], Tensor]) -> Callable[[Model], Model]:
    """A change to the first tensor of a model."""

    def changed(model: Model) -> Model:
        return replace(model, tensors=(change(model.tensors[0]), *model.tensors[1:]))

    return changed


@fake
def accepts_all_with_nothing(_stream: str, _refs: Sequence[str]) -> int:
    """A good dump of no tensors, whatever comes."""
    write(b"TDS 1\nend 0\n")
    return 0


@fake
def accepts_all_with_garbage(_stream: str, _refs: Sequence[str]) -> int:
    """Exit code 0 and something."""
    write(b"\x00\x01 decoded fine\n")
    return 0


@fake
def rejects_all(_stream: str, _refs: Sequence[str]) -> int:
    """Always the same class."""
    say("error: UNIT_CRC")
    return 1


@fake
def rejects_all_silently(_stream: str, _refs: Sequence[str]) -> int:
    """Exit code 1 without a class."""
    return 1


@fake
def unsupported_all(_stream: str, _refs: Sequence[str]) -> int:
    """Supports nothing, and says so."""
    say("unsupported: UNSUPPORTED_FEATURE")
    return 3


@fake
def rejects_as_unsupported(_stream: str, _refs: Sequence[str]) -> int:
    """Exit code 3 with the word for exit code 1."""
    say("error: SIZE_MISMATCH")
    return 3


@fake
def other_exit_code(_stream: str, _refs: Sequence[str]) -> int:
    """An exit code that the contract does not know."""
    say("error: SIZE_MISMATCH")
    return 2


@fake
def crashes_on_reject(stream: str, refs: Sequence[str]) -> int:
    """Right, except that it dies where it should reject."""
    if right(stream, refs) != 0:
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGSEGV)
    return 0


@fake
def traceback_on_reject(stream: str, refs: Sequence[str]) -> int:
    """Right, except that an exception leaves it where it should reject: exit code 1 as well."""
    if right(stream, refs) != 0:
        raise IndexError("list index out of range")
    return 0


@fake
def hangs(_stream: str, _refs: Sequence[str]) -> int:
    """Never comes back."""
    while True:
        time.sleep(1)


@fake
def eats_memory(_stream: str, _refs: Sequence[str]) -> int:
    """Takes 8 GiB, a little at a time, and keeps it."""
    kept = []
    for _ in range(2**10):
        kept.append(b"\1" * 2**23)
        time.sleep(0.002)
    return len(kept) % 1


@fake
def floods(_stream: str, _refs: Sequence[str]) -> int:
    """Writes without end."""
    while True:
        write(bytes(2**20))


@fake
def partial_then_error(_stream: str, _refs: Sequence[str]) -> int:
    """Half of a dump, then an error."""
    write(b"TDS 1\ntensor w float32 1 4\n\0\0\0\0\n")
    say("error: SIZE_MISMATCH")
    return 1


@fake
def whole_then_error(_stream: str, _refs: Sequence[str]) -> int:
    """A whole dump, then an error."""
    write(b"TDS 1\ntensor w float32 1 4\n\0\0\0\0\nend 1\n")
    say("error: SIZE_MISMATCH")
    return 1


@fake
def wrong_dtype(stream: str, refs: Sequence[str]) -> int:
    """The right bytes under another type of the same size."""
    from nncodec.tables import DType  # noqa: PLC0415

    return right(stream, refs, first_changed(lambda tensor: replace(tensor, dtype=DType.INT32)))


@fake
def wrong_shape(stream: str, refs: Sequence[str]) -> int:
    """The right bytes in another shape."""
    return right(stream, refs, first_changed(lambda tensor: replace(tensor, shape=(*tensor.shape, 1))))


@fake
def wrong_name(stream: str, refs: Sequence[str]) -> int:
    """The right tensor under another name."""
    return right(stream, refs, first_changed(lambda tensor: replace(tensor, name=tensor.name + " ")))


@fake
def wrong_order(stream: str, refs: Sequence[str]) -> int:
    """The right tensors in another order."""
    return right(stream, refs, lambda model: replace(model, tensors=model.tensors[::-1]))


@fake
def last_tensor_missing(stream: str, refs: Sequence[str]) -> int:
    """One tensor too few, well counted."""
    return right(stream, refs, lambda model: replace(model, tensors=model.tensors[:-1]))


@fake
def one_ulp_off(stream: str, refs: Sequence[str]) -> int:
    """The lowest bit of the first element is wrong."""

    def change(tensor: Tensor) -> Tensor:
        data = bytes(tensor.data)
        return replace(tensor, data=bytes([data[0] ^ 1]) + data[1:])

    return right(stream, refs, first_changed(change))


@fake
def ignores_trailing_data(stream: str, refs: Sequence[str]) -> int:
    """Stops at the first footer."""
    data = Path(stream).read_bytes()
    Path("cut.nmc").write_bytes(data[: data.rindex(b"NMC\x1a") + 4])
    return right("cut.nmc", refs)


@fake
def nondeterministic(stream: str, refs: Sequence[str]) -> int:
    """Right every other time; a file that FAKE_STATE names counts."""
    state = Path(os.environ["FAKE_STATE"])
    count = len(state.read_bytes()) if state.exists() else 0
    state.write_bytes(bytes(count + 1))
    return one_ulp_off(stream, refs) if count % 2 else right(stream, refs)


@fake
def writes_beside_its_input(stream: str, refs: Sequence[str]) -> int:
    """Leaves a file where its input lies."""
    Path(stream).with_suffix(".out").write_bytes(b"left here")
    return right(stream, refs)


@fake
def writes_to_its_input(stream: str, refs: Sequence[str]) -> int:
    """Repairs the file it is given."""
    code = right(stream, refs)
    Path(stream).write_bytes(b"")
    return code


@fake
def dump_without_end(stream: str, refs: Sequence[str]) -> int:
    """All tensors, and no end."""
    write(dump(stream, refs).rpartition(b"end ")[0])
    return 0


@fake
def dump_with_wrong_count(stream: str, refs: Sequence[str]) -> int:
    """All tensors, and a wrong count of them."""
    write(dump(stream, refs).rpartition(b"end ")[0] + b"end 1\n")
    return 0


@fake
def dump_with_something_behind(stream: str, refs: Sequence[str]) -> int:
    """A good dump, and a line of thanks."""
    write(dump(stream, refs) + b"done\n")
    return 0


@fake
def models_without_names(stream: str, refs: Sequence[str]) -> int:
    """The models of a set as if they were one."""
    write(b"\n".join(line for line in dump(stream, refs).split(b"\n") if not line.startswith(b"model ")))
    return 0


@fake
def models_of_other_names(stream: str, refs: Sequence[str]) -> int:
    """The models of a set under numbers."""
    return decoded(stream, refs, lambda models: [(f"{place}", model) for place, (_, model) in enumerate(models)])


@fake
def models_sorted(stream: str, refs: Sequence[str]) -> int:
    """The models of a set in the order of their names."""
    return decoded(stream, refs, lambda models: sorted(models, key=lambda pair: pair[0] or ""))


@fake
def models_swapped(stream: str, refs: Sequence[str]) -> int:
    """The right names in the right order, the models behind them the other way round."""
    return decoded(
        stream, refs, lambda models: [(name, models[-1 - place][1]) for place, (name, _) in enumerate(models)]
    )


@fake
def last_model_missing(stream: str, refs: Sequence[str]) -> int:
    """A model too few, well counted."""
    return decoded(stream, refs, lambda models: models[:-1])


@fake
def first_model_only(stream: str, refs: Sequence[str]) -> int:
    """A set taken for the stream of its first model."""
    return decoded(stream, refs, lambda models: [(None, models[0][1])])


def without_checks(stream: str, refs: Sequence[str], checks: Sequence[str]) -> int:
    """Decode as nncodec does, but for some checks of a set (7.4)."""
    from nncodec import set_stream  # noqa: PLC0415

    for check in checks:
        setattr(set_stream, check, lambda *_: None)
    return right(stream, refs)


@fake
def ignores_totals(stream: str, refs: Sequence[str]) -> int:
    """Never sums up what the members of a set declare."""
    return without_checks(stream, refs, ["_check_totals"])


@fake
def accepts_any_name(stream: str, refs: Sequence[str]) -> int:
    """Takes names of models that lead out of a folder."""
    return without_checks(stream, refs, ["_check_names"])


@fake
def accepts_members_above_the_set(stream: str, refs: Sequence[str]) -> int:
    """Takes members of a higher level than that of the set."""
    return without_checks(stream, refs, ["_check_member"])


@fake
def accepts_nested_sets(stream: str, refs: Sequence[str]) -> int:
    """Takes a set as a member of a set, as if it were its first model."""
    from nncodec import set_decoder  # noqa: PLC0415

    inner, plain = set_decoder.decode_set, vars(set_decoder)["decode"]

    def decode(data: memoryview, references: Sequence[Model], **options: Any) -> Model:  # noqa: ANN401
        from nncodec.set_stream import is_set  # noqa: PLC0415

        if is_set(data):
            return next(iter(inner(data, references, limits=options["limits"]).values()))
        return plain(data, references, **options)

    vars(set_decoder)["decode"] = decode
    return without_checks(stream, refs, ["_check_member"])


if __name__ == "__main__":
    sys.exit(FAKES[sys.argv[1]](sys.argv[2], sys.argv[3:]))
