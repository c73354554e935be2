"""The ChatSR model: points and text in, candidate formulas out."""

from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForCausalLM,
    AutoProcessor,
)

from sklearn_chatsr.models.chatsr.configuration_chatsr import (
    ChatSRConfig,
    PointEncoderConfig,
)
from sklearn_chatsr.models.chatsr.generation import (
    ExpressionGrammar,
    generate_candidates,
)
from sklearn_chatsr.models.chatsr.modeling_chatsr import (
    ChatSRForExpressionGeneration,
    ChatSRModel,
    ChatSRPreTrainedModel,
    PointEncoder,
)
from sklearn_chatsr.models.chatsr.processing_chatsr import (
    ChatSRFeatureExtractor,
    ChatSRProcessor,
)

AutoConfig.register("chatsr", ChatSRConfig)
AutoModel.register(ChatSRConfig, ChatSRModel)
AutoModelForCausalLM.register(ChatSRConfig, ChatSRForExpressionGeneration)
AutoFeatureExtractor.register(ChatSRConfig, ChatSRFeatureExtractor)
AutoProcessor.register(ChatSRConfig, ChatSRProcessor)

__all__ = [
    "ChatSRConfig",
    "ChatSRFeatureExtractor",
    "ChatSRForExpressionGeneration",
    "ChatSRModel",
    "ChatSRPreTrainedModel",
    "ChatSRProcessor",
    "ExpressionGrammar",
    "PointEncoder",
    "PointEncoderConfig",
    "generate_candidates",
]
