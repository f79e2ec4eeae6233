# SPDX-License-Identifier: Apache-2.0
"""Policy: what a TOML file says of which calls.

In: the text of a policy (docs/guard.md). Out: a Policy, in which everything is known but
the conditions, which rules.py types. What is wrong is a UsageError that names the key.
"""

import errno
import tomllib
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from faultin.errors import UsageError

READY = Path(__file__).parent / "policies"
_RESOLVE = {  # uapi/linux/openat2.h
    "no_xdev": 1, "no_magiclinks": 2, "no_symlinks": 4, "beneath": 8, "in_root": 16,
}  # fmt: skip
_KEYS = {
    "default": str, "errno": str, "guard": str, "io_uring": str, "unsealed": str,
    "read_seconds": (int, float), "keep_capabilities": list, "rule": list,
}  # fmt: skip
_RULE_KEYS = {
    "name": str, "calls": str, "where": str, "action": str, "errno": str, "resolve": list,
}  # fmt: skip
_WORDS = {str: "a string", list: "an array", (int, float): "a number"}
_SECONDS_MAX = 60


class Action(IntEnum):
    """enum action of native/guard/policy.h."""

    ALLOW = 0
    LOG = 1
    DENY = 2
    KILL = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as it was written. `place` is how an error calls it; `resolve` are bits."""

    name: str
    calls: str
    where: str
    action: Action
    errno: int
    resolve: int
    place: str


@dataclass(frozen=True, slots=True)
class Policy:
    """guard: calls that are decided beside those that rules name, "" for none; read_seconds:
    how long an input may take to be read; io_uring, unsealed: whether they are let be."""

    rules: tuple[Rule, ...]
    default: Action = Action.ALLOW
    errno: int = errno.EPERM
    guard: str = ""
    io_uring: bool = False
    unsealed: bool = True
    read_seconds: float = 2.0
    keep_capabilities: tuple[str, ...] = field(default=())
    source: str = "policy"


def ready() -> list[str]:
    """The names of the policies that come with faultin."""
    return sorted(path.stem for path in READY.glob("*.toml"))


def load(name: str) -> Policy:
    """The policy of a file, or a ready one by its name. UsageError."""
    path = Path(name)
    if not path.exists() and name in ready():
        path = READY / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"policy {name}", why, f"ready ones are {', '.join(ready())}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"policy {name}", f"byte {error.start} is not UTF-8") from None
    return parse(text, name)


def parse(text: str, source: str = "policy") -> Policy:
    """The policy that a text is."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(source, f"not TOML: {error}") from None
    _check_keys(source, "", found, _KEYS)
    default = _action(source, "default", found.get("default", "allow"))
    number = _errno(source, "errno", found.get("errno", "EPERM"))
    rules = tuple(
        _rule(source, position, rule, number)
        for position, rule in enumerate(found.get("rule", []), 1)
    )
    guard = found.get("guard", "")
    if not rules and not guard:
        raise UsageError(source, "it guards nothing", 'give rules, or guard = "%file"')
    seconds = float(found.get("read_seconds", 2.0))
    if not 0 < seconds <= _SECONDS_MAX:
        raise UsageError(f"{source}: read_seconds", f"more than 0, and at most {_SECONDS_MAX}")
    io_uring = _is_allowed(source, "io_uring", found.get("io_uring", "deny"))
    unsealed = _is_allowed(source, "unsealed", found.get("unsealed", "allow"))
    kept = tuple(_capability(source, name) for name in found.get("keep_capabilities", []))
    return Policy(rules, default, number, guard, io_uring, unsealed, seconds, kept, source)


def _is_allowed(source: str, key: str, word: str) -> bool:
    if word not in ("allow", "deny"):
        raise UsageError(f"{source}: {key}", f"{word!r} is neither allow nor deny")
    return word == "allow"


def _rule(source: str, position: int, rule: Any, number: int) -> Rule:
    if not isinstance(rule, dict):
        raise UsageError(f"{source}: rule", "each is a table", "write [[rule]]")
    place = f"{source}: rule {position}"
    if isinstance(rule.get("name"), str):
        place += f" ({rule['name']})"
    _check_keys(place, "", rule, _RULE_KEYS)
    for key in ("calls", "action"):
        if key not in rule:
            raise UsageError(place, f"it has no {key}", _EXAMPLES[key])
    action = _action(place, "action", rule["action"])
    if "errno" in rule and action is not Action.DENY:
        raise UsageError(f"{place}: errno", "only a rule that denies has one")
    resolve = _resolve(place, rule.get("resolve", []))
    if resolve and action not in (Action.ALLOW, Action.LOG):
        raise UsageError(f"{place}: resolve", "only a rule that lets calls through has one")
    own = _errno(place, "errno", rule["errno"]) if "errno" in rule else number
    name = rule.get("name", f"rule {position}")
    return Rule(name, rule["calls"], rule.get("where", ""), action, own, resolve, place)


_EXAMPLES = {"calls": 'write calls = "openat,connect"', "action": 'write action = "deny"'}


def _check_keys(place: str, prefix: str, table: dict[str, Any], known: dict[str, Any]) -> None:
    for key, value in table.items():
        if key not in known:
            import difflib

            near = difflib.get_close_matches(key, known, 1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"{place}: {key}", "there is no such key", advice)
        if not isinstance(value, known[key]) or isinstance(value, bool):
            advice = "write [[rule]]" if key == "rule" else ""
            raise UsageError(f"{place}: {key}", f"it is not {_WORDS[known[key]]}", advice)


def _action(place: str, key: str, name: str) -> Action:
    try:
        return Action[name.upper()] if name.islower() else Action[""]
    except KeyError:
        known = ", ".join(action.name.lower() for action in Action)
        raise UsageError(
            f"{place}: {key}", f"{name!r} is no action", f"there are {known}"
        ) from None


def _errno(place: str, key: str, name: str) -> int:
    number = getattr(errno, name, None) if name.startswith("E") else None
    if not isinstance(number, int):
        raise UsageError(f"{place}: {key}", f"there is no errno {name!r}", "try EPERM or EACCES")
    return number


def _resolve(place: str, names: list[Any]) -> int:
    found = 0
    for name in names:
        if name not in _RESOLVE:
            known = ", ".join(_RESOLVE)
            raise UsageError(f"{place}: resolve", f"{name!r} is unknown", f"there are {known}")
        found |= _RESOLVE[name]
    return found


def _capability(source: str, name: Any) -> str:
    from faultin.kernel.confine import DROPPED

    if name not in DROPPED:
        known = ", ".join(DROPPED)
        why = f"{name!r} is none of those that are taken away"
        raise UsageError(f"{source}: keep_capabilities", why, f"these are {known}")
    return name
