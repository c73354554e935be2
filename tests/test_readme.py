"""README's first example prints what stands below it."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_first_example_prints_what_the_readme_says(capsys):
    text = README.read_text(encoding="utf-8")
    code, printed = re.search(
        r"```python\n(.*?)```\n\nprints\n\n((?:    [^\n]*\n)+)", text, re.DOTALL
    ).groups()

    exec(compile(code, str(README), "exec"), {})

    expected = [line.strip() for line in printed.splitlines()]
    assert capsys.readouterr().out.splitlines() == expected
