"""What a language model is to the program search: texts that continue a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Completion:
    """One answer of a language model.

    Attributes
    ----------
    text : str
        What follows the prompt, or the whole answer of a chat model.
    n_tokens : int or None
        Tokens that were generated for it; None where the back-end does not say.
    """

    text: str
    n_tokens: int | None = None


class LanguageModelError(RuntimeError):
    """A language model cannot be used any further; the message says what to do.

    It ends a run: a refused key, a server that stays dead after the allowed retries,
    answers that are no answers. One bad text among good ones is no such error.
    """


def answer_mode(model: Any) -> str | None:
    """Tell how a model answers: "completion", "chat", or None where it has no mode.

    Parameters
    ----------
    model : LanguageModel or None
        With a grammar it writes bodies from their start, which is no mode either.
    """
    if "grammar" in (getattr(model, "extra_body", None) or {}):
        return None
    mode: str | None = getattr(model, "mode", None)
    return mode


class LanguageModel(Protocol):
    """A source of texts.

    A prompt is one string. A back-end of the completion kind continues it, and the
    prompt may end inside a function body, so that the answer is the rest of that body.
    A back-end of the chat kind sends the same string as the one message of the user;
    its answer may hold prose, fences and the function from its first line, which
    `sklearn_chatsr.proposers.programs.translate` reads as well. How texts are drawn
    (temperature, longest answer, stop strings, grammar) is set where a back-end is
    constructed.

    Attributes
    ----------
    name : str
        How the model is called in tables and records.

    Notes
    -----
    A back-end may say ``repeatable = True``: with the same seed a run is to end with
    the same formula. The search then does nothing that depends on how long an answer
    takes. With other back-ends it goes on mutating programs until the answer is there.

    One that continues a prompt as it stands says ``mode = "completion"``: the search
    then begins the body for it.

    One that tries again after a failure may tell the latest as ``last_trouble``, a
    sentence, or None: a search whose time is over by then says why.
    """

    name: str

    def complete(
        self, prompt: str, n: int, *, seed: int | None = None
    ) -> list[Completion]:
        """Draw texts that continue a prompt.

        Parameters
        ----------
        prompt : str
            The text to continue, or the message of the user.
        n : int
            Number of texts, at least 1.
        seed : int, optional
            The same seed, prompt and `n` give the same texts where the back-end can
            promise that; None leaves the draw to it.

        Returns
        -------
        list of Completion
            At most `n`, possibly none.

        Raises
        ------
        LanguageModelError
            If the model cannot be used any further.
        """
        ...
