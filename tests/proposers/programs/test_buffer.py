from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.programs.buffer import ExperienceBuffer, Island, Member


def member(text, cost, loss=1.0):
    return Member(Expression.from_infix(text), cost=cost, nmse=loss, loss=loss)


FORMS = ["x1", "sin(x1)", "exp(x1)", "x1^2", "x1*x2", "tanh(x2)", "log(x2)", "x1/x2"]


def test_one_form_is_kept_once_whatever_its_constants():
    island = Island()

    assert island.register(member("2.0*x1 + 1.0", 5.0))
    assert not island.register(member("1.5 + 7.0*x1", 6.0))
    assert island.register(member("1.5 + 3.0*x1", 4.0))

    assert [p.cost for p in island.programs()] == [4.0]


def test_a_full_island_drops_the_worst():
    island = Island(capacity=3)

    kept = [island.register(member(f, c)) for c, f in enumerate(FORMS[:5])]

    assert kept == [True, True, True, False, False]
    assert [p.cost for p in island.programs()] == [0, 1, 2]


def test_exemplars_are_distinct_and_come_worst_first():
    island = Island()
    for cost, form in enumerate(FORMS):
        island.register(member(form, cost))

    for seed in range(20):
        drawn = island.draw(3, np.random.default_rng(seed))
        costs = [p.cost for p in drawn]
        assert costs == sorted(set(costs), reverse=True)
        assert len(costs) == 3


def test_ranks_do_not_depend_on_the_unit_of_the_target_but_softmax_does():
    def share_of_best(rule, unit):
        island = Island(rule=rule)
        island.register(member("x1", 1.0, loss=1e-6 * unit))
        island.register(member("x2", 2.0, loss=1e-2 * unit))
        rng = np.random.default_rng(0)
        drawn = [island.draw(1, rng)[0].cost for _ in range(4000)]
        return drawn.count(1.0) / 4000

    assert share_of_best("rank", 1.0) == share_of_best("rank", 1e6) > 0.52
    assert share_of_best("softmax", 1.0) < 0.6 < share_of_best("softmax", 1e6)


def test_the_weaker_half_is_founded_anew_from_the_survivors():
    buffer = ExperienceBuffer(4, reset_period=10)
    for k, form in enumerate(FORMS[:4]):
        buffer.register(member(form, float(k)), k)
    rng = np.random.default_rng(0)

    assert not buffer.reset_when_due(9, rng)
    assert buffer.reset_when_due(10, rng)
    assert not buffer.reset_when_due(19, rng)

    bests = [island.best.cost for island in buffer.islands]
    assert bests[:2] == [0.0, 1.0]
    assert set(bests[2:]) <= {0.0, 1.0}
    assert all(len(island) == 1 for island in buffer.islands)


def test_empty_islands_draw_nothing_and_are_reset_without_harm():
    buffer = ExperienceBuffer(2, reset_period=1)

    assert buffer.islands[0].draw(2, np.random.default_rng(0)) == []
    assert buffer.reset_when_due(5, np.random.default_rng(0))
    assert buffer.best is None


@pytest.mark.parametrize("argument", ["n_islands", "reset_period"])
def test_counts_below_one_are_refused(argument):
    with pytest.raises(ValueError, match=f"`{argument}` == 0, must be >= 1"):
        ExperienceBuffer(**{argument: 0})
