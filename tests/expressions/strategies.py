"""Random expressions for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from sklearn_chatsr.expressions import OPERATORS, Expression

UNARY = sorted(name for name, row in OPERATORS.items() if row.arity == 1)
BINARY = sorted(name for name, row in OPERATORS.items() if row.arity == 2)
NAMED = sorted(name for name, row in OPERATORS.items() if row.arity == 0)

# Points on both sides of zero, none of them special to any operator.
POINTS = np.random.default_rng(0).uniform(-3, 3, size=(40, 3))
POINTS[20:] = np.abs(POINTS[20:])

_numbers = st.floats(-9, 9).map(lambda value: round(value, 3))
_leaves = st.one_of(
    st.sampled_from(["x1", "x2", "x3"]),
    st.sampled_from(["x1", "x2", "x3"]),
    st.integers(-4, 9).map(str),
    st.sampled_from(NAMED).map(lambda name: (name,)),
)


def _grow(children):
    return st.one_of(
        st.tuples(st.sampled_from(UNARY), children),
        st.tuples(st.sampled_from(BINARY), children, children),
        # Sums and products are what the rules are about: draw them more often.
        st.tuples(st.sampled_from(["add", "sub", "mul", "div"]), children, children),
    )


_trees = st.recursive(st.one_of(_leaves, _numbers), _grow, max_leaves=10)
_open_trees = st.recursive(st.one_of(_leaves, st.just("C")), _grow, max_leaves=10)

expressions = _trees.map(Expression.from_tree)
skeletons = _open_trees.map(lambda tree: Expression.from_tree(tree).skeleton())


def agree(a, b, rtol=1e-6):
    """Compare values where both are finite and float64 has digits left to compare."""
    usable = np.isfinite(a) & np.isfinite(b) & (np.abs(a) < 1e10)
    scale = 1e-6 + np.abs(a[usable])
    return (
        np.median(np.abs(a[usable] - b[usable]) / scale) < rtol
        if usable.any()
        else True
    )
