"""Tables are read whatever separates their columns."""

from __future__ import annotations

import gzip

import pytest

from sklearn_chatsr.table_files import read_table, read_text_table

VALUES = [[1.5, 2.0], [2.5, 4.0]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("comma.csv", "force [N],y\n1.5,2\n2.5,4\n"),
        ("semicolon.csv", "force [N];y\n1.5;2\n2.5;4\n"),
        ("decimal_comma.csv", "force [N];y\n1,5;2\n2,5;4\n"),
        ("late_comma.csv", "force [N];y\n1,5;2\n2,5;4,0\n"),
        ("quoted.csv", '"force [N]","y"\n"1,5","2"\n"2,5","4"\n'),
        ("tab.csv", "force [N]\ty\n1.5\t2\n2.5\t4\n"),
        ("tab.tsv", "force [N]\ty\n1,5\t2\n2,5\t4\n"),
        ("comma.txt", "force [N],y\n1.5,2\n2.5,4\n"),
        ("mark.csv", "\ufeffforce [N];y\n1,5;2\n2,5;4\n"),
    ],
)
def test_separator_and_decimal_comma_are_recognised(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    frame = read_table(path)

    assert list(frame.columns) == ["force [N]", "y"]
    assert frame.to_numpy(float).tolist() == VALUES


def test_names_may_hold_what_separates_elsewhere(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text('force, N;"a;b";y\n1;2;3\n')
    other = tmp_path / "other.tsv"
    other.write_text("force, N; m, s\ty\n1\t2\n")

    assert list(read_table(path).columns) == ["force, N", "a;b", "y"]
    assert list(read_table(other).columns) == ["force, N; m, s", "y"]


def test_a_compressed_file_is_recognised_as_well(tmp_path):
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"force [N];y\n1,5;2\n2,5;4\n"))

    assert read_table(path).to_numpy(float).tolist() == VALUES


def test_a_text_column_does_not_hide_a_decimal_comma(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("name;y\nfirst, second;1,5\nthird;2,5\n")

    assert read_table(path)["y"].tolist() == [1.5, 2.5]


def test_what_is_given_is_not_guessed(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a|b,c\n1.000|2\n")

    frame = read_text_table(path, separator="|", decimal=",")

    assert list(frame.columns) == ["a", "b,c"]
    assert frame["a"].tolist() == ["1.000"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.csv is empty"),
        (b"a,b\n1,2\n1,2,3\n", "data.csv: .* Expected 2 fields in line 3, saw 3"),
        (
            "a,temperature °C\n1,2\n".encode("latin-1"),
            "data.csv is not in UTF-8.*iconv",
        ),
        (b"a,b\n1,\xb5\n", r"data.csv is not in UTF-8 \(byte 0xb5\)"),
    ],
)
def test_a_file_that_is_not_understood_is_named(tmp_path, content, message):
    path = tmp_path / "data.csv"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=message):
        read_table(path)
