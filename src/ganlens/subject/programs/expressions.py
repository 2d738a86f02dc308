"""Expressions in a torch.export file. torch evaluates them as Python; only arithmetic gets that far."""

from __future__ import annotations

import ast
import re

_LONGEST, _LARGEST, _HIGHEST_POWER, _MOST_DIGITS = 2_000, 2**63, 16, 1_000
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SYMBOL = re.compile(r"[a-z]{1,4}[0-9]+")
"""What torch calls the sizes it doesn't know: s0, u3, zuf12."""

_NUMBERS = ("Symbol", "Integer", "Float", "Rational", "Identity", "ToFloat", "Abs", "Max", "Min", "Where")
_ARITHMETIC = ("Add", "Mul", "Pow", "PowByNatural", "FloatPow", "IntTrueDiv", "FloatTrueDiv")
_DIVISION = ("Mod", "PythonMod", "FloorDiv", "CeilDiv", "CleanDiv", "ModularIndexing")
_ROUNDING = ("floor", "ceiling", "CeilToInt", "FloorToInt", "TruncToInt", "TruncToFloat", "RoundToInt")
_COMPARISON = ("Eq", "Ne", "Le", "Lt", "Ge", "Gt", "Equality", "Unequality", "And", "Or", "Not")
_ORDER = (
    "LessThan",
    "StrictLessThan",
    "GreaterThan",
    "StrictGreaterThan",
    "IsNonOverlappingAndDenseIndicator",
)
FUNCTIONS = frozenset((*_NUMBERS, *_ARITHMETIC, *_DIVISION, *_ROUNDING, *_COMPARISON, *_ORDER))
"""Constructors and functions that the sizes of tensors are written with."""
_POWERS = ("Pow", "PowByNatural", "FloatPow")
_CONSTANTS = ("true", "false", "oo", "int_oo", "inf")
_OPERATIONS = (
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd, ast.Not),
    *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.And, ast.Or),
    *(ast.Load, ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare),
)
_METHODS = ("size", "stride", "storage_offset", "dim", "numel")
"""What a guard may ask of an input."""


def is_arithmetic(text: object) -> bool:
    """Whether an expression of sizes is names, numbers and arithmetic, as torch writes it ("Mod(s0, 4)",
    "Symbol('s17', positive=True, integer=True)")."""
    tree = _parsed(text)
    return tree is not None and all(_is_arithmetic(node, tree) for node in ast.walk(tree))


def is_plain_guard(text: object) -> bool:
    """Whether a guard compares sizes of the program's inputs and does nothing else ("L['z'].size()[0] <= 64")."""
    tree = _parsed(text)
    return tree is not None and all(_is_guard(node, tree) for node in ast.walk(tree))


def _parsed(text: object) -> ast.Expression | None:
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST or not text.isascii():
        return None
    if (
        not text.isprintable() or "#" in text
    ):  # what follows it would be code to one reader and a comment to another
        return None
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_arithmetic(node: ast.AST, tree: ast.Expression) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and _tame(node, node.func.id)
    if isinstance(node, ast.keyword):
        return node.arg is not None and _is_setting(node.value)
    if isinstance(node, ast.Name):
        called = any(isinstance(other, ast.Call) and other.func is node for other in ast.walk(tree))
        return called or bool(_SYMBOL.fullmatch(node.id)) or node.id in _CONSTANTS
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        named = [other for other in ast.walk(tree) if isinstance(other, ast.Call) and node in other.args]
        return all(_names_or_writes(other, node.value) for other in named) and bool(named)
    return _is_number_or_operation(node)


def _names_or_writes(call: ast.Call, text: str) -> bool:
    """Whether the call is Symbol('s0') or Float('0.5')."""
    function = call.func.id if isinstance(call.func, ast.Name) else ""
    if function == "Symbol":
        return bool(_PLAIN_NAME.fullmatch(text))
    return function == "Float" and bool(
        re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{0,40})?(e[+-]?[0-9]{1,3})?", text)
    )


def _is_guard(node: ast.AST, tree: ast.Expression) -> bool:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return not node.args and not node.keywords
        return (
            isinstance(node.func, ast.Name)
            and node.func.id in FUNCTIONS - {"Symbol"}
            and _tame(node, node.func.id)
        )
    if isinstance(node, ast.Attribute):
        return node.attr in _METHODS and _is_input(node.value)
    if isinstance(node, ast.Subscript):
        return True  # its parts are looked at as well
    if isinstance(node, ast.Name):
        called = any(isinstance(other, ast.Call) and other.func is node for other in ast.walk(tree))
        return node.id == "L" or called
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        keys = [other for other in ast.walk(tree) if isinstance(other, ast.Subscript) and other.slice is node]
        return bool(keys) and bool(_PLAIN_NAME.fullmatch(node.value))
    return _is_number_or_operation(node)


def _is_input(node: ast.AST) -> bool:
    """Whether the expression is L['z'], or a part of it."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "L"


def _is_number_or_operation(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        number = node.value
        return isinstance(number, (bool, int, float)) and abs(number) <= _LARGEST
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return _is_small_power(node.left, node.right)
    return isinstance(node, _OPERATIONS)


def _is_setting(node: ast.expr) -> bool:
    """Whether a value is true, false or a small number: an assumption of a symbol, the digits of a number."""
    value = node.value if isinstance(node, ast.Constant) else ""
    return value is None or (isinstance(value, int) and 0 <= value <= _MOST_DIGITS)


def _tame(call: ast.Call, name: str) -> bool:
    if name == "Float":
        return all(_is_setting(argument) for argument in call.args[1:])
    return name not in _POWERS or (len(call.args) == 2 and _is_small_power(*call.args))


def _is_small_power(base: ast.expr, exponent: ast.expr) -> bool:
    """Whether a power is one of a size, not a number with millions of digits."""
    if any(_is_power(node) for node in ast.walk(base)):
        return False
    if isinstance(exponent, ast.Call) and len(exponent.args) == 1:  # Integer(2)
        exponent = exponent.args[0]
    if isinstance(exponent, ast.UnaryOp):
        exponent = exponent.operand
    number = exponent.value if isinstance(exponent, ast.Constant) else None
    return isinstance(number, (int, float)) and abs(number) <= _HIGHEST_POWER


def _is_power(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in _POWERS
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
