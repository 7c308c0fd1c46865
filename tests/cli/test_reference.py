"""The generated pages are current, and checking notices when they are not."""

from __future__ import annotations

from pathlib import Path

from weitiao.cli import reference
from weitiao.recipe.shape import leaves


def test_the_pages_are_current() -> None:
    assert reference.main(["--check"]) == 0, "run `make docs`"


def test_check_notices_a_change(tmp_path: Path) -> None:
    assert reference.main(["--check"], tmp_path) == 1
    assert reference.main([], tmp_path) == 0
    assert reference.main(["--check"], tmp_path) == 0
    page = tmp_path / "cli.md"
    page.write_text(page.read_text("utf-8") + "x", encoding="utf-8")
    assert reference.main(["--check"], tmp_path) == 1


def test_every_key_of_a_recipe_is_on_the_page() -> None:
    from weitiao.config import Recipe

    page = reference.recipe_page()
    for path, _, info in leaves(Recipe):
        assert f"| `{path.rpartition('.')[2]}` |" in page
        assert (info.description or "").partition("|")[0] in page
