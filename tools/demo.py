"""Code the three networks of examples/ in several ways, decode them, and print what it cost: `make demo`.

All goes through the public interface of nncodec; accuracies are onnxruntime's, on 540 images that no network has seen
in training. Exits with 1 where something is not as it must be: a lossless stream that gives other bits, or a command
line that does not do what the library does.
"""

from __future__ import annotations

import lzma
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from rich import box
from rich.console import Console
from rich.table import Table

import nncodec
from nncodec import EncoderConfig, Model, Profile, SetConfig, SetStructure, decode

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MODELS = ("digits-v1", "digits-v2", "digits-variant")
REFERENCE = "digits-v1"
LOSSLESS = EncoderConfig(lossless=True)
XZ_PRESET = 9 | lzma.PRESET_EXTREME


class DemoError(Exception):
    """The codec did not do what it promises."""


@dataclass(frozen=True)
class Row:
    """One line of the table; figures that make no sense for it are None."""

    how: str
    size: int
    weights: int
    snr: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Example:
    """One of the networks, and what to test it on."""

    name: str
    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]

    @property
    def path(self) -> Path:
        """Its ONNX file."""
        return EXAMPLES / f"{self.name}.onnx"

    def accuracy(self, path: Path) -> float:
        """Share of the images that the ONNX file `path` tells right."""
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (scores,) = session.run(None, {"image": self.images})
        return float(np.mean(scores.argmax(axis=1) == self.labels))


def load_examples() -> Iterator[Example]:
    """The networks. The variant tells odd digits from even ones, so its labels are other labels."""
    with np.load(EXAMPLES / "digits-test.npz") as data:
        images, labels = data["x"], data["labels"]
    for name in MODELS:
        yield Example(name, images, labels % 2 if name == "digits-variant" else labels)


def ways() -> Iterator[tuple[str, EncoderConfig]]:
    """The configurations to show, with a name for each."""
    yield "lossless", LOSSLESS
    for profile in (Profile.BASELINE, Profile.MAIN):
        for q_bits in (8, 9, 10):
            yield f"{profile.name.lower()}, q_bits {q_bits}", EncoderConfig(profile=profile, q_bits=q_bits)


def snr_db(original: Model, decoded: Model) -> float | None:
    """Signal-to-noise ratio of all matrices and convolution kernels together; None where they are equal."""
    energy = noise = 0.0
    for before, after in zip(original.tensors, decoded.tensors, strict=True):
        if len(before.shape) > 1:
            weights = before.numpy().astype(np.float64)
            energy += float(np.square(weights).sum())
            noise += float(np.square(after.numpy() - weights).sum())
    return float(10 * np.log10(energy / noise)) if noise else None


def weight_count(model: Model) -> int:
    """Elements of all tensors."""
    return sum(tensor.size for tensor in model.tensors)


def code(example: Example, how: str, config: EncoderConfig, references: Sequence[Model]) -> Row:
    """Encode, decode, save and test one network in one way. Raises DemoError where the round trip is not exact."""
    model = nncodec.load(example.path)
    stream = nncodec.encode(model, config, references)
    decoded = decode(stream, references)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / example.path.name
        nncodec.save(decoded, path)
        accuracy = example.accuracy(path)
        saved = nncodec.load(path)
    require(saved.content_id == decoded.content_id, f"{example.name}, {how}: the file holds what was decoded")
    if config.lossless:
        require(decoded.content_id == model.content_id, f"{example.name}, {how}: the model comes back bit for bit")
    return Row(how, len(stream), weight_count(model), snr_db(model, decoded), accuracy)


def rows_alone(example: Example) -> Iterator[Row]:
    """The lines for one network by itself, beginning with the original."""
    content, weights = example.path.read_bytes(), weight_count(nncodec.load(example.path))
    yield Row("ONNX file", len(content), weights, None, example.accuracy(example.path))
    yield Row("xz -9e", len(lzma.compress(content, preset=XZ_PRESET)), weights, None, None)
    for how, config in ways():
        yield code(example, how, config, ())


def rows_given_reference(example: Example) -> Iterator[Row]:
    """The lines for one network where the receiver has REFERENCE already."""
    reference = nncodec.load(EXAMPLES / f"{REFERENCE}.onnx")
    for how, config in ways():
        if config.profile == Profile.MAIN:
            yield code(example, how, config, (reference,))


def rows_of_set(examples: Sequence[Example]) -> Iterator[Row]:
    """The lines for all networks together, in one stream. Raises DemoError where the round trip is not exact."""
    models = {example.name: nncodec.load(example.path) for example in examples}
    weights = sum(map(weight_count, models.values()))
    yield Row("ONNX files", sum(example.path.stat().st_size for example in examples), weights, None, None)
    for how, structure in (("one by one, default", SetStructure.SEPARATE), ("a set, default", SetStructure.TREE)):
        data = nncodec.encode_set(models, SetConfig(structure=structure))
        yield Row(how, len(data), weights, None, None)
    exact = nncodec.encode_set(models, SetConfig(encoder=LOSSLESS))
    decoded = nncodec.decode_set(exact)
    for name, model in models.items():
        require(decoded[name].content_id == model.content_id, f"{name} comes back from the set bit for bit")
    yield Row("a set, lossless", len(exact), weights, None, None)


def make_table() -> Table:
    """The table without its lines; it fits into 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for heading in ("bytes", "smaller", "bits/weight", "SNR dB", "accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def fill(table: Table, example: Example) -> None:
    """Put all lines of one network into the table."""
    alone = list(rows_alone(example))
    add_section(table, example.name, alone, alone[0])
    if example.name != REFERENCE:
        title = f"{example.name.removeprefix('digits-')} given v1"
        add_section(table, title, list(rows_given_reference(example)), alone[0])


def add_section(table: Table, title: str, rows: Sequence[Row], original: Row) -> None:
    """Put some lines into the table; figures are held to those of `original`."""
    table.add_row(f"[bold]{title}[/bold]")
    for row in rows:
        table.add_row(
            f"  {row.how}",
            f"{row.size:,}",
            f"{original.size / row.size:.2f} ×",
            f"{8 * row.size / row.weights:.2f}",
            "" if row.snr is None else f"{row.snr:.1f}",
            _accuracy(original, row),
            end_section=row is rows[-1],
        )


def _accuracy(original: Row, row: Row) -> str:
    if row.accuracy is None or original.accuracy is None:
        return ""
    return f"{row.accuracy:.2%}" if row is original else f"{original.accuracy:.2%} → {row.accuracy:.2%}"


def require(condition: bool, promise: str) -> None:  # noqa: FBT001 - reads as: require(this, "this is so")
    """Raise DemoError, naming the promise, unless `condition` holds."""
    if not condition:
        raise DemoError(f"not so: {promise}")


def check_command_line(example: Example, folder: Path) -> tuple[str, str]:
    """Do with nnenc and nndec what the library did, and return the two commands for show."""
    stream, restored = folder / "model.nmc", folder / "model.onnx"
    run("nnenc", str(example.path), "-o", str(stream), "--q-bits", "9")
    run("nndec", str(stream), "-o", str(restored))
    expected = nncodec.encode(nncodec.load(example.path), EncoderConfig(q_bits=9))
    require(stream.read_bytes() == expected, "nnenc writes the bytes that nncodec.encode returns")
    require(
        nncodec.load(restored).content_id == decode(expected).content_id,
        "nndec writes the model that nncodec.decode returns",
    )
    return f"nnenc examples/{example.path.name} -o model.nmc --q-bits 9", "nndec model.nmc -o model.onnx"


def run(program: str, *arguments: str) -> None:
    """Run one of our programs, as installed beside this interpreter. Raises DemoError where it fails."""
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], capture_output=True, text=True, check=False
    )
    require(done.returncode == 0, f"{program} exits with 0 ({done.stderr.strip()})")


NOTES = """\
bytes     the whole file: weights, names and graph
q_bits    weights are rounded to steps of 10^(q_bits-12); 1-D tensors are exact, or finer in main
lossless  every bit came back, as was checked
given v1  the receiver has digits-v1: equal tensors cost nothing, changes little
a set     one stream, in which each network is predicted from those that suit it
accuracy  before → after, by onnxruntime on 540 images kept out of training"""


def show(console: Console) -> None:
    """Run the demo and print it."""
    table, examples = make_table(), list(load_examples())
    for example in examples:
        console.print(f"coding and decoding {example.name} ...", style="dim")
        fill(table, example)
    together = list(rows_of_set(examples))
    add_section(table, "all three", together, together[0])
    console.print(table)
    with tempfile.TemporaryDirectory() as folder:
        commands = check_command_line(examples[0], Path(folder))
    say(console, NOTES)
    say(console, "\nThe command line made the same bytes, and from them the same model:", *commands)
    say(console, "\n[bold]Try next[/bold], with a model of yours:", *next_commands())


def say(console: Console, *lines: str) -> None:
    """Print a heading and lines below it, unbroken, so that they can be copied."""
    console.print(*lines, sep="\n  ", highlight=False, soft_wrap=True)


def next_commands() -> Iterator[str]:
    """What a newcomer may type next, in this folder."""
    programs = Path(sys.executable).parent
    place = programs.relative_to(Path.cwd()) if programs.is_relative_to(Path.cwd()) else programs
    yield f"{place}/nnenc MODEL.onnx -o MODEL.nmc --q-bits 9"
    yield f"{place}/nninfo MODEL.nmc"


def main() -> int:
    """Exit status: 0 where all was as it must be."""
    try:
        show(Console())
    except (DemoError, nncodec.NncodecError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
