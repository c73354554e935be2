"""Forms that training may never see: the laws of benchmarks, whatever their variables.

The file beside this module is written by ``python -m benchmarks.excluded_forms``; only
its canonical forms come here, never a name or a range.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from functools import cache
from itertools import permutations
from pathlib import Path

from sklearn_chatsr.expressions import Expression, is_variable, variable, variable_index

EXCLUDED_FORMS = Path(__file__).with_name("excluded_forms.txt")

Shape = tuple[str, ...]


class Exclusions:
    """Tell whether a skeleton is an excluded form under some naming of its variables.

    Parameters
    ----------
    forms : iterable of Expression
        Canonical skeletons without outer scale and offset (`training.skeletons`).

    Examples
    --------
    >>> exclusions = Exclusions([Expression(["div", "x1", "sq", "x2"])])
    >>> exclusions.excludes(Expression(["div", "x2", "sq", "x1"]))
    True
    >>> exclusions.excludes(Expression(["mul", "x1", "sq", "x2"]))
    False
    """

    def __init__(self, forms: Iterable[Expression]) -> None:
        self._keys: defaultdict[Shape, set[Hashable]] = defaultdict(set)
        for form in forms:
            self._keys[_shape(form)].add(form.canonical_key())
        self._known: dict[Expression, bool] = {}

    def __len__(self) -> int:
        return sum(map(len, self._keys.values()))

    def excludes(self, skeleton: Expression) -> bool:
        """Tell whether a canonical skeleton is excluded.

        Parameters
        ----------
        skeleton : Expression
            Canonical, over any columns.

        Returns
        -------
        bool
        """
        # Renaming keeps the multiset of tokens, so most need one look-up only.
        keys = self._keys.get(_shape(skeleton))
        if keys is None:
            return False
        if skeleton not in self._known:
            self._known[skeleton] = any(
                renamed.canonical_key() in keys for renamed in _renamed(skeleton)
            )
        return self._known[skeleton]


def is_common(skeleton: Expression) -> bool:
    """Tell whether a form is too plain to be anybody's: no formula can avoid it.

    Plain products and ratios of variables, and at most three tokens.
    """
    return skeleton.size <= 3 or set(_shape(skeleton)) <= {"mul", "div", "x"}


@cache
def load_exclusions(path: Path = EXCLUDED_FORMS) -> Exclusions:
    """Read a file of forms, one per line in prefix tokens; "#" starts a comment.

    Parameters
    ----------
    path : pathlib.Path, optional
        The file that comes with this package by default.

    Returns
    -------
    Exclusions

    Raises
    ------
    ValueError
        If a line is not an expression; the message gives its number.
    """
    forms = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        try:
            forms.append(Expression(line.split()))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    return Exclusions(forms)


def _shape(skeleton: Expression) -> Shape:
    return tuple(sorted("x" if is_variable(t) else t for t in skeleton.tokens))


def _renamed(skeleton: Expression) -> Iterable[Expression]:
    columns = skeleton.variables
    for order in permutations(range(len(columns))):
        places = dict(zip(columns, map(variable, order), strict=True))
        yield Expression(
            [
                places[variable_index(t)] if is_variable(t) else t
                for t in skeleton.tokens
            ]
        ).simplify()
