"""Adapters opened over their base: with and without the adapter, and refused where they do not fit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from infer.folders import make_adapter, make_base
from weitiao.chat import Absorbed
from weitiao.errors import AdapterError, ConfigError, DataError, FormatError, ModelError
from weitiao.infer.loaded import Loaded, open_adapter
from weitiao.types import Message

torch.set_num_threads(1)
HELLO = (Message("user", "你好, hello"),)


def opened(folder: Path, **changes: str) -> Loaded:
    return open_adapter(folder, device="cpu", dtype="float32", **changes)  # type: ignore[arg-type]


def greedy_of_transformers(folder: Path, loaded: Loaded, messages: tuple[Message, ...], tokens: int) -> str:
    format = loaded.answerer(adapter=False).format
    ids = torch.tensor([format.render_prompt(messages)])
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=list(format.stop_ids),
    )
    return format.decode(out[0, ids.shape[1] :].tolist())


class TestAnswers:
    def test_with_and_without_the_adapter(self, loaded: Loaded, base: Path) -> None:
        tuned, plain = loaded.generate(HELLO), loaded.generate(HELLO, adapter=False)
        assert tuned != plain
        assert plain == greedy_of_transformers(base, loaded, HELLO, 8)
        assert loaded.generate(HELLO) == tuned

    def test_a_list_is_its_prompts_alone(self, loaded: Loaded) -> None:
        prompts = ["一", "two words", HELLO, {"question": "三"}]
        together = loaded.generate(prompts, batch_size=3)
        assert together == [loaded.generate(p) for p in prompts]
        assert loaded.generate([]) == []

    @pytest.mark.parametrize("tuned", [True, False])
    def test_a_stream_is_the_answer_in_pieces(self, loaded: Loaded, tuned: bool) -> None:
        pieces = list(loaded.stream("你好", adapter=tuned, max_new_tokens=30))
        assert "".join(pieces) == loaded.generate("你好", adapter=tuned, max_new_tokens=30)
        assert all(pieces)
        assert len(pieces) > 1

    def test_sampling_has_a_seed(self, loaded: Loaded) -> None:
        answers = {loaded.generate("a", temperature=1.5, seed=seed) for seed in range(4)}
        assert len(answers) > 1
        assert loaded.generate("a", temperature=1.5, seed=3) in answers

    def test_wrong_settings_are_named(self, loaded: Loaded) -> None:
        with pytest.raises(ConfigError, match=r"decode\.temperature"):
            loaded.generate("a", temperature=-1)
        with pytest.raises(ConfigError, match=r"decode\.beams"):
            loaded.generate("a", beams=4)

    def test_a_prompt_that_is_too_long_is_named(self, loaded: Loaded) -> None:
        with pytest.raises(DataError, match=r"prompt 2: \d+ tokens"):
            loaded.generate(["a", "a b c d e " * 60])

    def test_describe_is_json(self, loaded: Loaded) -> None:
        described = json.loads(json.dumps(loaded.describe()))
        assert described["name"] == "tiny"
        assert described["prefix_length"] == 4
        assert described["parameters"] == loaded.prefix.numel()  # type: ignore[union-attr]


class TestPrompts:
    def test_a_text_fills_a_template_over_one_column(self, base: Path, tmp_path: Path) -> None:
        loaded = opened(make_adapter(tmp_path / "a", base, prompt="问题:{{ question }}", system="要短"))
        expected = (Message("system", "要短"), Message("user", "问题:谁?"))
        assert loaded.messages("谁?") == expected
        assert loaded.messages({"question": "谁?"}) == expected
        assert loaded.messages((Message("user", "问题:谁?"),)) == expected
        assert loaded.messages("谁?", system="") == expected[1:]
        assert loaded.messages(expected, system="other") == expected

    def test_several_columns_need_a_mapping(self, base: Path, tmp_path: Path) -> None:
        prompt, system = "{{ table }}: {{ question }}", "for {{ who }}"
        loaded = opened(make_adapter(tmp_path / "a", base, prompt=prompt, system=system))
        row = {"table": "t", "question": "q", "who": "w"}
        assert loaded.messages(row) == (Message("system", "for w"), Message("user", "t: q"))
        with pytest.raises(FormatError, match="question, table"):
            loaded.messages("q")
        with pytest.raises(FormatError, match='"table"'):
            loaded.messages({"question": "q", "who": "w"})
        with pytest.raises(FormatError, match="system message"):
            loaded.messages(HELLO)

    def test_an_absorbed_beginning_is_left_out_for_the_adapter_only(
        self, base: Path, loaded: Loaded, tmp_path: Path
    ) -> None:
        whole = loaded.format.render_prompt((Message("user", "问题:x"),))
        absorbed = whole[:4]
        handle = opened(make_adapter(tmp_path / "a", base, prompt="问题:{{ q }}", absorbed=absorbed))
        assert isinstance(handle.format, Absorbed)
        messages = handle.messages("x")
        assert handle.answerer().format.render_prompt(messages) == whole[4:]
        assert handle.answerer(adapter=False).format.render_prompt(messages) == whole
        assert handle.generate("x")
        with pytest.raises(FormatError, match="absorbed"):
            handle.generate((Message("user", "something else"),))
        assert handle.generate((Message("user", "something else"),), adapter=False)


class TestFullTuning:
    def test_the_weights_are_the_adapters_and_the_base_stays(self, base: Path, tmp_path: Path) -> None:
        loaded = opened(make_adapter(tmp_path / "a", base, full_seed=9))
        other = make_base(tmp_path / "other", seed=9)
        assert loaded.generate(HELLO) == greedy_of_transformers(other, loaded, HELLO, 8)
        assert loaded.generate(HELLO, adapter=False) == greedy_of_transformers(base, loaded, HELLO, 8)
        assert loaded.generate(HELLO) != loaded.generate(HELLO, adapter=False)

    def test_other_shapes_are_refused(self, base: Path, tmp_path: Path) -> None:
        folder = make_adapter(tmp_path / "a", base, method={"kind": "full"})  # a prefix that says it is full
        with pytest.raises(AdapterError, match=r"lacks model\.embed_tokens\.weight"):
            opened(folder)


class TestRefusals:
    def test_another_base(self, adapter: Path, tmp_path: Path) -> None:
        other = make_base(tmp_path / "other", seed=1, num_hidden_layers=3)
        with pytest.raises(AdapterError, match=r"layers 2 \(adapter\) against 3"):
            opened(adapter, base=str(other))
        same_shape = make_base(tmp_path / "same", seed=1)
        with pytest.raises(AdapterError, match="other weights"):
            opened(adapter, base=str(same_shape))

    def test_a_base_that_moved_is_named_and_can_be_given(
        self, base: Path, loaded: Loaded, adapter: Path, tmp_path: Path
    ) -> None:
        moved = tmp_path / "moved"
        config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
        gone = make_adapter(tmp_path / "a", base)
        config["base"]["path"] = str(tmp_path / "gone")
        (gone / "adapter_config.json").write_text(json.dumps(config), "utf-8")
        with pytest.raises(ModelError, match="gone"):
            opened(gone)
        make_base(moved)
        assert opened(gone, base=str(moved)).generate(HELLO) == loaded.generate(HELLO)

    def test_another_chat_template(self, base: Path, adapter: Path, tmp_path: Path) -> None:
        other = make_base(tmp_path / "other")
        settings = other / "tokenizer_config.json"
        template = (other / "chat_template.jinja").read_text("utf-8")
        (other / "chat_template.jinja").write_text(template.replace("<|end|>", "<|end|>\n"), "utf-8")
        assert settings.is_file()
        with pytest.raises(AdapterError, match="another chat format"):
            opened(adapter, base=str(other))

    @pytest.mark.parametrize("damage", ["cut", "flip", "missing", "config", "newer", "nothing"])
    def test_damaged_folders(self, base: Path, tmp_path: Path, damage: str) -> None:
        folder = make_adapter(tmp_path / "a", base)
        tensors, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
        data = tensors.read_bytes()
        if damage == "cut":
            tensors.write_bytes(data[: len(data) // 2])
        elif damage == "flip":
            tensors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        elif damage == "missing":
            tensors.unlink()
        elif damage == "config":
            config.write_text(config.read_text("utf-8")[:-20], "utf-8")
        elif damage == "newer":
            config.write_text(
                config.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 99')
            )
        else:
            folder = tmp_path / "not there"
        with pytest.raises(AdapterError):
            opened(folder)

    def test_keys_that_are_missing_are_named(self, base: Path, tmp_path: Path) -> None:
        for key in ("base", "format", "method"):
            folder = make_adapter(tmp_path / key, base)
            config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
            del config[key]
            (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
            with pytest.raises(AdapterError, match=f"lacks {key}"):
                opened(folder)


def test_it_is_frozen(loaded: Loaded) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.prefix = None  # type: ignore[misc]
