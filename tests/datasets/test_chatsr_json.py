import json

import numpy as np
import pytest

from sklearn_chatsr.datasets import ChatSRSample, read_chatsr_json, write_chatsr_json
from sklearn_chatsr.expressions import Expression


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    laws = [
        ["add", "x1", "C"],
        ["div", "sin", "x2", "pow", "x1", "2"],
        ["sqrt", "mul", "C", "abs", "x3"],
    ]
    return [
        ChatSRSample.build(
            f"s{i}", rng.normal(size=(12, 3)), rng.normal(size=12), Expression(law)
        )
        for i, law in enumerate(laws)
    ]


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_what_is_written_reads_back(samples, name, tmp_path):
    write_chatsr_json(samples, tmp_path / name)

    back = read_chatsr_json(tmp_path / name)

    assert [s.to_json() for s in back] == [s.to_json() for s in samples]
    for a, b in zip(back, samples, strict=True):
        np.testing.assert_array_equal(a.data_points, b.data_points)


def test_fields_are_spelled_as_in_the_release(samples):
    entry = samples[0].to_json()

    assert entry["expression_tokens"] == ["<|math_add|>", "<|math_x1|>", "C"]
    assert entry["standard_tokens"] == ["+", "x1", "C"]
    assert entry["conversations"][1]["value"].endswith("[<|math_add|>,<|math_x1|>,C]")
    assert entry["conversations"][0]["value"].startswith("<data>\n")
    assert (entry["num_features"], entry["num_points"]) == (3, 12)
    assert len(entry["data_points"][0]) == 11


def test_the_law_and_its_columns_come_back(samples):
    assert samples[1].expression == Expression(["div", "sin", "x2", "pow", "x1", "2"])
    assert samples[1].X.shape == (12, 3)
    assert samples[1].used_variables == ("x1", "x2")


def test_more_columns_than_the_file_takes_are_an_error():
    with pytest.raises(ValueError, match="takes 2"):
        ChatSRSample.build("a", np.ones((5, 3)), np.ones(5), Expression(["x1"]), 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_points": [[1.0, 2.0], [1.0]]}, "sample 1"),
        ({"data_points": [[1.0, None]]}, "sample 1"),
        ({"expression_tokens": ["<|math_add|>", "C"]}, "sample 1"),
        (
            {"expression_tokens": ["<|math_x9|>"], "data_points": [[1.0, 2.0]]},
            "columns",
        ),
        ({"conversations": []}, "one human and one gpt turn"),
    ],
)
def test_a_broken_sample_is_named(samples, change, message, tmp_path):
    entries = [s.to_json() for s in samples]
    entries[1] |= change
    path = tmp_path / "a.json"
    path.write_text(json.dumps(entries))

    with pytest.raises(ValueError, match=message):
        read_chatsr_json(path)


def test_a_missing_field_and_other_files_are_errors(samples, tmp_path):
    path = tmp_path / "a.json"
    for text, message in [
        ('[{"id": "a"}]', "has no conversations"),
        ("{}", "list of samples"),
        ("[", "not JSON"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_chatsr_json(path)
