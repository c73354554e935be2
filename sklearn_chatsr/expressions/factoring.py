"""Shorter writings of exact formulas: common factors once, whole numbers as such."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from fractions import Fraction
from itertools import permutations

from sklearn_chatsr.expressions.exact_numbers import (
    ArithmeticFaultError,
    Node,
    Number,
    exact,
    is_number,
    over,
    plus,
    times,
)
from sklearn_chatsr.expressions.expression import Expression
from sklearn_chatsr.expressions.kinks import KINKS, other_kinks
from sklearn_chatsr.expressions.normal_form import (
    add_up,
    make_function,
    make_product,
    normal_form,
)
from sklearn_chatsr.expressions.partial_fractions import partial_fractions
from sklearn_chatsr.expressions.polynomial_factors import products_of_sums
from sklearn_chatsr.expressions.simplification import as_expression, build
from sklearn_chatsr.expressions.vocabulary import CONSTANT, OPERATORS

Factors = tuple[tuple[Node, Number], ...]
_MOST_ADDENDS = 40
_MOST_WHOLE = 1_000
_LARGEST_LOGARITHM, _WHOLE = 300.0, 1e-9
_ROUNDING = 1e-14
_CANCELLED = 1e-12  # what rounding leaves of terms that cancel


def factored(expression: Expression, positive: Collection[str] = ()) -> Expression:
    """Take common factors out of sums, where that makes the formula shorter.

    A formula that was put together from quotients, such as ``1/(x1/x3 + x2/x3)`` or
    ``(1 + x1/x3)/(1 + x2/x3)``, becomes ``x3/(x1 + x2)`` and ``(x1 + x3)/(x2 + x3)``.

    Parameters
    ----------
    expression : Expression
        With values for its constants; a skeleton is given back as it is.
    positive : collection of str
        Variables that have positive values only, which may leave a root, and need no
        absolute value.

    Returns
    -------
    Expression
        The shorter one of the two; the values are the same wherever the given formula
        has one and these variables are positive.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> str(factored(Expression.from_infix("x1*x2 + x1*x3")))
    'x1*(x2 + x3)'
    >>> str(factored(Expression.from_infix("sqrt(x1^2*x2 + x1^2)"), {"x1"}))
    'x1*sqrt(x2 + 1)'
    >>> str(factored(Expression.from_infix("x2 + abs(x1 + 2)"), {"x1"}))
    'x1 + x2 + 2'
    >>> str(factored(Expression.from_infix("2*x1 + 2*abs(x1 - 3)")))
    '4*max(3, x1) - 6'
    """
    if expression.n_constants and expression.constants is None:
        return expression
    try:
        node = _factored(normal_form(expression.to_tree()), frozenset(positive))
        shorter = as_expression(build(node), expression)
    except (ArithmeticFaultError, OverflowError, RecursionError):
        return expression
    return shorter if _price(shorter) < _price(expression) else expression


def with_integers(expression: Expression) -> Expression:
    """Write constants that are whole numbers, up to rounding, as such.

    Parameters
    ----------
    expression : Expression
        With values for its constants; a skeleton is given back as it is.

    Returns
    -------
    Expression
        With the same values up to rounding; whole numbers beyond a thousand stay
        constants.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> str(with_integers(Expression.from_infix("2.0*x1 + 0.5")))
    '2*x1 + 0.5'
    """
    if expression.n_constants and expression.constants is None:
        return expression
    values = iter(expression.constants or ())
    tokens: list[str] = []
    left: list[float] = []
    for token in expression.tokens:
        value = next(values) if token == CONSTANT else None
        if value is not None and _is_whole_but_for_rounding(value):
            token = str(round(value))
        elif value is not None:
            left.append(value)
        tokens.append(token)
    return Expression(tokens, left)


def _is_whole_but_for_rounding(value: float) -> bool:
    if not abs(value) <= _MOST_WHOLE:
        return False
    return math.isclose(value, round(value), rel_tol=_ROUNDING)


def _factored(node: Node, positive: frozenset[str]) -> Node:
    if not isinstance(node, tuple):
        return node
    if node[0] == "+":
        terms = [(_factored(t, positive), c) for t, c in node[2]]
        node = add_up([*terms, (1, node[1])])
    elif node[0] == "*":
        node = make_product([(_factored(b, positive), p) for b, p in node[1]])
    else:
        node = (node[0], *(_factored(argument, positive) for argument in node[1:]))
        if node[0] == "abs" and _is_positive(node[1], positive):
            return node[1]
    spread = _spread_out(node)
    written = [node, spread]
    if _is_sum(spread):
        written += products_of_sums(spread)
    written += [
        n for n in (partial_fractions(node), _as_quotient(node)) if n is not None
    ]
    return min((_climbed(n, positive) for n in written), key=_price_of)


def _is_positive(node: Node, positive: frozenset[str]) -> bool:
    """Tell whether a part is seen to be positive wherever the variables are."""
    if is_number(node):
        return bool(node > 0)
    if not isinstance(node, tuple):
        return node in positive
    if node[0] == "+":
        return node[1] >= 0 and all(
            c > 0 and _is_positive(term, positive) for term, c in node[2]
        )
    if node[0] == "*":
        return all(_is_positive(base, positive) for base, _ in node[1])
    return node[0] in ("exp", "cosh")


def _climbed(node: Node, positive: frozenset[str]) -> Node:
    least = _price_of(node)
    while True:
        others = [(_price_of(c), i, c) for i, c in enumerate(_others(node, positive))]
        price, _, best = min(others, default=(least, 0, node))
        if price >= least:
            return node
        node, least = best, price


def _price(expression: Expression) -> tuple[int, int, float]:
    """Give the nodes, the constants, and the costs: the same law in simpler words."""
    costs = [OPERATORS[t].cost for t in expression.tokens if t in OPERATORS]
    return expression.size, expression.n_constants, sum(costs)


def _price_of(node: Node) -> tuple[int, int, float]:
    return _price(Expression.from_tree(build(node)))


def _as_quotient(node: Node) -> Node | None:
    """Write tanh(log(u)/2) as (u - 1)/(u + 1); None of anything else."""
    if not isinstance(node, tuple) or node[0] != "tanh":
        return None
    inner, coefficient = _apart(node[1], 1)
    if not isinstance(inner, tuple) or inner[0] != "log":
        return None
    power = times(2, coefficient)
    if not isinstance(power, int):
        return None
    raised = make_product([(inner[1], abs(power))])
    above, below = (add_up([(raised, 1), (sign, 1)]) for sign in (-1, 1))
    quotient = make_product([(above, 1), (below, -1)])
    return quotient if power > 0 else add_up([(quotient, -1)])


def _others(node: Node, positive: frozenset[str]) -> Iterator[Node]:
    if isinstance(node, tuple) and node[0] == "+":
        yield from _with_common_factors(node)
        yield from _with_squares(node)
        yield from _with_phases(node)
        yield from _with_absorbed_constants(node)
        yield from _with_double_angles(node)
        yield from _with_other_kinks(node)
    elif isinstance(node, tuple) and node[0] == "*":
        yield from _with_cleared_sums(node[1], positive)
        yield from _with_emptied_roots(node[1], positive)
        yield from _with_moved_exponential(node[1])


def _spread_out(node: Node) -> Node:
    """Multiply out the whole powers of sums in a sum, and drop what cancels."""
    if not _is_sum(node):
        return node
    addends = [(1, node[1])]
    for term, coefficient in node[2]:
        addends += _multiplied_out(term, coefficient)
        if len(addends) > _MOST_ADDENDS:
            return node
    return _without_cancelled(addends)


def _without_cancelled(addends: list[tuple[Node, Number]]) -> Node:
    """Add up, but for what cancels up to rounding."""
    largest: dict[Node, float] = {}
    total: dict[Node, Number] = {}
    for term, coefficient in addends:
        total[term] = plus(total.get(term, 0), coefficient)
        largest[term] = max(largest.get(term, 0.0), abs(float(coefficient)))
    return add_up((t, c) for t, c in total.items() if abs(c) > _CANCELLED * largest[t])


def _multiplied_out(term: Node, coefficient: Number) -> list[tuple[Node, Number]]:
    sums = [f for f in _factors(term) if _is_sum(f[0]) and f[1] in (1, 2, 3)]
    rest = make_product([f for f in _factors(term) if f not in sums])
    addends = [_apart(rest, coefficient)]
    for base, power in sums:
        for _ in range(int(power)):
            addends = [
                _apart(make_product([(node, 1), (other, 1)]), times(number, c))
                for node, number in addends
                for other, c in [*base[2], (1, base[1])]
            ]
    return addends


def _apart(node: Node, coefficient: Number) -> tuple[Node, Number]:
    """Take the number out of a product."""
    if is_number(node):
        return 1, times(node, coefficient)
    if _is_sum(node) and node[1] == 0 and len(node[2]) == 1:
        [(term, own)] = node[2]
        return term, times(own, coefficient)
    return node, coefficient


def _with_common_factors(node: Node) -> Iterator[Node]:
    """Take a power of one base out of all terms that have one of that sign."""
    _, constant, terms = node
    for base in _bases(terms):
        powers = [_power(term, base) for term, _ in terms]
        for sign in (1, -1):
            some = [i for i, p in enumerate(powers) if p * sign > 0]
            if len(some) < 2:
                continue
            least = min((powers[i] for i in some), key=abs)
            shared = [(_over(terms[i][0], base, least), terms[i][1]) for i in some]
            rest = [term for i, term in enumerate(terms) if i not in some]
            together = make_product([(base, least), (add_up(shared), 1)])
            yield add_up([*rest, (together, 1), (1, constant)])


def _with_squares(node: Node) -> Iterator[Node]:
    """Write a*x^2 + 2*a*k*x*y + a*k^2*y^2 as a*(x + k*y)^2."""
    _, constant, terms = node
    coefficients: dict[Node, Number] = dict(terms)
    roots: dict[Node, Node] = {}
    for term in coefficients:
        [(base, power), *others] = _factors(term)
        if not others and isinstance(power, int) and power > 0 and power % 2 == 0:
            roots[term] = make_product([(base, power // 2)])
    if constant != 0:
        coefficients[1], roots[1] = constant, 1
    for first, second in permutations(roots, 2):
        if first == 1:
            continue
        a, b = coefficients[first], coefficients[second]
        mixed = make_product([(roots[first], 1), (roots[second], 1)])
        share = over(coefficients.get(mixed, 0), times(2, a))
        gap = plus(b, times(-1, times(a, times(share, share))))
        if share == 0 or abs(gap) > _CANCELLED * abs(b):
            continue
        line = add_up([(roots[first], 1), (roots[second], share)])
        gone = (first, second, mixed)
        rest = [(t, c) for t, c in coefficients.items() if t not in gone]
        yield add_up([*rest, (make_product([(line, 2)]), a)])


def _with_phases(node: Node) -> Iterator[Node]:
    """Write a*sin(u) + b*cos(u), with a or b no whole number, as c*sin(u + d)."""
    _, constant, terms = node
    coefficients: dict[Node, Number] = dict(terms)
    for term, a in terms:
        for base, power in _factors(term):
            if power != 1 or not isinstance(base, tuple) or base[0] != "sin":
                continue
            others = [f for f in _factors(term) if f[0] != base]
            twin = make_product([*others, (make_function("cos", base[1]), 1)])
            b = coefficients.get(twin, 0)
            if b == 0 or not (isinstance(a, float) or isinstance(b, float)):
                continue
            size, shift = math.hypot(a, b), math.atan(float(b) / float(a))
            turned = make_function("sin", add_up([(base[1], 1), (shift, 1)]))
            rest = [(t, c) for t, c in terms if t not in (term, twin)]
            whole = make_product([*others, (turned, 1)])
            yield add_up([*rest, (whole, math.copysign(size, a)), (constant, 1)])


def _with_absorbed_constants(node: Node) -> Iterator[Node]:
    """Write log(3*x + 3) - 1.0986 as log(x + 1)."""
    _, constant, terms = node
    if constant == 0:
        return
    for term, c in terms:
        if not (isinstance(term, tuple) and term[0] == "log" and _is_sum(term[1])):
            continue
        share = float(constant) / float(c)
        if abs(share) > _LARGEST_LOGARITHM:
            continue
        scale = math.exp(share)
        _, inner, addends = term[1]
        scaled = [(t, _rounded(float(a) * scale)) for t, a in (*addends, (1, inner))]
        rest = [t for t in terms if t[0] != term]
        yield add_up([*rest, (make_function("log", add_up(scaled)), c)])


def _with_double_angles(node: Node) -> Iterator[Node]:
    """Write 2*sin(u)*cos(u) as sin(2*u)."""
    _, constant, terms = node
    for term, coefficient in terms:
        factors = _factors(term)
        for base, power in factors:
            if power != 1 or not isinstance(base, tuple) or base[0] != "sin":
                continue
            twin = (make_function("cos", base[1]), 1)
            if twin not in factors:
                continue
            others = [f for f in factors if f not in ((base, 1), twin)]
            doubled = make_function("sin", add_up([(base[1], 2)]))
            half = times(Fraction(1, 2), coefficient)
            rest = [t for t in terms if t[0] != term]
            yield add_up(
                [*rest, (make_product([*others, (doubled, 1)]), half), (constant, 1)]
            )


def _with_other_kinks(node: Node) -> Iterator[Node]:
    """Write x + |x - c| as 2*max(x, c) - c, and a term times another likewise."""
    _, constant, terms = node
    for term, coefficient in terms:
        factors = _factors(term)
        for base, power in factors:
            if power != 1 or not isinstance(base, tuple) or base[0] not in KINKS:
                continue
            others = [f for f in factors if f[0] != base]
            rest = [t for t in terms if t[0] != term]
            for addends in other_kinks(base):
                written = [
                    _apart(make_product([*others, (part, 1)]), times(c, coefficient))
                    for part, c in addends
                ]
                yield _without_cancelled([*rest, *written, (1, constant)])


def _rounded(value: float) -> Number:
    """Give the whole number that a product of rounded numbers is."""
    nearest = round(value)
    whole = 0 < abs(nearest) <= _MOST_WHOLE and abs(value - nearest) < _WHOLE
    return nearest if whole else value


def _with_cleared_sums(factors: Factors, positive: frozenset[str]) -> Iterator[Node]:
    """Multiply every sum so that one base is in no denominator, and divide again."""
    inner = [t for base, _ in factors if _is_sum(base) for t in base[2]]
    for base in _bases(inner):
        parts: list[tuple[Node, Number]] = []
        for factor, power in factors:
            least = _least(factor, base)
            if least == 0 or not (isinstance(power, int) or base in positive):
                parts.append((factor, power))
                continue
            terms = [(_over(term, base, least), c) for term, c in factor[2]]
            terms.append((make_product([(base, -least)]), factor[1]))
            parts += [(base, least * power), (add_up(terms), power)]
        yield make_product(parts)


def _with_emptied_roots(factors: Factors, positive: frozenset[str]) -> Iterator[Node]:
    """Write sqrt(a^2*b) as a*sqrt(b), where a is positive."""
    for i, (product, power) in enumerate(factors):
        if not (isinstance(product, tuple) and product[0] == "*"):
            continue
        others = [*factors[:i], *factors[i + 1 :]]
        out = [f for f in product[1] if _is_positive(f[0], positive)]
        for chosen in dict.fromkeys((*((f,) for f in out), tuple(out))):
            rest = make_product([f for f in product[1] if f not in chosen])
            outside = [(base, inner * power) for base, inner in chosen]
            yield make_product([*others, *outside, (rest, power)])


def _with_moved_exponential(factors: Factors) -> Iterator[Node]:
    """Write exp(-a)/(exp(b - a) + 1) as 1/(exp(b) + exp(a)), which overflows later."""
    for i, (base, power) in enumerate(factors):
        if not (isinstance(base, tuple) and base[0] == "exp"):
            continue
        for j, (total, outer) in enumerate(factors):
            if not _is_sum(total) or not isinstance(outer, int):
                continue
            share = exact(Fraction(power) / outer)
            terms = [(make_product([(t, 1), (base, share)]), c) for t, c in total[2]]
            terms.append((make_product([(base, share)]), total[1]))
            rest = [f for k, f in enumerate(factors) if k not in (i, j)]
            yield make_product([*rest, (add_up(terms), outer)])


def _is_sum(node: Node) -> bool:
    return isinstance(node, tuple) and node[0] == "+"


def _least(node: Node, base: Node) -> Number:
    """Give the lowest power of a base in the terms of a sum; 0 of anything else."""
    if not _is_sum(node):
        return 0
    powers = [_power(term, base) for term, _ in node[2]]
    return min(powers if node[1] == 0 else [*powers, 0])


def _bases(terms: list[tuple[Node, Number]] | Factors) -> list[Node]:
    found: dict[Node, None] = {}
    for term, _ in terms:
        factors = _factors(term)
        found.update(dict.fromkeys(b for b, p in factors if _is_rational(p)))
    return [base for base in found if not is_number(base)]


def _factors(term: Node) -> Factors:
    if isinstance(term, tuple) and term[0] == "*":
        factors: Factors = term[1]
        return factors
    return ((term, 1),)


def _is_rational(power: Number) -> bool:
    return isinstance(power, int | Fraction)


def _power(term: Node, base: Node) -> Number:
    return next((p for b, p in _factors(term) if b == base and _is_rational(p)), 0)


def _over(term: Node, base: Node, power: Number) -> Node:
    return make_product([(term, 1), (base, -power)])
