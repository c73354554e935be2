"""Configuration of the ChatSR model."""

from __future__ import annotations

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec


@strict
class PointEncoderConfig(PreTrainedConfig):
    """Configuration of the Set Transformer that reads the support points.

    Parameters
    ----------
    max_variables : int, default=10
        Columns of X that fit in; the encoder sees ``max_variables + 1`` columns.
    statistics_size : int, default=371
        Features of one statistics token (see `statistics_chatsr`).
    hidden_size : int, default=128
        Width.
    intermediate_size : int, default=256
        Width inside the feed-forward blocks.
    num_attention_heads : int, default=4
        Attention heads.
    num_point_layers : int, default=3
        Feed-forward blocks for every point alone.
    num_hidden_layers : int, default=0
        Induced set attention blocks (ISAB).
    num_inducing_points : int, default=16
        Inducing points of each ISAB.
    num_feature_tokens : int, default=8
        Seeds of the pooling by multihead attention (PMA): features given to the
        language model for the points.
    initializer_range : float, default=0.05
        Standard deviation of the initial weights.
    """

    model_type = "chatsr_point_encoder"
    base_config_key = "point_config"

    max_variables: int = 10
    statistics_size: int = 371
    hidden_size: int = 128
    intermediate_size: int = 256
    num_attention_heads: int = 4
    num_point_layers: int = 3
    num_hidden_layers: int = 0
    num_inducing_points: int = 16
    num_feature_tokens: int = 8
    initializer_range: float = 0.05


@strict
class ChatSRConfig(PreTrainedConfig):
    """Configuration of `ChatSRForExpressionGeneration`.

    Parameters
    ----------
    point_config : dict or PointEncoderConfig, optional
        The point encoder.
    text_config : dict or PreTrainedConfig, optional
        The causal language model, any one of transformers; a dict needs
        ``"model_type"``. The default is a small Qwen2 decoder.
    point_token_id : int, default=4
        Placeholder token that point features replace.
    projector_hidden_act : str, default="gelu"
        Activation between the two layers of the projector.
    max_expression_length : int, default=32
        Tokens that a generated expression may have.
    tie_word_embeddings : bool, default=False
        Whether input and output embeddings are one matrix.

    Examples
    --------
    >>> from sklearn_chatsr.models.chatsr import ChatSRConfig
    >>> config = ChatSRConfig(text_config={"model_type": "llama", "hidden_size": 64})
    >>> config.text_config.model_type
    'llama'
    """

    model_type = "chatsr"
    sub_configs_defaults = {  # noqa: RUF012 - the form transformers reads
        "point_config": SubConfigSpec(config_class=PointEncoderConfig),
        "text_config": SubConfigSpec(
            config_class=AutoConfig,
            model_type="qwen2",
            init_kwargs={
                "vocab_size": 512,
                "hidden_size": 192,
                "intermediate_size": 512,
                "num_hidden_layers": 4,
                "num_attention_heads": 3,
                "num_key_value_heads": 3,
                "max_position_embeddings": 512,
                "initializer_range": 0.05,
                "tie_word_embeddings": False,
            },
        ),
    }

    point_config: dict[str, Any] | PreTrainedConfig | None = None
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    point_token_id: int = 4
    projector_hidden_act: str = "gelu"
    max_expression_length: int = 32
    tie_word_embeddings: bool = False
    initializer_range: float = 0.05
