from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.expressions import OPERATORS, math_token
from sklearn_chatsr.llm import LanguageModelError, find_smollm2
from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import generate_candidates
from tests.training.tiny_language_models import tiny_language_model, tiny_tokenizer
from training import extend_tokens
from training.extend_tokens import extend, new_ids, read_language_model, words_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def case(request):
    """A tied language model, and what became of it."""
    tokenizer = tiny_tokenizer()
    source = tiny_language_model(request.param, tokenizer)
    model, processor = extend(source, tokenizer, num_feature_tokens=2)
    return source, model, processor


def test_text_is_scored_as_before(case):
    source, model, processor = case
    ids = processor.tokenizer("add the sine of x2", return_tensors="pt")["input_ids"]
    n_old = len(tiny_tokenizer())

    with torch.inference_mode():
        before = source(input_ids=ids).logits[..., :n_old]
        after = model(input_ids=ids).logits[..., :n_old]

    torch.testing.assert_close(after, before)


def test_embeddings_are_untied(case):
    source, model, _ = case

    assert source.get_output_embeddings().weight is source.get_input_embeddings().weight
    inputs, outputs = model.get_input_embeddings().weight, model.lm_head.weight
    assert inputs.data_ptr() != outputs.data_ptr()
    assert model.config.text_config.tie_word_embeddings is False


def test_a_new_row_points_where_its_words_point(case):
    _, model, processor = case
    tokenizer, table = processor.tokenizer, model.get_input_embeddings().weight.detach()
    old = tiny_tokenizer()

    for token in ("<|math_sin|>", "<|math_add|>", "<|math_x2|>"):
        spelled = old([f for w in words_of(token) for f in (w, f" {w}")])["input_ids"]
        mean = torch.stack([table[ids].mean(dim=0) for ids in spelled]).mean(dim=0)
        row = table[tokenizer.convert_tokens_to_ids(token)]
        pieces = torch.cat([table[ids] for ids in spelled])
        # Noise of a tenth turns a row by about 6 degrees.
        assert torch.cosine_similarity(row, mean, dim=0) > 0.97
        torch.testing.assert_close(row.norm(), pieces.norm(dim=1).mean())


def test_no_two_new_rows_are_equal(case):
    _, model, processor = case
    ids = new_ids(processor.tokenizer)

    for table in (model.get_input_embeddings().weight, model.lm_head.weight):
        assert len(torch.unique(table[ids].detach(), dim=0)) == len(ids)


def test_rows_to_spare_are_used_before_the_table_grows(case):
    source, model, processor = case
    n_rows = len(model.get_input_embeddings().weight)

    assert n_rows == max(source.config.vocab_size, len(processor.tokenizer))
    assert model.config.text_config.vocab_size == n_rows


def test_the_folder_is_a_checkpoint_whose_candidates_are_valid(case, tmp_path):
    _, model, processor = case
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    X = np.linspace(1, 2, 20)[:, None]

    loaded, known = load_model(tmp_path, "cpu")
    found = generate_candidates(loaded, known, X, X[:, 0] ** 2, n_candidates=256)
    fitted = ChatSRRegressor(
        model=str(tmp_path), device="cpu", proposers=("model",), max_time=5
    ).fit(X, 3 * X[:, 0])

    torch.testing.assert_close(loaded.lm_head.weight, model.lm_head.weight)
    assert found
    assert fitted.score(X, 3 * X[:, 0]) > 0.99


def test_the_encoder_of_another_checkpoint_is_taken_over():
    tokenizer = tiny_tokenizer()
    source = tiny_language_model("llama", tokenizer)
    known, _ = load_model("default", "cpu")

    model, processor = extend(source, tokenizer, encoder_from=known)

    assert processor.num_feature_tokens == known.config.point_config.num_feature_tokens
    for name, weight in known.model.point_encoder.state_dict().items():
        torch.testing.assert_close(model.model.point_encoder.state_dict()[name], weight)


def test_the_seed_decides_and_the_global_state_stays():
    before = torch.random.get_rng_state()
    tables = []
    for seed in (1, 1, 2):
        tokenizer = tiny_tokenizer()
        source = tiny_language_model("llama", tokenizer)
        model, _ = extend(source, tokenizer, seed=seed)
        tables.append(model.lm_head.weight)

    torch.testing.assert_close(tables[0], tables[1], rtol=0, atol=0)
    assert not torch.equal(tables[0], tables[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_operator_has_words():
    for name in OPERATORS:
        assert all(word.strip() for word in words_of(math_token(name)))
    assert words_of("<|math_sqrt|>") == ("sqrt", "square root", "root")
    assert words_of("<|math_x7|>") == ("x7",)


def test_a_tokenizer_that_spells_by_position_is_refused():
    tokenizer = tiny_tokenizer()
    source = tiny_language_model("llama", tokenizer)
    # A space goes before text that stands alone, and not after a special token.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        replacement="Ġ", prepend_scheme="first"
    )

    with pytest.raises(ValueError, match="in another way than alone"):
        extend(source, tokenizer)


def test_a_model_that_changes_its_scores_is_refused():
    tokenizer = tiny_tokenizer()
    source = tiny_language_model("granite", tokenizer, logits_scaling=7.0)

    with pytest.raises(ValueError, match="changes its scores after the head"):
        extend(source, tokenizer)


def test_what_is_no_language_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No language model at"):
        read_language_model(tmp_path / "absent")
    with pytest.raises(ValueError, match="Cannot read the language model"):
        read_language_model(tmp_path)
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    with pytest.raises(ValueError, match="Cannot read the language model"):
        read_language_model(tmp_path / "broken.gguf")


def test_the_command_extends_a_folder(tmp_path, monkeypatch, capsys):
    tokenizer = tiny_tokenizer()
    tiny_language_model("qwen2", tokenizer).save_pretrained(tmp_path / "source")
    tokenizer.save_pretrained(tmp_path / "source")
    argv = ["extend_tokens", f"{tmp_path}/source", "--out", f"{tmp_path}/extended"]
    monkeypatch.setattr("sys.argv", argv)

    extend_tokens.main()

    assert "parameters, untied" in capsys.readouterr().out
    model, _ = load_model(tmp_path / "extended", "cpu")
    assert model.config.text_config.model_type == "qwen2"


@pytest.mark.slow
def test_smollm2_is_read_from_its_gguf_file_and_extended():
    pytest.importorskip("gguf", reason="pip install gguf")
    try:
        path = find_smollm2()
    except LanguageModelError as error:
        pytest.skip(str(error))

    model, processor = extend(*read_language_model(path))

    assert model.config.text_config.model_type == "llama"
    assert len(processor.tokenizer) == model.lm_head.out_features == 49209
