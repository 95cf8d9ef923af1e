"""The closed language of local rules: arithmetic and comparisons over the signals of one thing.

    spindle_speed_rpm > 4200 and temperature_degc - ambient_degc > 40
    torque_nm * speed_rpm / 9549

Names are signals; numbers, ``+ - * / % **``, comparisons, ``and or not``, ``x if c else y`` and the
functions abs, min, max, sqrt, floor are all there is. A text is checked once, when it is read;
nothing of Python beyond this can be reached. A signal that has no value makes the result none.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.errors import SettingsError

_BINARY: Final[Mapping[type, Callable[[float, float], float]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Mod: operator.mod, ast.Pow: math.pow,
}  # fmt: skip
_COMPARE: Final[Mapping[type, Callable[[float, float], bool]]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_FUNCTIONS: Final[Mapping[str, Callable[..., float]]] = {
    "abs": abs, "min": min, "max": max, "sqrt": math.sqrt, "floor": math.floor,
}  # fmt: skip
_NESTS_MAX: Final = 30
Values = Mapping[str, float]


class Expression:
    """One expression. signals: the names that it reads.

    Raises
    ------
    SettingsError
        The text holds what the language has not; the sentence says what.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > limits.EDGE_EXPRESSION_MAX:
            raise SettingsError(
                f"expression of {len(text)} characters; {limits.EDGE_EXPRESSION_MAX} are allowed"
            )
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError) as e:
            raise SettingsError(f"expression {text!r} is none: {e}") from e
        self.signals: frozenset[str] = frozenset(self._check(self._tree, 0))

    def _check(self, node: ast.AST, depth: int) -> set[str]:
        """Return the names below a node; refuse what the language has not."""
        if depth > _NESTS_MAX:
            raise SettingsError(f"expression {self.text!r} nests deeper than {_NESTS_MAX}")
        found: set[str] = set()
        if isinstance(node, ast.Name):
            return {node.id}
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, bool | int | float):
                raise self._wrong(node)
            return found
        if isinstance(node, ast.Call):
            if (
                not isinstance(node.func, ast.Name)
                or node.func.id not in _FUNCTIONS
                or node.keywords
            ):
                raise self._wrong(node)
            inner: list[ast.AST] = list(node.args)
        else:
            inner = self._inner(node)
        for part in inner:
            found |= self._check(part, depth + 1)
        return found

    def _inner(self, node: ast.AST) -> list[ast.AST]:
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return [node.left, node.right]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd | ast.Not):
            return [node.operand]
        if isinstance(node, ast.BoolOp):
            return list(node.values)
        if isinstance(node, ast.Compare) and all(type(o) in _COMPARE for o in node.ops):
            return [node.left, *node.comparators]
        if isinstance(node, ast.IfExp):
            return [node.test, node.body, node.orelse]
        raise self._wrong(node)

    def _wrong(self, node: ast.AST) -> SettingsError:
        return SettingsError(
            f"expression {self.text!r}: {ast.unparse(node)!r} is not allowed; signals, numbers, "
            f"+ - * / % **, comparisons, and or not, if else, {', '.join(_FUNCTIONS)} are"
        )

    def value(self, values: Values) -> float | None:
        """Return the value for the signals of a thing; None where one of them has none."""
        try:
            found = float(_value(self._tree, values))
        except (KeyError, ArithmeticError, ValueError, TypeError):
            return None
        return found if math.isfinite(found) else None


def _value(node: Any, values: Values) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, values)
        if isinstance(node.op, ast.Not):
            return not inner
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BoolOp):
        parts = (_value(v, values) for v in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare):
        sides = [_value(v, values) for v in (node.left, *node.comparators)]
        return all(
            _COMPARE[type(o)](a, b) for o, a, b in zip(node.ops, sides[:-1], sides[1:], strict=True)
        )
    if isinstance(node, ast.IfExp):
        chosen = node.body if _value(node.test, values) else node.orelse
        return _value(chosen, values)
    return _FUNCTIONS[node.func.id](*(_value(a, values) for a in node.args))
