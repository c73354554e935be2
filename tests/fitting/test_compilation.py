from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from numba.core import caching, config

import sklearn_chatsr.fitting
from sklearn_chatsr import ChatSRRegressor, LLMSRRegressor
from sklearn_chatsr.estimators import llmsr
from sklearn_chatsr.estimators.search import Search
from sklearn_chatsr.fitting import compilation, warm_up
from sklearn_chatsr.fitting.compilation import (
    _SOURCES,
    prepare_cache,
    source_fingerprint,
)
from sklearn_chatsr.proposers.programs.search import ProgramSearch


def test_importing_the_package_does_not_import_numba():
    code = "import sys, sklearn_chatsr.fitting; sys.exit('numba' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_second_process_loads_the_kernels_without_compiling():
    warm_up()
    code = (
        "import logging, sys; logging.basicConfig(level='INFO', stream=sys.stdout)\n"
        "from sklearn_chatsr.fitting import warm_up\n"
        "warm_up()\n"
    )

    output = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )

    assert "Compiling" not in output.stdout
    assert output.stderr == ""


def test_without_a_folder_to_write_to_the_cache_is_temporary(monkeypatch, caplog):
    def find_no_locator(*_):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(caching, "CompileResultCacheImpl", find_no_locator)
    monkeypatch.setattr(config, "CACHE_DIR", "")

    prepare_cache.__wrapped__()

    folder = Path(config.CACHE_DIR)
    assert "Set NUMBA_CACHE_DIR" in caplog.text
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o077 == 0


def test_warm_up_is_silent_when_there_is_nothing_to_compile(caplog):
    warm_up()

    with caplog.at_level(logging.INFO):
        warm_up()

    assert not caplog.records


def test_the_fingerprint_covers_every_compiled_source():
    folder = Path(sklearn_chatsr.fitting.__file__).parent
    private = {p.stem for p in folder.glob("_*.py")} - {
        "__init__",
        "_compiled",
        "_compiled_starts",
    }

    assert private == set(_SOURCES)
    assert source_fingerprint() == source_fingerprint() != 0


@pytest.fixture
def loaded(monkeypatch):
    """Give the modules that are loaded from now on, by name."""
    modules: dict[str, ModuleType] = {}
    monkeypatch.setattr(compilation, "_loaded", modules)
    return modules


def test_warm_up_leaves_nothing_to_compile(loaded):
    warm_up()

    assert set(loaded) == {"_compiled", "_compiled_starts"}


@pytest.mark.parametrize(
    ("optimizer", "needed"),
    [("lm", {"_compiled"}), ("bfgs", {"_compiled", "_compiled_starts"})],
)
def test_a_search_loads_what_its_optimizer_needs_before_it_begins(
    loaded, monkeypatch, optimizer, needed
):
    at_begin = set()

    def begin(search, *args):
        at_begin.update(loaded)
        raise InterruptedError

    monkeypatch.setattr(Search, "run", begin)
    regressor = ChatSRRegressor(constant_optimizer=optimizer)

    with pytest.raises(InterruptedError):
        regressor.fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 4.0])

    assert at_begin == needed


def test_a_program_search_loads_everything_before_its_time_begins(loaded, monkeypatch):
    begun = {}

    def begin(search):
        begun.update(loaded)
        begun["deadline"] = search.deadline
        raise InterruptedError

    def slowly():
        warm_up()
        begun["warm"] = time.monotonic()

    monkeypatch.setattr(ProgramSearch, "run", begin)
    monkeypatch.setattr(llmsr, "warm_up", slowly)

    with pytest.raises(InterruptedError):
        LLMSRRegressor(max_time=10.0).fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 4.0])

    assert {"_compiled", "_compiled_starts"} < set(begun)
    assert begun["deadline"] >= begun["warm"] + 9.0
