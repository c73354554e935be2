"""Language models that write programs: over HTTP, local, recorded, or a grammar."""

from sklearn_chatsr.llm.grammar import GrammarLanguageModel, program_grammar
from sklearn_chatsr.llm.http import HTTPLanguageModel
from sklearn_chatsr.llm.local import LocalLanguageModel
from sklearn_chatsr.llm.protocol import Completion, LanguageModel, LanguageModelError
from sklearn_chatsr.llm.replay import RecordingLanguageModel, ReplayLanguageModel
from sklearn_chatsr.llm.server import LocalServer, find_smollm2

__all__ = [
    "Completion",
    "GrammarLanguageModel",
    "HTTPLanguageModel",
    "LanguageModel",
    "LanguageModelError",
    "LocalLanguageModel",
    "LocalServer",
    "RecordingLanguageModel",
    "ReplayLanguageModel",
    "find_smollm2",
    "program_grammar",
]
