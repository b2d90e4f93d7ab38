"""PURE: every small mistake that can be made in a piece of Python, one at a time: what hack/mutation.py tries."""

import ast
import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

_TWINS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}

_LEAST_RULES = 10

_Edit = tuple[ast.AST, str, int | None, ast.AST]
"""Where: a node, its field, the place in it if it is a list; and what stands there instead."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mistake. `function` is empty at the level of the module; before and after are source text.

    All mistakes of a file share its tree, which `tree` changes for as long as it is looked at.
    """

    file: str
    function: str
    line: int
    before: str
    after: str
    module: ast.Module = field(repr=False, hash=False, compare=False)
    edit: "_Edit" = field(repr=False, hash=False, compare=False)

    @contextmanager
    def tree(self) -> Iterator[ast.Module]:
        """Lend the file's tree with the mistake in it."""
        old = _old(self.edit)
        _put(self.edit, self.edit[3])
        try:
            yield self.module
        finally:
            _put(self.edit, old)

    @property
    def key(self) -> str:
        """Return what stands for it in lists that outlive a change of line numbers."""
        return f"{self.file}:{self.function}: {self.before} => {self.after}"


def mutations_of(file: str, source: str) -> Iterator[Mutation]:
    """Yield all mistakes in a file, in the order of its lines."""
    tree = ast.parse(source)
    seen: dict[str, int] = {}
    for function, node in _with_functions(tree):
        for edit in _edits(node):
            before, after = _words(edit)
            line = int(getattr(_old(edit), "lineno", 0))
            made = Mutation(file, function, line, before, after, tree, edit)
            seen[made.key] = seen.get(made.key, 0) + 1
            if seen[made.key] > 1:  # the same words a second time in one function
                made = replace(made, before=f"{before} (#{seen[made.key]})")
            yield made


def _with_functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield each node that may be changed, with the name of the function that it stands in."""
    for top in tree.body:
        name = top.name if isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else ""
        skipped = {id(node) for node in _not_run(top)}
        for node in ast.walk(top):
            if id(node) not in skipped:
                yield name, node


def _not_run(top: ast.stmt) -> Iterator[ast.AST]:
    """Yield annotations, docstrings and decorators: nothing of the behaviour stands there."""
    for node in ast.walk(top):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            hints = [node.returns, *(arg.annotation for arg in ast.walk(node.args) if isinstance(arg, ast.arg))]
            for hint in (*hints, *node.decorator_list):
                yield from ast.walk(hint) if hint is not None else ()
        elif isinstance(node, ast.AnnAssign):
            yield from ast.walk(node.annotation)


def _edits(node: ast.AST) -> Iterator[_Edit]:
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            if isinstance(child, ast.AST):
                for other in _others(child):
                    ast.fix_missing_locations(ast.copy_location(other, child))
                    yield node, name, place if isinstance(value, list) else None, other


def _others(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what could stand in place of a node."""
    for kind, make in _MAKERS:
        if isinstance(node, kind):
            yield from make(node)


def _compares(node: ast.Compare) -> Iterator[ast.AST]:
    for place, operator in enumerate(node.ops):
        for twin in _TWINS.get(type(operator), ()):
            other = copy.deepcopy(node)
            other.ops[place] = twin()
            yield other


def _joins(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)


def _negations(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Not):
        yield node.operand


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def _sums(node: ast.BinOp) -> Iterator[ast.AST]:
    twin = _ARITHMETIC.get(type(node.op))
    if twin is not None and not _is_text(node):
        yield ast.BinOp(node.left, twin(), node.right)


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr) for side in (node.left, node.right))


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield ast.Call(ast.Name(_CALLS[node.func.id], ast.Load()), node.args, node.keywords)


def _returns(node: ast.Return) -> Iterator[ast.AST]:
    # Not in place of False: None is just as false, and nobody asks which of the two it is.
    nothing = isinstance(node.value, ast.Constant) and (node.value.value is None or node.value.value is False)
    if node.value is not None and not nothing:
        yield ast.Return(ast.Constant(None))


def _guards(node: ast.If) -> Iterator[ast.AST]:
    """An `if` that leaves the function is left out; any other is turned round."""
    if not node.orelse and isinstance(node.body[-1], ast.Return | ast.Continue | ast.Break):
        yield ast.Pass()
    else:
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def _choices(node: ast.IfExp) -> Iterator[ast.AST]:
    yield ast.IfExp(node.test, node.orelse, node.body)


def _rows(node: ast.Tuple) -> Iterator[ast.AST]:
    """A long tuple of names is a list of rules: each is left out once."""
    if len(node.elts) > 10 and all(isinstance(entry, ast.Attribute) for entry in node.elts):
        for place in range(len(node.elts)):
            yield ast.Tuple([entry for number, entry in enumerate(node.elts) if number != place], ast.Load())


_MAKERS: tuple[tuple[type[ast.AST], Callable[..., Iterator[ast.AST]]], ...] = (
    (ast.Compare, _compares),
    (ast.BoolOp, _joins),
    (ast.UnaryOp, _negations),
    (ast.Constant, _constants),
    (ast.BinOp, _sums),
    (ast.Call, _calls),
    (ast.Return, _returns),
    (ast.If, _guards),
    (ast.IfExp, _choices),
    (ast.Tuple, _rows),
)


def _put(edit: _Edit, node: ast.AST) -> None:
    """Put a node where an edit is."""
    parent, name, place, _other = edit
    if place is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[place] = node


def _old(edit: _Edit) -> Any:
    node, name, place, _other = edit
    value = getattr(node, name)
    return value if place is None else value[place]


def _words(edit: _Edit) -> tuple[str, str]:
    old, other = _old(edit), edit[3]
    if isinstance(old, ast.Tuple) and isinstance(other, ast.Tuple):
        gone = next(entry for entry in old.elts if entry not in other.elts)
        return ast.unparse(gone), "left out of the list"
    return _short(old), _short(other)


def _short(node: Any) -> str:
    """Return source text in one line; of an `if` only its test."""
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}: ..."
    return " ".join(ast.unparse(node).split())
