# SPDX-License-Identifier: Apache-2.0
"""Text: a line an event, as strace's readers know it.

In: events. Out: UTF-8 lines. Nothing that the traced program chose reaches the
terminal unescaped: strings go through text_values, names of tasks through here.
"""

import time
from dataclasses import dataclass

from faultin.errno_names import errno_text
from faultin.event import Event, EventKind, Summary
from faultin.sinks.lost import lost_line
from faultin.sinks.output import Output
from faultin.sinks.text_values import text_of
from faultin.stacks.frames import ENDS, End, Stack
from faultin.values import Missing

_ERRNO_MAX = 4095
_RESTART = range(512, 517)
_READ_ENTRY = ("entry", "null", "unset", "truncated")


@dataclass(frozen=True, slots=True)
class Style:
    """How lines look. times: "", "t", "tt", "ttt" or "r", as strace's options."""

    times: str = ""
    latency: bool = False
    provenance: bool = False
    colour: bool = False
    always_pid: bool = False
    verbose: bool = False


class Line:
    """Pieces of a line with the colour of each."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, str]] = []

    def add(self, text: str, colour: str = "") -> None:
        self.parts.append((text, colour))

    def plain(self) -> str:
        return "".join([text for text, _ in self.parts])


def _arguments(event: Event, style: Style, line: Line) -> None:
    open_flags = event.args.get("flags", "") if event.syscall.startswith("open") else None
    first = True
    for name, value in event.args.items():
        if name == "mode" and isinstance(open_flags, str):
            if "O_CREAT" not in open_flags and "O_TMPFILE" not in open_flags:
                continue
        if not first:
            line.add(", ")
        first = False
        if name == "envp" and isinstance(value, list) and not style.verbose:
            line.add(f"/* {len(value)} vars */")
        else:
            line.add(text_of(value), "red" if isinstance(value, Missing) else "")
        if name in event.paths:
            line.add(f"<{text_of(event.paths[name])[1:-1]}>", "blue")
        if name in event.out and event.out[name] != value:
            line.add(" => " + text_of(event.out[name]))
        word = event.capture.get(name)
        if style.provenance and word is not None and word not in _READ_ENTRY:
            line.add(f" /* {word} */", "yellow")


def _result(event: Event, line: Line) -> None:
    ret = event.ret
    if ret is None:
        line.add("?")
    elif event.errno is None:
        line.add(hex(ret) if ret >= 1 << 32 else str(ret), "green")
    elif -ret in _RESTART:
        line.add(f"? {event.errno} ({errno_text(-ret)})", "yellow")
    else:
        line.add(f"-1 {event.errno} ({errno_text(-ret)})", "red")
    if event.ret_path:
        line.add(f"<{text_of(event.ret_path)[1:-1]}>", "blue")


def _exit(event: Event, line: Line) -> None:
    status = event.ret or 0
    if status & 0x7F:
        core = " (core dumped)" if status & 0x80 else ""
        line.add(f"+++ killed by {event.note}{core} +++", "magenta")
    else:
        line.add(f"+++ exited with {status >> 8} +++", "magenta")


def add_stack(stack: Stack, line: Line) -> None:
    """A line for each frame, as strace -k has it."""
    for frame in stack.frames:
        line.add("\n > ")
        line.add(_shown(frame.module or "?"), "blue")
        if frame.function:
            offset = "inlined" if frame.inlined else f"+{frame.offset or 0:#x}"
            line.add(f"({_shown(frame.function)}{' ' * frame.inlined}{offset})")
        at = frame.address if frame.at is None else frame.at
        line.add(f" [{at:#x}]")
        if frame.file and frame.line:
            line.add(f" {_shown(frame.file)}:{frame.line}", "green")
    if stack.end is not End.END:
        line.add("\n > ")
        line.add(f"... ({ENDS[stack.end]})", "yellow")


def _shown(text: str) -> str:
    """Names are the traced program's."""
    return text_of(text)[1:-1]


class Text:
    """Writes lines; who did it is named once there is more than one task."""

    def __init__(self, output: Output, style: Style) -> None:
        self._output, self._style = output, style
        self._first: int | None = None
        self._many = style.always_pid
        self._blocked: set[int] = set()
        self._last = 0
        self._paint = _painter() if style.colour else None

    def write(self, events: list[Event]) -> None:
        lines = [self._line(event) for event in events]
        self._output.write("".join(lines).encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        self._output.flush()

    def _line(self, event: Event) -> str:
        if self._first is None:
            self._first = event.tid
        elif event.tid != self._first:
            self._many = True
        line = Line()
        if self._many:
            line.add(f"[pid {event.tid:>5}] ", "cyan")
        self._time(event, line)
        match event.kind:
            case EventKind.SIGNAL:
                line.add(f"--- {event.syscall} {text_of(event.args)} ---", "magenta")
            case EventKind.EXIT:
                _exit(event, line)
            case _:
                self._call(event, line)
        if event.stack and event.kind is not EventKind.BLOCKED:
            add_stack(event.stack, line)
        line.add("\n")
        return self._paint(line) if self._paint else line.plain()

    def _call(self, event: Event, line: Line) -> None:
        if event.tid in self._blocked:
            line.add("<... resumed> ", "cyan")
        line.add(event.label, "bold")
        line.add("(")
        _arguments(event, self._style, line)
        if event.kind is EventKind.BLOCKED:
            self._blocked.add(event.tid)
            line.add(" <unfinished ...>", "yellow")
            return
        self._blocked.discard(event.tid)
        if event.kind is EventKind.EVENT:
            line.add(")")
            return
        line.add(") = ")
        _result(event, line)
        if self._style.latency and event.latency is not None:
            line.add(f" <{event.latency / 1e9:.6f}>")

    def _time(self, event: Event, line: Line) -> None:
        seconds, rest = divmod(event.ts, 10**9)
        match self._style.times:
            case "t":
                line.add(time.strftime("%H:%M:%S ", time.localtime(seconds)))
            case "tt":
                clock = time.strftime("%H:%M:%S", time.localtime(seconds))
                line.add(f"{clock}.{rest // 1000:06} ")
            case "ttt":
                line.add(f"{seconds}.{rest // 1000:06} ")
            case "r":
                past = event.ts - self._last if self._last else 0
                self._last = event.ts
                line.add(f"{past / 1e9:12.6f} ")

    def close(self, summary: Summary) -> None:
        """Says what was lost, if anything was."""
        for cause, count in summary.lost.items():
            self._output.write(lost_line(cause, count).encode())
        self._output.close()


def _painter():
    """Renders a line for a terminal; rich is loaded only for one."""
    from rich.color import ColorSystem
    from rich.style import Style as RichStyle

    styles: dict[str, RichStyle] = {}

    def paint(line: Line) -> str:
        painted = []
        for text, colour in line.parts:
            if colour:
                style = styles.setdefault(colour, RichStyle.parse(colour))
                text = style.render(text, color_system=ColorSystem.STANDARD)
            painted.append(text)
        return "".join(painted)

    return paint
