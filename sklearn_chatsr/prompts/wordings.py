"""How properties are said: many wordings of each, some kept from training.

Every wording is a predicate ("contains no {o}"), so that any of them can follow a
subject or stand alone. Slots: ``{o}`` operators, ``{ao}`` operators with their article,
``{v}`` variables, ``{a}`` and ``{b}`` a pair of variables, ``{n}`` a number, ``{f}`` a
formula. Slots ``{o}``, ``{ao}`` and ``{v}`` take lists ("x1 and x2").
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """The ways to say one kind of property.

    Attributes
    ----------
    seen : tuple of str
        Templates of training; the first is the plainest.
    unseen : tuple of str
        Templates that training never uses: they show whether a model understands, or
        has learned by heart.
    """

    seen: tuple[str, ...]
    unseen: tuple[str, ...]


WORDINGS: dict[str, Wording] = {
    "contains": Wording(
        (
            "contains {ao}",
            "has {ao}",
            "uses {ao}",
            "includes {ao}",
            "involves {ao}",
            "must contain {ao}",
            "is built with {ao}",
            "with {ao}",
        ),
        ("features {ao}", "should have {ao} in it", "makes use of {ao}"),
    ),
    "avoids": Wording(
        (
            "contains no {o}",
            "has no {o}",
            "avoids {o}",
            "is free of {o}",
            "does not contain {ao}",
            "uses no {o}",
            "without {ao}",
            "must not contain {ao}",
        ),
        ("lacks any {o}", "does not involve {ao}", "is written without {ao}"),
    ),
    "uses": Wording(
        (
            "depends on {v}",
            "uses {v}",
            "contains {v}",
            "involves {v}",
            "is a function of {v}",
            "changes with {v}",
        ),
        ("needs {v}", "is affected by {v}", "must contain {v}"),
    ),
    "ignores": Wording(
        (
            "does not depend on {v}",
            "ignores {v}",
            "is independent of {v}",
            "avoids {v}",
            "does not use {v}",
            "does not contain {v}",
        ),
        ("is not a function of {v}", "does not involve {v}", "has no {v}"),
    ),
    "product": Wording(
        (
            "contains the product of {a} and {b}",
            "has the product of {a} and {b}",
            "multiplies {a} and {b}",
            "contains {a}*{b}",
            "contains {a} times {b}",
        ),
        ("uses the product of {a} with {b}", "involves {a} multiplied by {b}"),
    ),
    "ratio": Wording(
        (
            "contains the ratio of {a} and {b}",
            "has the ratio of {a} to {b}",
            "divides {a} by {b}",
            "contains {a}/{b}",
            "contains {a} over {b}",
        ),
        ("uses the quotient of {a} and {b}", "involves {a} divided by {b}"),
    ),
    "difference": Wording(
        (
            "contains the difference of {a} and {b}",
            "has the difference between {a} and {b}",
            "subtracts {b} from {a}",
            "contains {a}-{b}",
            "contains {a} minus {b}",
        ),
        ("uses the difference of {a} and {b}", "involves {a} less {b}"),
    ),
    "periodic": Wording(
        (
            "is periodic in {v}",
            "repeats in {v}",
            "has a period in {v}",
            "is a periodic function of {v}",
            "oscillates in {v}",
        ),
        ("is cyclic in {v}", "repeats itself along {v}", "has periodicity in {v}"),
    ),
    "even": Wording(
        (
            "is even in {v}",
            "is an even function of {v}",
            "does not change with the sign of {v}",
            "has even symmetry in {v}",
        ),
        ("is even with respect to {v}", "stays the same when {v} changes sign"),
    ),
    "odd": Wording(
        (
            "is odd in {v}",
            "is an odd function of {v}",
            "changes sign with {v}",
            "has odd symmetry in {v}",
        ),
        ("is odd with respect to {v}", "flips sign when {v} changes sign"),
    ),
    "monotone": Wording(
        (
            "is monotone in {v}",
            "is monotonic in {v}",
            "is a monotone function of {v}",
            "always rises or always falls with {v}",
        ),
        ("is monotone with respect to {v}", "behaves monotonically in {v}"),
    ),
    "increasing": Wording(
        (
            "is increasing in {v}",
            "increases with {v}",
            "rises with {v}",
            "grows with {v}",
            "is an increasing function of {v}",
        ),
        ("goes up with {v}", "is increasing with respect to {v}"),
    ),
    "decreasing": Wording(
        (
            "is decreasing in {v}",
            "decreases with {v}",
            "falls with {v}",
            "shrinks with {v}",
            "is a decreasing function of {v}",
        ),
        ("goes down with {v}", "is decreasing with respect to {v}"),
    ),
    "bounded": Wording(
        (
            "is bounded in {v}",
            "stays bounded in {v}",
            "is a bounded function of {v}",
            "stays finite for all {v}",
        ),
        ("remains bounded in {v}", "is bounded with respect to {v}"),
    ),
    "positive": Wording(
        (
            "is positive in {v}",
            "is positive for all {v}",
            "stays positive in {v}",
            "is above zero for all {v}",
        ),
        ("remains positive for all {v}", "is positive whatever {v}"),
    ),
    "symmetric": Wording(
        (
            "is symmetric in {a} and {b}",
            "is a symmetric function of {a} and {b}",
            "stays the same with {a} and {b} swapped",
            "has {a} and {b} in symmetric roles",
        ),
        (
            "is symmetric with respect to {a} and {b}",
            "does not change when {a} and {b} are swapped",
        ),
    ),
    "size": Wording(
        (
            "has at most {n} nodes",
            "is at most {n} nodes long",
            "has no more than {n} nodes",
            "uses at most {n} tokens",
            "at most {n} nodes",
        ),
        ("is not longer than {n} nodes", "stays within {n} nodes"),
    ),
    "power_law": Wording(
        (
            "is a power law",
            "is a product of powers",
            "follows a power law",
            "has the form of a power law",
        ),
        ("obeys a power law", "is of power law type"),
    ),
    "term": Wording(
        (
            "contains the term {f}",
            "has the term {f}",
            "contains the expression {f}",
            "includes {f} as a part",
        ),
        ("uses the expression {f}", "has {f} as a part"),
    ),
    "decay": Wording(
        (
            "is a decay",
            "describes a decay",
            "is an exponential decay",
            "decays",
            "is a relaxation",
        ),
        ("shows a decay", "models a decay process"),
    ),
    "oscillation": Wording(
        (
            "is an oscillation",
            "describes an oscillation",
            "oscillates",
            "is a wave",
            "is a vibration",
        ),
        ("shows an oscillation", "models a wave"),
    ),
    "saturation": Wording(
        (
            "is growth that saturates",
            "saturates",
            "levels off",
            "describes a saturation",
            "approaches a limit",
        ),
        ("shows saturation", "models growth that levels off"),
    ),
}

# ``{p}`` is the list of predicates; the first and shortest one is what the package
# itself writes.
FRAMES: tuple[str, ...] = (
    "It {p}.",
    "The formula {p}.",
    "The law {p}.",
    "Find a formula that {p}.",
    "Find the formula. It {p}.",
    "It is known that y {p}.",
    "Give a law that {p}.",
    "{p}",
)
UNSEEN_FRAMES: tuple[str, ...] = (
    "I think that the law {p}.",
    "Please find an expression that {p}.",
    "We know that the formula {p}.",
)
