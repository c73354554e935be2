"""Quotients by products of sums as sums of quotients: every column by itself."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from sklearn_chatsr.expressions.exact_numbers import Node, Number, exact
from sklearn_chatsr.expressions.normal_form import add_up, make_product
from sklearn_chatsr.expressions.polynomial_factors import factors_of

_MOST_BELOW, _MOST_TERMS, _HIGHEST_POWER = 4, 40, 8
_LARGEST_DENOMINATOR = 10_000
_SAME = 1e-12  # relative; what rounding leaves of a rational number, and of a remainder


def partial_fractions(node: Node) -> Node | None:
    """Write a quotient by a product as a sum of quotients by its factors.

    That is possible where a law is such a sum, of saturations of different columns for
    example: ``(x1 + x2 + 2)/((x1 + 1)*(x2 + 1))`` is ``1/(x1 + 1) + 1/(x2 + 1)``.

    Parameters
    ----------
    node : node
        A product in normal form (see `normal_form`).

    Returns
    -------
    node or None
        With the same values; None where the factors share a variable, where something
        is no polynomial, or where a remainder is left.

    Notes
    -----
    With N = q D1 + r and r = s D2, N/(D1 D2) is q/D2 + s/D1, and so on for more
    factors: divisors of different variables leave unique remainders.
    """
    factors = factors_of(node)
    below = [(base, -power) for base, power in factors if _is_whole(-power)]
    above = [(base, power) for base, power in factors if _is_whole(power)]
    if not 2 <= len(below) <= _MOST_BELOW or len(above) + len(below) != len(factors):
        return None
    atoms = sorted({a for base, _ in factors for a in _atoms(base)}, key=repr)
    own = [_atoms(base) for base, _ in below]
    if sum(map(len, own)) != len(set().union(*own)):
        return None
    polynomials = _Polynomials(atoms)
    numerator = polynomials.product(above)
    divisors = [polynomials.product([factor]) for factor in below]
    if numerator is None or None in divisors:
        return None
    parts = polynomials.split(numerator, divisors)
    if parts is None:
        return None
    fractions: list[tuple[Node, Number]] = []
    for polynomial, which in parts:
        divisor = [] if which is None else [(below[which][0], -below[which][1])]
        fractions += [
            (make_product([*monomial, *divisor]), coefficient)
            for monomial, coefficient in polynomials.terms(polynomial)
        ]
    return add_up(fractions)


class _Polynomials:
    """Polynomials over some atoms, with rational coefficients."""

    def __init__(self, atoms: Sequence[Node]) -> None:
        from sympy import QQ, ring

        self.atoms = atoms
        self.rationals = QQ
        self.ring: Any = ring([f"a{i}" for i in range(len(atoms))], QQ)[0]

    def product(self, factors: Sequence[tuple[Node, Number]]) -> Any:
        """Multiply powers of sums and atoms; None if there is no such polynomial."""
        total = self.ring(1)
        for base, power in factors:
            one = self._polynomial(base)
            if one is None or not _is_whole(power) or power > _HIGHEST_POWER:
                return None
            for _ in range(int(power)):
                total *= one
                if len(total) > _MOST_TERMS:
                    return None
        return total

    def split(
        self, numerator: Any, divisors: Sequence[Any]
    ) -> list[tuple[Any, int | None]] | None:
        """Give polynomials, each with the number of its divisor, None without one."""
        parts: list[tuple[Any, int | None]] = []
        size = self._largest(numerator)
        # What is still to be divided by all of these.
        left, remaining = numerator, list(range(len(divisors)))
        while remaining:
            number = remaining.pop(0)
            quotient, rest = left.div(divisors[number])
            for other in remaining:
                rest, remainder = rest.div(divisors[other])
                if self._largest(remainder) > _SAME * size:
                    return None
            parts.append((rest, number))
            left = quotient
        return [*parts, (left, None)]

    def terms(self, polynomial: Any) -> list[tuple[list[tuple[Node, Number]], Number]]:
        """Give monomials as factors, and their coefficients."""
        largest = self._largest(polynomial)
        return [
            (
                [(a, p) for a, p in zip(self.atoms, exponents, strict=True) if p],
                _number(coefficient),
            )
            for exponents, coefficient in polynomial.terms()
            if abs(float(coefficient)) > _SAME * largest
        ]

    def _polynomial(self, node: Node) -> Any:
        if not _is_sum(node):
            return self.ring.from_dict({self._exponents(node): self.rationals(1)})
        total = self.ring(0)
        for term, coefficient in [*node[2], (1, node[1])]:
            number = _rational(coefficient)
            product = self.product(factors_of(term))
            if number is None or product is None:
                return None
            total += product * self.rationals(number.numerator, number.denominator)
        return total

    def _exponents(self, atom: Node) -> tuple[int, ...]:
        return tuple(int(a == atom) for a in self.atoms)

    @staticmethod
    def _largest(polynomial: Any) -> float:
        return max((abs(float(c)) for c in polynomial.coeffs()), default=0.0)


def _is_sum(node: Node) -> bool:
    return isinstance(node, tuple) and node[0] == "+"


def _is_whole(power: Number) -> bool:
    return isinstance(power, int) and power > 0


def _atoms(base: Node) -> set[Node]:
    if not _is_sum(base):
        return {base}
    factors = [base for term, _ in base[2] for base, _ in factors_of(term)]
    return set().union(*map(_atoms, factors))


def _rational(value: Number) -> Fraction | None:
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if not isinstance(value, float):
        return None
    near = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    same = abs(float(near) - value) <= _SAME * abs(value)
    return near if same else Fraction(value)


def _number(value: Any) -> Number:
    """Give a whole number as such, any other with the digits that rounding leaves."""
    fraction = Fraction(int(value.numerator), int(value.denominator))
    if fraction.denominator == 1:
        return exact(fraction)
    number = float(fraction)
    return float(f"{number:.12g}")
