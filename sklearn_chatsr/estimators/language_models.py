"""From the string that names a language model to the back-end behind it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sklearn_chatsr.llm.protocol import LanguageModel, answer_mode
from sklearn_chatsr.proposers.programs.specification import Specification

_ALLOWED = (
    "'grammar', 'replay:file.jsonl', the address of a server ('http://...'), the "
    "folder or GGUF file of a local model, or None"
)


def make_language_model(
    name: Any, params: Mapping[str, Any] | None, specification: Specification
) -> LanguageModel | None:
    """Make the back-end that a string names.

    Parameters
    ----------
    name : str, LanguageModel or None
        ``"grammar"``, ``"replay:PATH"``, an ``http`` or ``https`` address, a path, or
        None. An object with a method ``complete`` is taken as it is.
    params : mapping or None
        Arguments of the back-end. For a server also ``constrained``: True sends it a
        grammar of bodies, which servers of llama.cpp keep to.
    specification : Specification
        Tells a grammar the names of the inputs.

    Returns
    -------
    LanguageModel or None
        The back-end; None for None.

    Raises
    ------
    ValueError
        If nothing goes by this name, or the back-end does not take the arguments.
    """
    params = dict(params or {})
    if name is None:
        return None
    if hasattr(name, "complete"):
        model: LanguageModel = name
        return model
    if not isinstance(name, str):
        raise ValueError(f"`language_model` == {name!r}. Allowed: {_ALLOWED}.")
    try:
        return _make(name, params, specification)
    except TypeError as error:
        raise ValueError(
            f"`language_model_params` == {params} does not suit {name!r}: {error}."
        ) from error


def default_prefill(model: LanguageModel | None) -> str:
    """Give how bodies begin, for models that continue the prompt as it stands.

    Small models write prose or a docstring where nothing leads them on. Chat models
    and grammars write the body from its start.
    """
    return "    return " if answer_mode(model) == "completion" else ""


def _make(
    name: str, params: dict[str, Any], specification: Specification
) -> LanguageModel:
    if name == "grammar":
        from sklearn_chatsr.llm.grammar import GrammarLanguageModel

        params.setdefault("n_parameters", specification.n_parameters)
        return GrammarLanguageModel(specification.names, **params)
    if name.startswith("replay:"):
        from sklearn_chatsr.llm.replay import ReplayLanguageModel

        return ReplayLanguageModel(name.removeprefix("replay:"), **params)
    if name.startswith(("http://", "https://")):
        from sklearn_chatsr.llm.http import HTTPLanguageModel

        _stop_after_body(params)
        if params.pop("constrained", False):
            from sklearn_chatsr.llm import program_grammar

            grammar = program_grammar(specification.names, specification.n_parameters)
            body = dict(params.get("extra_body") or {})
            params["extra_body"] = body | {"grammar": grammar}
        return HTTPLanguageModel(name, **params)
    if not Path(name).exists():
        raise ValueError(
            f"`language_model` == {name!r} is no file or folder. Allowed: {_ALLOWED}."
        )
    from sklearn_chatsr.llm.local import LocalLanguageModel

    _stop_after_body(params)
    return LocalLanguageModel(name, **params)


def _stop_after_body(params: dict[str, Any]) -> None:
    """End what continues a prompt where a body is over: the rest is not needed."""
    if params.get("mode", "completion") == "completion":
        params.setdefault("stop", ("\n\n", "\ndef "))
