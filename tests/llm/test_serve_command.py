from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from sklearn_chatsr.cli import main
from sklearn_chatsr.llm import HTTPLanguageModel, LanguageModelError, find_smollm2


def test_serve_llm_serves_until_it_is_interrupted():
    pytest.importorskip("xllamacpp", reason="pip install xllamacpp")
    try:
        find_smollm2()
    except LanguageModelError as error:
        pytest.skip(str(error))
    options = ["--port", "0", "--threads", "1", "--parallel", "1", "--context", "256"]
    with subprocess.Popen(
        [sys.executable, "-m", "sklearn_chatsr.cli", "serve-llm", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline()
            url = line.split(" at ")[1].split()[0]
            model = HTTPLanguageModel(url, max_tokens=2, temperature=0.0)
            text = model.complete("1, 2, 3, 4, 5, 6,", 1)[0].text
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=30)[0]
        finally:
            process.kill()

    assert url.startswith("http://127.0.0.1:")
    assert text.startswith(" 7")
    assert rest == "Stopped.\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "70000"], "--port is 70000"),
        (["--parallel", "0"], "--parallel is 0"),
        (["--model", "absent.gguf"], "GGUF"),
    ],
)
def test_serve_llm_refuses_what_it_cannot_serve(options, message, capsys):
    pytest.importorskip("xllamacpp", reason="pip install xllamacpp")

    assert main(["serve-llm", *options]) == 2
    assert message in capsys.readouterr().err
