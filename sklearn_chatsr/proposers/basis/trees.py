"""Small operations on trees: sums with coefficients, releasing inner constants."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sklearn_chatsr.expressions import OPERATORS, is_integer
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.terms import ROOTS, factors, power, product

_SNAP = 1e-7
_LARGEST_INTEGER = 12
_CURVES = frozenset(
    ("exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")
)
_POWERS = frozenset({"sqrt", "cbrt", "sq", "cube", "inv", "pow", "abs"})
# A product of powers, by factor.
_Monomial = frozenset[tuple[Tree, Fraction]]


def size(tree: Tree) -> int:
    """Count the nodes."""
    return 1 + sum(map(size, tree[1:])) if isinstance(tree, tuple) else 1


def snap(value: float, exact: bool) -> Tree:
    """Give the integer that an exactly known value is, else the value."""
    nearest = round(value) if abs(value) < _LARGEST_INTEGER + 1 else 0
    if exact and nearest and abs(value - nearest) < _SNAP * abs(nearest):
        return str(nearest)
    return value


def linear_combination(
    addends: Sequence[tuple[float, Tree]], constant: float, exact: bool
) -> Tree:
    """Write ``c1*t1 + c2*t2 + ... + constant``.

    Parameters
    ----------
    addends : sequence of (float, tree)
        Coefficients and terms; those of coefficient 0 are left out.
    constant : float
        Left out when 0.
    exact : bool
        Whether coefficients next to an integer are that integer.
    """
    tree: Tree | None = None
    ordered = sorted(addends, key=lambda item: item[0] < 0)
    for coefficient, term in ordered:
        if coefficient == 0.0:
            continue
        value = snap(coefficient, exact)
        if value == "1":
            part: Tree = term
        elif value == "-1" and tree is not None:
            tree = ("sub", tree, term)
            continue
        elif value == "-1":
            part = ("neg", term)
        elif exact and isinstance(value, float) and snap(1 / value, exact) != 1 / value:
            part = ("div", term, snap(1 / value, exact))
        else:
            part = ("mul", value, term)
        tree = part if tree is None else ("add", tree, part)
    if tree is None:
        return snap(constant, exact)
    if constant != 0.0:
        tree = ("add", tree, snap(constant, exact))
    return tree


def multiplied(factor: Tree, tree: Tree) -> Tree:
    """Write a product; a factor of one is left out."""
    if tree == "1":
        return factor
    return tree if factor == "1" else ("mul", factor, tree)


def with_factors(factor: Tree, unit: Tree, tree: Tree) -> list[Tree]:
    """Write a product: both factors in front, the second or both in every addend.

    Examples
    --------
    >>> with_factors("1", "x1", ("sqrt", ("add", "x2", "x3")))[1]
    ('sqrt', ('add', ('mul', ('sq', 'x1'), 'x2'), ('mul', ('sq', 'x1'), 'x3')))
    """
    both = multiplied(factor, unit)
    ways = [multiplied(both, tree)]
    if unit != "1":
        ways.append(multiplied(factor, _spread(unit, Fraction(1), tree)))
    if factor not in ("1", both):
        ways.append(_spread(both, Fraction(1), tree))
    return ways


def _spread(factor: Tree, exponent: Fraction, tree: Tree) -> Tree:
    """Multiply the addends by a power of a factor that is positive below a root."""
    if isinstance(tree, tuple):
        name, *parts = tree
        if name in ("add", "sub", "neg"):
            return (name, *(_spread(factor, exponent, part) for part in parts))
        inside = exponent / ROOTS[name] if name in ROOTS else Fraction(1, 2)
        if inside.denominator == 1:
            return (name, _spread(factor, inside, parts[0]))
        if name in ("mul", "div"):
            first, second = parts
            if _value(first) is None:
                return (name, _spread(factor, exponent, first), second)
            sign = 1 if name == "mul" else -1
            return (name, first, _spread(factor, sign * exponent, second))
    return ("mul", power(factor, exponent), tree)


def complete_squares(
    addends: Sequence[tuple[float, Tree]], constant: float
) -> tuple[list[tuple[float, Tree]], float]:
    """Write ``a*t^2 + b*t`` as ``a*(t + b/(2*a))^2``; a lone square stays.

    Parameters
    ----------
    addends : sequence of (float, tree)
        Coefficients and terms.
    constant : float
        The constant beside them.

    Returns
    -------
    addends : list of (float, tree)
        As many or fewer.
    constant : float
        Less what the squares hold.
    """
    coefficients = {term: c for c, term in addends}
    left = dict(coefficients)
    for term, b in coefficients.items():
        square: Tree = ("sq", term)
        if b == 0 or square not in left or term not in left:
            continue
        a = left.pop(square)
        del left[term]
        shift = b / (2 * a)
        moved: Tree = ("add", term, snap(shift, True))
        if shift < 0:
            moved = ("sub", term, snap(-shift, True))
        left[("sq", moved)] = a
        constant -= a * shift**2
    return [(c, term) for term, c in left.items()], constant


def as_power(tree: Tree) -> Tree:
    """Write ``exp(a*log(b))`` as ``b^a``, which is shorter."""
    if not isinstance(tree, tuple):
        return tree
    tree = (tree[0], *map(as_power, tree[1:]))
    if tree[0] == "exp" and isinstance(tree[1], tuple) and tree[1][0] == "mul":
        for exponent, log in (tree[1][1:], tree[1][:0:-1]):
            if isinstance(log, tuple) and log[0] == "log":
                return ("pow", log[1], exponent)
    return tree


def factors_of(
    tree: Tree, leaves: Sequence[Tree]
) -> tuple[Tree, dict[int, Fraction]] | None:
    """Read a monomial: its number and the powers of the columns; None if it is not."""
    number: Tree = "1"
    powers: dict[int, Fraction] = {}
    for factor, exponent in factors(tree, leaves).items():
        if factor in leaves:
            powers[leaves.index(factor)] = exponent
        elif not _is_number(factor) or number != "1" or exponent != 1:
            return None
        else:
            number = factor
    return number, powers


def _is_number(tree: Tree) -> bool:
    return isinstance(tree, float) or (isinstance(tree, str) and is_integer(tree))


def fraction_of(tree: Tree, leaves: Sequence[Tree]) -> tuple[Tree, dict[int, Fraction]]:
    """Read a fraction: what is above the bar, and the powers of columns below."""
    monomial = factors_of(tree, leaves)
    if monomial is not None:
        number, powers = monomial
        above = [(leaves[j], p) for j, p in powers.items() if p > 0]
        below = {j: -p for j, p in powers.items() if p < 0}
        top = product(above) if above else "1"
        if number != "1":
            top = number if top == "1" else ("mul", number, top)
        return top, below
    if isinstance(tree, tuple) and tree[0] in ("mul", "div"):
        top, below = fraction_of(tree[1], leaves)
        if tree[0] == "mul":
            other, more = fraction_of(tree[2], leaves)
            top = other if top == "1" else ("mul", top, other)
            for j, p in more.items():
                below[j] = below.get(j, Fraction(0)) + p
            return top, below
        divisor = factors_of(tree[2], leaves)
        if divisor is not None and divisor[0] == "1":
            for j, p in divisor[1].items():
                below[j] = below.get(j, Fraction(0)) + p
            return top, {j: p for j, p in below.items() if p != 0}
    return tree, {}


def release(tree: Tree) -> Tree:
    """Give the numbers inside curves and powers to the fit.

    A factor inside a curve, the ratio of the addends under a power, and the integers
    beside them become constants with their present value.

    Examples
    --------
    >>> release(("sin", ("sub", "x1", "x2")))
    ('sin', ('sub', ('mul', 1.0, 'x1'), ('mul', 1.0, 'x2')))
    >>> release(("sqrt", ("sub", "1", ("sq", "x1"))))
    ('sqrt', ('sub', 1.0, ('sq', 'x1')))
    """
    if not isinstance(tree, tuple) or len(tree) == 1:
        return tree
    if tree[0] in _CURVES:
        return (tree[0], _free(tree[1], all_free=True))
    if tree[0] == "pow":
        exponent = tree[2] if isinstance(tree[2], float) else release(tree[2])
        return ("pow", _free(tree[1], all_free=False), exponent)
    if tree[0] in _POWERS:
        return (tree[0], _free(tree[1], all_free=False))
    if tree[0] in ("mul", "div"):
        return (tree[0], *(_in_product(t) for t in tree[1:]))
    return (tree[0], *(release(t) for t in tree[1:]))


def _in_product(tree: Tree) -> Tree:
    if isinstance(tree, tuple) and tree[0] in ("add", "sub"):
        return _free(tree, all_free=False)
    return release(tree)


def _free(tree: Tree, all_free: bool) -> Tree:
    """Free the addends of a sum: all, or their ratios when the size is free outside."""
    state = [all_free]
    return _free_addends(tree, state)


def _free_addends(tree: Tree, state: list[bool]) -> Tree:
    if isinstance(tree, tuple) and tree[0] in ("add", "sub"):
        left = _free_addends(tree[1], state)
        return (tree[0], left, _free_addends(tree[2], state))
    if isinstance(tree, str) and is_integer(tree):
        return float(tree)
    if isinstance(tree, float):
        return tree
    if isinstance(tree, tuple) and tree[0] == "neg":
        return ("neg", _free_addends(tree[1], state))
    inner = release(tree)
    if not state[0]:
        state[0] = True
        return inner
    number = _leading_number(inner)
    if number is not None:
        return number
    return ("mul", 1.0, inner)


def _leading_number(tree: Tree) -> Tree | None:
    """Turn the number that a product begins with into a constant, if there is one."""
    if not isinstance(tree, tuple) or tree[0] not in ("mul", "div"):
        return None
    for position, part in enumerate(tree[1:], start=1):
        value = _value(part)
        if value is not None:
            return (*tree[:position], value, *tree[position + 1 :])
    nested = _leading_number(tree[1])
    return None if nested is None else (tree[0], nested, tree[2])


def _value(tree: Tree) -> float | None:
    if isinstance(tree, float):
        return tree
    if isinstance(tree, str) and is_integer(tree):
        return float(tree)
    if isinstance(tree, tuple) and len(tree) == 1:
        return float(OPERATORS[tree[0]].numpy())
    return None


def plain_scale(coefficients: Sequence[float]) -> float:
    """Give the factor with which coefficients have the fewest digits in all.

    Examples
    --------
    >>> plain_scale([1 / 3, 1.0, 0.4333333333333333])
    3.0
    """
    ways = [1.0]
    for c in coefficients:
        ways += [k / abs(c) for k in range(1, _LARGEST_INTEGER + 1) if c != 0.0]
    return min(ways, key=lambda scale: sum(_digits(scale * c) for c in coefficients))


def _digits(value: float) -> int:
    """Count what is to be written of a number known to eight digits, 1 is free."""
    text = f"{abs(value):.8g}"
    return 0 if text == "1" else len(text)


def whole_part(
    above: Sequence[tuple[float, Tree]], below: Sequence[tuple[float, Tree]]
) -> tuple[list[tuple[float, Tree]], list[tuple[float, Tree]]]:
    """Divide polynomials as far as it makes the dividend shorter.

    Parameters
    ----------
    above, below : sequence of (float, tree)
        Coefficients and monomials of dividend and divisor.

    Returns
    -------
    whole, rest : list of (float, tree)
        ``above / below == whole + rest / below``; `rest` has fewer terms than `above`
        for every term of `whole`.

    Examples
    --------
    >>> above = [(1.0, ("mul", "x1", "x2")), (0.5, ("mul", "x1", "x3")),
    ...          (0.5, ("mul", "x2", "x3"))]
    >>> whole_part(above, [(1.0, "x1"), (1.0, "x2")])
    ([(0.5, 'x3')], [(1.0, ('mul', 'x1', 'x2'))])
    """
    dividend = {_monomial(tree): c for c, tree in above}
    divisor = {_monomial(tree): c for c, tree in below}
    least = _SNAP * max((abs(c) for c, _ in above), default=0.0)
    whole: list[tuple[float, Tree]] = []
    shorter = True
    while dividend and shorter:
        shorter = False
        steps = (
            (dividend[top] / divisor[bottom], quotient)
            for top in dividend
            for bottom in divisor
            if (quotient := _over(top, bottom)) is not None
        )
        ways = []
        for c, quotient in steps:
            rest = dict(dividend)
            for monomial, factor in divisor.items():
                key = _by(quotient, monomial)
                rest[key] = rest.get(key, 0.0) - c * factor
            rest = {key: value for key, value in rest.items() if abs(value) > least}
            written = len(rest), sum(map(_digits, rest.values()))
            ways.append((written, c, quotient, rest))
        if ways:
            _, c, quotient, rest = min(ways, key=lambda way: way[0])
            if len(rest) < len(dividend):
                whole.append((c, _written(quotient)))
                dividend, shorter = rest, True
    return whole, [(c, _written(monomial)) for monomial, c in dividend.items()]


def _written(monomial: _Monomial) -> Tree:
    return product(sorted(monomial, key=str)) if monomial else "1"


def _monomial(tree: Tree) -> _Monomial:
    return frozenset(factors(tree).items())


def _by(a: _Monomial, b: _Monomial, sign: int = 1) -> _Monomial:
    powers = dict(a)
    for factor, p in b:
        powers[factor] = powers.get(factor, Fraction(0)) + sign * p
    return frozenset((f, p) for f, p in powers.items() if p != 0)


def _over(a: _Monomial, b: _Monomial) -> _Monomial | None:
    """Divide monomials, None if a power would be negative."""
    quotient = _by(a, b, -1)
    return None if any(p < 0 for _, p in quotient) else quotient
