"""`ChatSRRegressor`: a formula for a table, behind ``fit`` and ``predict``."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_chatsr.estimators.base import BaseSymbolicRegressor
from sklearn_chatsr.estimators.columns import move, on_columns, select_columns
from sklearn_chatsr.estimators.effort import (
    EFFORTS,
    PROPOSERS,
    EffortName,
    ModelSettings,
    make_proposer,
)
from sklearn_chatsr.estimators.intake import BASELINE
from sklearn_chatsr.estimators.rows import merge_rows
from sklearn_chatsr.estimators.search import (
    SearchSettings,
    run_search,
    size_of_line,
)
from sklearn_chatsr.estimators.table import Table
from sklearn_chatsr.estimators.validation import Seconds, unchanged_when_refused
from sklearn_chatsr.expressions import variable
from sklearn_chatsr.fitting import count_observations
from sklearn_chatsr.fitting.compilation import load_kernels, load_starts
from sklearn_chatsr.models.loading import check_device, find_checkpoint, load_model
from sklearn_chatsr.prompts import Constraints, Property, parse_prompt
from sklearn_chatsr.prompts.constraints import least_size
from sklearn_chatsr.proposers import BasisProposer, RefinementProposer
from sklearn_chatsr.selection import Selection
from sklearn_chatsr.selection.archive import CREDIBLE

# Rows; fewer agree with many formulas, and no search could tell which one is meant.
_SEARCHED_FROM = 5
# Nodes; of many rows one for each twenty, and of a law.
_LONGEST, _LONGEST_OF_MANY, _LONGEST_LAW, _ROWS_PER_NODE = 30, 40, 60, 20
_MANY_ROWS = 1_500
_LONGEST_SHOWN = 80  # characters of a prompt in a warning
_LEAST_SHARE = 0.5  # of the time, for the search


class ChatSRRegressor(BaseSymbolicRegressor):
    """Symbolic regression with a multimodal language model.

    A Set Transformer reads the points, a causal language model writes candidate
    formulas, their constants are fitted, and the shortest description of the data is
    kept. Searches that need no network compete with the model: simple templates, and
    combinations of small closed-form terms. Every fit gives a formula.

    Parameters
    ----------
    model : str, default="default"
        ``"default"`` for the checkpoint that ships with the package, or a folder that
        `save_pretrained` wrote. Loaded once per process, at the first fit that needs
        it.
    proposers : tuple of str
        Of ``"templates"``, ``"basis"``, ``"sums"``, ``"refinement"``, ``"model"`` and
        ``"evolution"``: where formulas come from, by default all. Without ``"model"``
        no network is loaded; ``"refinement"`` works on what the others find.
    effort : {"fast", "default", "thorough"}, default="default"
        How hard to search where nothing exact is found; an exact short law ends a
        search early.
    n_candidates : int, optional
        Formulas drawn from the model; by default 64, 256 or twice 512, by effort.
    decoding : {"sample", "beam"}, default="sample"
        How the model writes: independent draws, or a beam search.
    prompt : str, optional
        What is known about the law, in words, for the model: "the force is periodic in
        t and contains no logarithm". Column names work. Half of the candidates are
        drawn without it, so a wrong prompt cannot spoil the result.
    constraints : str, Property or list of these, optional
        What every formula must obey: "avoid log", "contain sin", "use x1", "ignore x2",
        "at most 12 nodes". Unlike a prompt, it binds every proposer.
    max_size : int, optional
        Largest formula, in nodes: none that is kept has more. By default formulas are
        tried up to one node for each twenty rows, at least 30, at most 40, from 1,500
        rows on at least as many as a line in all columns has, and 60 where nothing is
        left unexplained; a factor and an offset, and lines, may go beyond that.
    selection : {"mdl", "r2"} or int, default="mdl"
        What the answer is chosen by: shortest description of data and formula, highest
        R2, or highest R2 among the formulas of at most so many nodes.
    constant_optimizer : {"lm", "bfgs"}, default="lm"
        Variable projection with Levenberg-Marquardt, or BFGS as in the publication.
    n_starts : int, default=8
        Starting points for the constants of a formula.
    max_time : float, optional
        Seconds after which the best formula so far is the answer; by default 5, 12 or
        70, by effort. Counts, not this limit, make fits reproducible: raise it when a
        machine is slow. Compiling, and loading a model that is the only proposer, are
        not counted: they happen once per process.
    device : str, default="auto"
        Where the model runs: ``"auto"`` for a GPU when there is one, ``"cpu"``,
        ``"cuda:0"``, ...
    n_jobs : int, optional
        Threads that fit constants. The formula does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of every draw. The global random state is left alone.
    verbose : int, default=0
        1 draws a progress bar with the best formula so far.

    Attributes
    ----------
    expression_ : Expression
        The formula; variables by position.
    formula_ : str
        The formula as text, with the column names.
    equations_ : pandas.DataFrame
        The Pareto front of size and error, of formulas that pay for their length.
    candidates_ : list of Candidate
        All formulas that were kept, with their source and figures.
    pareto_front_ : list of Candidate
        Those that no shorter one equals, and that cost at most 12 bits more than all
        shorter ones; and the answer.
    constants_ : ndarray of shape (n_constants,)
        Fitted constants of the formula, in prefix order.
    standard_errors_ : ndarray of shape (n_constants,)
        Their standard errors, given the whole numbers and fractions of the formula.
    digits_ : int
        Significant digits of the constants in ``formula_``: six, and up to 17 where
        fewer would change the prediction.
    selected_features_ : ndarray of shape (n_selected,)
        Columns that the search looked at.
    interrupted_ : bool
        Whether Ctrl-C ended the search.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, when all are strings.

    References
    ----------
    Li, Y. et al. (2024). ChatSR: Multimodal large language models for scientific
    formula discovery. arXiv:2406.05410.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr import ChatSRRegressor
    >>> X = np.random.default_rng(0).uniform(1, 5, size=(60, 2))
    >>> y = 3 * X[:, 0] / X[:, 1] ** 2
    >>> regressor = ChatSRRegressor(random_state=0).fit(X, y)
    >>> regressor.formula_
    '3*x1/x2^2'
    """

    _doc_link_module = "sklearn_chatsr"

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012
        "model": [str],
        "proposers": [tuple, list],
        "effort": [StrOptions(set(EFFORTS))],
        "n_candidates": [None, Interval(Integral, 1, None, closed="left")],
        "decoding": [StrOptions({"sample", "beam"})],
        "prompt": [str, None],
        "constraints": [str, Property, list, tuple, None],
        "max_size": [None, Interval(Integral, 1, None, closed="left")],
        "selection": [
            StrOptions({"mdl", "r2"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "constant_optimizer": [StrOptions({"lm", "bfgs"})],
        "n_starts": [Interval(Integral, 1, None, closed="left")],
        "max_time": [None, Seconds()],
        "device": [str],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        model: str = "default",
        proposers: tuple[str, ...] = PROPOSERS,
        effort: EffortName = "default",
        n_candidates: int | None = None,
        decoding: Literal["sample", "beam"] = "sample",
        prompt: str | None = None,
        constraints: str | Property | Sequence[str | Property] | None = None,
        max_size: int | None = None,
        selection: Selection = "mdl",
        constant_optimizer: Literal["lm", "bfgs"] = "lm",
        n_starts: int = 8,
        max_time: float | None = None,
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.proposers = proposers
        self.effort = effort
        self.n_candidates = n_candidates
        self.decoding = decoding
        self.prompt = prompt
        self.constraints = constraints
        self.max_size = max_size
        self.selection = selection
        self.constant_optimizer = constant_optimizer
        self.n_starts = n_starts
        self.max_time = max_time
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @unchanged_when_refused
    def fit(
        self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: Any = None
    ) -> Self:
        """Find the formula.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite values. Of more than 10 columns, the 10 that a forest of trees finds
            most useful are searched, with a warning; `constraints` may ignore some and
            make sure of others.
        y : array-like of shape (n_samples,)
            Finite target values.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights; whole numbers count as repetitions of a row.

        Returns
        -------
        self
            Fitted.
        """
        started = time.monotonic()
        X, y, weight = self._validated(X, y, sample_weight)
        if not self.proposers:
            raise ValueError(
                f"`proposers` is empty: name at least one of {', '.join(PROPOSERS)}."
            )
        unknown = [name for name in self.proposers if name not in PROPOSERS]
        if unknown:
            raise ValueError(
                f"Unknown proposers {unknown}. Allowed: {', '.join(PROPOSERS)}."
            )
        check_device(self.device)
        if "model" in self.proposers:
            find_checkpoint(self.model)  # refused now, not after the other searches
        rules = self._rules(X.shape[1])
        prompt = self._told()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        X, y, weight = merge_rows(X, y, weight)
        columns = select_columns(X, y, weight, seed, rules)
        rules = None if rules is None else rules.for_columns(columns)
        longest = longest_law = self.max_size or _LONGEST_LAW
        if self.max_size is None:
            longest = max(_LONGEST, min(len(y) // _ROWS_PER_NODE, _LONGEST_OF_MANY))
            if len(y) >= _MANY_ROWS:
                longest = max(longest, size_of_line(len(columns)))
            longest_law = max(longest, longest_law)
        if rules is not None and rules.max_size is not None:
            longest = min(longest, rules.max_size)
            longest_law = min(longest_law, rules.max_size)
        effort = EFFORTS[self.effort]
        max_time = float(self.max_time or effort.max_time)
        spent = time.monotonic() - started
        rounds = effort.rounds_for(self.proposers, prompt)
        if len(y) < _SEARCHED_FROM and prompt is None:
            rounds = [next((names for names in rounds if names), [])]
        # What is loaded once per process is not counted.
        load_kernels()
        if any("basis" in names for names in rounds):
            BasisProposer.load()
        if self.constant_optimizer != "lm":
            load_starts()
        if {name for names in rounds for name in names} == {"model"}:
            load_model(self.model, self.device)
        table = Table(
            np.ascontiguousarray(X[:, columns]),
            y,
            weight,
            optimizer=self.constant_optimizer,
            seed=seed,
        )
        settings = SearchSettings(
            max_size=longest,
            exact_size=longest_law,
            n_starts=self.n_starts,
            max_time=max(max_time - spent, _LEAST_SHARE * max_time),
            n_jobs=self.n_jobs,
            selection=self.selection,
            constraints=rules,
            patience=effort.patience,
        )
        model = ModelSettings(
            self.model,
            self.device,
            self.n_candidates or effort.n_candidates,
            self.decoding,
        )
        search, archive = run_search(
            table,
            settings,
            rounds,
            lambda name: make_proposer(name, effort, model),
            RefinementProposer if "refinement" in self.proposers else None,
            labels=[self._label(j) for j in columns],
            prompt=prompt,
            verbose=self.verbose,
        )
        chosen, self.standard_errors_ = search.finish(archive)
        self.selected_features_ = columns
        self.interrupted_ = search.interrupted
        self.expression_ = on_columns(chosen.expression, columns)
        # A baseline may be chosen that the archive has dropped.
        kept = dict.fromkeys([*archive, chosen])
        self.candidates_ = [move(c, columns) for c in kept]
        front = archive.pareto_front(including=chosen, dearer=CREDIBLE)
        self.pareto_front_ = [move(c, columns) for c in front]
        self._n_observations = count_observations(len(y), search.table.weight)
        self._count_digits(X, y, search.table.weight)
        is_exact = archive.cost.at_floor(chosen.loss)
        # By default the model is one voice of many, and a cold start no surprise.
        if "model" in search.unheard and tuple(self.proposers) != PROPOSERS:
            warnings.warn(
                f"The model gave no formula within {max_time:g} s: its turn came too "
                "late, or was too short to load it or to draw. Raise `max_time`.",
                UserWarning,
                stacklevel=4,
            )
        elif search.cut_short and chosen.source == BASELINE and not is_exact:
            warnings.warn(
                f"No proposer gave a formula within {max_time:g} s: the answer "
                f"{self.formula_} is a baseline, what a constant or a line comes to. "
                "Raise `max_time`, or name quick `proposers`, such as ('templates',).",
                UserWarning,
                stacklevel=4,
            )
        return self

    def _rules(self, n_columns: int) -> Constraints | None:
        """Read the constraints; a largest size that is given is one of them.

        What the answer cannot keep is refused now, not after the search.
        """
        given = self.constraints or []
        items = [given] if isinstance(given, str | Property) else list(given)
        if self.max_size is not None:
            items.append(Property("size", (str(self.max_size),)))
        labels = [self._label(j) for j in range(n_columns)]
        rules = Constraints.read(items, labels) if items else None
        least = 1 if rules is None else least_size(rules.required)
        if isinstance(self.selection, Integral) and self.selection < least:
            raise ValueError(
                f"`selection` == {self.selection}, but what the constraints require "
                f"takes at least {least} nodes. Pass selection >= {least}, or drop a "
                "constraint."
            )
        return rules

    def _told(self) -> str | None:
        """Give the prompt, unless it is blank, and warn of what is of no use."""
        prompt = self.prompt if self.prompt and self.prompt.strip() else None
        if "model" not in self.proposers:
            for_model = {
                "prompt": prompt is not None,
                "n_candidates": self.n_candidates is not None,
                "decoding": self.decoding != "sample",
            }
            given = [f"`{name}`" for name, is_given in for_model.items() if is_given]
            if given:
                warnings.warn(
                    f"Without effect: {', '.join(given)}. Only the model heeds them, "
                    "and `proposers` leaves it out. Add 'model' there, or bind every "
                    "formula by `constraints`.",
                    UserWarning,
                    stacklevel=5,
                )
            return None
        if prompt is not None and not parse_prompt(prompt, self.labels_):
            shown = prompt
            if len(shown) > _LONGEST_SHOWN:
                shown = f"{shown[: _LONGEST_SHOWN - 3]}..."
            warnings.warn(
                f"Nothing in prompt={shown!r} was understood: it goes to the "
                "model as it is. Understood are texts such as 'periodic in "
                f"{self.labels_[0]} and contains no logarithm', or 'a decay'.",
                UserWarning,
                stacklevel=5,
            )
        return prompt

    def _label(self, column: int) -> str:
        names = getattr(self, "feature_names_in_", None)
        return variable(column) if names is None else str(names[column])
