"""What the user talks to: regressors with the scikit-learn interface."""

from sklearn_chatsr.estimators.chatsr import ChatSRRegressor
from sklearn_chatsr.estimators.llmsr import LLMSRRegressor

__all__ = ["ChatSRRegressor", "LLMSRRegressor"]
