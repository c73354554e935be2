"""Program search: a language model and mutations breed programs on islands."""

from __future__ import annotations

import logging
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sklearn_chatsr.expressions import Expression, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.llm import Completion, LanguageModel, LanguageModelError
from sklearn_chatsr.proposers.programs.buffer import ExperienceBuffer, Member, Rule
from sklearn_chatsr.proposers.programs.diagnostics import describe_residual
from sklearn_chatsr.proposers.programs.mutation import Mutator
from sklearn_chatsr.proposers.programs.prompt_text import build_prompt
from sklearn_chatsr.proposers.programs.sample_log import Sample, SampleLog
from sklearn_chatsr.proposers.programs.scoring import Scorer
from sklearn_chatsr.proposers.programs.specification import Specification
from sklearn_chatsr.proposers.programs.translation import (
    Program,
    ProgramError,
    translate,
)

logger = logging.getLogger(__name__)

# Prompts in a row that bring no text at all before the model is given up.
_MOST_SILENT = 5
# Rounds that go on after an exact formula was found: a shorter one may say the same.
_SHORTENING_ROUNDS = 10
# Shares of the time after which the language model has its first turn, and of what is
# left until then for one fit. They matter where a fit takes seconds.
_FIRST_TURN, _FIRST_FITS = 0.25, 0.5

_Answer = queue.SimpleQueue[list[Completion] | BaseException]


@dataclass(frozen=True)
class ProgramSettings:
    """Counts of a program search.

    Attributes
    ----------
    n_samples : int
        Texts that the language model writes in all.
    samples_per_prompt, n_exemplars, n_islands, reset_period : int
        Texts per prompt, programs that a prompt shows, islands, and samples between
        resets.
    moves_per_prompt : int
        Mutations after each prompt, at least; 0 for none.
    diagnostics, show_scores : bool
        What prompts tell.
    prefill : str
        Beginning of the body that prompts end with.
    rule : {"rank", "softmax"}
        How exemplars are chosen.
    max_size : int or None
        Nodes of the largest program that is bred, where only shorter ones can be the
        answer; larger ones of the language model are kept beside.
    """

    n_samples: int = 400
    samples_per_prompt: int = 4
    n_exemplars: int = 2
    n_islands: int = 4
    reset_period: int = 120
    moves_per_prompt: int = 8
    diagnostics: bool = True
    show_scores: bool = True
    prefill: str = ""
    rule: Rule = "rank"
    max_size: int | None = None

    @classmethod
    def published(cls, n_samples: int) -> ProgramSettings:
        """Give the settings of the LLM-SR publication.

        Its resets follow the clock (every four hours); here they follow 1,000 samples.
        """
        return cls(
            n_samples=n_samples,
            n_islands=10,
            reset_period=1_000,
            moves_per_prompt=0,
            diagnostics=False,
            show_scores=False,
            rule="softmax",
        )


class ProgramSearch:
    """One search for one data set.

    Parameters
    ----------
    scorer : Scorer
        Fits and judges programs.
    specification : Specification
        The problem in words.
    model : LanguageModel or None
        Writes bodies; None leaves everything to mutations. While one that is not
        `repeatable` writes, mutations go on until its answer is there.
    settings : ProgramSettings
        Counts.
    log : SampleLog
        Samples of an interrupted run, which count, and where new ones go.
    seed : int
        Everything random follows from it, round by round, but for the number of
        mutations that the model leaves time for.
    deadline : float
        End on the clock of `time.monotonic`, seconds.
    progress : callable, optional
        Called after each round with the search.

    Attributes
    ----------
    buffer : ExperienceBuffer
        The islands.
    samples : list of Sample
        Everything that the model wrote and every mutation that was kept.
    n_samples : int
        Texts of the language model so far.
    """

    def __init__(
        self,
        scorer: Scorer,
        specification: Specification,
        model: LanguageModel | None,
        *,
        settings: ProgramSettings,
        log: SampleLog,
        seed: int,
        deadline: float,
        progress: Callable[[ProgramSearch], None] | None = None,
    ) -> None:
        self.scorer, self.specification, self.model = scorer, specification, model
        self.settings, self.log, self.seed = settings, log, seed
        self.deadline = deadline
        self.progress = progress
        self.n_samples = 0
        self.interrupted = False
        self._max_size = min(scorer.max_size, settings.max_size or scorer.max_size)
        self.buffer = ExperienceBuffer(
            settings.n_islands,
            reset_period=settings.reset_period,
            rule=settings.rule,
            max_size=self._max_size,
        )
        rows = scorer.fit_rows
        self._X, self._y = scorer.X[rows], scorer.y[rows]
        weight = None if scorer.weight is None else scorer.weight[rows]
        self._mutator = None
        if settings.moves_per_prompt:
            self._mutator = Mutator(
                self._X,
                self._y,
                weight,
                max_size=self._max_size,
                rng=np.random.default_rng([seed, 1]),
            )
        self._round = 0
        self._idle_moves = 0
        self._silent = 0
        self._put_off: list[Expression] = []
        self._first_turn = deadline
        if model is not None:
            now = time.monotonic()
            self._first_turn = now + _FIRST_TURN * (deadline - now)

    @property
    def samples(self) -> list[Sample]:
        """Everything that the model wrote, and the mutations that were kept."""
        return self.log.samples

    def run(self) -> None:
        """Search until the samples, the time, or the questions are over.

        Raises
        ------
        LanguageModelError
            If the language model fails at the first prompt. When it fails later, or the
            time is over, a warning says so and the best program so far stays.
        """
        self._plant()
        self._restore()
        left = _SHORTENING_ROUNDS
        try:
            while self.n_samples < self.settings.n_samples and not self._is_over():
                if self._is_found():
                    left -= 1
                    if left <= 0 or self._mutator is None:
                        break
                self._run_round()
                self._score_lines(self.deadline)
                if self.progress is not None:
                    self.progress(self)
        except LanguageModelError as error:
            if not self.n_samples and not self._is_over():
                raise
            warnings.warn(
                f"The search ended after {self.n_samples} samples: {error} "
                "The best formula so far is kept.",
                RuntimeWarning,
                stacklevel=5,
            )
        except KeyboardInterrupt:
            self.interrupted = True
            logger.warning("Interrupted: keeping the best formula so far.")
        else:
            if self.model is not None and not self.n_samples and self._is_over():
                warnings.warn(
                    f"No text of {self.model.name} was used: the time was over before "
                    "the first one. Raise `max_time`.",
                    UserWarning,
                    stacklevel=5,
                )

    def _run_round(self) -> None:
        rng = np.random.default_rng([self.seed, 2, self._round])
        island = self._round % self.settings.n_islands
        n = min(
            self.settings.samples_per_prompt, self.settings.n_samples - self.n_samples
        )
        answer = None
        if self.model is not None:
            answer = self._ask(self.model, self._prompt(island, rng), n, rng)
        # Mutations use the time in which the model writes.
        if self._mutator is not None:
            self._mutate(self._mutator, self._moves(island, rng, answer), answer)
        if self.model is None or answer is None:
            self.n_samples += n
        else:
            for completion in self._collect(self.model.name, answer)[:n]:
                if self._is_over():
                    return
                self._take(completion, island)
        self._reset_when_due(rng)
        self._round += 1

    def _reset_when_due(self, rng: np.random.Generator) -> None:
        """Empty weak islands; mutations while the model writes count as rounds."""
        idle_rounds = self._idle_moves // max(self.settings.moves_per_prompt, 1)
        idle_samples = idle_rounds * self.settings.samples_per_prompt
        if self.buffer.reset_when_due(self.n_samples + idle_samples, rng):
            self.scorer.spell_best()

    # The language model

    def _prompt(self, island: int, rng: np.random.Generator) -> str:
        exemplars = self.buffer.islands[island].draw(self.settings.n_exemplars, rng)
        notes: Sequence[str] = ()
        if exemplars and self.settings.diagnostics:
            residual = self._y - exemplars[-1].expression.evaluate(self._X)
            notes = describe_residual(self._X, residual, self.specification.names)
        return build_prompt(
            self.specification,
            exemplars,
            diagnostics=notes,
            show_scores=self.settings.show_scores,
            prefill=self.settings.prefill,
        )

    def _ask(
        self, model: LanguageModel, prompt: str, n: int, rng: np.random.Generator
    ) -> _Answer:
        """Ask the model in a thread, so that one that hangs cannot hold up the end."""
        seed = int(rng.integers(2**31 - 1))
        answer: _Answer = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(list(model.complete(prompt, n, seed=seed)))
            except BaseException as error:
                answer.put(error)

        threading.Thread(target=ask, daemon=True).start()
        return answer

    def _collect(self, name: str, answer: _Answer) -> list[Completion]:
        """Wait for the answer, but not beyond the deadline."""
        wait = self.deadline - time.monotonic()
        try:
            got = answer.get(timeout=max(wait, 0.0) if np.isfinite(wait) else None)
        except queue.Empty:
            trouble = getattr(self.model, "last_trouble", None)
            raise LanguageModelError(
                f"{name} did not answer within the time of the search"
                f"{f': {trouble}' if trouble else '.'}"
            ) from None
        if isinstance(got, Exception) and not isinstance(got, LanguageModelError):
            # Out of memory, a prompt too long: no reason to lose what was found.
            raise LanguageModelError(
                f"{name} failed ({type(got).__name__}: {got})."
            ) from got
        if isinstance(got, BaseException):
            raise got
        self._silent = 0 if got else self._silent + 1
        if self._silent >= _MOST_SILENT:
            raise LanguageModelError(
                f"{name} gave no text for {self._silent} prompts in a row."
            )
        return got

    def _take(self, completion: Completion, island: int) -> None:
        """Translate, fit and register one text; what fails is counted with a reason."""
        self.n_samples += 1
        self.scorer.fit_until(self.deadline)
        sample = Sample(
            self._round,
            island,
            "model",
            text=completion.text,
            n_tokens=completion.n_tokens,
        )
        try:
            program = self._translate(completion.text, self.settings.prefill)
        except ProgramError as error:
            self.log.append(replace(sample, reason=error.reason))
            return
        # Literals are free constants as well: all are fitted from drawn starts.
        expression = program.expression.skeleton()
        if expression.size > self.scorer.max_size:
            self.log.append(replace(sample, reason="too large"))
            return
        member = self.scorer.score(expression, "model", program.ties)
        if member is None:
            self.log.append(replace(sample, reason="undefined on the data"))
            return
        self.buffer.register(member, island)
        self.log.append(_filled(sample, member))

    def _translate(self, text: str, prefill: str = "") -> Program:
        return translate(
            text,
            inputs=self.specification.names,
            n_parameters=self.specification.n_parameters,
            prefill=prefill,
        )

    # Mutations

    def _moves(
        self, island: int, rng: np.random.Generator, answer: _Answer | None
    ) -> Iterator[tuple[int, np.random.Generator]]:
        """Give island and generator of each mutation of a round.

        Those that fit in while the model writes have a generator of their own: the
        clock decides how many there are, and must not disturb the other draws.
        """
        for _ in range(self.settings.moves_per_prompt):
            yield island, rng
        if answer is None or getattr(self.model, "repeatable", False):
            return
        rng = np.random.default_rng([self.seed, 4, self._round])
        left = _SHORTENING_ROUNDS * self.settings.moves_per_prompt
        while answer.empty() and left:
            left -= self._is_found()
            self._idle_moves += 1
            self._reset_when_due(rng)
            island = (island + 1) % self.settings.n_islands
            yield island, rng

    def _mutate(
        self,
        mutator: Mutator,
        moves: Iterator[tuple[int, np.random.Generator]],
        answer: _Answer | None,
    ) -> None:
        for island, rng in moves:
            if self._is_over():
                return
            drawn = self.buffer.islands[island].draw(3, rng)
            if not drawn:
                return
            *mates, parent = (member.expression for member in drawn)
            for child in mutator.children(parent, mates, rng):
                if self._is_over() or self._is_waited_for(answer):
                    return
                if not self.n_samples and self.model is not None:
                    now = time.monotonic()
                    self.scorer.fit_until(now + _FIRST_FITS * (self.deadline - now))
                member = self.scorer.score(child, "mutation")
                best = self.buffer.islands[island].best
                if member is None or not self.buffer.register(member, island):
                    continue
                if best is None or member.cost < best.cost:
                    sample = Sample(self._round, island, "mutation")
                    self.log.append(_filled(sample, member))

    # Begin and end

    def _plant(self) -> None:
        """Start every island with the linear model and the body that was given.

        Lines in one column compete at their size; they are bred where the linear model
        is too large.
        """
        self.scorer.fit_until(self._first_turn)
        linear = _linear(self._X)
        seeds: list[tuple[Expression, tuple[int, ...] | None]] = [(linear, None)]
        if self.settings.rule == "rank":
            seeds.append((Expression(["C"]), None))
            for line in _lines_in_one_column(self._X):
                if linear.size > self._max_size:
                    seeds.append((line, None))
                else:
                    self._put_off.append(line)
        given: Expression | None = None
        if self.specification.seed is not None:
            try:
                program = self._translate(self.specification.seed)
            except ProgramError as error:
                raise ValueError(
                    f"The seed body of the specification cannot be used: {error}"
                ) from error
            given = program.expression.skeleton()
            seeds.append((given, program.ties))
        for seed, ties in seeds:
            member = self.scorer.score(seed, "seed", ties)
            if member is not None:
                self.buffer.register_everywhere(member)
            elif seed is given:
                warnings.warn(
                    "The initial program is left out: it has "
                    f"{seed.size} nodes (at most {self.scorer.max_size} count), or no "
                    "finite value on some row whatever its parameters.",
                    UserWarning,
                    stacklevel=6,
                )
        self._score_lines(self._first_turn)
        self.scorer.fit_until(self.deadline)

    def _score_lines(self, until: float) -> None:
        """Let lines in one column compete, as many as there is time for."""
        while self._put_off and time.monotonic() < until:
            self.scorer.score(self._put_off.pop(0), "seed")

    def _restore(self) -> None:
        """Take over the samples of an earlier run."""
        for sample in self.log.samples:
            self.n_samples += sample.source == "model"
            self._round = max(self._round, sample.round + 1)
            expression = sample.expression
            if expression is None or expression.size > self.scorer.max_size:
                continue
            member = self.scorer.judge(expression, sample.source)
            if member is not None:
                self.buffer.register(member, sample.island % self.settings.n_islands)
        self.buffer.n_resets = self.n_samples // self.buffer.reset_period

    def _is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def _is_waited_for(self, answer: _Answer | None) -> bool:
        """Tell whether the first text of the language model should have its turn."""
        return (
            not self.n_samples
            and answer is not None
            and not answer.empty()
            and time.monotonic() >= self._first_turn
        )

    def _is_found(self) -> bool:
        best = self.buffer.best
        return best is not None and self.scorer.archive.cost.at_floor(best.loss)


def _filled(sample: Sample, member: Member) -> Sample:
    return replace(
        sample,
        tokens=member.expression.tokens,
        constants=member.expression.constants or (),
        nmse=member.nmse,
    )


def _lines_in_one_column(X: np.ndarray) -> Iterator[Expression]:
    for j in range(X.shape[1]):
        if np.ptp(X[:, j]) > 0:
            slope: Tree = ("mul", "C", variable(j))
            yield Expression.from_tree(slope)
            yield Expression.from_tree(("add", "C", slope))


def _linear(X: np.ndarray) -> Expression:
    tree: Tree = "C"
    for j in range(X.shape[1]):
        if np.ptp(X[:, j]) > 0:
            tree = ("add", tree, ("mul", "C", variable(j)))
    return Expression.from_tree(tree)
