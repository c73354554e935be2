"""Language models that write programs: over HTTP, local, recorded, or a grammar."""

from sklearn_chatsr.llm.protocol import Completion, LanguageModel, LanguageModelError

__all__ = ["Completion", "LanguageModel", "LanguageModelError"]
