"""Predictions over files: every row once, in order, whatever kills the run."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from infer.folders import make_adapter
from weitiao.config import DecodeConfig, Source
from weitiao.data.read import read
from weitiao.errors import DataError, FormatError
from weitiao.infer import predict as module
from weitiao.infer.loaded import Loaded
from weitiao.infer.partial import PartialFile
from weitiao.infer.predict import predict, predict_all, predict_file
from weitiao.types import Example, Message, Origin

torch.set_num_threads(1)
DECODE = DecodeConfig(max_new_tokens=6, batch_size=3)


def examples(count: int) -> list[Example]:
    texts = [f"question {'x ' * (k % 4)}{k % 5}" for k in range(count)]
    return [
        Example(f"e{k}", (Message("user", t),), origin=Origin("f.csv", k + 2)) for k, t in enumerate(texts)
    ]


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def questions(folder: Path, count: int = 10) -> Path:
    return table(
        folder / "in.jsonl",
        [{"id": k, "question": f"净利润 {k % 7} {'长 ' * (k % 4)}"} for k in range(count)],
    )


def back(path: Path) -> list[dict[str, Any]]:
    source = Source.model_validate({"file": str(path)})
    return [dict(record.fields) for record in read(source, root=Path())]


def unescaped(text: str) -> str:
    """Control characters as Excel shows them."""
    return re.sub("_x([0-9A-F]{4})_", lambda m: chr(int(m[1], 16)), text)


class TestExamples:
    def test_each_is_answered_as_if_alone(self, loaded: Loaded) -> None:
        given, who = examples(8), loaded.answerer()
        told: list[int] = []
        found = predict_all(who.model, who.format, given, DECODE, prefix=who.prefix, progress=told.append)
        assert told == [3, 3, 2]
        for example, prediction in zip(given, found, strict=True):
            assert prediction.example_id == example.id
            assert prediction.text == loaded.generate(example.messages, max_new_tokens=6)
            assert prediction.completion_tokens == len(prediction.logprobs) > 0
            assert prediction.prompt_tokens == len(who.format.render_prompt(example.messages))

    def test_numbers_say_which_is_which(self, loaded: Loaded) -> None:
        given, who = examples(7), loaded.answerer()
        found = list(predict(who.model, who.format, given, DECODE, prefix=who.prefix))
        assert sorted(n.number for n in found) == list(range(7))
        assert all(given[n.number].id == n.prediction.example_id for n in found)

    def test_a_sampled_answer_does_not_depend_on_the_batch(self, loaded: Loaded) -> None:
        given, who = examples(6), loaded.answerer()
        texts = []
        for size in (1, 4):
            config = DecodeConfig(max_new_tokens=6, temperature=1.0, batch_size=size)
            found = predict_all(who.model, who.format, given, config, prefix=who.prefix, seed=3)
            texts.append([p.text for p in found])
        assert texts[0] == texts[1]

    def test_all_that_are_too_long_are_named_before_the_start(self, loaded: Loaded) -> None:
        given = examples(3)
        long = Example("long", (Message("user", "word " * 90),), origin=Origin("f.csv", 9))
        who = loaded.answerer()
        with pytest.raises(DataError, match=r"(?s)2 of 5 prompts.*f\.csv, row 9: \d+ tokens.*row 9"):
            next(predict(who.model, who.format, [long, *given, long], DECODE, prefix=who.prefix))


class TestFiles:
    @pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".xlsx"])
    def test_rows_and_columns_stay(self, loaded: Loaded, adapter: Path, tmp_path: Path, suffix: str) -> None:
        source, target = questions(tmp_path), tmp_path / "deep" / f"out{suffix}"
        summary = predict_file(adapter, source, target, decode=DECODE, loaded=loaded)
        rows, wanted = back(target), back(source)
        assert [r["question"] for r in rows] == [r["question"] for r in wanted]
        assert [str(r["id"]) for r in rows] == [str(k) for k in range(10)]
        assert list(rows[0]) == ["id", "question", "answer", "finish_reason"]
        alone = [loaded.generate(r["question"], max_new_tokens=6) for r in wanted]
        assert [unescaped(r["answer"] or "") for r in rows] == alone
        assert (summary["rows"], summary["resumed"], summary["answer_column"]) == (10, 0, "answer")
        assert sorted(p.name for p in target.parent.iterdir()) == [target.name]

    def test_without_the_adapter(self, loaded: Loaded, adapter: Path, tmp_path: Path) -> None:
        source, target = questions(tmp_path, 3), tmp_path / "out.jsonl"
        predict_file(adapter, source, target, decode=DECODE, loaded=loaded, with_adapter=False)
        plain = [loaded.generate(r["question"], adapter=False, max_new_tokens=6) for r in back(source)]
        assert [r["answer"] for r in back(target)] == plain

    def test_csv_has_a_byte_order_mark(self, loaded: Loaded, adapter: Path, tmp_path: Path) -> None:
        target = tmp_path / "out.csv"
        predict_file(adapter, questions(tmp_path, 2), target, decode=DECODE, loaded=loaded)
        data = target.read_bytes()
        assert data.startswith(codecs.BOM_UTF8)
        assert next(csv.reader(io.StringIO(data.decode("utf-8-sig")))) == [
            "id",
            "question",
            "answer",
            "finish_reason",
        ]

    def test_columns_of_the_same_name_are_kept(self, loaded: Loaded, adapter: Path, tmp_path: Path) -> None:
        source = table(tmp_path / "in.jsonl", [{"question": "a", "answer": "gold", "answer_1": 5}])
        summary = predict_file(adapter, source, tmp_path / "out.jsonl", decode=DECODE, loaded=loaded)
        row = back(tmp_path / "out.jsonl")[0]
        assert (row["answer"], row["answer_1"]) == ("gold", 5)
        assert summary["answer_column"] == "answer_2"
        assert row["answer_2"] == loaded.generate("a", max_new_tokens=6)

    def test_prompt_and_limit_and_progress(self, loaded: Loaded, adapter: Path, tmp_path: Path) -> None:
        source = table(tmp_path / "in.jsonl", [{"q": "a"}, {"q": "b"}, {"q": "c"}])
        screen = Console(file=io.StringIO(), force_terminal=True, width=80)
        predict_file(
            adapter,
            source,
            tmp_path / "out.jsonl",
            prompt="Q: {{ q }}",
            limit=2,
            decode=DECODE,
            loaded=loaded,
            console=screen,
        )
        expected = [loaded.generate((Message("user", f"Q: {q}"),), max_new_tokens=6) for q in "ab"]
        assert [r["answer"] for r in back(tmp_path / "out.jsonl")] == expected
        assert "2/2" in screen.file.getvalue()  # type: ignore[attr-defined]

    def test_the_folder_is_opened_when_nothing_is_open(self, adapter: Path, tmp_path: Path) -> None:
        source, target = questions(tmp_path, 1), tmp_path / "out.jsonl"
        assert predict_file(adapter, source, target)["rows"] == 1


class TestResume:
    def run(self, loaded: Loaded, adapter: Path, folder: Path, **changes: Any) -> dict[str, Any]:
        settings = {"decode": DECODE, "loaded": loaded, **changes}
        return predict_file(adapter, folder / "in.jsonl", folder / "out.csv", **settings)

    def kill_after(self, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
        """Die between two batches, as a kill would."""
        answer = module.answer

        def dying(*args: Any, **options: Any) -> Iterator[Any]:
            for k, done in enumerate(answer(*args, **options)):
                if k == batches:
                    raise KeyboardInterrupt
                yield done

        monkeypatch.setattr(module, "answer", dying)

    @pytest.mark.parametrize("sampled", [False, True])
    def test_a_killed_run_goes_on(
        self, loaded: Loaded, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampled: bool
    ) -> None:
        questions(tmp_path)
        decode = DECODE.model_copy(update={"temperature": 1.0}) if sampled else DECODE
        self.run(loaded, adapter, tmp_path, decode=decode)
        whole = (tmp_path / "out.csv").read_bytes()
        (tmp_path / "out.csv").unlink()
        partial = tmp_path / "out.csv.partial.jsonl"
        for expected_before in (0, 6, 9):
            with monkeypatch.context() as context:
                self.kill_after(context, 2 if expected_before == 0 else 1)
                if expected_before < 9:
                    with pytest.raises(KeyboardInterrupt):
                        self.run(loaded, adapter, tmp_path, decode=decode)
                    assert partial.is_file()
                    assert not (tmp_path / "out.csv").exists()
        partial.write_bytes(partial.read_bytes()[:-5])  # the kill came in the middle of a line
        summary = self.run(loaded, adapter, tmp_path, decode=decode)
        assert summary["resumed"] == 8
        assert (tmp_path / "out.csv").read_bytes() == whole
        assert not partial.exists()

    def test_finished_rows_are_not_answered_again(
        self, loaded: Loaded, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        questions(tmp_path)
        self.kill_after(monkeypatch, 2)
        with pytest.raises(KeyboardInterrupt):
            self.run(loaded, adapter, tmp_path)
        monkeypatch.undo()
        asked: list[int] = []
        add = PartialFile.add

        def counting(self: PartialFile, rows: Any) -> None:
            given = list(rows)
            asked.extend(n for n, _ in given)
            add(self, given)

        monkeypatch.setattr(PartialFile, "add", counting)
        self.run(loaded, adapter, tmp_path)
        assert len(asked) == len(set(asked)) == 4

    def test_other_settings_are_refused(
        self, loaded: Loaded, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        questions(tmp_path)
        self.kill_after(monkeypatch, 1)
        with pytest.raises(KeyboardInterrupt):
            self.run(loaded, adapter, tmp_path)
        monkeypatch.undo()
        with pytest.raises(DataError, match="max_new_tokens"):
            self.run(loaded, adapter, tmp_path, decode=DecodeConfig(max_new_tokens=7))
        with pytest.raises(DataError, match="with_adapter: true then, false now"):
            self.run(loaded, adapter, tmp_path, with_adapter=False)
        smaller = DECODE.model_copy(update={"batch_size": 2})
        assert self.run(loaded, adapter, tmp_path, decode=smaller)["resumed"] == 3

    def test_another_input_is_refused(
        self, loaded: Loaded, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        questions(tmp_path)
        self.kill_after(monkeypatch, 1)
        with pytest.raises(KeyboardInterrupt):
            self.run(loaded, adapter, tmp_path)
        monkeypatch.undo()
        questions(tmp_path, 11)
        with pytest.raises(DataError, match="input_sha256"):
            self.run(loaded, adapter, tmp_path)


class TestRefusals:
    def run(self, loaded: Loaded, folder: Path, rows: list[dict[str, Any]], **changes: Any) -> None:
        source = table(folder / "in.jsonl", rows)
        settings = {"decode": DECODE, "loaded": loaded, **changes}
        target = settings.pop("target", folder / "out.csv")
        predict_file(folder, source, target, **settings)

    def test_a_missing_column_lists_the_columns(self, loaded: Loaded, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r'"question" is no column.*columns: frage, id') as error:
            self.run(loaded, tmp_path, [{"frage": "a", "id": 1}])
        assert "--prompt" in str(error.value)
        with pytest.raises(DataError, match='unknown field "x"'):
            self.run(loaded, tmp_path, [{"frage": "a", "id": 1}], prompt="{{ x }}")

    def test_empty_prompts_are_named(self, loaded: Loaded, tmp_path: Path) -> None:
        rows = [{"question": "a"}, {"question": " "}, {"question": None}]
        with pytest.raises(DataError, match=r"(?s)row 2.*empty.*row 3"):
            self.run(loaded, tmp_path, rows)

    def test_rows_that_are_too_long_are_named(self, loaded: Loaded, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"1 of 2 prompts.*\n.*in\.jsonl, row 2: \d+ tokens"):
            self.run(loaded, tmp_path, [{"question": "a"}, {"question": "b c d " * 120}])
        assert not (tmp_path / "out.csv.partial.jsonl").exists()

    def test_prompts_that_do_not_fit_the_adapter_are_named(
        self, loaded: Loaded, base: Path, tmp_path: Path
    ) -> None:
        ids = loaded.format.render_prompt((Message("user", "问题"),))[:3]
        folder = make_adapter(tmp_path / "a", base, absorbed=ids)
        source = table(tmp_path / "in.jsonl", [{"question": "问题"}, {"question": "else"}])
        with pytest.raises(FormatError, match=r"(?s)1 of 2.*in\.jsonl, row 2"):
            predict_file(folder, source, tmp_path / "out.csv")

    def test_the_input_is_never_overwritten(self, loaded: Loaded, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="same file"):
            self.run(loaded, tmp_path, [{"question": "a"}], target=tmp_path / "in.jsonl")

    def test_unknown_output_types_are_refused_first(self, loaded: Loaded, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"\.docx"):
            self.run(loaded, tmp_path, [{"question": "a"}], target=tmp_path / "out.docx")
