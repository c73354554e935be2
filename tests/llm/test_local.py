from __future__ import annotations

import pickle

import pytest

from sklearn_chatsr.llm import LanguageModelError, LocalLanguageModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write a tiny Llama with random weights over bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<end>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(vocabulary),
                hidden_size=16,
                intermediate_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                bos_token_id=0,
                eos_token_id=0,
            )
        )
    path = tmp_path_factory.mktemp("tiny-llama")
    model.save_pretrained(path)
    fast.save_pretrained(path)
    return path


def test_the_seed_decides_and_the_global_state_stays(folder):
    import torch

    model = LocalLanguageModel(folder, max_tokens=8, temperature=1.0)
    before = torch.random.get_rng_state()

    first, again, other = (model.complete("ab", 3, seed=s) for s in (1, 1, 2))

    assert first == again
    assert first != other
    assert len(first) == 3
    assert all(0 <= c.n_tokens <= 8 for c in first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_greedy_answers_are_given_once(folder):
    model = LocalLanguageModel(folder, max_tokens=4, temperature=0.0)

    assert len(model.complete("ab", 3)) == 1


def test_stop_strings_are_cut_off(folder):
    free = LocalLanguageModel(folder, max_tokens=12).complete("ab", 1, seed=0)[0]
    stop = free.text[3]

    held = LocalLanguageModel(folder, max_tokens=12, stop=[stop])

    assert held.complete("ab", 1, seed=0)[0].text == free.text.partition(stop)[0]


def test_chat_needs_a_template(folder):
    with pytest.raises(LanguageModelError, match="no chat template"):
        LocalLanguageModel(folder, mode="chat").complete("a", 1)


def test_a_pickle_has_no_weights(folder):
    model = LocalLanguageModel(folder, max_tokens=4)
    found = model.complete("ab", 1, seed=0)

    raw = pickle.dumps(model)

    assert len(raw) < 2000
    assert pickle.loads(raw).complete("ab", 1, seed=0) == found


def test_damaged_weights_are_an_error_of_the_model(folder, tmp_path):
    (tmp_path / "config.json").write_text("{", encoding="utf-8")

    with pytest.raises(LanguageModelError, match="Cannot load"):
        LocalLanguageModel(tmp_path).complete("a", 1)


def test_a_path_without_a_model_is_refused_at_once(tmp_path):
    with pytest.raises(ValueError, match="No language model at"):
        LocalLanguageModel(tmp_path)
    with pytest.raises(ValueError, match="No language model at"):
        LocalLanguageModel("someone/some-model")


@pytest.mark.slow
def test_a_gguf_file_is_read(folder):
    pytest.importorskip("gguf", reason="pip install gguf")
    from sklearn_chatsr.llm import find_smollm2

    try:
        path = find_smollm2()
    except LanguageModelError as error:
        pytest.skip(str(error))
    model = LocalLanguageModel(path, max_tokens=3, temperature=0.0)

    assert model.complete("1, 2, 3, 4, 5, 6,", 1)[0].text.startswith(" 7")
