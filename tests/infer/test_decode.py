"""Laws of the decode loop: cached = uncached, batch = alone, row without a prefix = the base itself."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from bases import ALL_FAMILIES, CONTEXT_FAMILIES, GMASK, SOP, alone, as_prompt, tiny_base
from weitiao.config import DecodeConfig
from weitiao.errors import FormatError, ModelError
from weitiao.infer.decode import Generation, generate, generate_measured, stream
from weitiao.tuning.prefix import PrefixShape, initial
from weitiao.tuning.tuned import prepare

torch.set_num_threads(1)
VOCABULARY = 97
END = 2


def words(ids: Any) -> str:
    return "".join(f"<{i}>" for i in ids)


def run(model: Any, prompts: Any, prefixes: Any = None, **changes: Any) -> Generation:
    options = {"stop_ids": (END,), "decode": words, "pad_id": 0}
    names = ("seed", "numbers", "mode", "on_token", "decode", "stop_ids")
    options |= {k: changes.pop(k) for k in names if k in changes}
    config = DecodeConfig(**{"max_new_tokens": 10, **changes})
    return generate_measured(model, prompts, prefixes=prefixes, config=config, **options)


def some_prompts(seed: int = 0, family: str = "llama") -> list[list[int]]:
    """Three that share a beginning, one of them twice, and a short one of its own."""
    draw = random.Random(seed)

    def text(n: int) -> list[int]:
        return [draw.randrange(3, VOCABULARY) for _ in range(n)]

    trunk = text(18)
    first = trunk + text(4)
    return [as_prompt(family, p) for p in (first, trunk + text(1), trunk, text(5), first)]


def prefix_for(model: Any, length: int, seed: int) -> torch.Tensor:
    return initial("random", PrefixShape.of(model.config, length), seed=seed)


def logits_of(model: Any, ids: list[int], prefix: torch.Tensor | None) -> torch.Tensor:
    """[T, V] without any cache."""
    with torch.no_grad():
        return model(**alone(model, ids, prefix)).logits[0]


def uncached(model: Any, prompt: list[int], prefix: torch.Tensor | None, tokens: int) -> list[int]:
    ids = list(prompt)
    while len(ids) < len(prompt) + tokens and (len(ids) == len(prompt) or ids[-1] != END):
        ids.append(int(logits_of(model, ids, prefix)[-1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("family", ALL_FAMILIES)
class TestEveryFamily:
    def test_cached_is_uncached_and_logprobs_are_teacher_forced(self, family: str) -> None:
        model = tiny_base(family)
        prompts = some_prompts(family=family)
        long, short = prefix_for(model, 5, 1), prefix_for(model, 2, 2)
        prefixes = [long, long, None, short, short]
        found = run(model, prompts, prefixes).answers
        assert len({a.ids for a in found}) >= 4  # different prefixes, different answers
        for prompt, prefix, answer in zip(prompts, prefixes, found, strict=True):
            assert list(answer.ids) == uncached(model, prompt, prefix, 10)
            logits = logits_of(model, [*prompt, *answer.ids], prefix)[len(prompt) - 1 : -1]
            forced = logits.log_softmax(-1).gather(1, torch.tensor(answer.ids)[:, None])[:, 0]
            torch.testing.assert_close(torch.tensor(answer.logprobs), forced, atol=1e-5, rtol=1e-5)

    def test_a_row_without_a_prefix_is_the_base_itself(self, family: str) -> None:
        model, original = tiny_base(family), tiny_base(family)
        prompts = some_prompts(1, family)
        other = prefix_for(model, 7, 3)
        found = run(model, prompts, [None, other, None, other, None], max_new_tokens=12).answers
        for row in (0, 2, 4):
            ids = torch.tensor([prompts[row]])
            whole = original.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False
            )
            assert list(found[row].ids) == whole[0, len(prompts[row]) :].tolist()

    def test_tree_prefill_is_padded_prefill(self, family: str) -> None:
        model = tiny_base(family)
        prompts = some_prompts(2, family)
        prefix = prefix_for(model, 3, 4)
        results = {mode: run(model, prompts, prefix, mode=mode) for mode in ("tree", "pack", "pad")}
        for mode in ("tree", "pack"):
            for a, b in zip(results[mode].answers, results["pad"].answers, strict=True):
                assert a.ids == b.ids
                torch.testing.assert_close(
                    torch.tensor(a.logprobs), torch.tensor(b.logprobs), atol=1e-5, rtol=1e-5
                )
        # [gMASK] <sop> of a context shared by four, and of the short one's
        assert results["tree"].stats.computed_tokens == 22 + 1 + 5 + 4 * (family in CONTEXT_FAMILIES)
        assert results["pad"].stats.computed_tokens == sum(map(len, prompts))


@pytest.mark.parametrize("family", ["qwen3", "chatglm1"])
def test_a_batch_is_its_rows_alone(family: str) -> None:
    model = tiny_base(family)
    prompts = some_prompts(3, family)
    prefixes = [prefix_for(model, 6, 1), None, prefix_for(model, 1, 2), None, prefix_for(model, 6, 3)]
    together = run(model, prompts, prefixes).answers
    for prompt, prefix, answer in zip(prompts, prefixes, together, strict=True):
        alone = run(model, [prompt], [prefix]).answers[0]
        assert alone.ids == answer.ids
        assert alone.text == answer.text
        assert alone.logprobs == pytest.approx(answer.logprobs, abs=1e-5)


def test_prefixes_in_every_form_are_the_same() -> None:
    model = tiny_base()
    prompts = some_prompts(4)[:3]
    one = prefix_for(model, 4, 1)
    listed = run(model, prompts, [one, one, one]).answers
    assert run(model, prompts, one).answers == listed
    stacked = run(model, prompts, torch.stack([one, one, one], dim=2)).answers
    assert [a.ids for a in stacked] == [a.ids for a in listed]
    with pytest.raises(ValueError, match="3 prompts but 2 prefixes"):
        run(model, prompts, [one, None])
    with pytest.raises(ValueError, match="expected a prefix"):
        run(model, prompts, one[0])


@pytest.mark.parametrize("contexts", [False, True])
def test_wide_trees_are_exact_too(contexts: bool) -> None:
    """Long rows take the block form of attention."""
    model = tiny_base("chatglm1" if contexts else "llama", max_position_embeddings=1024)
    draw = random.Random(5)
    trunk = [draw.randrange(3, VOCABULARY) for _ in range(150)]
    trunk[-2:] = [GMASK, SOP] if contexts else trunk[-2:]
    prompts = [trunk + [k + 3] + [draw.randrange(3, VOCABULARY) for _ in range(39)] for k in range(6)]
    prefix = prefix_for(model, 9, 1)
    tree, pad = (run(model, prompts, prefix, mode=mode) for mode in ("tree", "pad"))
    assert tree.stats.computed_tokens == 150 + 6 * 40
    for a, b in zip(tree.answers, pad.answers, strict=True):
        assert a.ids == b.ids
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-5)


def test_prompts_without_anything_in_common_are_all_computed() -> None:
    model = tiny_base()
    prompts = [[k, 9, 9, 9] for k in range(3, 8)]
    assert run(model, prompts).stats.computed_tokens == 20


def test_a_context_is_shared_as_a_whole_only() -> None:
    model = tiny_base("chatglm1")
    contexts = [[5, 6, 7, 8], [5, 6, 7, 9], [5, 6, 7, 8]]
    prompts = [[*c, GMASK, SOP] for c in contexts]
    found = run(model, prompts, mode="tree")
    assert found.stats.computed_tokens == 2 * 6
    assert found.answers[0].ids == found.answers[2].ids
    assert list(found.answers[1].ids) == uncached(model, prompts[1], None, 10)


@pytest.mark.parametrize("prompt", [[5, 6], [5, 6, SOP], [SOP, 5]])
def test_a_prompt_without_a_context_is_refused(prompt: list[int]) -> None:
    with pytest.raises(FormatError, match="sop"):
        run(tiny_base("chatglm1"), [prompt])


def test_answers_of_different_lengths_leave_one_by_one() -> None:
    """Rows end at different steps, so the cache is cut down again and again."""
    model = tiny_base(seed=3)
    prompts = some_prompts(6) + some_prompts(7)
    whole = run(model, prompts, max_new_tokens=30, stop_ids=()).answers
    ends = tuple({a.ids[k] for k, a in enumerate(whole)} | {a.ids[2 * k + 1] for k, a in enumerate(whole)})
    found = run(model, prompts, max_new_tokens=30, stop_ids=ends).answers
    assert len({len(a.ids) for a in found}) >= 3
    for full, answer in zip(whole, found, strict=True):
        assert answer.finish_reason == "stop"
        assert answer.ids == full.ids[: len(answer.ids)]
        assert answer.ids[-1] in ends
        assert not set(answer.ids[:-1]) & set(ends)
        assert answer.text == words(answer.ids[:-1])


def test_length_is_a_reason_to_finish() -> None:
    answer = run(tiny_base(), [[5, 6, 7]], max_new_tokens=4, stop_ids=()).answers[0]
    assert (answer.finish_reason, len(answer.ids), len(answer.logprobs)) == ("length", 4, 4)
    assert answer.prompt_tokens == 3
    assert answer.text == words(answer.ids)


def test_a_stop_string_over_several_tokens_cuts_the_text() -> None:
    model = tiny_base()
    prompts = some_prompts(8)
    free = run(model, prompts, stop_ids=()).answers
    stop = f"{words(free[0].ids[3:5])[1:-1]}"  # begins inside one token and ends inside the next
    seen: dict[int, str] = {}

    def hear(row: int, text: str) -> None:
        seen[row] = seen.get(row, "") + text

    found = run(model, prompts, stop_ids=(), stop=(stop,), on_token=hear).answers
    assert found[0].text == words(free[0].ids[:3]) + "<"
    assert found[0].ids == free[0].ids[:5]
    assert found[0].finish_reason == "stop"
    for row, answer in enumerate(found):
        assert stop not in answer.text
        assert answer.text == words(free[row].ids).split(stop)[0]
        assert seen.get(row, "") == answer.text


class TestSampling:
    def test_depends_on_seed_and_number_only(self) -> None:
        model = tiny_base()
        prompts = some_prompts(9)
        settings = {"temperature": 1.0, "top_p": 0.95, "stop_ids": ()}
        together = run(model, prompts, seed=7, **settings).answers
        assert together[0].ids != together[4].ids  # the same prompt, another number
        for number, prompt in enumerate(prompts):
            alone = run(model, [prompt], seed=7, numbers=[number], **settings).answers[0]
            assert alone.ids == together[number].ids
        assert run(model, prompts, seed=8, **settings).answers != together

    def test_logprobs_are_those_of_temperature_one(self) -> None:
        model = tiny_base()
        answer = run(model, [[5, 6, 7]], temperature=0.4, seed=1).answers[0]
        logits = logits_of(model, [5, 6, 7, *answer.ids], None)[2:-1]
        forced = logits.log_softmax(-1).gather(1, torch.tensor(answer.ids)[:, None])[:, 0]
        assert answer.logprobs == pytest.approx(forced.tolist(), abs=1e-5)

    def test_a_cold_temperature_is_greedy(self) -> None:
        model = tiny_base()
        prompts = some_prompts(10)
        cold, greedy = run(model, prompts, temperature=1e-4), run(model, prompts)
        assert [a.ids for a in cold.answers] == [a.ids for a in greedy.answers]


class TestLimits:
    def test_needed_positions_are_counted_exactly(self) -> None:
        model = tiny_base(max_position_embeddings=32)
        prefix = prefix_for(model, 4, 1)
        prompt = [5] * 20
        fitting = run(model, [prompt], prefix, max_new_tokens=9, stop_ids=())  # 4 + 20 + 9 - 1 = 32
        assert len(fitting.answers[0].ids) == 9
        with pytest.raises(
            ModelError, match=r"20 tokens behind a prefix of 4.*10 new tokens.*33.*has 32"
        ) as e:
            run(model, [[5], prompt], prefix, max_new_tokens=10)
        assert "max_new_tokens to 9" in str(e.value)

    def test_a_prefix_that_takes_no_places_leaves_them_to_the_prompt(self) -> None:
        model = tiny_base("chatglm1", max_position_embeddings=32)
        prefix = prefix_for(model, 4, 1)
        prompt = [*[5] * 20, GMASK, SOP]
        assert (
            run(model, [prompt], prefix, max_new_tokens=11, stop_ids=()).answers[0].finish_reason == "length"
        )
        with pytest.raises(ModelError, match=r"33.*has 32"):
            run(model, [prompt], prefix, max_new_tokens=12)

    def test_learned_positions_have_a_limit_too(self) -> None:
        with pytest.raises(ModelError, match="has 16"):
            run(tiny_base("gpt2", n_positions=16), [[5] * 10], max_new_tokens=8)

    def test_empty_prompts_are_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="prompt 1 is empty"):
            run(tiny_base(), [[5], []])

    def test_no_prompts_no_answers(self) -> None:
        assert run(tiny_base(), []).answers == []

    def test_values_that_are_not_finite_are_an_error(self) -> None:
        model = tiny_base()
        with torch.no_grad():
            model.get_output_embeddings().weight[3] = float("nan")
        with pytest.raises(ModelError, match="not finite"):
            run(model, [[5, 6]])


def test_the_model_is_left_as_it_was() -> None:
    model = tiny_base()
    prepare(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    prompts = some_prompts(11)
    assert generate(
        model,
        prompts,
        prefixes=None,
        config=DecodeConfig(max_new_tokens=3),
        stop_ids=(),
        decode=words,
        pad_id=0,
    )
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_stream_can_be_left() -> None:
    model = tiny_base().train()
    options: dict[str, Any] = {"stop_ids": (), "decode": words, "pad_id": 0}
    pieces = stream(model, [[5, 6]], prefixes=None, config=DecodeConfig(max_new_tokens=50), **options)
    assert next(pieces).text
    pieces.close()  # type: ignore[attr-defined]
    assert model.training
    all_of_it = list(stream(model, [[5, 6]], prefixes=None, config=DecodeConfig(max_new_tokens=5), **options))
    last = all_of_it[-1].answer
    assert last is not None
    assert "".join(p.text for p in all_of_it) == last.text
