from __future__ import annotations

import logging
import pickle
import time

import pytest

from sklearn_chatsr.llm import Completion, HTTPLanguageModel, LanguageModelError
from tests.llm.misbehaving_server import MisbehavingServer, as_asked, ignores_n

QUICK = {"backoff": 0.01, "timeout": 5.0, "max_retries": 3}


def model_of(server: MisbehavingServer, **options) -> HTTPLanguageModel:
    return HTTPLanguageModel(server.url, "m", **{**QUICK, **options})


def test_the_settings_are_sent_along():
    with MisbehavingServer(as_asked) as server:
        model_of(
            server,
            temperature=0.3,
            top_p=0.9,
            max_tokens=7,
            stop=["\n\n"],
            extra_body={"grammar": 'root ::= "x"'},
        ).complete("prompt", 2, seed=5)

    (request,) = server.requests
    assert request == {
        "path": "/v1/completions",
        "model": "m",
        "prompt": "prompt",
        "n": 2,
        "seed": 5,
        "stream": False,
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 7,
        "stop": ["\n\n"],
        "grammar": 'root ::= "x"',
    }


def test_a_chat_model_gets_the_prompt_as_the_message_of_the_user():
    with MisbehavingServer(as_asked) as server:
        found = model_of(server, mode="chat").complete("prompt", 1, seed=1)

    assert found == [Completion("seed 1", 3)]
    assert server.requests[0]["path"] == "/v1/chat/completions"
    assert server.requests[0]["messages"] == [{"role": "user", "content": "prompt"}]


def test_shares_of_the_tokens_add_up():
    with MisbehavingServer(as_asked) as server:
        model = model_of(server)
        found = model.complete("p", 3, seed=0)

    assert [c.n_tokens for c in found] == [3, 2, 2]
    assert model.total_tokens == 7


def test_a_server_that_ignores_n_gets_further_requests_with_other_seeds():
    with MisbehavingServer(ignores_n) as server:
        found = model_of(server).complete("p", 3, seed=10)

    assert [c.text for c in found] == ["seed 10", "seed 11", "seed 12"]
    assert [request["n"] for request in server.requests] == [3, 2, 1]


def test_a_server_that_refuses_n_gets_smaller_requests_from_then_on():
    with MisbehavingServer(400, 400, as_asked) as server:
        model = model_of(server)
        found = model.complete("p", 4, seed=0)
        model.complete("p", 1, seed=0)

    assert [c.text for c in found] == [f"seed {k}" for k in range(4)]
    assert [request["n"] for request in server.requests] == [4, 2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "behaviour", [500, 503, 429, b"<html>", b"[" * 100_000, "drop", (502, b"")]
)
def test_a_passing_trouble_is_waited_out(behaviour):
    with MisbehavingServer(behaviour, behaviour, as_asked) as server:
        found = model_of(server).complete("p", 1, seed=0)

    assert found[0].text == "seed 0"
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (500, "status 500: the server says no"),
        (429, "status 429"),
        (b"garbage", "not JSON"),
        ("drop", "no connection"),
    ],
)
def test_a_lasting_trouble_ends_after_the_retries(behaviour, message):
    with (
        MisbehavingServer(behaviour) as server,
        pytest.raises(LanguageModelError, match=rf"{message}.*\(4 tries\)"),
    ):
        model_of(server).complete("p", 1)

    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "api_key_env"), (403, "may not"), (404, "/v1"), (400, "extra_body")],
)
def test_a_refusal_ends_at_once(status, advice):
    with (
        MisbehavingServer(status) as server,
        pytest.raises(LanguageModelError, match=advice),
    ):
        model_of(server).complete("p", 1)

    assert len(server.requests) == 1


@pytest.mark.parametrize("behaviour", ["hang", "drip"])
def test_a_server_that_never_ends_its_answer_runs_into_the_time_out(behaviour):
    with MisbehavingServer(behaviour) as server:
        began = time.perf_counter()
        with pytest.raises(LanguageModelError, match=r"within 0\.3 s.*2 tries"):
            model_of(server, timeout=0.3, max_retries=1).complete("p", 1)

    assert time.perf_counter() - began < 5


def test_a_dead_server_is_an_error_that_says_so():
    with MisbehavingServer(as_asked) as server:
        pass

    with pytest.raises(LanguageModelError, match="Is the server running"):
        model_of(server).complete("p", 1)


def test_retry_after_is_kept():
    late = (429, {}, {"Retry-After": "0.3"})
    with MisbehavingServer(late, as_asked) as server:
        began = time.perf_counter()
        model_of(server).complete("p", 1)

    assert time.perf_counter() - began > 0.29


@pytest.mark.parametrize(
    "answer",
    [b"{}", b"[]", b"null", b'{"choices": [{}]}', b'{"choices": [{"text": 3}]}'],
)
def test_json_without_texts_ends_at_once(answer):
    with (
        MisbehavingServer(answer) as server,
        pytest.raises(LanguageModelError, match="no texts"),
    ):
        model_of(server).complete("p", 1)

    assert len(server.requests) == 1


def test_no_choices_are_no_completions():
    with MisbehavingServer(b'{"choices": []}') as server:
        assert model_of(server).complete("p", 3) == []


def test_used_up_tokens_end_the_run():
    with MisbehavingServer(as_asked) as server:
        model = model_of(server, max_total_tokens=6)
        model.complete("p", 3)
        with pytest.raises(LanguageModelError, match="max_total_tokens"):
            model.complete("p", 1)

    assert len(server.requests) == 1


def test_the_key_is_sent_and_nowhere_else(monkeypatch, caplog):
    monkeypatch.setenv("SOME_KEY", "very-secret")
    caplog.set_level(logging.DEBUG)
    echo = (401, {"error": "the key very-secret is wrong"})
    with MisbehavingServer(500, echo) as server:
        model = model_of(server, api_key_env="SOME_KEY")
        with pytest.raises(LanguageModelError) as caught:
            model.complete("p", 1)

    assert server.headers[0]["Authorization"] == "Bearer very-secret"
    assert "very-secret" not in str(caught.value) + caplog.text
    assert b"very-secret" not in pickle.dumps(model)


def test_a_missing_key_is_named(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)

    with pytest.raises(LanguageModelError, match="'SOME_KEY' is not set"):
        HTTPLanguageModel("http://127.0.0.1:1", api_key_env="SOME_KEY").complete("", 1)


@pytest.mark.parametrize("key", ["very\nsecret", "gehe\u00efm"])
def test_a_key_that_no_header_holds_is_not_shown(monkeypatch, key):
    monkeypatch.setenv("SOME_KEY", key)

    with pytest.raises(LanguageModelError, match="line breaks") as caught:
        HTTPLanguageModel("http://127.0.0.1:1", api_key_env="SOME_KEY").complete("", 1)

    assert key not in str(caught.value)


def test_the_key_does_not_follow_a_redirect(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "very-secret")
    with MisbehavingServer(as_asked) as other:
        away = (302, {}, {"Location": other.url})
        with (
            MisbehavingServer(away) as server,
            pytest.raises(LanguageModelError, match="status 302"),
        ):
            model_of(server, api_key_env="SOME_KEY").complete("p", 1)

    assert other.requests == []


def test_no_proxy_stands_before_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with MisbehavingServer(as_asked) as server:
        assert len(model_of(server).complete("p", 1)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "file:///etc/passwd"}, "http or https"),
        ({"base_url": "http://user:key@host/v1"}, "api_key_env"),
        ({"base_url": "http://h/v1", "mode": "talk"}, "`mode` == 'talk'"),
        ({"base_url": "http://h/v1", "timeout": 0}, "`timeout` == 0"),
        ({"base_url": "http://h/v1", "max_retries": -1}, "`max_retries` == -1"),
    ],
)
def test_settings_outside_of_what_is_allowed_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        HTTPLanguageModel(**options)
