"""Write the tables of problems from the public data files.

    python -m benchmarks.problems.make_tables PATH/TO/data

The folder holds `feynman/` (the AI-Feynman tables and units), `gp_toy/` (the suites of
deep symbolic optimization), `strogatz/`, `srbench_results/`, `blackbox/`,
`first_principles/` and `srbench_ground_truth.json` (formulas of PMLB's metadata).
The tables are committed; this script says where each entry comes from.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks.formulas import read_formula

HERE = Path(__file__).parent
FEYNMAN = "S.-M. Udrescu, M. Tegmark, AI Feynman, Science Advances, 2020"
BASE_UNITS = ("m", "s", "kg", "T", "V")

SUITES = {
    "keijzer": "M. Keijzer, EuroGP 2003",
    "korns": "M. F. Korns, GPTP 2011",
    "koza": "J. R. Koza, Genetic Programming, 1992",
    "nguyen": "N. Q. Uy et al., Genetic Programming and Evolvable Machines, 2011",
    "constant": "B. K. Petersen et al., ICLR 2021",
    "livermore": "T. N. Mundhenk et al., NeurIPS 2021",
    "pagie": "L. Pagie, P. Hogeweg, Evolutionary Computation, 1997",
    "r-rationals": "K. Krawiec, T. Pawlak, GECCO 2013",
    "vladislavleva": "E. J. Vladislavleva et al., IEEE TEC, 2009",
    "jin": "Y. Jin et al., Bayesian symbolic regression, 2019",
    "neat": "L. Trujillo et al., neat Genetic Programming, 2016",
}
# Files whose entries belong to a suite of another name, and entries left out.
OMITTED = {
    "Neat-6": "a harmonic number has no closed form",
    "Livermore-7a": "Livermore-7 with another set of operators",
    "Livermore-8a": "Livermore-8 with another set of operators",
    "Const-Test-1": "a check of the program it comes from",
    "Const-Test-2": "a check of the program it comes from",
}
PREFIXES = {"R": "r-rationals"}

STROGATZ = ("bacres", "barmag", "glider", "lv", "predprey", "shearflow", "vdp")


class _Plain(yaml.SafeDumper):
    """Repeat what is equal instead of writing an anchor."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def main() -> None:
    """Read the folder named on the command line; write every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the public data files")
    data = parser.parse_args().data
    truths = json.loads((data / "srbench_ground_truth.json").read_text())["problems"]
    by_name = {truth["dataset"]: truth for truth in truths}
    write("feynman", feynman(data, by_name))
    write("strogatz", strogatz(data, by_name))
    for suite in SUITES:
        write(suite, gp_suite(data, suite))
    write("srbench", srbench(data, truths))


def write(name: str, table: dict[str, Any]) -> None:
    """Write one table, one line for each small mapping."""
    text = yaml.dump(
        table,
        Dumper=_Plain,
        sort_keys=False,
        allow_unicode=True,
        width=88,
        default_flow_style=None,
    )
    (HERE / f"{name}.yaml").write_text(text, encoding="utf-8")


def feynman(data: Path, by_name: dict[str, Any]) -> dict[str, Any]:
    """Read the 100 equations and the 20 bonus ones."""
    units = dict(read_units(data / "feynman" / "units.csv"))
    problems = []
    for file, group in (("FeynmanEquations", "feynman"), ("BonusEquations", "bonus")):
        with (data / "feynman" / f"{file}.csv").open(encoding="utf-8-sig") as lines:
            rows = [row for row in csv.DictReader(lines) if row["Filename"]]
        for row in rows:
            problems.append(feynman_problem(row, group, units, by_name))
    return {
        "group": "feynman",
        "source": FEYNMAN,
        "rows": 100_000,
        "base_units": list(BASE_UNITS),
        "problems": problems,
    }


def feynman_problem(
    row: dict[str, str], group: str, units: dict[str, Any], by_name: dict[str, Any]
) -> dict[str, Any]:
    """Prefer PMLB's formula and order of columns, which SRBench uses."""
    title = row["Filename"]
    # I.15.10 stands in the table as I.15.1, the length of its number rounded away.
    number = "I.15.10" if title == "I.15.1" else title
    name = "feynman_" + number.replace(".", "_")
    truth = by_name.get(name)
    if truth is not None:
        formula = truth["formula"]
        ranges = {f["name"]: f["range"] for f in truth["features"]}
    else:
        formula = row["Formula"]
        ranges = {
            row[f"v{i}_name"]: [float(row[f"v{i}_low"]), float(row[f"v{i}_high"])]
            for i in range(1, int(row["# variables"]) + 1)
        }
    read_formula(formula, list(ranges))
    entry: dict[str, Any] = {"name": name, "title": row.get("Name") or number}
    if group != "feynman":
        entry["group"] = "feynman-bonus"
    entry |= {"formula": formula, "target": row["Output"], "variables": ranges}
    known = {n: units[n] for n in (*ranges, row["Output"]) if n in units}
    entry["units"] = known
    if truth is None or truth["excluded_from_srbench2021"]:
        entry["in_srbench"] = False
    return entry


def read_units(path: Path) -> Iterator[tuple[str, list[int | float]]]:
    """Give the exponents of the base units of each variable."""
    with path.open(encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            if row["Variable"]:
                values = [float(row[unit] or 0) for unit in BASE_UNITS]
                yield row["Variable"], [int(v) if v == int(v) else v for v in values]


def strogatz(data: Path, by_name: dict[str, Any]) -> dict[str, Any]:
    """Take formulas from PMLB, the starts and the ranges from the published rows."""
    systems, problems = {}, []
    for system in STROGATZ:
        with (data / "strogatz" / f"d_{system}1.csv").open() as lines:
            states = [
                [float(row["x"]), float(row["y"])] for row in csv.DictReader(lines)
            ]
        laws = [by_name[f"strogatz_{system}{i}"]["formula"] for i in (1, 2)]
        systems[system] = {
            "equations": dict(zip("xy", laws, strict=True)),
            "starts": states[::100],
            "step": 0.1,
            "points": 100,
        }
        columns = list(zip(*states, strict=True))
        ranges = {n: [min(c), max(c)] for n, c in zip("xy", columns, strict=True)}
        for number, (variable, law) in enumerate(zip("xy", laws, strict=True), 1):
            problems.append(
                {
                    "name": f"strogatz_{system}{number}",
                    "formula": law,
                    "target": f"d{variable}/dt",
                    "variables": ranges,
                    "system": system,
                }
            )
    return {
        "group": "strogatz",
        "source": "W. La Cava et al., Eng. Applications of AI, 2016; PMLB",
        "note": "The published rows were integrated with coarse fixed steps. Here the "
        "systems are integrated accurately from the same starts; give the published "
        "files with --data-dir to use those. The law is exact for both.",
        "rows": 400,
        "systems": systems,
        "problems": problems,
    }


def gp_suite(data: Path, suite: str) -> dict[str, Any]:
    """Read one suite of the table of deep symbolic optimization."""
    problems, omitted = [], {}
    with (data / "gp_toy" / "dso_benchmarks.csv").open() as lines:
        for row in csv.DictReader(lines):
            name = row["name"]
            prefix = re.match(r"[A-Za-z]+", name)[0]  # type: ignore[index]
            if PREFIXES.get(prefix, prefix.lower()) != suite and not (
                suite == "constant" and name.startswith("Const-")
            ):
                continue
            if name in OMITTED:
                omitted[name] = OMITTED[name]
                continue
            problems.append(gp_problem(row))
    table = {"group": suite, "source": SUITES[suite], "problems": problems}
    return table | ({"omitted": omitted} if omitted else {})


def gp_problem(row: dict[str, str]) -> dict[str, Any]:
    """Keep the rules of sampling; the box of the training rows gives the ranges."""
    n = int(row["variables"])
    train = json.loads(row["train_spec"])
    names = [f"x{i}" for i in range(1, n + 1)]
    read_formula(row["expression"], names)
    boxes = {}
    for name in names:
        ((_, (low, high, _)),) = (train.get("all") or train[name]).items()
        boxes[name] = [low, high]
    entry = {
        "name": row["name"],
        "formula": row["expression"],
        "variables": boxes,
        "train": train,
    }
    if row["test_spec"] not in ("", "None"):
        entry["test"] = json.loads(row["test_spec"])
    return entry


def srbench(data: Path, truths: list[dict[str, Any]]) -> dict[str, Any]:
    """List the selections of SRBench by name."""
    path = data / "srbench_results" / "srbench2021_blackbox_results.csv"
    with path.open() as lines:
        blackbox = sorted({row["dataset"] for row in csv.DictReader(lines)})
    names = [t["dataset"] for t in truths if not t["excluded_from_srbench2021"]]
    return {
        "source": "github.com/cavalab/srbench",
        "selections": {
            "srbench-2021-groundtruth": sorted(names),
            "srbench-2021-blackbox": blackbox,
            "srbench-2025-blackbox": names_of(data / "blackbox", ""),
            "srbench-2025-firstprinciples": [
                name
                for name in names_of(data / "first_principles", "")
                if not name.endswith("supernovae_zg")
            ],
        },
        "excluded": {
            t["dataset"]: "excluded by SRBench 2021"
            for t in truths
            if t["excluded_from_srbench2021"]
        }
        | {"feynman_II_11_17": "not in PMLB"},
    }


def names_of(folder: Path, prefix: str) -> list[str]:
    """Name the data sets of a folder."""
    return sorted(prefix + p.name.removesuffix(".tsv.gz") for p in folder.glob("*.gz"))


if __name__ == "__main__":
    main()
