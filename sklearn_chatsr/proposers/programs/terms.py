"""A formula as a sum of terms and a term as a product of factors."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn_chatsr.expressions import CONSTANT, Expression, is_integer
from sklearn_chatsr.expressions.expression import Tree

# Factors of one term; the empty term is the constant. A term stands for itself times
# a coefficient, which the fit solves for.
Term = tuple[Tree, ...]
Terms = tuple[Term, ...]


def split_terms(expression: Expression) -> Terms:
    """Take a formula apart into terms, without their coefficients.

    Parameters
    ----------
    expression : Expression
        With the values of its constants, which stay inside the factors.

    Returns
    -------
    tuple of tuple of tree
        Distinct terms in the order of the formula.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> split_terms(Expression.from_infix("2.0*x1*sin(x2) - x1/x2 + 3.0"))
    (('x1', ('sin', 'x2')), ('x1', ('inv', 'x2')), ())
    """
    terms: dict[Term, None] = {}
    todo: list[Tree] = [expression.to_tree()]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple) and node[0] in ("add", "sub", "neg"):
            todo.extend(reversed(node[1:]))
        else:
            terms.setdefault(split_factors(node))
    return tuple(terms)


def split_factors(tree: Tree) -> Term:
    """Take a term apart into factors; numbers among them are left out."""
    factors: list[Tree] = []
    todo: list[tuple[Tree, bool]] = [(tree, False)]
    while todo:
        node, inverse = todo.pop()
        if isinstance(node, tuple):
            if node[0] == "mul":
                todo += [(node[2], inverse), (node[1], inverse)]
                continue
            if node[0] == "div":
                todo += [(node[2], not inverse), (node[1], inverse)]
                continue
            if node[0] in ("neg", "inv"):
                todo.append((node[1], inverse ^ (node[0] == "inv")))
                continue
        elif not isinstance(node, str) or node == CONSTANT or is_integer(node):
            continue
        factors.append(("inv", node) if inverse else node)
    return tuple(factors)


def join_factors(factors: Term) -> Tree:
    """Multiply factors; an empty product is 1."""
    above: Tree | None = None
    below: Tree | None = None
    for factor in factors:
        if isinstance(factor, tuple) and factor[0] == "inv":
            below = factor[1] if below is None else ("mul", below, factor[1])
        else:
            above = factor if above is None else ("mul", above, factor)
    if below is None:
        return "1" if above is None else above
    return ("inv", below) if above is None else ("div", above, below)


def join_terms(terms: Sequence[Term], coefficients: Sequence[float]) -> Expression:
    """Build the formula: every term with its coefficient.

    Parameters
    ----------
    terms : sequence of tuple of tree
        At least one.
    coefficients : sequence of float
        One per term; the starts of constants of the formula.

    Returns
    -------
    Expression
        With the values of all its constants.
    """
    tree: Tree | None = None
    for term, coefficient in zip(terms, coefficients, strict=True):
        value = float(coefficient)
        summand: Tree = ("mul", value, join_factors(term)) if term else value
        tree = summand if tree is None else ("add", tree, summand)
    if tree is None:
        raise ValueError("A formula needs at least one term, got none.")
    return Expression.from_tree(tree)
