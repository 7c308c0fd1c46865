"""``weitiao data``: samples shown, the dataset written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weitiao.types import Example, Message, Origin, Rendered


class Letters:
    """A chat format whose tokens are single characters."""

    def decode(self, ids):
        return "".join(map(chr, ids))


@pytest.mark.parametrize("options", [(), ("--plain",), ("--ids",), ("--plain", "--ids")])
def test_show(api, command, recipe: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    shown: list[tuple[str, bool]] = []

    def view(rendered, chat_format, *, ids=False):
        shown.append((chat_format.decode(rendered.ids), ids))
        return "the sample"

    monkeypatch.setattr("weitiao.chat.show", view)
    monkeypatch.setattr("weitiao.chat.show_plain", view)
    example = Example(
        "0123", (Message("user", "q"), Message("assistant", "a", True)), origin=Origin("f.csv", 7)
    )
    rendered = Rendered((113, 97), (False, True), "0123")
    api.answers["preview"] = ([(example, rendered)], Letters())
    done = command("data", "show", recipe, "-n", 2, "--part", "test", *options, "--set", "seed=1")
    assert done.exit_code == 0, done.stderr
    _, args, kwargs = api.calls[0]
    assert args == (recipe,)
    assert kwargs == {"sets": ("seed=1",), "part": "test", "n": 2}
    assert "test 1  0123  (f.csv, row 7)" in done.stdout
    assert "the sample" in done.stdout
    assert shown == [("qa", "--ids" in options)]


def test_show_as_a_page(api, command, recipe: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    titles: list[str] = []

    def page(samples, chat_format, *, title):
        titles.append(title)
        return f"<p>{len(samples)}, {chat_format.decode((65,))}</p>"

    monkeypatch.setattr("weitiao.chat.show_html", page)
    example = Example("0", (Message("user", "q"),))
    api.answers["preview"] = ([(example, Rendered((113,), (False,), "0"))], Letters())
    done = command("data", "show", recipe, "--html", tmp_path / "new" / "page.html")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "new" / "page.html").read_text("utf-8") == "<p>1, A</p>"
    assert titles == [f"{recipe.name}, train"]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["page.html"]
    (tmp_path / "file").write_text("x", "utf-8")
    failed = command("data", "show", recipe, "--html", tmp_path / "file" / "page.html")
    assert failed.exit_code == 2
    assert "choose another file" in failed.stderr


def test_show_of_an_empty_part(api, command, recipe: Path) -> None:
    api.answers["preview"] = ([], Letters())
    done = command("data", "show", recipe, "--part", "dev")
    assert (done.exit_code, done.stdout) == (0, "the dev part is empty\n")


def test_prepare(command, recipe: Path, tmp_path: Path) -> None:
    store = pytest.importorskip("weitiao.data.store")
    rows = [{"q": f"问题{i}", "a": f"答{i}"} for i in range(40)]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    recipe.with_name("a.jsonl").write_text(text, encoding="utf-8")
    done = command("data", "prepare", recipe, "--out", tmp_path / "set")
    assert done.exit_code == 0, done.stderr
    dataset = store.load(tmp_path / "set")
    counts = [len(dataset.train), len(dataset.dev), len(dataset.test)]
    assert sum(counts) == 40
    assert done.stdout.startswith("train {}, dev {}, test {} ->".format(*counts))
