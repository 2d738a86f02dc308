"""Expressions in torch.export files: arithmetic passes, and nothing else does."""

from __future__ import annotations

import pytest

from ganlens.subject.programs.expressions import is_arithmetic, is_plain_guard


@pytest.mark.parametrize(
    "text",
    [
        "s0",
        "Symbol('s17', positive=True, integer=True)",
        "Add(Mul(Integer(2), Symbol('s0', integer=True)), Integer(-1))",
        "Pow(Symbol('s0'), Integer(2))",
        "2*s0 + s1//4",
        "Mod(s0, 8) + Max(1, s1) - Min(s0, 3)",
        "Float('0.5', precision=53)",
        "Eq(Mod(s0, 2), 0)",
        "FloorDiv(u3, 4) <= 12",
    ],
)
def test_arithmetic_on_sizes(text):
    assert is_arithmetic(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "s0.__class__",
        "(lambda: 1)()",
        "[s0 for s0 in (1,)]",
        "eval('1')",
        "exit",
        "Symbol(eval)",
        "Symbol('s0', cls=print)",
        "Float('0.5', precision=1000000000)",
        "Float('0.5', 1000000000)",
        "1 << 1000000000",
        "Symbol('s0; x')",
        "'s0'",
        "Add(*s0)",
        "Symbol(**s0)",
        "s0[0]",
        "f'{s0}'",
        "9**9**9",
        "Pow(Pow(10, 16), 16)",
        "Pow(10, Mul(16, 16))",
        "s0 if s1 else s2",
        "s0\nprint(1)",
        "(" * 1_000 + ")" * 1_000,
        "1" * 3_000,
        "",
        7,
    ],
)
def test_all_else(text):
    assert not is_arithmetic(text)


@pytest.mark.parametrize(
    "text",
    [
        "L['z'].size()[0] == L['y'].size()[0]",
        "L['z'].size()[0] <= 64 and L['z'].stride()[1] >= 1",
        "2*L['flat_args'][0].size()[1] == Mod(L['z'].size()[0], 4)",
    ],
)
def test_guards_that_compare_sizes(text):
    assert is_plain_guard(text)


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "L['z'].size().__class__",
        "L['z'].data_ptr()",
        "L['z'].size()[0] == (1).size()",
        "L['a\\'b'].size()[0] == 1",
        "L['z'].size(print(1))[0] == 1",
        "z == 1",
        "L['z'].apply(exit)",
    ],
)
def test_guards_that_do_more(text):
    assert not is_plain_guard(text)
