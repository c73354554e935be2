"""No language model at all: programs drawn from a grammar, and that grammar as GBNF.

What a search finds with these draws is what it finds by itself; a language model is
worth what it adds to them.
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence

import numpy as np

from sklearn_chatsr.llm.protocol import Completion

# Odds of each kind of factor. Plain variables and powers are what most laws are made
# of; saturation, decay and bumps are the common one-variable responses.
_FACTORS = {
    "variable": 0.34,
    "power": 0.16,
    "free power": 0.06,
    "inverse": 0.05,
    "wave": 0.10,
    "exponential": 0.08,
    "logarithm": 0.05,
    "root": 0.04,
    "saturation": 0.05,
    "sigmoid": 0.04,
    "bump": 0.03,
}
_N_TERMS = (0.30, 0.32, 0.22, 0.11, 0.05)
_N_FACTORS = (0.55, 0.32, 0.13)
_OFFSET = 0.35


class GrammarLanguageModel:
    """Draws short program bodies; the prompt is not read.

    A body returns a sum of up to five terms, each a parameter times a product of up to
    three factors: variables and their powers, sines, exponentials, logarithms, roots,
    saturation, with parameters where such functions usually have them.

    Parameters
    ----------
    variables : sequence of str
        Names of the variables.
    n_parameters : int
        Number of parameters that a body may use, at least 1.
    parameters : str
        Name of the vector of parameters.

    Raises
    ------
    ValueError
        If there is no variable, a name is none, or there is no parameter.

    Examples
    --------
    >>> from sklearn_chatsr.llm import GrammarLanguageModel
    >>> model = GrammarLanguageModel(["x", "v"], n_parameters=10)
    >>> print(model.complete("", 1, seed=3)[0].text)
        return ...
    """

    name = "grammar"
    repeatable = True

    def __init__(
        self, variables: Sequence[str], n_parameters: int, parameters: str = "params"
    ) -> None:
        _check_names([*variables, parameters])
        if n_parameters < 1:
            raise ValueError(f"`n_parameters` == {n_parameters}, must be >= 1.")
        if not variables:
            raise ValueError("`variables` is empty; name at least one.")
        self.variables = tuple(variables)
        self.n_parameters = n_parameters
        self.parameters = parameters

    def complete(
        self, prompt: str, n: int, *, seed: int | None = None
    ) -> list[Completion]:
        """Draw bodies; see `LanguageModel.complete`."""
        rng = np.random.default_rng(seed)
        return [Completion(_Draw(self, rng).body(), 0) for _ in range(n)]


class _Draw:
    """One body, and how many of the parameters it has used."""

    def __init__(self, model: GrammarLanguageModel, rng: np.random.Generator) -> None:
        self.model = model
        self.rng = rng
        self.used = 0

    def body(self) -> str:
        terms: list[str] = []
        for _ in range(self.pick(_N_TERMS) + 1):
            # The last parameter is kept for the factor of a term.
            if terms and self.left < 1:
                break
            terms.append(self.term())
        if self.left and self.rng.random() < _OFFSET:
            terms.append(self.parameter())
        return f"    return {' + '.join(terms)}\n"

    @property
    def left(self) -> int:
        return self.model.n_parameters - self.used

    def pick(self, odds: Sequence[float]) -> int:
        return int(self.rng.choice(len(odds), p=np.array(odds) / sum(odds)))

    def parameter(self) -> str:
        self.used += 1
        return f"{self.model.parameters}[{self.used - 1}]"

    def variable(self) -> str:
        return str(self.rng.choice(self.model.variables))

    def term(self) -> str:
        coefficient = self.parameter()
        factors = [self.factor() for _ in range(self.pick(_N_FACTORS) + 1)]
        return " * ".join([coefficient, *factors])

    def argument(self) -> str:
        """Draw what stands inside of a function."""
        variable = self.variable()
        if self.rng.random() < 0.2 and len(self.model.variables) > 1:
            variable = f"{variable} * {self.variable()}"
        if self.left and self.rng.random() < 0.75:
            variable = f"{self.parameter()} * {variable}"
            if self.left and self.rng.random() < 0.3:
                return f"{variable} + {self.parameter()}"
        return variable

    def factor(self) -> str:
        kind = list(_FACTORS)[self.pick(list(_FACTORS.values()))]
        v = self.variable()
        if kind == "power":
            return f"{v}**{self.rng.choice([2, 2, 2, 3, 3, 4])}"
        if kind == "inverse":
            return f"(1 / {v})"
        if kind == "wave":
            return f"np.{self.rng.choice(['sin', 'cos'])}({self.argument()})"
        if kind == "logarithm":
            return f"np.log(np.abs({v}))"
        if kind == "root":
            return f"np.sqrt(np.abs({v}))"
        if kind == "exponential":
            sign = self.rng.choice(["-", "-", ""])
            return f"np.exp({sign}{self.argument()})"
        if kind == "sigmoid":
            return f"np.tanh({self.argument()})"
        if kind == "free power" and self.left:
            return f"np.abs({v})**{self.parameter()}"
        if kind == "saturation" and self.left:
            top = v if self.rng.random() < 0.6 else "1"
            return f"({top} / ({self.parameter()} + {v}))"
        if kind == "bump" and self.left > 1:
            return f"np.exp(-{self.parameter()} * ({v} - {self.parameter()})**2)"
        return v


def program_grammar(
    variables: Sequence[str],
    n_parameters: int,
    *,
    parameters: str = "params",
    indent: str = "    return ",
) -> str:
    r"""Write the GBNF grammar of a program body for llama.cpp servers.

    Parameters
    ----------
    variables : sequence of str
        Names of the variables.
    n_parameters : int
        Number of parameters, at least 1.
    parameters : str
        Name of the vector of parameters.
    indent : str
        How the body begins; empty where the prompt ends with it.

    Returns
    -------
    str
        A grammar without recursion, so that every text comes to its end. Pass it as
        ``extra_body={"grammar": ...}`` to `HTTPLanguageModel`.

    Examples
    --------
    >>> from sklearn_chatsr.llm import program_grammar
    >>> print(program_grammar(["x", "v"], 2).splitlines()[0])
    root ::= "    return " sum "\n"
    """
    _check_names([*variables, parameters])
    if n_parameters < 1:
        raise ValueError(f"`n_parameters` == {n_parameters}, must be >= 1.")
    names = " | ".join(f'"{name}"' for name in variables)
    indices = " | ".join(f'"{k}"' for k in range(n_parameters))
    start = f'"{indent}" ' if indent else ""
    rules = [
        f'root ::= {start}sum "\\n"',
        'sum ::= "-"? term (sign term){0,5}',
        "term ::= factor (times factor){0,3}",
        'factor ::= leaf power? | call power? | "(" inner ")" power?',
        'call ::= "np." function "(" inner ")"',
        'inner ::= "-"? part (sign part){0,2}',
        "part ::= leaf power? (times leaf power?){0,2}",
        f'leaf ::= {names} | "{parameters}[" index "]" | number',
        f"index ::= {indices}",
        'function ::= "sin" | "cos" | "exp" | "log" | "sqrt" | "abs" | "tanh"',
        'sign ::= " + " | " - "',
        'times ::= " * " | " / "',
        'power ::= "**" ("2" | "3" | "4" | "0.5")',
        'number ::= [1-9] ("." [0-9])? | "0." [1-9]',
    ]
    return "\n".join(rules) + "\n"


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(
                f"{name!r} is not a name that a program can use; take letters, digits "
                "and underscores, not beginning with a digit."
            )
    if len(set(names)) < len(names):
        raise ValueError(f"Names must be distinct, got {list(names)}.")
