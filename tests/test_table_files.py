"""Tables are read whatever separates their columns."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest

from sklearn_chatsr.table_files import ROW_LABELS, read_table, read_text_table

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


@pytest.mark.parametrize(
    "text",
    [
        "force [N],y\n1.5,2,\n2.5,4,\n",
        "force [N];y\n1,5;2;\n2,5;4;\n",
        "force [N],y\n1.5,2,\n2.5,4\n",
        "\nforce [N],y\n1.5,2,\n2.5,4,\n",
    ],
)
def test_a_separator_at_the_end_of_lines_shifts_no_column(tmp_path, text):
    path = tmp_path / "data.csv"
    path.write_text(text)

    frame = read_table(path)

    assert list(frame.columns) == ["force [N]", "y"]
    assert frame.to_numpy(float).tolist() == VALUES


@pytest.mark.parametrize(
    "text",
    [
        '"","force [N]","y"\n"1",1.5,2\n"2",2.5,4\n',
        ",force [N],y\n0,1.5,2\n1,2.5,4\n",
        ";force [N];y;;\nfirst;1,5;2;;\nsecond;2,5;4;;\n",
    ],
)
def test_labels_of_rows_without_a_name_are_no_column(tmp_path, text):
    path = tmp_path / "data.csv"
    path.write_text(text)

    frame = read_table(path)

    assert list(frame.columns) == ["force [N]", "y"]
    assert frame.index.name == ROW_LABELS
    assert frame.to_numpy(float).tolist() == VALUES


def test_a_later_column_without_a_name_keeps_its_values(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a,,y\n1,3,2\n2,5,4\n")

    assert read_table(path).to_numpy().tolist() == [[1, 3, 2], [2, 5, 4]]


def test_blanks_beside_separators_do_not_count(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text('a , "b, c", y\n1.5, 2, 3\n2.5, , 4\n')

    frame = read_table(path)

    assert list(frame.columns) == ["a", "b, c", "y"]
    assert frame["a"].tolist() == [1.5, 2.5]
    assert frame["b, c"].isna().tolist() == [False, True]


def test_blanks_around_names_of_a_parquet_file_do_not_count(tmp_path):
    path = tmp_path / "data.parquet"
    pd.DataFrame({" a": [1.0], "b ": [2.0]}).to_parquet(path)

    assert list(read_table(path).columns) == ["a", "b"]


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
        (b"a,b\n1,2,3\n2,3,4\n", "lines with more fields than its header has names"),
        (b"a,b\n1,2,3\n2,3\n", "lines with more fields than its header has names"),
        (b"a,a ,b\n1,2,3\n", "data.csv has several columns 'a'"),
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
