"""The house numbers (CONTRIBUTING.md): how long, how many, and what stands nowhere."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("nncodec", "conformance", "tests", "tools")

MAX_FUNCTION_LINES = 60
MEDIAN_FUNCTION_LINES = 10
MAX_FILE_LINES = 400
MAX_PARAMETERS = 5
TABLES = frozenset({"nncodec/tables.py", "nncodec/limits.py"})
"""Files of nothing but tables may be as long as these are."""

CLAUSE = re.compile(r"SPEC\.md (clauses? ([1-9A-Z]|\d\d)(\.\d+)*|Annex [A-Z])\b|\(informative\)")
"""What the first line of a module's docstring names."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of the project, parsed."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    def functions(self) -> Iterator[Function]:
        """All functions and methods, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


def sources(*folders: str) -> list[Source]:
    """All Python files below `folders`."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return [Source(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files]


def length(function: Function) -> int:
    """Lines from `def` to the end, docstring included."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameter_count(function: Function) -> int:
    """Parameters of all kinds; self and cls do not count."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return len([argument for argument in named if argument.arg not in ("self", "cls")]) + len(starred)


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether `function` is compiled code, which takes its state by arguments and must be one loop."""
    return any(isinstance(mark, ast.Name) and mark.id in ("kernel", "inlined") for mark in function.decorator_list)


def long_functions(source: Source) -> Iterator[str]:
    """Functions over the limit."""
    for function in source.functions():
        if length(function) > MAX_FUNCTION_LINES and not is_kernel(function):
            yield f"{source.path}:{function.lineno}: {function.name} has {length(function)} lines"


def long_file(source: Source) -> Iterator[str]:
    """The file itself, if over the limit."""
    lines = len(source.text.splitlines())
    if lines > MAX_FILE_LINES and source.path not in TABLES:
        yield f"{source.path}: {lines} lines"


def long_signatures(source: Source) -> Iterator[str]:
    """Functions with too many parameters."""
    for function in source.functions():
        if parameter_count(function) > MAX_PARAMETERS and not is_kernel(function):
            yield f"{source.path}:{function.lineno}: {function.name} has {parameter_count(function)} parameters"


def bare_excepts(source: Source) -> Iterator[str]:
    """Handlers that catch everything, KeyboardInterrupt included."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "BaseException"):
            yield f"{source.path}:{node.lineno}: except without naming what"


def asserts(source: Source) -> Iterator[str]:
    """Checks that vanish under python -O."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assert):
            yield f"{source.path}:{node.lineno}: assert; raise an error of nncodec/errors.py"


def logic_in_init(source: Source) -> Iterator[str]:
    """Anything in an __init__.py beyond docstring, imports and constants such as __all__."""
    if not source.path.endswith("/__init__.py"):
        return
    for node in source.tree.body:
        if not (isinstance(node, ast.Import | ast.ImportFrom) or _is_constant(node)):
            yield f"{source.path}:{node.lineno}: logic in __init__.py"


def _is_constant(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr) or node.value is None:
        return False
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return True


def nameless_clauses(source: Source) -> Iterator[str]:
    """A module whose docstring does not begin with its place in the specification; the package itself has none."""
    if source.path == "nncodec/__init__.py":
        return
    first = (ast.get_docstring(source.tree) or "").partition("\n")[0]
    if not CLAUSE.search(first):
        yield f"{source.path}: its docstring's first line names no clause or Annex of SPEC.md, nor says (informative)"


SIZE_CHECKS = (long_functions, long_file, long_signatures, bare_excepts)
CODEC_CHECKS = (asserts, logic_in_init, nameless_clauses)
CASES = [(check, FOLDERS) for check in SIZE_CHECKS] + [(check, ("nncodec",)) for check in CODEC_CHECKS]


@pytest.mark.parametrize(("check", "folders"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_house_rule_is_kept(check: Callable[[Source], Iterator[str]], folders: tuple[str, ...]) -> None:
    broken = [line for source in sources(*folders) for line in check(source)]
    assert not broken, "\n" + "\n".join(broken)


def test_most_functions_are_short() -> None:
    lengths = [length(function) for source in sources("nncodec") for function in source.functions()]
    assert statistics.median(lengths) <= MEDIAN_FUNCTION_LINES


def test_all_folders_are_looked_at() -> None:
    assert {source.path.partition("/")[0] for source in sources(*FOLDERS)} == set(FOLDERS)


PLANTED = (
    (long_functions, "nncodec/model.py", "def f():\n" + "    pass\n" * MAX_FUNCTION_LINES),
    (long_file, "nncodec/model.py", "pass\n" * (MAX_FILE_LINES + 1)),
    (long_signatures, "nncodec/model.py", "class C:\n    def f(self, a, /, b, *c, d, e, **f): pass"),
    (bare_excepts, "nncodec/model.py", "try:\n    pass\nexcept:\n    pass"),
    (asserts, "nncodec/model.py", "def f():\n    assert True"),
    (logic_in_init, "nncodec/cli/__init__.py", "def f(): pass"),
    (logic_in_init, "nncodec/cli/__init__.py", "CACHE = dict()"),
    (nameless_clauses, "nncodec/model.py", ""),
    (nameless_clauses, "nncodec/model.py", '"""Tensors.\n\nSee SPEC.md clause 5.\n"""'),
)

HARMLESS = (
    (long_functions, "nncodec/model.py", "def f():\n" + "    pass\n" * (MAX_FUNCTION_LINES - 1)),
    (long_file, "nncodec/tables.py", "pass\n" * (MAX_FILE_LINES + 1)),
    (long_signatures, "nncodec/model.py", "class C:\n    def f(self, a, /, b, *c, d, e): pass"),
    (bare_excepts, "nncodec/model.py", "try:\n    pass\nexcept OSError:\n    pass"),
    (logic_in_init, "nncodec/__init__.py", '"""Text."""\nfrom a import b\n__all__ = ["b"]\n__version__: str = "1"'),
    (nameless_clauses, "nncodec/model.py", '"""SPEC.md clause 5.3: tensors."""'),
    (nameless_clauses, "nncodec/model.py", '"""SPEC.md Annex B: tensors."""'),
    (nameless_clauses, "nncodec/model.py", '"""Tables for people (informative)."""'),
)


@pytest.mark.parametrize(("check", "path", "text"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_check_finds_what_was_planted(check: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert list(check(Source(path, text)))


@pytest.mark.parametrize(("check", "path", "text"), HARMLESS, ids=lambda value: getattr(value, "__name__", ""))
def test_check_lets_pass_what_is_allowed(check: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert not list(check(Source(path, text)))


ROOMS = [path.parent for path in sorted((ROOT / "nncodec").rglob("__init__.py")) if path.parent != ROOT / "nncodec"]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(ROOT).as_posix())
def test_the_map_of_a_room_shows_all_of_it(room: Path) -> None:
    listed = re.findall(r"^\| ([\w, ]+) \|", (room / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
    shown = [name for row in listed if row != "module" for name in row.split(", ")]
    there = [path.stem for path in room.glob("*.py") if path.stem != "__init__"]
    there += [path.parent.name for path in room.glob("*/__init__.py")]
    assert sorted(shown) == sorted(there)


def test_the_map_in_the_manual_shows_all_of_the_package() -> None:
    manual = (ROOT / "README.md").read_text(encoding="utf-8")
    section = manual[manual.index("## Find your way") : manual.index("## Licence")]
    package = ROOT / "nncodec"
    there = [path.name for path in package.glob("*.py") if path.stem != "__init__"]
    there += [f"{path.parent.name}/" for path in package.glob("*/__init__.py")]
    assert [name for name in there if not re.search(rf"[`/]{re.escape(name)}`", section)] == []
