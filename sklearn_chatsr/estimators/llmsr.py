"""`LLMSRRegressor`: formulas that a language model writes as programs."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from threadpoolctl import threadpool_limits

from sklearn_chatsr.estimators.base import BaseSymbolicRegressor
from sklearn_chatsr.estimators.columns import move, on_columns, select_columns
from sklearn_chatsr.estimators.language_models import (
    default_prefill,
    make_language_model,
)
from sklearn_chatsr.estimators.progress import ProgressBar
from sklearn_chatsr.estimators.rows import choose_rows, merge_rows, price
from sklearn_chatsr.estimators.validation import Seconds, unchanged_when_refused
from sklearn_chatsr.expressions import variable
from sklearn_chatsr.fitting import Optimizer, count_observations, warm_up
from sklearn_chatsr.llm import LocalLanguageModel
from sklearn_chatsr.prompts import Constraints, Property
from sklearn_chatsr.proposers.programs.sample_log import SampleLog, fingerprint
from sklearn_chatsr.proposers.programs.scoring import Scorer
from sklearn_chatsr.proposers.programs.search import ProgramSearch, ProgramSettings
from sklearn_chatsr.proposers.programs.specification import (
    Specification,
    identifiers,
)
from sklearn_chatsr.selection import Selection
from sklearn_chatsr.selection.archive import CREDIBLE

if TYPE_CHECKING:
    import pandas as pd


class LLMSRRegressor(BaseSymbolicRegressor):
    """Symbolic regression with programs that a language model writes.

    The model is told what the columns mean, shown the best programs so far with their
    errors and where the best one fails, and writes the bodies of better ones. Their
    text is translated into formulas, never executed. Constants are fitted, formulas
    judged on held-out rows and bred on islands, where tree mutations compete with the
    model. The shortest description of the data is the answer.

    Parameters
    ----------
    language_model : str, LanguageModel or None, default="grammar"
        Who writes the programs: ``"grammar"`` draws them without any language model;
        ``"http://..."`` is an OpenAI-compatible server (``chatsr serve-llm`` starts
        one); ``"replay:file.jsonl"`` repeats a record; anything else is the folder or
        the GGUF file of a local model. An object with a method ``complete`` is
        taken as it is. None leaves everything to mutations.
    language_model_params : dict, optional
        Settings of the back-end, such as ``{"model": "qwen", "temperature": 0.8}``.
        Keys of servers come from the environment, never from here.
    description : str, default=""
        What the data are about, in a sentence or two.
    variable_descriptions : mapping of str to str, optional
        Meaning (and unit) of columns by name; ``x1``, ``x2``, ... for arrays.
    target_description : str, default=""
        Meaning of the target.
    initial_program : str, optional
        A body to start from, as Python statements over the column names (made
        identifiers) and ``params``.
    n_parameters : int, default=10
        Constants that a program of the model may use.
    n_samples : int, default=400
        Programs that the model writes in all, four per prompt.
    n_islands : int, default=4
        Populations that do not mix between resets.
    mutation : bool, default=True
        Whether tree mutations take part.
    diagnostics : bool, default=True
        Whether prompts tell where the best program fails.
    published : bool, default=False
        Settings of the publication instead: 10 islands, softmax selection, prompts
        without scores, no mutation, BFGS from ones, highest R2. Meant for comparisons.
    max_size : int, default=60
        Largest formula, in nodes.
    selection : {"mdl", "r2"} or int, default="mdl"
        What the answer is chosen by: shortest description of data and formula, highest
        R2, or highest R2 among the formulas of at most so many nodes; mutations then
        make none that are larger.
    constant_optimizer : {"lm", "bfgs", "adam"}, default="lm"
        Variable projection with Levenberg-Marquardt, or one of the two methods of the
        publication; ``published=True`` takes BFGS unless this is ``"adam"``.
    max_time : float, default=300.0
        Seconds after which the best formula so far is the answer.
    log_path : str or Path, optional
        JSONL file that every sample is written to at once. When it exists, the search
        goes on where it ended: its samples count and are not drawn again.
    random_state : int, RandomState instance or None, default=None
        Seed of every draw. The grammar, a record, a local model and None give the same
        formula for the same seed, unless ``max_time`` ends the search. While a server
        writes, mutations go on, and how many there are depends on the clock.
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
        All formulas that were kept, with their source (``"model"``, ``"mutation"``,
        ``"seed"``) and figures.
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
    report_ : dict
        ``n_samples``, ``n_valid``, ``share_valid``, ``reasons`` (a count for each
        reason why a sample was not used), ``n_tokens``, ``n_fits``, ``seconds``.
    samples_ : list of Sample
        What the model wrote and what became of it, and the mutations that improved an
        island. `samples_table` shows them.
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
    P. Shojaee, K. Meidani, S. Gupta, A. Barati Farimani, C. K. Reddy. LLM-SR:
    Scientific equation discovery via programming with large language models. ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr import LLMSRRegressor
    >>> X = np.random.default_rng(0).uniform(1, 5, size=(100, 2))
    >>> y = 2.5 * X[:, 0] * np.exp(-0.5 * X[:, 1])
    >>> regressor = LLMSRRegressor(n_samples=80, random_state=0).fit(X, y)
    >>> bool(regressor.score(X, y) > 0.999999)
    True
    """

    _doc_link_module = "sklearn_chatsr"

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        # Names and back-ends; `make_language_model` says what is allowed.
        "language_model": "no_validation",
        "language_model_params": [dict, None],
        "description": [str],
        "variable_descriptions": [Mapping, None],
        "target_description": [str],
        "initial_program": [str, None],
        "n_parameters": [Interval(Integral, 1, 64, closed="both")],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_islands": [Interval(Integral, 1, None, closed="left")],
        "mutation": ["boolean"],
        "diagnostics": ["boolean"],
        "published": ["boolean"],
        "max_size": [Interval(Integral, 1, None, closed="left")],
        "selection": [
            StrOptions({"mdl", "r2"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "constant_optimizer": [StrOptions({"lm", "bfgs", "adam"})],
        "max_time": [Seconds()],
        "log_path": [str, Path, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        language_model: str | None = "grammar",
        language_model_params: dict[str, Any] | None = None,
        description: str = "",
        variable_descriptions: Mapping[str, str] | None = None,
        target_description: str = "",
        initial_program: str | None = None,
        n_parameters: int = 10,
        n_samples: int = 400,
        n_islands: int = 4,
        mutation: bool = True,
        diagnostics: bool = True,
        published: bool = False,
        max_size: int = 60,
        selection: Selection = "mdl",
        constant_optimizer: Optimizer = "lm",
        max_time: float = 300.0,
        log_path: str | Path | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.language_model = language_model
        self.language_model_params = language_model_params
        self.description = description
        self.variable_descriptions = variable_descriptions
        self.target_description = target_description
        self.initial_program = initial_program
        self.n_parameters = n_parameters
        self.n_samples = n_samples
        self.n_islands = n_islands
        self.mutation = mutation
        self.diagnostics = diagnostics
        self.published = published
        self.max_size = max_size
        self.selection = selection
        self.constant_optimizer = constant_optimizer
        self.max_time = max_time
        self.log_path = log_path
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
            most useful are searched, with a warning.
        y : array-like of shape (n_samples,)
            Finite target values.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights; whole numbers count as repetitions of a row.

        Returns
        -------
        self
            Fitted.

        Raises
        ------
        LanguageModelError
            If the language model gives nothing from the first prompt on. When it fails
            later, a warning says so and the best formula so far is the answer.
        ValueError
            If nothing would write programs: no language model, mutation or
            `initial_program`.
        TypeError
            If `variable_descriptions` holds something else than text.
        """
        X, y, weight = self._validated(X, y, sample_weight)
        writers = (self.language_model, self.initial_program)
        if writers == (None, None) and not (self.mutation and not self.published):
            raise ValueError(
                "Nothing writes programs: `language_model` and `initial_program` are "
                "None, and there is no mutation. Give one of them."
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        X, y, weight = merge_rows(X, y, weight)
        columns = select_columns(X, y, weight, seed, self._named_by_seed())
        searched = np.ascontiguousarray(X[:, columns])
        specification = self._specification(columns)
        model = make_language_model(
            self.language_model, self.language_model_params, specification
        )
        log = SampleLog(self.log_path, fingerprint(searched, y, weight, specification))
        warm_up()
        if isinstance(model, LocalLanguageModel):
            model.load()
        started = time.monotonic()
        max_time = float(self.max_time)
        limit = started + max_time
        settings = replace(self._settings(), prefill=default_prefill(model))
        rng = np.random.default_rng([seed, 0])
        rows = choose_rows(len(y), rng)
        fit_rows, judge_rows = rows.fit, rows.judge
        if self.published:
            fit_rows = judge_rows = np.arange(len(y))
        optimizer = self.constant_optimizer
        if self.published and optimizer == "lm":
            optimizer = "bfgs"
        scorer = Scorer(
            searched,
            y,
            weight,
            price(searched, y, weight),
            fit_rows=fit_rows,
            judge_rows=judge_rows,
            max_size=self.max_size,
            optimizer=optimizer,
            n_starts=1 if self.published else 8,
            seed=seed,
            limit=limit,
        )
        labels = [self._label(j) for j in columns]
        with (
            threadpool_limits(1, user_api="blas"),
            ProgressBar(self.verbose, "programs", self.n_samples) as progress,
        ):
            search = ProgramSearch(
                scorer,
                specification,
                model,
                settings=settings,
                log=log,
                seed=seed,
                deadline=limit - 0.1 * max_time,
                progress=lambda search: progress.update(
                    search.n_samples, lambda: _best_so_far(search, labels)
                ),
            )
            search.run()
            rule = "r2" if self.published else self.selection
            try:
                archive, chosen = scorer.finish(rule)
            except KeyboardInterrupt:
                search.interrupted = True
                archive, chosen = scorer.archive, scorer.archive.best(rule)
        self.standard_errors_ = scorer.standard_errors(chosen.expression)
        self.selected_features_ = columns
        self.interrupted_ = search.interrupted
        self.expression_ = on_columns(chosen.expression, columns)
        self.candidates_ = [move(c, columns) for c in archive]
        front = archive.pareto_front(including=chosen, dearer=CREDIBLE)
        self.pareto_front_ = [move(c, columns) for c in front]
        self._n_observations = count_observations(len(y), weight)
        self._count_digits(X, y, weight)
        self.samples_ = search.samples
        self.report_ = _report(search, time.monotonic() - started)
        return self

    def samples_table(self) -> pd.DataFrame:
        """Give what the model wrote, and the mutations that were kept, as a table.

        Returns
        -------
        pandas.DataFrame
            Columns ``round``, ``island``, ``source``, ``nmse``, ``equation``,
            ``reason`` (empty when the sample was used), ``text``.
        """
        import pandas as pd
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        labels = [self._label(j) for j in self.selected_features_]
        rows = []
        for s in self.samples_:
            formula = s.expression
            rows.append(
                {
                    "round": s.round,
                    "island": s.island,
                    "source": s.source,
                    "nmse": s.nmse,
                    "equation": "" if formula is None else formula.to_infix(labels, 6),
                    "reason": s.reason,
                    "text": s.text,
                }
            )
        names = ["round", "island", "source", "nmse", "equation", "reason", "text"]
        return pd.DataFrame(rows, columns=names)

    def _forget_search(self) -> None:
        super()._forget_search()
        self.samples_ = []
        self.report_ = {
            "n_samples": 0,
            "n_valid": 0,
            "share_valid": None,
            "reasons": {},
            "n_tokens": 0,
            "n_fits": 1,
            "seconds": 0.0,
        }

    def _label(self, column: int) -> str:
        names = getattr(self, "feature_names_in_", None)
        return variable(column) if names is None else str(names[column])

    def _named_by_seed(self) -> Constraints:
        """Ask for the columns that the initial program names."""
        words = re.findall(r"\w+", self.initial_program or "")
        names = identifiers([self._label(j) for j in range(self.n_features_in_)])
        named = [variable(j) for j, name in enumerate(names) if name in words]
        return Constraints(tuple(Property("uses", (name,)) for name in named))

    def _specification(self, columns: npt.NDArray[np.intp]) -> Specification:
        labels = [self._label(j) for j in columns]
        meanings = dict(self.variable_descriptions or {})
        for name, meaning in meanings.items():
            if not isinstance(name, str) or not isinstance(meaning, str):
                raise TypeError(
                    "`variable_descriptions` maps names of columns to text such as "
                    f"{{'t': 'time [s]'}}, got {{{name!r}: {meaning!r}}}."
                )
        everything = {self._label(j) for j in range(self.n_features_in_)}
        unknown = sorted(set(meanings) - everything)
        if unknown:
            raise ValueError(
                f"`variable_descriptions` names columns that do not exist: {unknown}. "
                f"Columns: {sorted(everything)}."
            )
        return Specification.from_columns(
            labels,
            description=self.description,
            meanings={k: v for k, v in meanings.items() if k in labels},
            target_description=self.target_description,
            n_parameters=self.n_parameters,
            seed=self.initial_program,
        )

    def _settings(self) -> ProgramSettings:
        if self.published:
            return ProgramSettings.published(self.n_samples)
        settings = ProgramSettings()
        return ProgramSettings(
            n_samples=self.n_samples,
            n_islands=self.n_islands,
            # Islands need time on their own: few resets, however long the search.
            reset_period=max(settings.reset_period, self.n_samples // 3),
            diagnostics=self.diagnostics,
            moves_per_prompt=settings.moves_per_prompt if self.mutation else 0,
            max_size=None if isinstance(self.selection, str) else self.selection,
        )


def _best_so_far(search: ProgramSearch, labels: list[str]) -> str:
    best = search.buffer.best
    if best is None:
        return ""
    formula = best.expression.to_infix(labels, digits=4)
    return f"NMSE {best.nmse:.2e}  {formula[:60]}"


def _report(search: ProgramSearch, seconds: float) -> dict[str, Any]:
    """Count what became of the samples."""
    written = [s for s in search.samples if s.source == "model"]
    reasons: dict[str, int] = {}
    for sample in written:
        if sample.reason:
            reasons[sample.reason] = reasons.get(sample.reason, 0) + 1
    n_valid = sum(not s.reason for s in written)
    return {
        "n_samples": len(written),
        "n_valid": n_valid,
        "share_valid": n_valid / len(written) if written else None,
        "reasons": reasons,
        "n_tokens": sum(s.n_tokens or 0 for s in written),
        "n_fits": search.scorer.n_fits,
        "seconds": seconds,
    }
