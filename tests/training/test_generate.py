import json

import numpy as np
import pytest

from sklearn_chatsr.datasets import read_chatsr_json
from sklearn_chatsr.fitting import ConstantFitter
from training.exclusions import load_exclusions
from training.generate import generate, main, read_shards, split_of, write_shards
from training.generator import GeneratorConfig

SHARES = (0.6, 0.2, 0.2)
CONFIG = GeneratorConfig(
    tables_per_skeleton=2, point_caps=(32,), point_cap_weights=(1,)
)


def test_the_command_writes_three_splits_that_obey_its_arguments(tmp_path):
    words = "--num_samples 60 --min_length 3 --max_length 9 --max_vars 2 --max_dims 4"
    words += " --noise 0 --seed 3 --split 0.5 0.3 0.2"

    main([str(tmp_path), *words.split()])

    sizes = {}
    for split in ("train", "val", "test"):
        samples = read_chatsr_json(tmp_path / f"{split}.json")
        sizes[split] = len(samples)
        for sample in samples:
            assert 3 <= sample.expression.size <= 9
            assert len(sample.used_variables) <= 2
            assert sample.data_points.shape[1] == 5
            assert split_of(sample.expression, (0.5, 0.3, 0.2)) == split
    assert sizes == {"train": 30, "val": 18, "test": 12}


def test_without_noise_the_tokens_are_the_whole_law(tmp_path):
    words = "--num_samples 30 --max_length 8 --max_vars 2 --noise 0 --split 1 0 0"
    main([str(tmp_path), *words.split()])

    samples = [
        s
        for s in read_chatsr_json(tmp_path / "train.json")
        if s.expression.n_constants == 0
    ]

    assert len(samples) > 5
    for sample in samples:
        fit = ConstantFitter(sample.X, sample.y).fit(sample.expression)
        assert fit.fvu < 1e-12


def test_the_same_seed_gives_the_same_samples_and_another_gives_others():
    first, again, other = (list(generate(20, CONFIG, seed)) for seed in (1, 1, 2))

    assert all(np.array_equal(a.y, b.y) for a, b in zip(first, again, strict=True))
    assert [s.expression for s in first] != [s.expression for s in other]


def test_excluded_forms_are_not_generated():
    exclusions = load_exclusions()

    samples = list(generate(800, CONFIG, 0))

    assert len(samples) == 800
    assert not any(exclusions.excludes(s.expression) for s in samples)


def test_shards_give_back_what_was_written(tmp_path):
    samples = list(generate(50, CONFIG, 4, "val", SHARES))

    assert write_shards(iter(samples), tmp_path) == 50

    back = list(read_shards(tmp_path))
    assert [s.expression for s in back] == [s.expression for s in samples]
    for a, b in zip(back, samples, strict=True):
        np.testing.assert_allclose(a.X, b.X, rtol=1e-6)  # float32 in the file
        np.testing.assert_allclose(a.y, b.y, rtol=1e-6)


def test_the_settings_are_beside_the_data(tmp_path):
    main([str(tmp_path), "--num_samples", "16", "--format", "json.gz", "--seed", "9"])

    assert json.loads((tmp_path / "settings.json").read_text())["seed"] == 9
    assert len(read_chatsr_json(tmp_path / "train.json.gz")) == 13


@pytest.mark.parametrize(
    "words", ["--max_vars 9", "--min_length 9 --max_length 5", "--noise 2"]
)
def test_arguments_out_of_range_are_named(words, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), *words.split()])

    assert "out of range" in capsys.readouterr().err


def test_a_folder_without_shards_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="No shards"):
        next(read_shards(tmp_path))
