from __future__ import annotations

import importlib.metadata
import warnings

import matplotlib as mpl

mpl.use("Agg")
warnings.filterwarnings("ignore", message=".*non-interactive.*")

project = "sklearn_chatsr"
author = "The sklearn-chatsr developers"
copyright = "2026, the sklearn-chatsr developers"
release = version = importlib.metadata.version("sklearn-chatsr")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
templates_path = ["_templates"]
default_role = "code"

autodoc_typehints = "none"  # the numpydoc sections state types with shapes
autosummary_generate = True
numpydoc_show_class_members = False  # the templates list members
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"demo\.py",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1,
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_chatsr {version}"
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
}
