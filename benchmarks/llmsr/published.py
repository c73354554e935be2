"""Read LLM-SRBench's files when a user has them; they cannot be fetched from here.

Either the published HDF5 file (``lsr_bench_data.hdf5``, with ``h5py`` installed), whose
groups hold the arrays ``train``, ``test`` and, for the synthetic sets, ``ood_test``; or
folders of ``train.csv``, ``test.csv``, ``ood_test.csv``. The target is column 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.llmsr.problems import LLMSRProblem, Rows

FloatArray = npt.NDArray[np.float64]

_PARTS = {"train": "train", "test_id": "test", "test_ood": "ood_test"}


@dataclass(frozen=True)
class PublishedProblem(LLMSRProblem):
    """A problem whose rows come with it; sets without outside rows repeat the inner."""

    tables: tuple[tuple[str, FloatArray], ...] = ()

    def rows(self, data_dir: Path | None, seed: int = 0) -> dict[str, Rows]:
        """Give the rows as published."""
        return {
            split: (np.ascontiguousarray(table[:, 1:]), table[:, 0].copy())
            for split, table in self.tables
        }


def read_llm_srbench(path: Path) -> list[LLMSRProblem]:
    """Read all problems below a folder, or in an HDF5 file.

    Parameters
    ----------
    path : Path
        The file, a folder that holds it, or a folder of folders of csv files.

    Returns
    -------
    list of LLMSRProblem
        Without a law: the files tell the rows.

    Raises
    ------
    ValueError
        If nothing of the known form is there.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*.hdf5"))
    if files:
        found = [problem for file in files for problem in _read_hdf5(file)]
    else:
        found = [_read_folder(p.parent) for p in sorted(path.rglob("train.csv"))]
    if not found:
        raise ValueError(
            f"{str(path)!r} holds neither an .hdf5 file of LLM-SRBench nor folders "
            "with train.csv."
        )
    return found


def _read_folder(folder: Path) -> LLMSRProblem:
    import pandas as pd

    tables, names = {}, []
    for split, part in _PARTS.items():
        file = folder / f"{part}.csv"
        if file.is_file():
            frame = pd.read_csv(file)
            names = [str(c) for c in frame.columns]
            tables[split] = frame.to_numpy(dtype=np.float64)
    return _problem(folder.name, folder.parent.name, names, tables)


def _read_hdf5(file: Path) -> Iterator[LLMSRProblem]:
    try:
        import h5py
    except ImportError as error:
        raise ValueError(
            f"Reading {file.name} needs h5py: pip install h5py."
        ) from error
    with h5py.File(file, "r") as root:
        groups: list[str] = []
        root.visit(
            lambda name: groups.append(name) if name.endswith("/train") else None
        )
        for name in groups:
            group = root[name.rpartition("/")[0]]
            tables = {
                split: np.asarray(group[part], dtype=np.float64)
                for split, part in _PARTS.items()
                if part in group
            }
            *above, own = group.name.strip("/").split("/")
            yield _problem(own, "/".join(above), [], tables)


def _problem(
    name: str, group: str, names: list[str], tables: dict[str, FloatArray]
) -> LLMSRProblem:
    missing = {"train", "test_id"} - set(tables)
    if missing:
        raise ValueError(f"Problem {name!r} lacks {', '.join(sorted(missing))} rows.")
    n = tables["train"].shape[1]
    tables.setdefault("test_ood", tables["test_id"])
    return PublishedProblem(
        name,
        tuple(names[1:] or [f"input{k}" for k in range(1, n)]),
        None,
        "",
        group=f"published {group}",
        tables=tuple(tables.items()),
    )
