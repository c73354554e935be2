"""Tables in files: what stands between their columns, and how numbers are written."""

from __future__ import annotations

import csv
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ROW_LABELS = "row labels"
_TEXT = frozenset({".csv", ".tsv", ".txt"})


def read_table(
    path: Path, separator: str | None = None, decimal: str | None = None
) -> pd.DataFrame:
    """Read a file with a header: text with separators, or parquet.

    Parameters
    ----------
    path : Path
        With the suffix .csv, .tsv or .txt, also compressed, or .parquet.
    separator, decimal : str, optional
        See `read_text_table`.

    Returns
    -------
    pandas.DataFrame
        Names of columns are text without blanks around them.

    Raises
    ------
    ValueError
        If there is no such file, or it is not understood.
    """
    import pandas as pd

    if not path.exists():
        raise ValueError(f"No file {str(path)!r}.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".parquet":
        return _with_unique_names(_with_plain_names(pd.read_parquet(path)), path)
    if _TEXT.isdisjoint(suffixes[-2:]):
        raise ValueError(
            f"Cannot tell the format of {path.name!r}. Allowed: .csv, .tsv, .txt, "
            "these with .gz, and .parquet."
        )
    return _with_unique_names(read_text_table(path, separator, decimal), path)


def read_text_table(
    path: Path,
    separator: str | None = None,
    decimal: str | None = None,
    has_header: bool = True,
) -> pd.DataFrame:
    """Read a text file, by default with a header.

    Parameters
    ----------
    path : Path
        In UTF-8.
    separator : str, optional
        What stands between columns; by default the tab, semicolon or comma of the
        header.
    decimal : str, optional
        The decimal point; by default a comma where that makes numbers of more columns.
    has_header : bool, default=True
        Whether the first line holds names; without, columns are called 0, 1, ...

    Returns
    -------
    pandas.DataFrame
        Names of columns are text without blanks around them. A first column without a
        name, as R and pandas write it, is the index, called `ROW_LABELS`; others that
        have neither a name nor a value are left out.

    Raises
    ------
    ValueError
        If the file is not understood.
    """
    import pandas as pd

    try:
        sep = separator or _separator_of(_header(path))
        frame = _read(path, sep, decimal or ".", has_header)
        if decimal is None and text_columns(frame):
            other = _read(path, sep, ",", has_header)
            frame = min(frame, other, key=lambda f: len(text_columns(f)))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not in UTF-8 (byte {error.object[error.start]:#04x}). "
            "Save it as 'CSV UTF-8', or convert it: iconv -f latin1 -t utf-8."
        ) from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path.name} is empty.") from None
    except pd.errors.ParserError as error:
        raise ValueError(f"{path.name}: {str(error).strip()}") from None
    except pd.errors.ParserWarning:
        raise ValueError(
            f"{path.name} has lines with more fields than its header has names. Name "
            "every column in the header, or remove what stands beyond the last one."
        ) from None
    return _with_plain_names(_without_nameless(frame) if has_header else frame)


def text_columns(frame: pd.DataFrame) -> list[str]:
    """Give the names of the columns that are not numbers."""
    return [c for c in frame.columns if frame[c].dtype.kind not in "biuf"]


def _read(path: Path, sep: str, decimal: str, has_header: bool) -> pd.DataFrame:
    import pandas as pd

    with warnings.catch_warnings():
        # Of a line that is longer than the header; an empty field at its end may go.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            sep=sep,
            header=0 if has_header else None,
            # Else the first field of longer lines would be taken for a label.
            index_col=False,
            skipinitialspace=sep != " ",
            decimal=decimal,
            # In one go, whole numbers and 1,5 in one column are no cause for a warning.
            low_memory=False,
        )


def _without_nameless(frame: pd.DataFrame) -> pd.DataFrame:
    nameless = [c for i, c in enumerate(frame.columns) if c == f"Unnamed: {i}"]
    empty = [c for c in nameless if frame[c].isna().all()]
    labels = [c for c in frame.columns[:1] if c in nameless and c not in empty]
    frame = frame.drop(columns=empty)
    return frame.set_index(labels).rename_axis(ROW_LABELS) if labels else frame


def _with_plain_names(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis([str(c).strip() for c in frame.columns], axis="columns")


def _with_unique_names(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    repeated = [name for name, n in Counter(frame.columns).items() if n > 1]
    if repeated:
        raise ValueError(
            f"{path.name} has several columns {repeated[0]!r}, blanks aside. Give each "
            "a name of its own."
        )
    return frame


def _header(path: Path) -> str:
    import pandas as pd

    # Nothing separates here: the first line comes as it is.
    first = pd.read_csv(
        path, sep="\x1f", header=None, nrows=1, dtype=str, quoting=csv.QUOTE_NONE
    )
    return str(first.iat[0, 0])


def _separator_of(header: str) -> str:
    """Tell what separates names; a comma or semicolon may be part of one."""
    plain = re.sub(r'"[^"]*"', "", header)
    if "\t" in plain:
        return "\t"
    return ";" if plain.count(";") > plain.count(",") else ","
