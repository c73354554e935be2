"""Transformers models and how they are loaded.

Importing this package imports neither torch nor transformers; `load_model` does.
"""

from sklearn_chatsr.models.loading import cache_folder, find_checkpoint, load_model

__all__ = ["cache_folder", "find_checkpoint", "load_model"]
