from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    """Undo what a command under test does to the root logger.

    Its handler would write to the captured stream of a test that is over.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
