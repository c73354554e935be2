"""Methods that behave badly, and one that behaves well, for the tests of isolation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.methods.method import Method


class Mean(Method):
    """Predict the mean; a model so simple that every figure is known."""

    package = "numpy"

    def __init__(self, seconds, seed, threads, marks=None):
        super().__init__(seconds, seed, threads)
        self.marks = marks

    @property
    def settings(self):
        return {"seed": self.seed}

    def fit(self, X, y):
        self.mean = float(np.mean(y))
        if self.marks is not None:
            with Path(self.marks).open("a") as file:
                file.write("fitted\n")

    def predict(self, X):
        return np.full(len(X), self.mean)

    def formula(self):
        return repr(self.mean)


class Silent(Mean):
    """Give predictions and no formula, as a forest does; SymPy has nothing to do."""

    def formula(self):
        return None

    def size(self):
        return 1


class Sleeping(Silent):
    """Take long enough to be killed."""

    def fit(self, X, y):
        with Path(self.marks).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.7)
        self.mean = float(np.mean(y))


class Raising(Mean):
    def fit(self, X, y):
        raise ZeroDivisionError("no luck")


class Segfaulting(Mean):
    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGSEGV)


class Leaving(Mean):
    def fit(self, X, y):
        os._exit(3)


class Hanging(Mean):
    """Ignore polite signals, and leave a child behind that hangs as well."""

    def fit(self, X, y):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(os.environ["CHILD_FILE"]).write_text(str(child.pid))
        time.sleep(600)


class HangingAtTheStart(Mean):
    def __init__(self, seconds, seed, threads):
        super().__init__(seconds, seed, threads)
        time.sleep(600)


class Eating(Mean):
    """Take memory piece by piece, faster than it can be looked at."""

    def fit(self, X, y):
        self.pieces = []
        while True:
            self.pieces.append(np.ones(4_000_000))


class Unreadable(Mean):
    def formula(self):
        return "__import__('os').getcwd()"


class Lying(Mean):
    """Predict the truth and report another formula."""

    def formula(self):
        return "x1 + 17"


class ByFormula(Mean):
    """Leave the predictions to the formula."""

    def predict(self, X):
        return None

    def formula(self):
        return "2*x1 + 1"


class Absent(Mean):
    def __init__(self, seconds, seed, threads):
        raise ImportError("needs a compiler of 1957")
