"""How properties are said: many wordings of each, some kept from training.

Every wording is a predicate ("contains no {o}"), so that any of them can follow a
subject or stand alone. Slots: ``{o}`` operators, ``{ao}`` operators with their article,
``{v}`` variables, ``{a}`` and ``{b}`` a pair of variables, ``{n}`` a number, ``{f}`` a
formula. Slots ``{o}``, ``{ao}`` and ``{v}`` take lists ("x1 and x2").
"""

from __future__ import annotations

from collections.abc import Mapping
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
            "relies on {ao}",
            "is made of {ao}",
            "must have {ao}",
            "must include {ao}",
            "should contain {ao}",
            "should use {ao}",
            "applies {ao}",
            "employs {ao}",
            "contains at least one {o}",
            "has {ao} somewhere",
            "is expressed with {ao}",
            "does contain {ao}",
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
            "does not use {ao}",
            "does not have {ao}",
            "does not include {ao}",
            "must not use {ao}",
            "must not have {ao}",
            "should not contain {ao}",
            "should not use {ao}",
            "cannot contain {ao}",
            "never uses {ao}",
            "never contains {ao}",
            "includes no {o}",
            "needs no {o}",
            "excludes {o}",
            "omits {o}",
            "is built without {ao}",
            "works without {ao}",
            "must avoid {o}",
            "should avoid {o}",
            "is not allowed to use {ao}",
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
            "varies with {v}",
            "must depend on {v}",
            "must use {v}",
            "should use {v}",
            "should depend on {v}",
            "includes {v}",
            "is influenced by {v}",
            "responds to {v}",
            "is determined by {v}",
            "is related to {v}",
            "is driven by {v}",
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
            "must not depend on {v}",
            "must not use {v}",
            "should not depend on {v}",
            "should not use {v}",
            "does not change with {v}",
            "is unaffected by {v}",
            "never uses {v}",
            "is not influenced by {v}",
            "does not need {v}",
            "leaves out {v}",
            "omits {v}",
            "makes no use of {v}",
            "works without {v}",
            "is constant in {v}",
            "is the same for all {v}",
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
            "contains {a} multiplied with {b}",
            "has {a} times {b}",
            "includes the product of {a} and {b}",
            "uses {a}*{b}",
            "has {a}*{b} in it",
            "depends on the product of {a} and {b}",
            "depends on {a}*{b}",
            "must contain {a}*{b}",
            "contains the factor {a}*{b}",
            "takes the product of {a} and {b}",
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
            "depends on the ratio of {a} to {b}",
            "depends on {a}/{b}",
            "uses {a}/{b}",
            "has {a}/{b} in it",
            "includes the ratio of {a} and {b}",
            "must contain {a}/{b}",
            "contains the fraction {a}/{b}",
            "contains {a} per {b}",
            "takes the ratio of {a} and {b}",
            "has {a} over {b}",
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
            "depends on {a}-{b}",
            "depends on the difference of {a} and {b}",
            "uses {a}-{b}",
            "has {a}-{b} in it",
            "includes the difference of {a} and {b}",
            "must contain {a}-{b}",
            "has {a} minus {b}",
            "takes the difference of {a} and {b}",
            "contains the distance of {a} from {b}",
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
            "is periodic with {v}",
            "is periodic along {v}",
            "oscillates with {v}",
            "recurs in {v}",
            "repeats with {v}",
            "goes through cycles in {v}",
            "goes up and down with {v}",
            "is a wave in {v}",
            "must be periodic in {v}",
        ),
        ("is cyclic in {v}", "repeats itself along {v}", "has periodicity in {v}"),
    ),
    "even": Wording(
        (
            "is even in {v}",
            "is an even function of {v}",
            "does not change with the sign of {v}",
            "has even symmetry in {v}",
            "is even as a function of {v}",
            "does not care about the sign of {v}",
            "ignores the sign of {v}",
            "is unchanged when {v} is negated",
            "is mirror symmetric in {v}",
            "must be even in {v}",
        ),
        ("is even with respect to {v}", "stays the same when {v} changes sign"),
    ),
    "odd": Wording(
        (
            "is odd in {v}",
            "is an odd function of {v}",
            "changes sign with {v}",
            "has odd symmetry in {v}",
            "is odd as a function of {v}",
            "is negated with {v}",
            "reverses its sign with {v}",
            "is antisymmetric in {v}",
            "changes its sign with {v}",
            "is point symmetric in {v}",
            "must be odd in {v}",
        ),
        ("is odd with respect to {v}", "flips sign when {v} changes sign"),
    ),
    "monotone": Wording(
        (
            "is monotone in {v}",
            "is monotonic in {v}",
            "is a monotone function of {v}",
            "always rises or always falls with {v}",
            "is monotone along {v}",
            "only rises or only falls with {v}",
            "never turns around in {v}",
            "has no turning point in {v}",
            "is monotonic as a function of {v}",
            "goes only one way with {v}",
            "must be monotone in {v}",
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
            "gets larger with {v}",
            "becomes larger with {v}",
            "climbs with {v}",
            "is larger for larger {v}",
            "is rising in {v}",
            "has a positive slope in {v}",
            "must increase with {v}",
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
            "gets smaller with {v}",
            "becomes smaller with {v}",
            "drops with {v}",
            "declines with {v}",
            "is smaller for larger {v}",
            "is falling in {v}",
            "has a negative slope in {v}",
            "must decrease with {v}",
        ),
        ("goes down with {v}", "is decreasing with respect to {v}"),
    ),
    "bounded": Wording(
        (
            "is bounded in {v}",
            "stays bounded in {v}",
            "is a bounded function of {v}",
            "stays finite for all {v}",
            "is limited in {v}",
            "never blows up in {v}",
            "does not diverge in {v}",
            "keeps within bounds in {v}",
            "stays within limits for all {v}",
            "does not grow without limit in {v}",
            "must be bounded in {v}",
        ),
        ("remains bounded in {v}", "is bounded with respect to {v}"),
    ),
    "positive": Wording(
        (
            "is positive in {v}",
            "is positive for all {v}",
            "stays positive in {v}",
            "is above zero for all {v}",
            "is greater than zero for all {v}",
            "never becomes negative in {v}",
            "is never negative for any {v}",
            "has only positive values in {v}",
            "is always positive in {v}",
            "takes positive values for all {v}",
            "must be positive in {v}",
        ),
        ("remains positive for all {v}", "is positive whatever {v}"),
    ),
    "symmetric": Wording(
        (
            "is symmetric in {a} and {b}",
            "is a symmetric function of {a} and {b}",
            "stays the same with {a} and {b} swapped",
            "has {a} and {b} in symmetric roles",
            "is symmetrical in {a} and {b}",
            "treats {a} and {b} alike",
            "is unchanged if {a} and {b} trade places",
            "is invariant under exchange of {a} and {b}",
            "depends on {a} and {b} in the same way",
            "does not tell {a} from {b}",
            "must be symmetric in {a} and {b}",
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
            "needs at most {n} nodes",
            "has {n} nodes or fewer",
            "has up to {n} nodes",
            "has a size of at most {n}",
            "is no longer than {n} nodes",
            "contains at most {n} nodes",
            "must not exceed {n} nodes",
            "does not exceed {n} nodes",
        ),
        ("is not longer than {n} nodes", "stays within {n} nodes"),
    ),
    "power_law": Wording(
        (
            "is a power law",
            "is a product of powers",
            "follows a power law",
            "has the form of a power law",
            "is a product of powers of the variables",
            "scales as a power law",
            "is a pure power law",
            "has power law form",
            "multiplies powers of the variables",
            "is given by a power law",
            "must be a power law",
        ),
        ("obeys a power law", "is of power law type"),
    ),
    "term": Wording(
        (
            "contains the term {f}",
            "has the term {f}",
            "contains the expression {f}",
            "includes {f} as a part",
            "must contain the term {f}",
            "contains the part {f}",
            "uses the term {f}",
            "involves the term {f}",
            "includes the term {f}",
            "depends on the term {f}",
            "is built from {f}",
            "contains the combination {f}",
            "depends on the combination {f}",
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
            "dies away",
            "fades away",
            "falls off exponentially",
            "is an exponential relaxation",
            "relaxes",
            "describes a relaxation",
            "must be a decay",
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
            "vibrates",
            "describes a vibration",
            "describes a wave",
            "swings",
            "is an oscillating function",
            "is sinusoidal",
            "must be an oscillation",
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
            "is saturating growth",
            "grows and levels off",
            "grows towards a limit",
            "describes growth up to a limit",
            "reaches a plateau",
            "comes to a plateau",
            "tends to a limit",
            "is a saturation curve",
            "must saturate",
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
    "The equation {p}.",
    "The expression {p}.",
    "The target {p}.",
    "Look for a law that {p}.",
    "I am looking for a formula that {p}.",
    "What is known is that it {p}.",
    "Note that the formula {p}.",
    "The unknown function {p}.",
)
UNSEEN_FRAMES: tuple[str, ...] = (
    "I think that the law {p}.",
    "Please find an expression that {p}.",
    "We know that the formula {p}.",
)


@dataclass(frozen=True, slots=True)
class Phrasing:
    """A way to write prompts.

    Attributes
    ----------
    wordings : mapping of str to Wording
        Of every kind of property.
    frames : tuple of str
        Sentences around predicates.
    unseen_frames : tuple of str
        Those that training never uses.
    """

    wordings: Mapping[str, Wording]
    frames: tuple[str, ...]
    unseen_frames: tuple[str, ...]


PLAIN = Phrasing(WORDINGS, FRAMES, UNSEEN_FRAMES)
