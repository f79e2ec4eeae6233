# SPDX-License-Identifier: Apache-2.0
"""Names: the numbers that a query gives by name: O_CREAT, SIGTERM, ENOENT, AF_INET.

In: a name, and the kinds of the fields that it stands beside. Out: its number. The
kinds decide; a name that none of them has may come from any set, if all sets that
have it agree.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from faultin.errno_names import errno_names, errno_number
from faultin.syscalls.constants import ConstantSet, constant_set, set_names, sets_with

_OWN = {"dirfd": {"AT_FDCWD": -100}, "addr": {"NULL": 0}}
Named = dict[str, int]  # by the name of its set, the number of a constant


class Ambiguous(LookupError):
    """Sets of constants do not agree about a name."""

    def __init__(self, named: Named) -> None:
        super().__init__()
        self.named = named


def constant(name: str, kinds: Iterable[str]) -> int | None:
    """The number of a name; None if there is none; Ambiguous if there are several.

    A name in small letters, which a field could have, counts only beside its own kind.
    """
    named = _in_kinds(name, kinds)
    if not named and not name.islower():
        named = _anywhere(name)
    if len(set(named.values())) > 1:
        raise Ambiguous(named)
    return next(iter(named.values()), None)


def _in_kinds(name: str, kinds: Iterable[str]) -> Named:
    sets = [constant_set(kind) for kind in _sets(kinds)]
    return _numbers(name, sets) | _others(name, kinds)


def _anywhere(name: str) -> Named:
    return _numbers(name, sets_with(name)) | _others(name, ["errno", *_OWN])


def _sets(kinds: Iterable[str]) -> list[str]:
    names = {kind.removesuffix("[]").removesuffix("/8") for kind in kinds}
    return sorted(names & set_names())


def _numbers(name: str, sets: Iterable[ConstantSet]) -> Named:
    return {found.name: found.values[name] for found in sets if name in found.values}


def _others(name: str, kinds: Iterable[str]) -> Named:
    """Names that are in no table: of errors, and the few of _OWN."""
    found = {kind: _OWN[kind][name] for kind in kinds if name in _OWN.get(kind, ())}
    number = errno_number(name) if "errno" in kinds else None
    return found if number is None else found | {"errno": number}


def near(name: str, kinds: Iterable[str]) -> str:
    """The constant that is most like a name, of these kinds or else of any; "" if none is."""
    own = [known for kind in _sets(kinds) for known in constant_set(kind).values]
    every = [known for kind in set_names() for known in constant_set(kind).values]
    for known in (own, [*every, *errno_names()]):
        if found := get_close_matches(name, known, 1, 0.75):
            return found[0]
    return ""
