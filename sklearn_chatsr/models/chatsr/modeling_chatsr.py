"""The ChatSR model: a point encoder, a projector and a causal language model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache
from transformers.generation.utils import GenerationMixin
from transformers.utils.generic import ModelOutput

from sklearn_chatsr.models.chatsr.configuration_chatsr import (
    ChatSRConfig,
    PointEncoderConfig,
)

# Of numbers whose largest is about 1: what is smaller counts as zero, and a column that
# varies less as constant. And where outliers are cut, in standard deviations.
_LEAST_MAGNITUDE, _LEAST_SPREAD, _MOST_SPREADS = 2.0**-20, 1e-6, 6.0


@dataclass
class ChatSRModelOutput(ModelOutput):
    """What `ChatSRModel` returns.

    Attributes
    ----------
    last_hidden_state : tensor of shape (batch, length, hidden_size)
        Hidden states of the language model.
    past_key_values : Cache or None
        Keys and values, when asked for.
    """

    last_hidden_state: torch.Tensor | None = None
    past_key_values: Cache | None = None


@dataclass
class ChatSRCausalLMOutput(ModelOutput):
    """What `ChatSRForExpressionGeneration` returns.

    Attributes
    ----------
    loss : tensor of shape ()
        Mean cross-entropy in nats over the labels, when labels were given.
    logits : tensor of shape (batch, length, vocab_size)
        Scores of the next token.
    past_key_values : Cache or None
        Keys and values, when asked for.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    past_key_values: Cache | None = None


class NumberEmbedding(nn.Module):
    """Project real-valued views of one point's numbers to the width of the encoder.

    A column enters as its value beside the largest one, standardised, as standardised
    logarithm of its magnitude, and as its sign; columns that do not exist give 0. Bits
    of the numbers instead told small encoders next to nothing about the law.
    """

    N_VIEWS = 4

    def __init__(self, config: PointEncoderConfig) -> None:
        super().__init__()
        n_features = (config.max_variables + 1) * self.N_VIEWS
        self.projection = nn.Linear(n_features, config.hidden_size)

    def forward(
        self, points: torch.Tensor, point_mask: torch.Tensor, column_mask: torch.Tensor
    ) -> torch.Tensor:
        """Embed points of shape (batch, n_points, n_columns), dtype float32."""
        weight, bias = self.projection.weight, self.projection.bias
        # Most tables have few columns: leave out what no table of the batch has.
        present = column_mask.any(dim=0).nonzero().squeeze(1)
        weight = weight.unflatten(1, (-1, self.N_VIEWS))[:, present]
        shown = point_mask[:, :, None]
        values = points[..., present].float()
        logs = values.abs().clamp(min=_LEAST_MAGNITUDE).log2()
        views = torch.stack(
            [
                2.0 * values,
                _standardised(values, shown),
                _standardised(logs, shown),
                values.sign(),
            ],
            dim=-1,
        )
        # (batch, n_points, n_columns, n_views), 0 for what is not there
        views = views * (shown & column_mask[:, None, present])[..., None]
        return F.linear(views.flatten(2).to(weight.dtype), weight.flatten(1), bias)


def _standardised(values: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Standardise (batch, n_points, n_columns) over the points that are shown."""
    weight = shown / shown.sum(dim=1, keepdim=True).clamp(min=1)
    centred = values - (values * weight).sum(dim=1, keepdim=True)
    variance = (centred.square() * weight).sum(dim=1, keepdim=True)
    spread = variance.sqrt().clamp(min=_LEAST_SPREAD)
    return (centred / spread).clamp(-_MOST_SPREADS, _MOST_SPREADS)


class PointFeedForward(nn.Module):
    """Residual feed-forward block, for every point alone, pre-norm."""

    def __init__(self, config: PointEncoderConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size)
        self.layers = _feed_forward(config)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Transform points (batch, n_points, size)."""
        return points + self.layers(self.norm(points))


def _feed_forward(config: PointEncoderConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(config.hidden_size, config.intermediate_size),
        nn.GELU(approximate="tanh"),
        nn.Linear(config.intermediate_size, config.hidden_size),
    )


class SetAttention(nn.Module):
    """Multihead attention block (MAB) of the Set Transformer, pre-norm.

    Plain matmul, softmax, matmul: the backward pass of the fused kernel is slow in
    bfloat16 on a CPU.
    """

    def __init__(self, config: PointEncoderConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.n_heads = config.num_attention_heads
        self.query_norm = nn.LayerNorm(size)
        self.key_norm = nn.LayerNorm(size)
        self.query = nn.Linear(size, size)
        self.key_value = nn.Linear(size, 2 * size)
        self.output = nn.Linear(size, size)
        self.feed_forward_norm = nn.LayerNorm(size)
        self.feed_forward = _feed_forward(config)

    def forward(
        self, queries: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Let queries (batch, n, size) read keys (batch, m, size), mask (batch, m)."""
        batch, n, size = queries.shape
        heads = (self.n_heads, size // self.n_heads)
        normed = self.key_norm(keys)
        # (batch, n_heads, length, head_size)
        q = self.query(self.query_norm(queries)).unflatten(-1, heads).transpose(1, 2)
        k, v = self.key_value(normed).chunk(2, dim=-1)
        k = k.unflatten(-1, heads).transpose(1, 2)
        v = v.unflatten(-1, heads).transpose(1, 2)
        scores = (q @ k.transpose(-1, -2)) * heads[1] ** -0.5
        if mask is not None:
            # A finite floor: a set without any point must not turn into NaN.
            scores = scores.masked_fill(~mask[:, None, None, :], -1e4)
        read = scores.softmax(dim=-1).to(v.dtype) @ v
        hidden = queries + self.output(read.transpose(1, 2).reshape(batch, n, size))
        return hidden + self.feed_forward(self.feed_forward_norm(hidden))


class InducedSetAttention(nn.Module):
    """Induced set attention block (ISAB): cost linear in the number of points."""

    def __init__(self, config: PointEncoderConfig) -> None:
        super().__init__()
        self.inducing_points = nn.Parameter(
            torch.empty(config.num_inducing_points, config.hidden_size)
        )
        self.gather = SetAttention(config)
        self.spread = SetAttention(config)

    def forward(self, points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Transform points (batch, n_points, size) through the inducing points."""
        inducing = self.inducing_points.expand(len(points), -1, -1)
        return self.spread(points, self.gather(inducing, points, mask), None)


class PoolingByAttention(nn.Module):
    """Pooling by multihead attention (PMA) with one seed per feature token."""

    def __init__(self, config: PointEncoderConfig) -> None:
        super().__init__()
        self.seeds = nn.Parameter(
            torch.empty(config.num_feature_tokens, config.hidden_size)
        )
        self.attention = SetAttention(config)

    def forward(self, points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Pool points (batch, n_points, size) to (batch, n_feature_tokens, size)."""
        return self.attention(self.seeds.expand(len(points), -1, -1), points, mask)


class ChatSRPreTrainedModel(PreTrainedModel):
    """Weights, loading and saving for every ChatSR module."""

    config_class: Any = ChatSRConfig
    base_model_prefix = "model"
    input_modalities = ["points", "text"]  # noqa: RUF012
    main_input_name = "input_ids"
    supports_gradient_checkpointing = False
    _supports_sdpa = True
    _supports_attention_backend = True
    _no_split_modules = [  # noqa: RUF012
        "PointFeedForward",
        "InducedSetAttention",
        "PoolingByAttention",
    ]
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        std = self.config.initializer_range
        if isinstance(module, InducedSetAttention):
            init.normal_(module.inducing_points, mean=0.0, std=1.0)
        elif isinstance(module, PoolingByAttention):
            init.normal_(module.seeds, mean=0.0, std=1.0)
        elif isinstance(module, PointEncoder):
            init.normal_(module.no_points, mean=0.0, std=std)


class PointEncoder(ChatSRPreTrainedModel):
    """Set Transformer over the support points.

    References
    ----------
    J. Lee, Y. Lee, J. Kim, A. R. Kosiorek, S. Choi, Y. W. Teh, "Set Transformer: A
    Framework for Attention-based Permutation-Invariant Neural Networks", ICML, 2019.
    """

    config_class: Any = PointEncoderConfig

    def __init__(self, config: PointEncoderConfig) -> None:
        super().__init__(config)
        self.embedding = NumberEmbedding(config)
        self.point_layers = nn.ModuleList(
            PointFeedForward(config) for _ in range(config.num_point_layers)
        )
        self.layers = nn.ModuleList(
            InducedSetAttention(config) for _ in range(config.num_hidden_layers)
        )
        self.pooling = PoolingByAttention(config)
        self.no_points = nn.Parameter(
            torch.empty(config.num_feature_tokens, config.hidden_size)
        )
        self.norm = nn.LayerNorm(config.hidden_size)
        self.post_init()

    def forward(
        self,
        points: torch.Tensor,
        point_mask: torch.Tensor,
        column_mask: torch.Tensor,
    ) -> torch.Tensor:
        """Encode the points.

        Parameters
        ----------
        points : float tensor of shape (batch, n_points, max_variables + 1)
            Scaled X, filled up with zero columns, and y in the last column.
        point_mask : bool tensor of shape (batch, n_points)
            False for padding. A row without any point is "data hidden".
        column_mask : bool tensor of shape (batch, max_variables + 1)
            False for columns that do not exist.

        Returns
        -------
        features : tensor of shape (batch, num_feature_tokens, hidden_size)
        """
        hidden = self.embedding(points, point_mask, column_mask)
        for point_layer in self.point_layers:
            hidden = point_layer(hidden)
        for layer in self.layers:
            hidden = layer(hidden, point_mask)
        pooled = self.pooling(hidden, point_mask)
        has_points = point_mask.any(dim=1)[:, None, None]
        return self.norm(torch.where(has_points, pooled, self.no_points.to(pooled)))


class Projector(nn.Module):
    """Two layers from features of one kind to embeddings of the language model."""

    def __init__(self, in_size: int, out_size: int, activation: str) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(in_size, out_size)
        self.act = ACT2FN[activation]
        self.linear_2 = nn.Linear(out_size, out_size)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Project features of shape (..., in_size)."""
        return self.linear_2(self.act(self.linear_1(features)))


class ChatSRModel(ChatSRPreTrainedModel):
    """Point encoder, projectors and language model, without a head.

    Placeholder tokens in `input_ids` are replaced, in order, by the features of the
    points and by the tokens of the fit statistics, so text and points share one
    sequence.
    """

    def __init__(self, config: ChatSRConfig) -> None:
        super().__init__(config)
        points: Any = config.point_config
        text: Any = config.text_config
        self.point_encoder = PointEncoder(points)
        self.point_projector = Projector(
            points.hidden_size, text.hidden_size, config.projector_hidden_act
        )
        self.statistics_projector = Projector(
            points.statistics_size, text.hidden_size, config.projector_hidden_act
        )
        self.point_position = nn.Embedding(points.num_feature_tokens, text.hidden_size)
        # What the points say is added to what the statistics say.
        self.point_summary = nn.Linear(
            points.num_feature_tokens * points.hidden_size, text.hidden_size
        )
        # Row 0 for the whole table, row i for column i.
        self.statistics_position = nn.Embedding(
            points.max_variables + 1, text.hidden_size
        )
        self.language_model = AutoModel.from_config(text)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Give the token embeddings of the language model."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the token embeddings of the language model."""
        self.language_model.set_input_embeddings(value)

    def get_point_features(
        self,
        points: torch.Tensor,
        point_mask: torch.Tensor,
        column_mask: torch.Tensor,
        statistics: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode points and statistics as embeddings of the language model.

        Parameters
        ----------
        points : float tensor of shape (batch, n_points, max_variables + 1)
        point_mask : bool tensor of shape (batch, n_points)
        column_mask : bool tensor of shape (batch, max_variables + 1)
        statistics : float tensor of shape (batch, n_tokens, statistics_size)
            First the table, then one token per column, at most ``max_variables``.

        Returns
        -------
        features : tensor of shape (batch, num_feature_tokens + n_tokens, hidden_size)
        feature_mask : bool tensor of shape (batch, num_feature_tokens + n_tokens)
            False for the tokens of columns that do not exist.
        """
        point_mask, column_mask = point_mask.bool(), column_mask.bool()
        read = self.point_encoder(points, point_mask, column_mask)
        encoded = self.point_projector(read) + self.point_position.weight
        n_tokens = statistics.shape[1]
        position = self.statistics_position.weight[:n_tokens]
        weight = self.statistics_projector.linear_1.weight
        facts = self.statistics_projector(statistics.to(weight.dtype)) + position
        facts = facts + self.point_summary(read.flatten(1)).unsqueeze(1)
        features = torch.cat([encoded, facts.to(encoded.dtype)], dim=1)
        always = column_mask.new_ones(len(points), encoded.shape[1] + 1)
        feature_mask = torch.cat([always, column_mask[:, : n_tokens - 1]], dim=1)
        return features, feature_mask

    def embed(
        self,
        input_ids: torch.Tensor,
        points: torch.Tensor,
        point_mask: torch.Tensor,
        column_mask: torch.Tensor,
        statistics: torch.Tensor,
    ) -> torch.Tensor:
        """Embed a sequence and put the point features at their placeholders.

        Raises
        ------
        ValueError
            If the number of placeholders is not the number of features.
        """
        embeds = self.get_input_embeddings()(input_ids)
        features, mask = self.get_point_features(
            points, point_mask, column_mask, statistics
        )
        placeholders = input_ids == self.config.point_token_id
        n_places, n_features = placeholders.sum(dim=1), mask.sum(dim=1)
        wrong = (n_places != n_features).nonzero().flatten().tolist()
        if wrong:
            i = wrong[0]
            raise ValueError(
                f"Sequence {i} holds {int(n_places[i])} point tokens, its data gave "
                f"{int(n_features[i])} features. Build both with the same "
                "ChatSRProcessor."
            )
        flat = features[mask].to(embeds.dtype)
        return embeds.masked_scatter(placeholders.unsqueeze(-1), flat)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        points: torch.Tensor | None = None,
        point_mask: torch.Tensor | None = None,
        column_mask: torch.Tensor | None = None,
        statistics: torch.Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> ChatSRModelOutput:
        """Run the language model over text and points.

        Parameters
        ----------
        input_ids : int tensor of shape (batch, length), optional
            Tokens with placeholders. Either these or `inputs_embeds`.
        attention_mask : tensor of shape (batch, length), optional
            0 for padding.
        position_ids, past_key_values, inputs_embeds, use_cache
            As in every causal language model of transformers.
        points, point_mask, column_mask, statistics
            The data as `ChatSRProcessor` gives it; see `get_point_features`.

        Returns
        -------
        ChatSRModelOutput
        """
        if inputs_embeds is not None and input_ids is None:
            embeds = inputs_embeds
        elif input_ids is None or inputs_embeds is not None:
            raise ValueError("Pass exactly one of input_ids and inputs_embeds.")
        elif points is None:
            embeds = self.get_input_embeddings()(input_ids)
        elif point_mask is None or column_mask is None or statistics is None:
            raise ValueError(
                "points need point_mask, column_mask and statistics beside them; "
                "ChatSRProcessor gives all four."
            )
        else:
            embeds = self.embed(input_ids, points, point_mask, column_mask, statistics)
        outputs = self.language_model(
            inputs_embeds=embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            **kwargs,
        )
        return ChatSRModelOutput(
            last_hidden_state=outputs.last_hidden_state,
            past_key_values=outputs.past_key_values,
        )


class ChatSRForExpressionGeneration(ChatSRPreTrainedModel, GenerationMixin):
    """The ChatSR model with a head that writes expressions in preorder.

    Examples
    --------
    >>> from sklearn_chatsr.models.chatsr import (
    ...     ChatSRConfig,
    ...     ChatSRForExpressionGeneration,
    ... )
    >>> model = ChatSRForExpressionGeneration(ChatSRConfig())
    >>> model.lm_head.out_features
    512
    """

    _tied_weights_keys = {  # noqa: RUF012
        "lm_head.weight": "model.language_model.embed_tokens.weight"
    }

    def __init__(self, config: ChatSRConfig) -> None:
        super().__init__(config)
        self.model = ChatSRModel(config)
        text: Any = config.text_config
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Give the head."""
        return self.lm_head

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace the head."""
        self.lm_head = value

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        points: torch.Tensor | None = None,
        point_mask: torch.Tensor | None = None,
        column_mask: torch.Tensor | None = None,
        statistics: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **kwargs: Any,
    ) -> ChatSRCausalLMOutput:
        """Score the next tokens, and the loss when labels are given.

        Parameters
        ----------
        labels : int tensor of shape (batch, length), optional
            `input_ids` where the loss counts, -100 elsewhere. They are shifted here.
        logits_to_keep : int, default=0
            Score only the last so many positions; 0 scores all.
        input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, \
points, point_mask, column_mask, statistics, use_cache
            As in `ChatSRModel.forward`.

        Returns
        -------
        ChatSRCausalLMOutput
        """
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            points=points,
            point_mask=point_mask,
            column_mask=column_mask,
            statistics=statistics,
            use_cache=use_cache,
            **kwargs,
        )
        hidden = outputs.last_hidden_state
        if isinstance(logits_to_keep, int):
            hidden = hidden[:, -logits_to_keep:] if logits_to_keep else hidden
        else:
            hidden = hidden[:, logits_to_keep]
        logits = self.lm_head(hidden)
        loss = None
        if labels is not None:
            labels = labels[:, -logits.shape[1] :]
            loss = F.cross_entropy(
                logits[:, :-1].flatten(0, 1).float(),
                labels[:, 1:].flatten(),
                ignore_index=-100,
            )
        return ChatSRCausalLMOutput(
            loss=loss, logits=logits, past_key_values=outputs.past_key_values
        )

    def prepare_inputs_for_generation(  # type: ignore[override]
        self,
        input_ids: torch.Tensor,
        inputs_embeds: torch.Tensor | None = None,
        is_first_iteration: bool | None = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Give the inputs of one step of `generate`; the data goes in once."""
        base: Any = super()
        inputs: dict[str, Any] = base.prepare_inputs_for_generation(
            input_ids,
            inputs_embeds=inputs_embeds,
            is_first_iteration=is_first_iteration,
            **kwargs,
        )
        if not is_first_iteration and inputs.get("use_cache", True):
            for name in ("points", "point_mask", "column_mask", "statistics"):
                inputs.pop(name, None)
        return inputs
