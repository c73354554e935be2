"""Problems as data: tables of formulas, and folders of real data sets."""

from benchmarks.problems.problem import Problem
from benchmarks.problems.selection import select_problems
from benchmarks.problems.tables import read_folder, read_table

__all__ = ["Problem", "read_folder", "read_table", "select_problems"]
