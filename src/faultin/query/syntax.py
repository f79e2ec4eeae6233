# SPDX-License-Identifier: Apache-2.0
"""Syntax: the text of a query becomes Python's own syntax tree.

In: text from the command line. Out: a Text, whose `root` typing.py walks; nothing of
it is ever run. Whatever Python does not parse, and what is too large for the verifier
and for recursion, is a QueryError that says where.
"""

import ast
import warnings
from dataclasses import dataclass, field

from faultin.errors import QueryError

MAX_NODES = 512
MAX_DEPTH = 40
MAX_TEXT = 1 << 16
_BLANKS = str.maketrans("\n\r\t\f\v", "     ")


@dataclass(frozen=True, slots=True)
class Text:
    """One expression; `part` is how errors call it, `root` its syntax tree."""

    text: str
    part: str
    root: ast.expr = field(compare=False)

    def error(self, node: ast.expr, why: str, advice: str = "") -> QueryError:
        """An error at a node."""
        return QueryError(self.text, self.column(node), why, advice, self.part)

    def error_behind(self, node: ast.expr, why: str, advice: str = "") -> QueryError:
        """An error at what follows a node: an operator, or the name behind its dot."""
        rest = self.text.encode()[node.end_col_offset :].decode(errors="ignore")
        blank = len(rest) - len(rest.lstrip(" )."))
        return QueryError(self.text, len(self.text) - len(rest) + blank, why, advice, self.part)

    def column(self, node: ast.expr) -> int:
        """The index of a node's first character; ast counts in UTF-8."""
        return len(self.text.encode()[: node.col_offset].decode(errors="ignore"))

    def source(self, node: ast.expr) -> str:
        """A node as the user wrote it."""
        return self.text.encode()[node.col_offset : node.end_col_offset].decode(errors="ignore")


def read(text: str, part: str) -> Text:
    """One expression, or several with commas between them (`root` is a Tuple then)."""
    shown = text.strip().translate(_BLANKS)
    if not shown:
        raise QueryError(shown, 0, "there is no expression", "see docs/query.md", part)
    if len(shown) > MAX_TEXT:
        raise QueryError(shown, MAX_TEXT, f"it is longer than {MAX_TEXT} characters", "", part)
    found = Text(shown, part, _parsed(shown, part))
    _check_lines(found, text.strip())
    _check_size(found)
    return found


def _parsed(text: str, part: str) -> ast.expr:
    if "\0" in text:
        why = "a NUL cannot be in an expression"
        raise QueryError(text, text.index("\0"), why, r"write \0 in a string", part)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of "\d": a string that is not what it seems
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        ended = not error.offset and error.msg == "invalid syntax"
        at = len(text) if ended else min(max((error.offset or 1) - 1, 0), len(text))
        why = "it ends too early" if ended else error.msg
        at -= text[max(at - 1, 0) : at + 1] in ("&&", "||")
        raise QueryError(text, at, why, _hint(text, at), part) from None
    except (MemoryError, RecursionError):
        raise QueryError(text, 0, "it is nested too deeply", "", part) from None
    except UnicodeEncodeError as error:
        advice = r'write bytes, as b"\xff"'
        raise QueryError(text, error.start, "that is not UTF-8", advice, part) from None


def _hint(text: str, at: int) -> str:
    """What those who are used to C or to a shell mean."""
    rest = text[max(at - 1, 0) : at + 2]
    for wrong, right in (("&&", "and"), ("||", "or"), ("!", "not"), ("=", "==")):
        if wrong in rest and "!=" not in rest:
            return f"did you mean {right}?"
    return ""


def _check_lines(found: Text, original: str) -> None:
    """Line breaks count as blanks; within a string they would be lost."""
    for node in ast.walk(found.root):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            start = found.column(node)
            if any(c in "\n\r\t\f\v" for c in original[start : start + len(found.source(node))]):
                raise found.error(node, "a line break or tab in a string", r"write \n or \t")


def _check_size(found: Text) -> None:
    count, level = 0, [found.root]
    depth = 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH:
            raise found.error(level[0], f"it is nested more than {MAX_DEPTH} deep")
        below = [child for node in level for child in ast.iter_child_nodes(node)]
        level = [child for child in below if isinstance(child, ast.expr)]
    if count > MAX_NODES:
        why = f"it has {count} parts, and {MAX_NODES} are the most that the kernel verifies"
        raise found.error(found.root, why, "cut some conditions, or use startswith and glob")
