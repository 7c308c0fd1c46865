"""The pages: what they show runs, what they name exists, and the two languages say the same.

A fenced block with ``<!-- run -->`` on the line before it is executed, in order, in a temporary folder that
holds a copy of ``recipes/``. Blocks without it are only checked: commands against the command line, recipes
against `weitiao.config`.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import typer
import yaml
from pydantic import BaseModel

from weitiao.cli.app import app
from weitiao.config import Recipe
from weitiao.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[1]
EMBEDDED = ROOT / "src" / "weitiao" / "models" / "weitiao-tiny" / "config.json"
GENERATED = ("cli.md", "recipe.md")  # tests/cli/test_reference.py holds these

PAIRS = {
    "README.md": "README.zh.md",
    "docs/index.md": "docs/index.zh.md",
    "docs/from-chatglm-scripts.md": "docs/from-chatglm-scripts.zh.md",
    "docs/sources.md": "docs/sources.zh.md",
    "docs/data-shapes.md": "docs/data-shapes.zh.md",
    "docs/data-making.md": "docs/data-making.zh.md",
    "docs/data-check.md": "docs/data-check.zh.md",
    "docs/augment.md": "docs/augment.zh.md",
    "docs/balance.md": "docs/balance.zh.md",
    "docs/data-card.md": "docs/data-card.zh.md",
    "docs/data-python.md": "docs/data-python.zh.md",
    "docs/splits.md": "docs/splits.zh.md",
    "docs/formats.md": "docs/formats.zh.md",
    "docs/data-exchange.md": "docs/data-exchange.zh.md",
    "docs/bases.md": "docs/bases.zh.md",
    "docs/tutorials/first-adapter.md": "docs/tutorials/first-adapter.zh.md",
    "docs/tutorials/old-chatglm-checkpoint.md": "docs/tutorials/old-chatglm-checkpoint.zh.md",
    "docs/tutorials/excel-to-dataset.md": "docs/tutorials/excel-to-dataset.zh.md",
    "docs/tutorials/speech-noise.md": "docs/tutorials/speech-noise.zh.md",
    "docs/tutorials/wrong-labels.md": "docs/tutorials/wrong-labels.zh.md",
}
EXECUTED = (
    "README.md",
    "docs/tutorials/first-adapter.md",
    "docs/tutorials/wrong-labels.md",
    "docs/tutorials/excel-to-dataset.md",
    "docs/tutorials/speech-noise.md",
    "docs/data-python.md",
)
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if path.name not in GENERATED
)

RECIPE_PATH = re.compile(r"(?:base|data|format|method|train|evaluate)(?:\.(?!sh\b)\w+)+|seed|evaluate")


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str
    runs: bool
    line: int

    @property
    def code(self) -> list[str]:
        """Lines without comments: what must be equal in both languages."""
        lines = (re.sub(r"(^|\s)#(\s.*)?$", "", line).rstrip() for line in self.text.splitlines())
        return [line for line in lines if line]


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page."""
    found, opened, before = [], None, ""
    for number, line in enumerate(text_of(page).splitlines(), start=1):
        if opened is None and line.startswith("```"):
            opened = (line[3:].strip(), number, before == "<!-- run -->", [])
        elif opened is not None and line == "```":
            language, at, runs, lines = opened
            found.append(Block(language, "\n".join(lines) + "\n", runs, at))
            opened = None
        elif opened is not None:
            opened[3].append(line)
        before = line.strip()
    assert opened is None, f"{page}: a fenced block does not end"
    return found


def prose(page: str) -> str:
    """The page without fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def headings(page: str) -> list[tuple[int, str]]:
    return [(len(m[1]), m[2]) for m in re.finditer(r"^(#+) (.+)$", prose(page), re.MULTILINE)]


def anchor(heading: str) -> str:
    """As GitHub and the slugs of mkdocs.yml make it."""
    words = re.sub(r"[`*]|\[|\]\([^)]*\)", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


# --- what is shown runs --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("page", EXECUTED)
def test_marked_blocks_run(page: str, tmp_path: Path) -> None:
    """In English; `test_two_languages_say_the_same` holds that the Chinese page has the same code."""
    if not EMBEDDED.is_file():
        pytest.skip("the embedded base weitiao-tiny is not here yet")
    binaries = Path(sys.executable).parent
    if not (binaries / "weitiao").exists():
        pytest.skip("the command weitiao is not installed beside this Python")
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    marked = [block for block in blocks(page) if block.runs]
    assert marked
    for block in marked:
        shell = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[block.language]
        done = subprocess.run(
            [*shell, block.text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200
        )
        said = f"{page}:{block.line}\n{block.text}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        assert done.returncode == 0, said
        assert done.stdout.strip(), said
    for made in promised(page):
        assert (tmp_path / made).exists(), f"{page} speaks of {made}"


def promised(page: str) -> list[str]:
    """Files of run folders that the prose names, where the page made that folder."""
    made = set(re.findall(r"--out (runs/\w+)", "".join(b.text for b in blocks(page) if b.runs)))
    named = re.findall(r"`(runs/[\w./]+)`", prose(page))
    return [name for name in named if "/".join(name.split("/")[:2]) in made]


def test_the_tutorial_promises_files() -> None:
    assert {"runs/first/report.html", "runs/first/adapter", "runs/first/dataset/test.jsonl"} <= set(
        promised("docs/tutorials/first-adapter.md")
    )


# --- commands ------------------------------------------------------------------------------------------


def commands(page: str, program: str) -> Iterator[tuple[int, list[str]]]:
    """Calls of a program in the bash blocks, with the line of their block; inline code counts too."""
    for block in blocks(page):
        if block.language == "bash":
            text = re.sub(r"<<'(\w+)'\n.*?\n\1$", "", block.text, flags=re.DOTALL | re.MULTILINE)
            for line in text.replace("\\\n", " ").splitlines():
                for part in re.split(r"\||&&|;", line):
                    part = re.sub(r"\s>\s*\S+", "", part)  # where the output goes
                    words = shlex.split(part, comments=True)
                    if words[:1] == [program]:
                        yield block.line, words[1:]


def check_call(words: list[str]) -> None:
    """Parse a call as the command line would, without doing anything.

    Raises:
        Exception: click's own, for an unknown command or option or a missing one.
    """
    command: Any = typer.main.get_command(app)
    rest = [word for word in words if word not in ("-q", "--quiet", "--debug")]
    name = "weitiao"
    while hasattr(command, "commands"):
        name, *rest = rest
        assert name in command.commands, f"there is no command {name!r}"
        command = command.commands[name]
    command.make_context(name, list(rest))
    for key, value in pairwise(rest):
        if key == "--set":
            assert is_key(value.partition("=")[0]), f"--set {value}: no such key"


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    for line, words in commands(page, "weitiao"):
        try:
            check_call(words)
        except Exception as error:
            pytest.fail(f"{page}:{line}: weitiao {shlex.join(words)}: {error!r}")


@pytest.mark.parametrize(
    "call",
    [
        "rum x --out y",
        "run x",
        "run x --out y --epochs 3",
        "run x --out y --set train.epoch=3",
        "data shows x",
    ],
)
def test_wrong_commands_are_found(call: str) -> None:
    with pytest.raises(BaseException):  # noqa: B017, PT011  (click raises Exit or its own errors)
        check_call(call.split())


def test_readme_commands_are_seen() -> None:
    assert len(list(commands("README.md", "weitiao"))) >= 8


@pytest.mark.parametrize("page", PAGES)
def test_inline_commands_exist(page: str) -> None:
    root: Any = typer.main.get_command(app)
    for call in re.findall(r"`weitiao ([^`]+)`", prose(page)):
        command, words = root, call.split()
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            name = words.pop(0)
            assert name in command.commands, f"{page}: `weitiao {call}`"
            command = command.commands[name]
        known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
        assert {word for word in words if word.startswith("-")} <= known, f"{page}: `weitiao {call}`"


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    named = {words[0] for _, words in commands(page, "make")} | set(
        re.findall(r"`make ([a-z]+)`", prose(page))
    )
    assert named <= targets


# --- recipes -------------------------------------------------------------------------------------------


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from sections(inner)


def is_key(path: str) -> bool:
    """Whether a dotted path names a value of a recipe; numbers are entries of lists."""
    models: list[type[BaseModel]] = [Recipe]
    for part in path.split("."):
        if part.isdecimal():
            continue
        fields = [m.model_fields[part] for m in models if part in m.model_fields]
        if not fields:
            return False
        models = [model for field in fields for model in sections(field.annotation)]
    return True


@pytest.mark.parametrize(
    "path", ["train.epochs", "data.sources.0.file", "method.init.text", "evaluate.decode.stop"]
)
def test_known_keys_are_known(path: str) -> None:
    assert is_key(path)


@pytest.mark.parametrize("path", ["train.epoch", "data.sources.0.files", "method.lora", "epochs"])
def test_unknown_keys_are_unknown(path: str) -> None:
    assert not is_key(path)


@pytest.mark.parametrize("page", PAGES)
def test_recipe_keys_exist(page: str) -> None:
    named = [code for code in re.findall(r"`([^`\n]+)`", prose(page)) if RECIPE_PATH.fullmatch(code)]
    assert [path for path in named if not is_key(path)] == []


@pytest.mark.parametrize("page", PAGES)
def test_yaml_blocks_are_recipes(page: str, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language == "yaml":
            path = tmp_path / f"line-{block.line}.yaml"
            path.write_text(block.text, encoding="utf-8")
            load_recipe(path)


def test_every_name_of_the_scripts_is_in_the_table() -> None:
    """The table agrees with the one that error messages are made of, and is the same in both languages."""
    from weitiao.recipe.chatglm import NAMES

    page = "docs/from-chatglm-scripts.md"
    rows = table(page)
    for old, new in NAMES.items():
        target = new.split(" ")[0].replace(".0.file", "")
        assert any(f"`{old}`" in left and target in right for left, right in rows), f"{old} -> {new}"
    codes = [[re.findall(r"`[^`]+`", cell) for cell in row] for row in rows]
    assert codes == [[re.findall(r"`[^`]+`", cell) for cell in row] for row in table(PAIRS[page])]


def table(page: str) -> list[tuple[str, str]]:
    """First two cells of the rows of the first table."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|.*\|$", prose(page), re.MULTILINE)
    return rows[1:]


def test_the_tutorial_shows_the_recipe_it_runs() -> None:
    shown = blocks("docs/tutorials/first-adapter.md")
    part = yaml.safe_load(next(block.text for block in shown if block.language == "yaml"))
    whole = yaml.safe_load((ROOT / "recipes" / "quickstart.yaml").read_text("utf-8"))
    assert {key: whole[key] for key in part} == part, "the tutorial shows another recipe than it runs"
    lines = next(block.text for block in shown if block.language == "text").splitlines()
    data = (ROOT / "recipes" / "demo" / "quickstart.jsonl").read_text("utf-8").splitlines()
    assert lines == data[: len(lines)]


# --- two languages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("english", "chinese"), PAIRS.items())
def test_two_languages_say_the_same(english: str, chinese: str) -> None:
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    ours, theirs = blocks(english), blocks(chinese)
    assert [(b.language, b.runs, b.code) for b in ours] == [(b.language, b.runs, b.code) for b in theirs]
    for kind in (r"^\|", r"^\d+\. ", r"^- ", r"^!\[", r"^<!-- "):
        counts = [len(re.findall(kind, prose(page), re.MULTILINE)) for page in (english, chinese)]
        assert counts[0] == counts[1], f"{kind} in {english} and {chinese}"


def test_every_translated_page_has_its_original() -> None:
    found = {page for page in PAGES if page.endswith(".zh.md")}
    assert found == set(PAIRS.values())


# --- links ---------------------------------------------------------------------------------------------


def links(page: str) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page: str) -> None:
    broken = []
    for link in links(page):
        name, _, fragment = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        if not target.exists():
            broken.append(link)
        elif fragment and target.suffix == ".md":
            there = {anchor(h) for _, h in headings(target.resolve().relative_to(ROOT).as_posix())}
            if fragment not in there:
                broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_pages_of_the_site_link_within_it(page: str) -> None:
    files = [link.partition("#")[0] for link in links(page)]
    targets = {link: (ROOT / page).parent.joinpath(link).resolve() for link in files if link}
    assert [link for link, path in targets.items() if not path.is_relative_to(ROOT / "docs")] == []


class _Tolerant(yaml.SafeLoader):
    """Reads mkdocs.yml without making the Python objects it names."""


_Tolerant.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def test_the_site_has_every_page() -> None:
    def pages(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        for inner in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
            yield from pages(inner)

    site = yaml.load(text_of("mkdocs.yml"), Loader=_Tolerant)
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert set(pages(site["nav"])) == there


def test_documented_names_exist() -> None:
    import weitiao

    page = text_of("docs/reference/api.md")
    names = re.findall(r"^::: ([\w.]+)$", page, re.MULTILINE)
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name
    titles = {title for _, title in headings("docs/reference/api.md")}
    assert {f"weitiao.{name}" for name in weitiao.__all__} - titles <= {"weitiao.Recipe"}


@pytest.mark.parametrize("page", PAGES)
def test_no_line_is_left_over(page: str) -> None:
    """No merge marks, no notes to self."""
    assert not re.search(r"^(<<<<<<<|>>>>>>>)|\b(TODO|FIXME|XXX)\b", text_of(page), re.MULTILINE)
