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

AutoConfig.register("chatsr", ChatSRConfig, exist_ok=True)
AutoModel.register(ChatSRConfig, ChatSRModel, exist_ok=True)
AutoModelForCausalLM.register(
    ChatSRConfig, ChatSRForExpressionGeneration, exist_ok=True
)
AutoFeatureExtractor.register(ChatSRConfig, ChatSRFeatureExtractor, exist_ok=True)
AutoProcessor.register(ChatSRConfig, ChatSRProcessor, exist_ok=True)

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
