"""Answers that try to run, to hang or to break the reader: each costs a reason."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sklearn_chatsr.proposers.programs as programs
from sklearn_chatsr.proposers.programs import REASONS, ProgramError, translate

CANARY = "open('canary', 'w').close()"

HOSTILE = {
    # Statements
    "import": ("import os\nreturn x", "statement"),
    "import from": ("from os import system\nreturn x", "statement"),
    "import in a body": ("    import subprocess\n    return x", "statement"),
    "loop without end": ("while True:\n    pass\nreturn x", "statement"),
    "long loop": ("for i in range(10**12):\n    x = x + i\nreturn x", "statement"),
    "nested function": ("    def f():\n        return f()\n    return f()", "call"),
    "class": ("class A:\n    a = 1\nreturn x", "statement"),
    "with": (f"with {CANARY} as f:\n    y = f\nreturn x", "statement"),
    "try": ("try:\n    y = x\nexcept Exception:\n    y = v\nreturn y", "statement"),
    "raise": ("raise SystemExit", "statement"),
    "delete": ("del x\nreturn v", "statement"),
    "global": ("global np\nreturn x", "statement"),
    "assertion": (f"assert {CANARY}\nreturn x", "statement"),
    "bare call": (f"{CANARY}\nreturn x", "statement"),
    "match": ("match x:\n    case _:\n        y = x\nreturn y", "statement"),
    "async": ("async def f():\n    await x\nreturn x", "statement"),
    "if": ("if x > 0:\n    y = 1\nelse:\n    y = 2\nreturn y", "statement"),
    # Names and attributes
    "dunder": ("return x.__class__.__bases__[0].__subclasses__()", "call"),
    "dunder name": ("return __builtins__", "name"),
    "loader": ("return np.__loader__.get_data('/etc/passwd')", "call"),
    "getattr": ("return getattr(np, 'save')('canary', x)", "call"),
    "attribute of an array": ("return x.T", "expression"),
    "attribute of a number": ("return (1).real", "expression"),
    "module as a value": ("return np", "name"),
    "module renamed": ("np = x\nreturn np", "name"),
    "module in a loop variable": ("math = params\nreturn x", "name"),
    "assignment to an attribute": ("np.sin = x\nreturn x", "statement"),
    "assignment to an item": ("params[0] = 3\nreturn x", "statement"),
    "star assignment": ("*a, b = params\nreturn b", "statement"),
    "homoglyph variable": ("return \u0445 * 2", "name"),  # a Cyrillic letter
    "homoglyph function": ("return np.s\u0456n(x)", "call"),  # likewise
    "invisible letter": ("return x\u200b * 2", "syntax"),
    # Calls
    "file": (f"return {CANARY}", "call"),
    "save": ("return np.save('canary', x)", "call"),
    "from file": ("return np.fromfile('/etc/passwd')", "call"),
    "network": ("return urllib.request.urlopen('http://localhost')", "call"),
    "eval": (f'return eval("{CANARY}")', "call"),
    "exec": (f'return exec("{CANARY}")', "call"),
    "import call": ("return __import__('os').system('touch canary')", "call"),
    "shell": ("return os.system('touch canary')", "call"),
    "call of a call": ("return np.sin(x)(v)", "call"),
    "call of a variable": ("return x(v)", "call"),
    "function shadowed by a name": ("exp = x\nreturn exp(v)", "call"),
    "huge array": ("return np.zeros(10**12)", "call"),
    "output argument": ("return np.sin(x, out=v)", "call"),
    "star call": ("return np.sin(*params)", "call"),
    "too many arguments": ("return np.sin(x, v)", "call"),
    "vectorised": ("return np.vectorize(open)('canary')", "call"),
    "reduction": ("return np.sum(x)", "call"),
    "own recursion": (
        "def equation(x, v, params):\n    return equation(x, v, params)",
        "call",
    ),
    # Expressions
    "comprehension": ("return [x for _ in range(10**12)]", "expression"),
    "generator": ("return sum(x for _ in iter(int, 1))", "call"),
    "lambda": ("return (lambda: x)()", "call"),
    "lambda value": ("f = lambda: x\nreturn x", "expression"),
    "walrus": ("return (y := x) + y", "expression"),
    "f-string": (f"return f'{{{CANARY.replace(chr(39), chr(34))}}}'", "expression"),
    "string": ("return 'x'", "number"),
    "bytes": ("return b'x' * 10**10", "number"),
    "dictionary": ("return {x: v}", "expression"),
    "set": ("return {x}", "expression"),
    "yield": ("yield x", "expression"),
    "await": ("return await x", "expression"),
    "ternary": ("return x if x > 0 else v", "piecewise"),
    "chained comparison": ("return x < v < 1", "piecewise"),
    "modulo": ("return x % v", "operator"),
    "floor division": ("return x // v", "operator"),
    "matrix product": ("return x @ v", "operator"),
    "shift": ("return 1 << 10**10", "operator"),
    "inversion": ("return ~x", "operator"),
    "not": ("return not x", "operator"),
    "ellipsis": ("return ...", "number"),
    "none": ("return None", "number"),
    "truth": ("return True", "number"),
    "complex": ("return 1j * x", "number"),
    # Parameters
    "parameter beyond": ("return params[10]", "parameter"),
    "parameter below": ("return params[-11]", "parameter"),
    "huge index": (f"return params[{'9' * 3000}]", "parameter"),
    "float index": ("return params[0.0]", "parameter"),
    "computed index": ("return params[1 + 1]", "parameter"),
    "index by a variable": ("return params[x]", "parameter"),
    "index of an array": ("return x[0]", "parameter"),
    "all parameters": ("return params * x", "parameter"),
    "slice without a step": ("a, b = params[::0]\nreturn a", "parameter"),
    # Numbers
    "tower": ("return 9**9**9**9 * x", "number"),
    "infinite literal": ("return 1e999 * x", "number"),
    "huge integer": (f"return {'9' * 4000} * x", "number"),
    "integer beyond the digits": (f"return {'9' * 5000} * x", "too_long"),
    "huge hexadecimal": (f"return 0x{'f' * 3000} * x", "number"),
    "zero division": ("return x + 1/0", "number"),
    "not a number": ("return np.nan * x", "name"),
    "infinity": ("return np.inf * x", "name"),
    # Shape
    "deep brackets": (f"return {'(' * 150}x{')' * 150}", None),
    "deeper brackets": (f"return {'(' * 1900}x{')' * 1900}", "syntax"),
    "many signs": (f"return {'-' * 3900}x", "too_large"),
    "many inversions": (f"return {'~' * 3900}x", "too_large"),
    "many nots": (f"return {'not ' * 950}x", "too_large"),
    "deep calls": (f"return {'np.abs(' * 150}x{')' * 150}", "too_large"),
    "deep attributes": (f"return x{'.a' * 1900}", "expression"),
    "deep subscripts": (f"return params{'[0]' * 1200}", "too_large"),
    "deep lambdas": (f"return {'lambda: ' * 480}x", "expression"),
    "deep blocks": (
        "\n".join(" " * k + "if x:" for k in range(80)) + "\n" + " " * 80 + "return x",
        "statement",
    ),
    "wide sum": (f"return {'+'.join(['x'] * 1900)}", "too_large"),
    "doubling": (
        "\n".join(["y = x", *["y = y * y"] * 200, "return y"]),
        "too_large",
    ),
    "giant answer": ("return x\n" * 100_000, "too_long"),
    "giant line": (f"return {'x' * 60_000}", "too_long"),
    "many definitions": ("def f(x): return x\n" * 3000, None),
    "many fences": ("```\n" * 15_000, "too_long"),
    # Signatures
    "decorator": (f"@{CANARY}\ndef f(x, v, params):\n    return x", "signature"),
    "default with a call": (
        f"def f(x, v, params={CANARY}):\n    return x",
        "signature",
    ),
    "star arguments": ("def f(*args):\n    return args[0]", "signature"),
    "too few arguments": ("def f(y):\n    return y", "signature"),
    # Texts
    "empty": ("", "empty"),
    "blank": (" \n\t\n", "empty"),
    "comment": ("# nothing to say", "syntax"),
    "prose": ("I am sorry, I cannot do this.", "syntax"),
    "one word": ("hello", "name"),
    "no return": ("y = x", "no_return"),
    "empty return": ("return", "no_return"),
    "null bytes": ("return x\0", "syntax"),
    "byte order": ("\ufeffreturn x", "syntax"),
    "surrogates": ("return '\ud800'", "syntax"),
    "other coding": ("# coding: rot13\nerghea k", "syntax"),
    "line separators": ("return x\u2028import os", None),
    "form feed": ("return x\x0cimport os", None),
    "truncated": ("return params[0] * (x +", "syntax"),
    "unicode minus": ("return x \u2212 v", "syntax"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_answer_is_refused_with_its_reason(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, reason = HOSTILE[case]
    start = time.perf_counter()

    if reason is None:
        # Harmless when read as a formula: nothing but x is left of it.
        program = translate(text, inputs=["x", "v"], n_parameters=10)
        assert program.expression.tokens == ("x1",)
    else:
        with pytest.raises(ProgramError) as caught:
            translate(text, inputs=["x", "v"], n_parameters=10)
        assert caught.value.reason == reason, caught.value
        assert len(str(caught.value)) < 4_500

    # A generous bound for a busy machine: a hang is minutes.
    assert time.perf_counter() - start < 2.0
    assert list(tmp_path.iterdir()) == []


def test_annotations_are_not_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f"def f(x: {CANARY}, v, params) -> {CANARY}:\n    return x"

    translate(text, inputs=["x", "v"], n_parameters=10)

    assert list(tmp_path.iterdir()) == []


def test_the_canary_sings_when_a_program_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    exec(CANARY)

    assert [path.name for path in tmp_path.iterdir()] == ["canary"]


def test_no_module_of_programs_can_run_a_text():
    forbidden = {"eval", "exec", "compile", "__import__", "getattr", "loads", "sympify"}
    folder = Path(programs.__file__).parent
    for module in ("extraction", "functions", "translation", "walk"):
        tree = ast.parse((folder / f"{module}.py").read_text(encoding="utf-8"))
        names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        assert names.isdisjoint(forbidden), module


FRAGMENTS = [
    *("x", "v", "y", "params", "params[0]", "[", "]", "(", ")", "{", "}", ",", ":"),
    *("=", "+=", "+", "-", "*", "**", "/", "//", "%", "@", "~", "&", "|", "<", "=="),
    *(
        "np.sin(",
        "np.where(",
        "math.exp(",
        "np.clip(",
        "pi",
        "np",
        ".",
        "2",
        "0",
        "1e9",
    ),
    *("return ", "def f(x, v, params):", "lambda ", "if ", " else ", "for ", " in "),
    *("\n", "\n    ", "\n\t", "```", "\n```python\n", '"""', "'", "#", "\\", ";", "\0"),
    *("not ", "and ", "is ", "await ", "yield ", "import os", "@", ":=", "...", "j"),
]


@settings(max_examples=1500, deadline=2000)
@given(
    st.lists(st.sampled_from(FRAGMENTS), max_size=25), st.sampled_from(["", "    y ="])
)
def test_any_mixture_of_code_is_a_formula_or_a_reason(fragments, prefill):
    text = "".join(fragments)
    try:
        program = translate(text, inputs=["x", "v"], n_parameters=3, prefill=prefill)
    except ProgramError as error:
        assert error.reason in REASONS  # noqa: PT017
    else:
        assert set(program.expression.variables) <= {0, 1}
        assert len(program.parameters) == program.expression.n_constants
