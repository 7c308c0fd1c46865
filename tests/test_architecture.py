"""The house rules that a machine can hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
SOURCES = sorted((ROOT / "src" / "weitiao").rglob("*.py"))
#: Machine paths, and hosts that serve packages or models.
_HOSTS = (  # each in two pieces, or this file would find itself
    ("py", r"pi\.org"),
    ("python", "hosted"),
    ("hugging", r"face\.co"),
    ("hf-", "mirror"),
    ("model", r"scope\.cn"),
    ("download.", r"pytorch"),
)
FORBIDDEN = re.compile(
    "|".join([r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/", *(left + right for left, right in _HOSTS)])
)
#: Files whose text is not ours to word.
EXEMPT = ("LICENSE", "uv.lock")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def committed() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.decode().split("\0") if name]


def test_imports_go_one_way() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    if not command.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("room", ["weitiao.data", "weitiao.chat", "weitiao.recipe"])
def test_rooms_that_load_no_torch(room: str) -> None:
    code = f"import sys, {room}; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_are_short() -> None:
    lines = {relative(path): code_lines(path) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > MAX_FILE_LINES} == {}


def code_lines(path: Path) -> int:
    """Lines of a file without those of word tables (literals of several lines at the top level)."""
    text = path.read_text("utf-8")
    tables = (
        node.value.end_lineno - node.value.lineno
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.List | ast.Tuple | ast.Set | ast.Dict | ast.Constant)
        and node.value.end_lineno is not None
    )
    return len(text.splitlines()) - sum(tables)


def test_functions_are_short() -> None:
    long: dict[str, int] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = body_lines(node)
                if count > MAX_FUNCTION_LINES:
                    long[f"{relative(path)}:{node.lineno} {node.name}"] = count
    assert long == {}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end without the docstring."""
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def test_no_room_is_called_misc() -> None:
    bad = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [relative(p) for p in SOURCES if bad & set(p.relative_to(ROOT).with_suffix("").parts)] == []


def test_every_module_says_what_it_is() -> None:
    silent = [relative(p) for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert silent == []


def test_committed_files_name_no_machine_path_and_no_registry_host() -> None:
    found: list[str] = []
    for path in committed():
        if path.name in EXEMPT or not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if FORBIDDEN.search(line):
                found.append(f"{relative(path)}:{number}: {line.strip()[:100]}")
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_bad"),
    [("see /{}/main", True), ("cd {}", False), ("a/{}/b", False), ("(home{}/1)", False)],
)
def test_the_search_for_machine_paths_finds_them(line: str, is_bad: bool) -> None:
    assert bool(FORBIDDEN.search(line.format("work"))) is is_bad
