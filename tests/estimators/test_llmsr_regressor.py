from __future__ import annotations

import json
import pickle
import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_chatsr import LLMSRRegressor
from sklearn_chatsr.estimators.language_models import (
    default_prefill,
    make_language_model,
)
from sklearn_chatsr.llm import Completion, LanguageModelError, RecordingLanguageModel
from sklearn_chatsr.proposers.programs import Specification
from sklearn_chatsr.proposers.programs.buffer import ExperienceBuffer
from sklearn_chatsr.proposers.programs.mutation import Mutator
from sklearn_chatsr.proposers.programs.search import ProgramSearch, ProgramSettings


@pytest.mark.filterwarnings("ignore:X has .* columns, of which the 10")
@parametrize_with_checks(
    [LLMSRRegressor(n_samples=4, n_islands=1, max_size=20, random_state=0)],
    xfail_strict=True,
)
def test_every_check_of_scikit_learn_passes(estimator, check):
    check(estimator)


@pytest.fixture
def decay():
    X = np.random.default_rng(0).uniform(1, 4, size=(150, 2))
    frame = pd.DataFrame({"mass (kg)": X[:, 0], "t": X[:, 1]})
    return frame, 2.5 * X[:, 0] * np.exp(-0.5 * X[:, 1]) + 1.5


@pytest.fixture
def noisy(decay):
    X, y = decay
    return X, y + 0.1 * np.random.default_rng(1).normal(size=len(y))


def _switched_late():
    """Give more rows than a search fits, of which the first hold one column still."""
    rng = np.random.default_rng(0)
    X = np.column_stack([np.arange(150_000) >= 120_000, rng.uniform(size=150_000)])
    noise = rng.normal(0, 0.1, 150_000)
    return X, X @ [3.31, 2.17] + noise


class Scripted:
    """Answer from a list: texts, or an error to raise, or seconds to sleep.

    Answers come after so many seconds, and not before an event.
    """

    name = "scripted"

    def __init__(self, *script, seconds=0.0, until=None, repeatable=False):
        self.script = list(script)
        self.seconds, self.until = seconds, until
        self.repeatable = repeatable
        self.prompts = []

    def complete(self, prompt, n, *, seed=None):
        self.prompts.append(prompt)
        time.sleep(self.seconds)
        if self.until is not None:
            self.until.wait()
        step = self.script.pop(0) if self.script else []
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            time.sleep(step)
            return []
        return [Completion(text) for text in step]


def test_the_law_is_found_by_mutation_alone(decay):
    X, y = decay

    model = LLMSRRegressor(language_model=None, n_samples=200, random_state=0)
    model.fit(X, y)

    assert model.score(X, y) > 1 - 1e-12
    assert model.report_["n_samples"] == 0
    assert "mass (kg)" in model.formula_


def test_formulas_of_selected_columns_name_them_by_their_place():
    X = np.random.default_rng(0).normal(size=(60, 12))
    model = LLMSRRegressor(language_model=None, n_samples=20, random_state=0)

    with pytest.warns(UserWarning, match="X has 12 columns"):
        model.fit(X, 2 * X[:, 11])

    assert model.formula_ == "2*x12"
    assert model.digits_ == 6


def test_a_good_program_of_the_model_is_fitted_and_wins(decay):
    X, y = decay
    body = "    return params[0]*mass_kg*np.exp(params[1]*t) + params[2]\n"
    scripted = Scripted([body, "    return t", "    import os", "    return zzz"])

    model = LLMSRRegressor(
        language_model=scripted, mutation=False, n_samples=4, random_state=0
    ).fit(X, y)

    assert model.score(X, y) > 1 - 1e-12
    assert model.report_["n_samples"] == 4
    assert model.report_["n_valid"] == 2
    assert sum(model.report_["reasons"].values()) == 2
    table = model.samples_table()
    assert list(table["text"][:2]) == [body, "    return t"]
    assert (table["reason"] != "").sum() == 2
    assert model.candidates_[0].source in ("model", "seed")


def test_prompts_tell_the_problem_the_scores_and_the_failures(decay):
    X, y = decay
    scripted = Scripted(*[["    return t"]] * 3)

    LLMSRRegressor(
        language_model=scripted,
        description="A cooling body.",
        variable_descriptions={"t": "time [s]"},
        target_description="temperature",
        mutation=False,
        n_islands=1,
        n_samples=3,
        random_state=0,
    ).fit(X, y)

    prompt = scripted.prompts[-1]
    assert "A cooling body." in prompt
    assert "t: time [s]" in prompt
    assert "Compute temperature." in prompt
    assert "normalised mean squared error" in prompt
    assert "squared error lies where" in prompt or "The error is" in prompt
    assert prompt.rstrip().endswith('"""Improved version of `equation_v1`."""')


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (LanguageModelError("server is gone."), "after 4 samples: server is gone"),
        (RuntimeError("out of memory"), "scripted failed .RuntimeError: out of memory"),
    ],
)
def test_a_model_that_dies_later_costs_a_warning_only(decay, failure, message):
    X, y = decay
    scripted = Scripted(["    return t"] * 4, failure)

    with pytest.warns(RuntimeWarning, match=message):
        model = LLMSRRegressor(
            language_model=scripted, n_samples=40, random_state=0
        ).fit(X, y)

    assert np.isfinite(model.predict(X)).all()


def test_a_model_that_is_dead_from_the_start_is_an_error(decay):
    with pytest.raises(LanguageModelError, match="wrong key"):
        LLMSRRegressor(language_model=Scripted(LanguageModelError("wrong key"))).fit(
            *decay
        )


def test_a_model_that_hangs_ends_with_the_time(decay):
    X, y = decay
    scripted = Scripted(["    return t"], 60.0)
    start = time.monotonic()

    with pytest.warns(RuntimeWarning, match="did not answer within the time"):
        LLMSRRegressor(
            language_model=scripted, mutation=False, max_time=2.0, random_state=0
        ).fit(X, y)

    assert time.monotonic() - start < 10


def test_a_model_that_hangs_at_once_leaves_what_mutations_found(decay):
    X, y = decay
    start = time.monotonic()

    with pytest.warns(RuntimeWarning, match=r"after 0 samples.*did not answer"):
        model = LLMSRRegressor(
            language_model=Scripted(60.0), max_time=3.0, random_state=0
        ).fit(X, y)

    assert time.monotonic() - start < 10
    assert model.score(X, y) > 0.9


@pytest.fixture
def after_moves(monkeypatch):
    """Make events that so many mutations of programs set."""

    def after(n_moves):
        event, left = threading.Event(), n_moves
        children = Mutator.children

        def counted(*args, **kwargs):
            nonlocal left
            left -= 1
            if left <= 0:
                event.set()
            return children(*args, **kwargs)

        monkeypatch.setattr(Mutator, "children", counted)
        return event

    return after


def test_mutations_go_on_while_the_model_writes(noisy, after_moves):
    enough = after_moves(5 * ProgramSettings().moves_per_prompt)
    scripted = Scripted(["    return t"] * 4, until=enough)

    model = LLMSRRegressor(
        language_model=scripted, n_samples=4, max_time=60.0, random_state=0
    ).fit(*noisy)

    assert enough.is_set()
    assert model.report_["n_samples"] == 4


def test_islands_are_reset_while_the_model_writes(noisy, after_moves, monkeypatch):
    resets = []
    due = ExperienceBuffer.reset_when_due

    def recorded(buffer, n_samples, rng):
        was_reset = due(buffer, n_samples, rng)
        if was_reset:
            resets.append(n_samples)
        return was_reset

    monkeypatch.setattr(ExperienceBuffer, "reset_when_due", recorded)
    settings = ProgramSettings()
    n_rounds = settings.reset_period // settings.samples_per_prompt
    enough = after_moves((n_rounds + 5) * settings.moves_per_prompt)
    scripted = Scripted(["    return t"] * 4, until=enough)

    LLMSRRegressor(
        language_model=scripted, n_samples=4, max_time=60.0, random_state=0
    ).fit(*noisy)

    assert resets


def test_slow_fits_leave_the_writer_its_turn_and_end_with_the_time(decay):
    scripted = Scripted(["    return t*mass_kg"] * 4)
    model = LLMSRRegressor(
        language_model=scripted,
        constant_optimizer="adam",
        n_samples=12,
        max_time=1.0,
        random_state=0,
    )

    model.fit(*decay)

    # Adam takes half a second for a start, and a program has up to eight.
    assert model.report_["n_samples"] >= 1
    assert model.report_["seconds"] < 4.0


def test_a_writer_without_a_turn_is_told(decay, monkeypatch):
    planted = ProgramSearch._plant

    def plant(self):
        planted(self)
        time.sleep(max(self.deadline - time.monotonic(), 0.0))

    monkeypatch.setattr(ProgramSearch, "_plant", plant)
    model = LLMSRRegressor(
        language_model=Scripted(["    return t"]), max_time=0.5, random_state=0
    )

    with pytest.warns(UserWarning, match=r"No text of scripted was used: .* Raise"):
        model.fit(*decay)

    assert model.report_["n_samples"] == 0


def test_all_of_many_rows_count_in_constants_and_errors():
    X, y = _switched_late()
    model = LLMSRRegressor(language_model=None, n_samples=4, random_state=0)

    model.fit(X, y)

    constants, errors = model.constants_, model.standard_errors_
    model.refit(model.expression_, X, y)
    np.testing.assert_allclose(constants, model.constants_, rtol=1e-6)
    np.testing.assert_allclose(errors, model.standard_errors_, rtol=1e-6)


def test_mutations_of_an_exact_law_end_while_the_model_writes(decay, after_moves):
    too_many = after_moves(12 * ProgramSettings().moves_per_prompt)
    scripted = Scripted(60.0, until=too_many)
    law = "return params[0]*mass_kg*np.exp(params[1]*t) + params[2]"

    with pytest.warns(RuntimeWarning, match="did not answer"):
        LLMSRRegressor(
            language_model=scripted, initial_program=law, max_time=5.0, random_state=0
        ).fit(*decay)

    assert not too_many.is_set()


def test_a_repeatable_model_may_take_its_time_without_effect(noisy):
    bodies = [["    return t", "    return params[0]*t", "    return mass_kg"]] * 2

    def fit(seconds):
        scripted = Scripted(*bodies, seconds=seconds, repeatable=True)
        model = LLMSRRegressor(language_model=scripted, n_samples=6, random_state=0)
        model.fit(*noisy)
        return model.expression_, model.report_["n_fits"]

    assert fit(seconds=1.0) == fit(seconds=0.0)


def test_a_run_that_was_recorded_is_repeated(noisy, tmp_path):
    path = tmp_path / "record.jsonl"
    slow = Scripted(*[["    return t", "    return mass_kg"]] * 4, seconds=0.3)
    settings = {"n_samples": 8, "random_state": 0}

    recorded = LLMSRRegressor(
        language_model=RecordingLanguageModel(slow, path), **settings
    ).fit(*noisy)
    again = LLMSRRegressor(language_model=f"replay:{path}", **settings).fit(*noisy)

    assert again.expression_ == recorded.expression_


def test_a_server_of_llama_cpp_is_sent_a_grammar_where_asked():
    spec = Specification.from_columns(["t"])

    plain = make_language_model("http://127.0.0.1:1/v1", {}, spec)
    bound = make_language_model("http://127.0.0.1:1/v1", {"constrained": True}, spec)

    assert default_prefill(plain) == "    return "
    assert default_prefill(bound) == ""
    assert '"t"' in bound.extra_body["grammar"]


def test_a_model_that_is_silent_is_given_up(decay):
    scripted = Scripted(["    return t"])

    with pytest.warns(RuntimeWarning, match="no text for 5 prompts in a row"):
        LLMSRRegressor(language_model=scripted, mutation=False).fit(*decay)


def test_garbage_is_counted_and_harms_nothing(decay):
    X, y = decay
    garbage = ["\x00\x01", "<html>500</html>", "(" * 3000, "é" * 50]

    model = LLMSRRegressor(
        language_model=Scripted(*[garbage] * 3), n_samples=12, random_state=0
    ).fit(X, y)

    assert model.report_["n_valid"] == 0
    assert model.report_["share_valid"] == 0.0
    assert sum(model.report_["reasons"].values()) == 12
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("mutation", [False, True])
def test_an_interrupted_run_goes_on_without_losing_a_sample(decay, tmp_path, mutation):
    X, y = decay
    log = tmp_path / "run.jsonl"
    settings = {"n_samples": 24, "random_state": 0, "log_path": log}
    settings["mutation"] = mutation
    texts = ["    return t", "    return t*t"]
    first = Scripted(*[texts] * 4, LanguageModelError("x"), seconds=0.2)
    with pytest.warns(RuntimeWarning, match="after 8 samples"):
        LLMSRRegressor(language_model=first, **settings).fit(X, y)
    with log.open("a") as file:
        file.write('{"round": 9, "isl')  # the process died while it wrote
    second = Scripted(*[["    return mass_kg*np.exp(params[0]*t)"] * 4] * 9)

    model = LLMSRRegressor(language_model=second, **settings).fit(X, y)

    assert model.report_["n_samples"] == 24
    assert len(second.prompts) == 4
    texts = [s.text for s in model.samples_ if s.source == "model"]
    assert texts[:8] == ["    return t", "    return t*t"] * 4
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == 1 + len(model.samples_)


def test_a_finished_log_gives_the_formula_without_asking_again(decay, tmp_path):
    X, y = decay
    settings = {"n_samples": 40, "random_state": 0, "log_path": tmp_path / "run.jsonl"}
    found = LLMSRRegressor(**settings).fit(X, y)

    again = LLMSRRegressor(language_model=Scripted(), **settings).fit(X, y)

    np.testing.assert_allclose(again.predict(X), found.predict(X), rtol=1e-6)


def test_a_log_goes_on_with_smaller_formulas_where_max_size_is_less(decay, tmp_path):
    settings = {"random_state": 0, "log_path": tmp_path / "run.jsonl"}
    LLMSRRegressor(n_samples=8, **settings).fit(*decay)

    model = LLMSRRegressor(n_samples=16, max_size=5, **settings).fit(*decay)

    assert max(c.complexity for c in model.candidates_) <= 5


def test_a_folder_is_no_log(decay, tmp_path):
    with pytest.raises(ValueError, match=r"`log_path` is the folder .* name a file"):
        LLMSRRegressor(log_path=tmp_path).fit(*decay)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json\n", "is not a log of program search"),
        ('{"format": "sklearn_chatsr program search, 1"}\n', "log of other data"),
    ],
)
def test_foreign_logs_are_refused(decay, tmp_path, content, message):
    log = tmp_path / "run.jsonl"
    log.write_text(content)

    with pytest.raises(ValueError, match=message):
        LLMSRRegressor(log_path=log).fit(*decay)


def test_the_same_seed_gives_the_same_formula(decay):
    X, y = decay

    def fit():
        return LLMSRRegressor(n_samples=16, random_state=3).fit(X, y).expression_

    assert fit() == fit()


def test_pickles_are_small_and_predict(decay):
    X, y = decay
    model = LLMSRRegressor(n_samples=8, random_state=0).fit(X, y)

    stored = pickle.dumps(model)

    assert len(stored) < 100_000
    np.testing.assert_array_equal(pickle.loads(stored).predict(X), model.predict(X))
    assert clone(model).get_params()["language_model"] == "grammar"


def test_published_settings_fit_without_mutations(decay):
    X, y = decay

    model = LLMSRRegressor(published=True, n_samples=4, random_state=0).fit(X, y)

    assert {c.source for c in model.candidates_} <= {"model", "seed"}
    assert model.report_["n_samples"] == 4


def test_published_settings_run_with_adam(decay):
    X, y = decay
    body = "return params[0]*mass_kg*np.exp(-params[1]*t)"

    model = LLMSRRegressor(
        published=True, constant_optimizer="adam", n_samples=1, initial_program=body
    ).fit(X, y)

    assert model.score(X, y) > 0.5


def test_a_parameter_in_two_places_is_fitted_as_one(decay):
    X, _ = decay
    y = 1.5 * X["mass (kg)"] + np.exp(-1.5 * X["t"])
    body = "return params[0]*mass_kg + np.exp(-params[0]*t)"

    model = LLMSRRegressor(
        language_model=None,
        mutation=False,
        n_samples=1,
        initial_program=body,
        selection="r2",
    ).fit(X, y + 0.1 * np.cos(37.0 * X["t"]))

    # The minus sign may have gone into the constant.
    (size,) = set(np.abs(model.constants_))
    assert size == pytest.approx(1.5, abs=0.05)


def test_the_body_that_is_given_takes_part(decay):
    X, y = decay
    body = "return params[0]*mass_kg*np.exp(params[1]*t) + params[2]"

    model = LLMSRRegressor(
        language_model=None, mutation=False, n_samples=4, initial_program=body
    ).fit(X, y)

    assert model.score(X, y) > 1 - 1e-12


def test_a_body_without_values_is_told(decay):
    X, y = decay
    body = "return params[0]*np.log(-t*t)"

    with pytest.warns(UserWarning, match="The initial program is left out"):
        LLMSRRegressor(
            language_model=None, mutation=False, n_samples=4, initial_program=body
        ).fit(X, y)


@pytest.mark.filterwarnings("ignore:X has 14 columns")
def test_columns_of_the_body_that_is_given_are_searched():
    X = np.random.default_rng(0).uniform(1, 4, size=(150, 14))
    names = [f"c{j}" for j in range(14)]
    body = "return params[0]*c13 + params[1]*c2"

    model = LLMSRRegressor(
        language_model=None, mutation=False, n_samples=4, initial_program=body
    ).fit(pd.DataFrame(X, columns=names), X[:, :10].sum(axis=1))

    assert {2, 13} <= set(model.selected_features_)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"language_model": None, "mutation": False}, "Nothing writes programs"),
        ({"language_model": "/no/such/folder"}, "is no file or folder. Allowed"),
        ({"language_model": 3}, "`language_model` == 3. Allowed"),
        ({"language_model_params": {"colour": 1}}, "does not suit 'grammar'"),
        ({"variable_descriptions": {"z": "height"}}, r"do not exist: \['z'\]"),
        ({"initial_program": "import os"}, "seed body"),
    ],
)
def test_settings_that_cannot_be_used_are_named(decay, params, message):
    with pytest.raises(ValueError, match=message):
        LLMSRRegressor(**params).fit(*decay)


@pytest.mark.parametrize("given", [{"t": 5}, {3: "time"}])
def test_descriptions_that_are_no_text_are_named(decay, given):
    with pytest.raises(TypeError, match=r"`variable_descriptions` maps names .* got"):
        LLMSRRegressor(variable_descriptions=given).fit(*decay)


def test_a_server_that_refuses_within_a_short_time_is_told(decay):
    model = LLMSRRegressor(
        language_model="http://127.0.0.1:1/v1", n_samples=4, max_time=3, random_state=0
    )

    with pytest.warns(RuntimeWarning, match=r"127\.0\.0\.1.*no connection .*refused"):
        model.fit(*decay)

    assert np.isfinite(model.predict(decay[0])).all()


def test_refit_forgets_the_samples(decay):
    X, y = decay
    model = LLMSRRegressor(language_model=None, n_samples=20, random_state=0)
    model.fit(X, y).refit("C*t", X, y)

    assert model.samples_table().empty
    assert model.report_["n_samples"] == 0
    np.testing.assert_array_equal(model.selected_features_, [0, 1])


@pytest.mark.parametrize(
    ("limit", "least"),
    [
        # The best line in one column has 0.64, the best formula of 7 nodes 0.97.
        ({"max_size": 5}, 0.63),
        ({"selection": 5}, 0.63),
        ({"selection": 7}, 0.9),
    ],
)
def test_short_formulas_compete_at_every_size(limit, least):
    X = np.random.default_rng(1).uniform(1, 5, size=(100, 2))
    y = 2.5 * X[:, 0] * np.exp(-0.5 * X[:, 1])

    model = LLMSRRegressor(n_samples=60, random_state=0, **limit).fit(X, y)

    assert model.expression_.size <= max(limit.values())
    assert model.score(X, y) > least


def test_a_formula_does_not_invent_peaks_between_few_values():
    rng = np.random.default_rng(0)
    t, x = rng.integers(0, 5, 400) / 4.0, rng.uniform(0, 1, 400)
    y = x * (1.0 - 0.5 * t**2) + 0.02 * rng.normal(size=400)

    model = LLMSRRegressor(language_model=None, n_samples=120, random_state=0)
    model.fit(np.column_stack([t, x]), y)

    between = rng.uniform(0, 1, 400)
    truth = x * (1.0 - 0.5 * between**2)
    error = model.predict(np.column_stack([between, x])) - truth
    assert np.mean(error**2) < 0.02 * np.var(truth)


@pytest.fixture
def over_after(monkeypatch):
    """Let the time of a search be over after so many looks at the clock."""

    def after(n_looks):
        left = iter([False] * n_looks)
        monkeypatch.setattr(ProgramSearch, "_is_over", lambda search: next(left, True))

    return after


def test_no_text_is_fitted_when_the_time_is_over(noisy, over_after):
    over_after(2)
    scripted = Scripted(["    return t", "    return mass_kg", "    return t*t"])

    model = LLMSRRegressor(
        language_model=scripted, mutation=False, n_samples=4, random_state=0
    ).fit(*noisy)

    assert model.report_["n_samples"] == 1


def test_no_mutation_is_fitted_when_the_time_is_over(noisy, over_after):
    over_after(2)

    model = LLMSRRegressor(language_model=None, random_state=0).fit(*noisy)

    # A constant, a line, and two in each of two columns: every search begins with them.
    assert model.report_["n_fits"] == 6
