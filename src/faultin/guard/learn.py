# SPDX-License-Identifier: Apache-2.0
"""Learn: a policy of what one run has done.

In: the decisions of a run in which all is allowed. Out: a TOML file with default deny, and
rules for what succeeded: the files opened for reading, those for writing, programs run,
addresses. Many files of one folder become that folder. It is a draft for somebody to read.
"""

import json
from collections import defaultdict
from typing import Any

from faultin.errors import OutputError
from faultin.event import Event
from faultin.guard.audit import Decision
from faultin.guard.policy import Action, Policy
from faultin.values import Truncated

_MANY = 4  # names in one folder become the folder
_TOGETHER = 60  # names in one rule: a condition has a size
_WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")
_OPENS = ("open", "openat", "openat2")
_EXECS = ("execve", "execveat")
_PATHS = ("path", "filename", "pathname", "name", "oldname", "newname")


def learning_policy(calls: str) -> Policy:
    """Lets everything through."""
    return Policy((), Action.ALLOW, guard=calls, source="--learn")


class Learning:
    """An Audit (audit.py) that gathers, and writes the policy when the run is over."""

    def __init__(self, path: str, command: str) -> None:
        self._path, self._command = path, command
        self._paths: dict[tuple[str, ...], set[str]] = defaultdict(set)
        self._hosts: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self._others: set[str] = set()
        self._write("# the command has not ended\n")  # what cannot be written is told now

    def write(self, event: Event, decision: Decision) -> None:
        if decision.action is not Action.ALLOW or (event.ret is not None and event.ret < 0):
            return
        call = event.label
        address = _address(event.args)
        paths = [event.args[name] for name in _PATHS if isinstance(event.args.get(name), str)]
        if address:
            self._hosts[call].add(address)
        elif paths and call in _OPENS:
            kind = "writes" if any(flag in _flags(event.args) for flag in _WRITES) else "reads"
            self._paths[kind,].add(paths[0])
        elif paths and call in _EXECS:
            self._paths["runs",].add(paths[0])
        else:
            self._others.add(call)

    def flush(self) -> None:
        """Nothing."""

    def close(self, decisions: int) -> None:
        self._write(self._policy())

    def _write(self, text: str) -> None:
        try:
            with open(self._path, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise OutputError(f"cannot write {self._path}", error.strerror or str(error)) from None

    def _policy(self) -> str:
        calls = ",".join(sorted(self._others))
        guarded = ",".join([*_OPENS, "creat", *_EXECS, "connect", "bind", "sendto", "sendmsg"])
        parts = [
            "# What one run did; read it, and cut it to what is meant:\n"
            f"#   {self._command.encode('unicode_escape').decode()}\n"
            f'default = "deny"\nerrno = "EACCES"\nguard = "{guarded}"\n',
            *(rule for kind in ("reads", "writes", "runs") for rule in self._of_paths(kind)),
            *(_of_hosts(call, hosts) for call, hosts in sorted(self._hosts.items())),
        ]
        if calls:
            parts.append(_rule("others", calls, ""))
        return "\n".join(parts)

    def _of_paths(self, kind: str) -> list[str]:
        names = sorted(_folded(self._paths[kind,]))
        calls = ",".join(_EXECS if kind == "runs" else _OPENS)
        reading = "how.flags & 3 == 0" if kind == "reads" else ""
        rules = []
        for at in range(0, len(names), _TOGETHER):
            where = _condition(names[at : at + _TOGETHER])
            if not reading:
                rules.append(_rule(f"{kind} {at // _TOGETHER + 1}", calls, where))
                continue
            # The flags stand in a register, or in open_how.
            name = f"{kind} {at // _TOGETHER + 1}"
            rules.append(_rule(name, "open,openat", f"({where}) and flags & 3 == 0"))
            rules.append(_rule(f"{name} by openat2", "openat2", f"({where}) and {reading}"))
        return rules


def _flags(args: dict[str, Any]) -> str:
    how = args.get("how")
    return str(how.get("flags", "") if isinstance(how, dict) else args.get("flags", ""))


def _address(args: dict[str, Any]) -> tuple[str, int] | None:
    for name in ("uservaddr", "umyaddr", "addr", "msg"):
        found = args.get(name)
        found = found.value if isinstance(found, Truncated) else found
        found = found.get("msg_name") if isinstance(found, dict) and name == "msg" else found
        if isinstance(found, dict) and "port" in found:
            ip = next((found[key] for key in ("ip", "addr", "address") if key in found), None)
            if ip is not None:
                return str(ip), int(found["port"])
    return None


def _folded(paths: set[str]) -> set[str]:
    """Those of one folder become the folder, with a / at the end."""
    folders: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        folders[path.rpartition("/")[0]].add(path)
    return {
        name
        for folder, names in folders.items()
        for name in ({f"{folder}/"} if len(names) >= _MANY and folder else names)
    }


def _condition(names: list[str]) -> str:
    exact = [name for name in names if not name.endswith("/") or name == "/"]
    folders = [name for name in names if name.endswith("/") and name != "/"]
    parts = []
    if exact:
        parts.append(f"path in ({', '.join(map(_quoted, exact))},)")
    if folders:
        starts = f"path.startswith(({', '.join(map(_quoted, folders))},))"
        parts.append(f'({starts} and "/../" not in path)')
    return " or ".join(parts)


def _quoted(text: str) -> str:
    return repr(text)


def _of_hosts(call: str, hosts: set[tuple[str, int]]) -> str:
    each = [f"(addr.ip == {_quoted(ip)} and addr.port == {port})" for ip, port in sorted(hosts)]
    return _rule(call, call, " or ".join(each[:_TOGETHER]))


def _rule(name: str, calls: str, where: str) -> str:
    lines = ["[[rule]]", f"name = {_toml(name)}", f"calls = {_toml(calls)}"]
    if where:
        lines.append(f"where = {_toml(where)}")
    return "\n".join([*lines, 'action = "allow"', ""])


def _toml(text: str) -> str:
    """A basic string of TOML, which is JSON's but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
