"""Text prompts: properties of a law, their wordings, their check on a formula."""

from sklearn_chatsr.prompts.constraints import Constraints
from sklearn_chatsr.prompts.drawing import PropertyDrawer
from sklearn_chatsr.prompts.operators import FAMILIES
from sklearn_chatsr.prompts.parsing import Prompt, parse_prompt
from sklearn_chatsr.prompts.properties import Property
from sklearn_chatsr.prompts.wordings import WORDINGS
from sklearn_chatsr.prompts.writing import write_predicate, write_prompt

__all__ = [
    "FAMILIES",
    "WORDINGS",
    "Constraints",
    "Prompt",
    "Property",
    "PropertyDrawer",
    "parse_prompt",
    "write_predicate",
    "write_prompt",
]
