from __future__ import annotations

import time

import pytest

from training.progress import Progress, Schedule, last_checkpoint


def test_the_rate_warms_up_holds_and_falls_to_zero_with_time():
    schedule = Schedule(seconds=100.0, warmup_steps=10, hold=0.3)

    assert schedule.factor(0, 0.0) == pytest.approx(0.1)
    assert schedule.factor(9, 0.0) == 1.0
    assert schedule.factor(10_000, 29.0) == 1.0
    assert schedule.factor(10_000, 65.0) == pytest.approx(0.5)
    assert schedule.factor(10_000, 100.0) == schedule.factor(10_000, 1e9) == 0.0


def test_a_training_may_do_without_a_warm_up():
    assert Schedule(seconds=10.0, warmup_steps=0).factor(0, 0.0) == 1.0


def test_steps_end_a_training_as_well():
    schedule = Schedule(seconds=float("inf"), max_steps=20, warmup_steps=1)

    assert schedule.left(5, 1e9) == 0.75
    assert schedule.factor(13, 1e9) == pytest.approx(0.5)
    assert schedule.left(20, 0.0) == 0.0


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0.0}, {"max_steps": 0}, {"seconds": float("inf")}]
)
def test_a_schedule_has_an_end(wrong):
    with pytest.raises(ValueError, match=r"seconds|max_steps"):
        Schedule(**wrong)


def test_a_paused_process_does_not_use_up_its_time(monkeypatch):
    now = iter([0.0, 2.0, 5000.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    progress = Progress()
    progress.start()

    progress.tick(4)
    progress.tick(4)

    assert (progress.step, progress.samples) == (2, 8)
    assert progress.seconds == 12.0


def test_an_unfinished_checkpoint_is_passed_over(tmp_path):
    for step in (9, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
        Progress(step, 8 * step, 1.5).save(tmp_path / f"checkpoint-{step}")
    (tmp_path / "checkpoint-11").mkdir()

    last = last_checkpoint(tmp_path)

    assert last is not None
    assert last.name == "checkpoint-10"
    assert Progress.load(last) == Progress(10, 80, 1.5)
    assert last_checkpoint(tmp_path / "checkpoint-11") is None
