"""What the user talks to: regressors with the scikit-learn interface."""

from sklearn_chatsr.estimators.chatsr import ChatSRRegressor

__all__ = ["ChatSRRegressor"]
