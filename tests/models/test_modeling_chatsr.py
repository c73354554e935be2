import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from sklearn_chatsr.models.chatsr import (
    ChatSRConfig,
    ChatSRForExpressionGeneration,
    ChatSRModel,
)


def features_of(model, processor, X, y, **kwargs):
    batch = processor([X], [y], **kwargs)
    with torch.no_grad():
        return model.model.get_point_features(
            batch["points"],
            batch["point_mask"],
            batch["column_mask"],
            batch["statistics"],
        )


def logits_of(model, batch):
    with torch.no_grad():
        return model(**batch).logits


def test_config_round_trips_with_its_parts():
    config = ChatSRConfig(
        point_config={"hidden_size": 32},
        text_config={"model_type": "llama", "hidden_size": 64},
    )
    again = ChatSRConfig.from_dict(config.to_dict())
    assert again.point_config.hidden_size == 32
    assert again.text_config.model_type == "llama"
    assert again.text_config.hidden_size == 64
    assert again.tie_word_embeddings is False


def test_save_and_load_through_the_auto_classes_gives_the_same_logits(
    tiny, table, tmp_path
):
    model, processor = tiny
    batch = processor([table[0]], [table[1]])
    model.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), ChatSRConfig)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert isinstance(loaded, ChatSRForExpressionGeneration)
    torch.testing.assert_close(logits_of(loaded, batch), logits_of(model, batch))
    assert isinstance(AutoModel.from_pretrained(tmp_path), ChatSRModel)


def test_only_safetensors_are_written(tiny, tmp_path):
    tiny[0].save_pretrained(tmp_path)
    suffixes = {path.suffix for path in tmp_path.iterdir()}
    assert suffixes == {".json", ".safetensors"}


def test_features_do_not_depend_on_the_order_of_the_points(tiny, table):
    X, y = table
    order = np.random.default_rng(1).permutation(len(y))
    given, _ = features_of(*tiny, X, y)
    shuffled, _ = features_of(*tiny, X[order], y[order])
    # Sums over points are taken in another order: float32 rounding.
    torch.testing.assert_close(given, shuffled, atol=1e-4, rtol=1e-4)


def test_padding_points_do_not_change_features(tiny, table):
    model, processor = tiny
    X, y = table
    alone, _ = features_of(model, processor, X[:12], y[:12])
    batch = processor([X[:12], X], [y[:12], y])
    with torch.no_grad():
        padded, _ = model.model.get_point_features(
            batch["points"],
            batch["point_mask"],
            batch["column_mask"],
            batch["statistics"],
        )
    torch.testing.assert_close(alone[0], padded[0], atol=1e-4, rtol=1e-4)


def test_a_narrow_table_is_read_the_same_beside_a_wide_one(tiny, table):
    model, processor = tiny
    X, y = table
    wide = np.random.default_rng(2).normal(size=(40, 5))
    alone = processor([X], [y])
    together = processor([X, wide], [y, wide.sum(axis=1)])
    n = alone["input_ids"].shape[1]
    torch.testing.assert_close(
        logits_of(model, alone)[0, -1],
        logits_of(model, together)[0, -1],
        atol=1e-4,
        rtol=1e-4,
    )
    assert (together["attention_mask"][0] == 0).sum() == (
        together["input_ids"].shape[1] - n
    )


def test_what_the_points_say_is_added_to_every_statistics_token(tiny, table):
    model, processor = tiny
    batch = processor([table[0]], [table[1]])
    turned = batch["points"].clone()
    turned[..., 0] = turned[..., 0].flip(1)
    names = "point_mask", "column_mask", "statistics"
    n_columns = table[0].shape[1]
    with torch.no_grad():
        given, mask = model.model.get_point_features(
            batch["points"], *(batch[n] for n in names)
        )
        other, _ = model.model.get_point_features(turned, *(batch[n] for n in names))
    changed = (given != other).any(dim=2)[0, -1 - n_columns :]
    assert changed[mask[0, -1 - n_columns :]].all()


def test_scaling_a_column_by_a_power_of_two_leaves_the_points_alone(tiny, table):
    _, processor = tiny
    X, y = table
    given = processor([X], [y])["points"]
    scaled = processor([X * 1024.0], [y / 8.0])["points"]
    assert torch.equal(given, scaled)
    assert given.abs().max() < 1.0


def test_hidden_points_leave_nothing_of_the_data(tiny, table):
    model, processor = tiny
    X, y = table
    hidden = processor([X], [y], hide_points=True)
    other = processor([np.exp(X)], [np.cos(y)], hide_points=True)
    assert torch.equal(logits_of(model, hidden), logits_of(model, other))
    assert torch.isfinite(logits_of(model, hidden)).all()
    assert not torch.equal(
        logits_of(model, hidden), logits_of(model, processor([X], [y]))
    )


def test_wrong_number_of_placeholders_is_an_error(tiny, table):
    model, processor = tiny
    batch = processor([table[0]], [table[1]])
    batch["input_ids"][0, -1] = model.config.point_token_id
    with pytest.raises(ValueError, match="point tokens, its data gave"):
        model(**batch)


def test_points_without_their_masks_are_an_error(tiny, table):
    model, processor = tiny
    batch = processor([table[0]], [table[1]])
    del batch["statistics"]
    with pytest.raises(ValueError, match="point_mask, column_mask and statistics"):
        model(**batch)


def test_the_prompt_changes_the_scores(tiny, table):
    model, processor = tiny
    X, y = table
    plain = logits_of(model, processor([X], [y]))[0, -1]
    prompted = logits_of(model, processor([X], [y], prompt="periodic in t"))[0, -1]
    assert not torch.equal(plain, prompted)


def test_loss_falls_when_the_model_learns_one_batch(tiny, table):
    _, processor = tiny
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ChatSRForExpressionGeneration(tiny[0].config)
    X, y = table
    batch = processor([X], [y])
    target = processor.tokenizer.convert_tokens_to_ids(["<|math_x1|>", "<|end|>"])
    ids = torch.cat([batch["input_ids"], torch.tensor([target])], dim=1)
    labels = torch.full_like(ids, -100)
    labels[:, -2:] = ids[:, -2:]
    inputs = {**batch, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    losses = []
    for _ in range(30):
        loss = model(**inputs, labels=labels, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_keeping_few_logits_gives_the_same_loss(tiny, table):
    model, processor = tiny
    batch = processor([table[0]], [table[1]])
    labels = torch.full_like(batch["input_ids"], -100)
    labels[:, -1] = batch["input_ids"][:, -1]
    with torch.no_grad():
        full = model(**batch, labels=labels).loss
        short = model(**batch, labels=labels, logits_to_keep=2).loss
    torch.testing.assert_close(full, short)


def test_any_causal_language_model_can_be_used():
    config = ChatSRConfig(
        point_config={"hidden_size": 16, "intermediate_size": 16},
        text_config={
            "model_type": "gpt2",
            "n_embd": 32,
            "n_layer": 1,
            "n_head": 2,
            "vocab_size": 64,
        },
    )
    model = ChatSRForExpressionGeneration(config)
    logits = logits_of(model, {"input_ids": torch.zeros((1, 3), dtype=torch.long)})
    assert logits.shape == (1, 3, 64)
