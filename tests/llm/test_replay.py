from __future__ import annotations

import json

import pytest

from sklearn_chatsr.llm import (
    Completion,
    GrammarLanguageModel,
    HTTPLanguageModel,
    LanguageModelError,
    RecordingLanguageModel,
    ReplayLanguageModel,
)
from tests.llm.misbehaving_server import MisbehavingServer, as_asked


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "record.jsonl"
    model = RecordingLanguageModel(GrammarLanguageModel(["x"], 3), path)
    answers = [model.complete(p, 2, seed=s) for p, s in (("a", 0), ("b", 1), ("a", 2))]
    return path, answers


def test_a_record_gives_every_answer_again_in_any_order(record):
    path, answers = record
    model = ReplayLanguageModel(path)

    again = [model.complete(p, 2, seed=s) for p, s in (("a", 2), ("a", 0), ("b", 1))]

    assert again == [answers[2], answers[0], answers[1]]


def test_the_same_request_gets_its_answers_one_after_the_other(tmp_path):
    path = tmp_path / "record.jsonl"
    recorder = RecordingLanguageModel(GrammarLanguageModel(["x", "y"], 9), path)
    first, second = (recorder.complete("p", 3) for _ in range(2))
    assert first != second  # without a seed

    model = ReplayLanguageModel(path)

    assert [model.complete("p", 3) for _ in range(2)] == [first, second]
    with pytest.raises(LanguageModelError, match="no further answer"):
        model.complete("p", 3)


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ({}, "completion"),
        ({"mode": "chat"}, "chat"),
        ({"extra_body": {"grammar": "root ::= 'x'"}}, None),
    ],
)
def test_record_and_replay_answer_as_the_model_does(tmp_path, options, mode):
    path = tmp_path / "record.jsonl"
    with MisbehavingServer(as_asked) as server:
        recorder = RecordingLanguageModel(
            HTTPLanguageModel(server.url, **options), path
        )
        recorder.complete("p", 1)

    assert recorder.mode == mode
    assert ReplayLanguageModel(path).mode == mode


def test_order_gives_the_answers_whatever_is_asked(record):
    path, answers = record
    model = ReplayLanguageModel(path, match="order")

    assert model.complete("something else", 2) == answers[0]
    assert model.complete("something else", 1) == answers[1][:1]


def test_a_line_holds_the_request_the_answers_and_the_seconds(record):
    path, answers = record

    line = json.loads(path.read_text(encoding="utf-8").splitlines()[0])

    assert line.pop("seconds") >= 0
    assert line == {
        "model": "grammar",
        "prompt": "a",
        "n": 2,
        "seed": 0,
        "mode": None,
        "answers": [{"text": c.text, "n_tokens": c.n_tokens} for c in answers[0]],
    }


def test_a_line_that_was_cut_off_is_skipped(record):
    path, answers = record
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:-20], encoding="utf-8")

    model = ReplayLanguageModel(path)

    assert model.complete("b", 2, seed=1) == answers[1]
    with pytest.raises(LanguageModelError):
        model.complete("a", 2, seed=2)


def test_a_damaged_line_inside_is_named(record):
    path, _ = record
    path.write_text("{}\n" + path.read_text(encoding="utf-8"), encoding="utf-8")

    with pytest.raises(ValueError, match=r"Line 1 of 'record\.jsonl'"):
        ReplayLanguageModel(path)


def test_errors_are_written_down_and_passed_on(tmp_path):
    path = tmp_path / "record.jsonl"
    dead = HTTPLanguageModel("http://127.0.0.1:9/v1", max_retries=0)

    with pytest.raises(LanguageModelError):
        RecordingLanguageModel(dead, path).complete("p", 1)

    assert "127.0.0.1:9" in json.loads(path.read_text(encoding="utf-8"))["error"]
    with pytest.raises(LanguageModelError):
        ReplayLanguageModel(path).complete("p", 1)


def test_any_text_survives(tmp_path):
    texts = ["tab\tline\n", "Δ → \u2028 \ud800", "\0"]

    class Echo:
        name = "echo"

        def complete(self, prompt, n, *, seed=None):
            return [Completion(text) for text in texts]

    path = tmp_path / "record.jsonl"
    RecordingLanguageModel(Echo(), path).complete("p", 3)

    again = ReplayLanguageModel(path).complete("p", 3)

    assert [c.text for c in again] == texts


def test_what_is_no_record_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No record"):
        ReplayLanguageModel(tmp_path / "absent.jsonl")
    with pytest.raises(ValueError, match="`match` == 'best'"):
        ReplayLanguageModel(tmp_path / "absent.jsonl", match="best")
