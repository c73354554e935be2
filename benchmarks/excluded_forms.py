"""Write the canonical forms of all benchmark formulas, for training to avoid.

Run ``python -m benchmarks.excluded_forms``; it writes ``training/excluded_forms.txt``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.problems import Problem
from benchmarks.problems.selection import packaged_problems
from sklearn_chatsr.expressions import Expression, is_variable, variable, variable_index
from training.exclusions import EXCLUDED_FORMS, is_common
from training.skeletons import strip_scale

_HEADER = """\
# Canonical forms of the formulas of benchmarks/problems/*.yaml, constants open, without
# outer scale and offset. Written by: python -m benchmarks.excluded_forms
# Left out, for no formula can avoid them: plain products and ratios of variables, and
# forms of at most three tokens.
"""


def form_of(problem: Problem, exact: bool = True) -> Expression | None:
    """Give the form of a problem's law over x1..xk, or None when it has no law.

    With its numbers, of which equal ones may be taken together, or with open constants.
    """
    if problem.expression is None:
        return None
    law = problem.expression if exact else problem.expression.skeleton()
    simple = law.simplify()
    if not simple.variables:
        return None
    form = strip_scale(simple.skeleton().simplify())
    # Columns that the law does not need leave no gap.
    places = {column: place for place, column in enumerate(form.variables)}
    return Expression(
        [
            variable(places[variable_index(t)]) if is_variable(t) else t
            for t in form.tokens
        ]
    ).simplify()


def excluded_forms() -> list[Expression]:
    """Give the forms of all packaged problems, each once, short ones first."""
    forms = {
        form
        for problem in packaged_problems()
        for exact in (True, False)
        if (form := form_of(problem, exact)) is not None and not is_common(form)
    }
    return sorted(forms, key=lambda form: (form.size, form.tokens))


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=EXCLUDED_FORMS)
    args = parser.parse_args()
    lines = (" ".join(form.tokens) for form in excluded_forms())
    args.out.write_text(_HEADER + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
