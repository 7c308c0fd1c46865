"""Official P-Tuning v2 checkpoints: what the original computes, we compute; and back bit by bit.

Reference values: ../shared/reference/chatglm{1,2,3}/cases_ptuning*.safetensors.
"""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from weitiao.config import DecodeConfig
from weitiao.errors import AdapterError
from weitiao.infer.decode import generate
from weitiao.models import chatglm as releases
from weitiao.pack import pack
from weitiao.tuning.exchange import chatglm
from weitiao.tuning.exchange.encoder import encoder_of, flatten, unflatten
from weitiao.tuning.exchange.placing import on_base, trainable
from weitiao.tuning.positions import scheme_of
from weitiao.tuning.prefix import PrefixShape
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

BOTH = ("ptuning", "ptuning_projection")
P = 8


@pytest.fixture(params=[1, 2, 3])
def release(request: pytest.FixtureRequest, shared: Path) -> Path:
    return shared / "reference" / f"chatglm{request.param}"


@pytest.fixture(params=BOTH)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def base(release: Path) -> Any:
    return releases.load(release / "model")


def cases(release: Path, name: str) -> dict[str, Tensor]:
    return load_file(release / f"cases_{name}.safetensors")


def sample(model: Any, ids: list[int], labels: list[int] | None = None) -> Rendered:
    labels = [-100] * len(ids) if labels is None else labels
    trained = tuple(label != -100 for label in labels)
    return Rendered(tuple(ids), trained, context=scheme_of(model).context_of(ids))


def logits_of(tuned: Tuned, ids: list[int]) -> Tensor:
    with torch.no_grad():
        return tuned.model.get_output_embeddings()(tuned.hidden(pack([sample(tuned.model, ids)])))[0]


def left_padded(expected: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Ids [3, T], and which of them are no padding."""
    real = expected.get("left_padded.real_tokens", expected["left_padded.attention_mask"])
    return expected["left_padded.input_ids"], real.bool()


def test_keys_and_values(release: Path, name: str) -> None:
    kv, expected = chatglm.read(release / name).kv(), cases(release, name)
    for layer in range(kv.shape[0]):
        for which, called in enumerate(("key", "value")):
            own = kv[layer, which].transpose(0, 1)[None]
            torch.testing.assert_close(own, expected[f"prefix_key_values.{called}.{layer}"])


def test_logits(release: Path, name: str) -> None:
    model, expected = base(release), cases(release, name)
    tuned = Tuned(model, trainable(chatglm.read(release / name), model)).eval()
    ids = expected["single.input_ids"][0].tolist()
    torch.testing.assert_close(logits_of(tuned, ids), expected["single.logits"][0], rtol=0, atol=5e-5)
    rows, mask = left_padded(expected)
    for row, real in enumerate(mask):
        own = logits_of(tuned, rows[row][real].tolist())
        torch.testing.assert_close(own, expected["left_padded.logits"][row][real], rtol=0, atol=5e-5)


def test_loss_and_gradients(release: Path, name: str) -> None:
    """Of the numbers as the official checkpoint holds them, the MLP included."""
    model, expected = base(release), cases(release, name)
    prefix = trainable(chatglm.read(release / name), model)
    tuned = Tuned(model, prefix)
    labels = expected["supervised.labels"]
    rows = expected["supervised.input_ids"]
    length = [int(row.nonzero().max()) + 1 for row in (labels != -100)]
    batch = pack(
        [sample(model, i[:n].tolist(), w[:n].tolist()) for i, w, n in zip(rows, labels, length, strict=True)]
    )
    loss = tuned(batch).total / batch.weight.sum()
    torch.testing.assert_close(loss, expected["supervised.loss"][0], rtol=0, atol=1e-5)
    loss.backward()
    called = {"embedding": "embedding.weight", "kv": "embedding.weight"}
    for layer in ("0", "2"):
        called |= {f"mlp.{layer}.{k}": f"trans.{layer}.{k}" for k in ("weight", "bias")}
    for own, parameter in prefix.named_parameters():
        assert parameter.grad is not None
        grad = flatten(parameter.grad) if own == "kv" else parameter.grad
        wanted = expected[f"supervised.grad.transformer.prefix_encoder.{called[own]}"]
        torch.testing.assert_close(grad, wanted, rtol=0, atol=1e-6)


def test_greedy_answers(release: Path, name: str) -> None:
    model, expected = base(release), cases(release, name)
    encoder = chatglm.read(release / name)
    kv = on_base(encoder.kv(), encoder.position_start, model)
    rows, mask = left_padded(expected)
    prompts = [row[real].tolist() for row, real in zip(rows, mask, strict=True)]
    answers = generate(
        model,
        prompts,
        prefixes=kv,
        config=DecodeConfig(max_new_tokens=20),
        stop_ids=(),
        decode=lambda _: "",
        pad_id=0,
    )
    width = rows.shape[1]
    for answer, sequence in zip(answers, expected["greedy_left_padded.sequences"], strict=True):
        assert list(answer.ids) == sequence[width:].tolist()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_official_to_official_is_bit_equal(shared: Path, version: int, name: str, tmp_path: Path) -> None:
    folder = shared / "reference" / f"chatglm{version}" / name
    base_config = json.loads((folder.parent / "model" / "config.json").read_text("utf-8"))
    chatglm.write(tmp_path, chatglm.read(folder), base_config)
    own, theirs = (torch.load(f / "pytorch_model.bin", weights_only=True) for f in (tmp_path, folder))
    assert own.keys() == theirs.keys()
    assert all(torch.equal(own[n], theirs[n]) for n in own)
    written = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert written["pre_seq_len"] == P
    assert written["prefix_projection"] == (name == "ptuning_projection")


def test_trained_prefix_starts_where_it_was_imported(release: Path, name: str) -> None:
    model = base(release)
    encoder = chatglm.read(release / name)
    prefix = trainable(encoder, model, dropout=0.1)
    turned = on_base(encoder.kv(), 0, model)
    assert torch.equal(turned, encoder.kv()) == (release.name == "chatglm1")  # its text begins at 0 here too
    torch.testing.assert_close(prefix.folded(), turned, rtol=0, atol=1e-6)
    assert not torch.equal(prefix.train()(), prefix())  # dropout acts


def test_a_direct_prefix_goes_on_through_a_new_mlp(release: Path) -> None:
    model = base(release)
    encoder = chatglm.read(release / "ptuning")
    prefix = trainable(encoder, model, projection=5)
    torch.testing.assert_close(prefix.folded(), on_base(encoder.kv(), 0, model), rtol=0, atol=1e-6)
    assert prefix.is_projected


def test_another_mlp_size_is_refused(release: Path) -> None:
    with pytest.raises(AdapterError, match=r"hidden size 64, method\.projection asks for 5"):
        trainable(chatglm.read(release / "ptuning_projection"), base(release), projection=5)


def test_angles_that_do_not_add_up_are_refused(shared: Path) -> None:
    folder = shared / "reference" / "chatglm2"
    model = releases.load(folder / "model", rotary="original")
    with pytest.raises(AdapterError, match=r"do not add up(.|\n)*exact"):
        trainable(chatglm.read(folder / "ptuning"), model)


sizes = st.integers(1, 3)


@given(sizes, sizes, sizes, sizes, st.integers(0, 9))
def test_flatten_and_unflatten_are_inverse(
    layers: int, heads: int, length: int, size: int, seed: int
) -> None:
    shape = PrefixShape(layers, heads, length, size)
    kv = torch.randn(shape.tensor, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(unflatten(flatten(kv), shape), kv)
    assert torch.equal(encoder_of(kv, 0).kv(), kv)
    # 2i is the key of layer i, 2i + 1 its value
    official = flatten(kv).view(length, layers * 2, heads, size)
    assert torch.equal(official[:, 2 * (layers - 1) + 1], kv[layers - 1, 1].transpose(0, 1))


# ------------------------------------------------------------------------------------ harmed folders


CONFIG = {
    "model_type": "chatglm",
    "num_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "kv_channels": 8,
    "pre_seq_len": 3,
    "prefix_projection": False,
}
NAME = "transformer.prefix_encoder.embedding.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    torch.save({NAME: torch.randn(3, 2 * 2 * 2 * 8)}, tmp_path / "pytorch_model.bin")
    return tmp_path


def put(folder: Path, tensors: Any) -> None:
    torch.save(tensors, folder / "pytorch_model.bin")


def configure(folder: Path, **changes: Any) -> None:
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}))


def test_a_tiny_folder_is_read(folder: Path) -> None:
    assert chatglm.read(folder).kv().shape == (2, 2, 2, 3, 8)


def test_weights_of_the_base_beside_the_prefix_are_left_alone(folder: Path) -> None:
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    before = chatglm.read(folder).kv()
    put(folder, {**tensors, "transformer.embedding.word_embeddings.weight": torch.zeros(9, 32)})
    assert torch.equal(chatglm.read(folder).kv(), before)


def test_half_precision_is_kept(folder: Path) -> None:
    put(folder, {NAME: torch.randn(3, 64).half()})
    assert chatglm.read(folder).kv().dtype == torch.float16


def test_safetensors_are_read(folder: Path) -> None:
    before = chatglm.read(folder).kv()
    save_file(torch.load(folder / "pytorch_model.bin", weights_only=True), folder / "model.safetensors")
    (folder / "pytorch_model.bin").unlink()
    assert torch.equal(chatglm.read(folder).kv(), before)


class Evil:
    ran = False

    def __reduce__(self) -> Any:
        return Evil.run, ()

    @staticmethod
    def run() -> str:
        Evil.ran = True
        return "ran"


@pytest.mark.parametrize("way", ["torch", "pickle"])
def test_code_in_a_file_is_never_run(folder: Path, way: str) -> None:
    path = folder / "pytorch_model.bin"
    content = {NAME: torch.zeros(3, 64), "x": Evil()}
    if way == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps({"x": Evil()}, protocol=2))
    with pytest.raises(AdapterError, match="Python objects"):
        chatglm.read(folder)
    assert not Evil.ran
    torch.load(path, weights_only=False) if way == "torch" else pickle.loads(path.read_bytes())
    assert Evil.ran  # the file would have run it
    Evil.ran = False


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: put(f, {NAME: torch.zeros(3, 60)}), r"\[3, 60\], config.json asks for \[3, 64\]"),
        (lambda f: put(f, {NAME: torch.zeros(4, 64)}), r"\[4, 64\], config.json asks for \[3, 64\]"),
        (lambda f: put(f, {NAME: torch.full((3, 64), float("nan"))}), "not finite"),
        (lambda f: put(f, {"lm_head.weight": torch.zeros(2)}), r"prefix_encoder.\*, it holds lm_head.weight"),
        (lambda f: put(f, {}), "it holds nothing"),
        (lambda f: put(f, [torch.zeros(2)]), "expected tensors by name"),
        (lambda f: put(f, {NAME: torch.zeros(3, 64), NAME + "2": torch.zeros(1)}), "is not expected"),
        (lambda f: configure(f, prefix_projection=True), "trans.0.weight is missing"),
        (lambda f: configure(f, num_layers=None), "lacks num_layers"),
        (lambda f: configure(f, multi_query_group_num=4), "asks for"),
        (lambda f: (f / "config.json").write_text("{"), "not valid JSON"),
        (lambda f: (f / "pytorch_model.bin").unlink(), "holds neither pytorch_model.bin nor"),
        (lambda f: (f / "pytorch_model.bin").write_bytes(b"PK\x03\x04 cut"), "damaged"),
        (lambda f: (f / "pytorch_model.bin").write_bytes(b""), "damaged"),
    ],
)
def test_harmed_folders_are_refused(folder: Path, harm: Any, message: str) -> None:
    harm(folder)
    with pytest.raises(AdapterError, match=message):
        chatglm.read(folder)


def test_a_projection_whose_sizes_disagree_is_refused(shared: Path, tmp_path: Path) -> None:
    theirs = shared / "reference" / "chatglm2" / "ptuning_projection"
    shutil.copy(theirs / "config.json", tmp_path / "config.json")
    tensors = torch.load(theirs / "pytorch_model.bin", weights_only=True)
    name = "transformer.prefix_encoder.trans.2.weight"
    torch.save({**tensors, name: tensors[name][:-1]}, tmp_path / "pytorch_model.bin")
    with pytest.raises(AdapterError, match=r"trans.2.weight has shape \[191, 64\]"):
        chatglm.read(tmp_path)


def test_another_base_is_refused_on_writing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="2 layers of 2 key heads of size 8, the base 3 layers"):
        chatglm.write(tmp_path / "out", chatglm.read(folder), {**CONFIG, "num_layers": 3})
