"""``python -m sklearn_chatsr`` is the command ``chatsr``."""

from __future__ import annotations

import sys

from sklearn_chatsr.cli import main

if __name__ == "__main__":
    sys.exit(main())
