"""Symbolic regression for people who use scikit-learn."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_chatsr.estimators import ChatSRRegressor, LLMSRRegressor
    from sklearn_chatsr.expressions import Expression

__version__ = "0.1.0"
__all__ = ["ChatSRRegressor", "Expression", "LLMSRRegressor", "__version__"]

# Loaded when first used: importing the package imports nothing heavy.
_HOMES = {
    "ChatSRRegressor": "sklearn_chatsr.estimators",
    "Expression": "sklearn_chatsr.expressions",
    "LLMSRRegressor": "sklearn_chatsr.estimators",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
