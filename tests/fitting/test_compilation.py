from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import sklearn_chatsr.fitting
from sklearn_chatsr.fitting import warm_up
from sklearn_chatsr.fitting.compilation import _SOURCES, source_fingerprint


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
