# SPDX-License-Identifier: Apache-2.0
"""Hostile pages: argument memory that stalls whoever touches it, for a while or for ever.

Such a page may stall the task that passes it, and nobody else: not the other traced
tasks, and above all not faultin. A page under userfaultfd is the program's own doing,
one of a FUSE file that of a server which is not traced.
"""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from engines import IN_GUEST, best, every_way
from probes import no_userfaultfd
from running import command

pytestmark = pytest.mark.kernel

HERE = Path(__file__).parent / "hostile"
# Calls of each of the two others, and a buffer of which direct parts have a quarter: their calls
# fill that.
CALLS, BUFFER = (1_000, "1m") if IN_GUEST else (4_000, "4m")
SERVED = "/hostile/served"  # what stands in a page that is served, as in the C sources
TRACED = ["-e", "openat,write,access,execve"]
LIBC = "libc.so.6"  # whose openat64 is openat, by a name that no system call has
EVENTS = ["--event", f"uprobe:{LIBC}:openat64(dfd: int, filename: string)",
          "--event", f"uprobe:{LIBC}:access(filename: string)"]  # fmt: skip
PATIENCE = 240.0  # seconds: these tests run in slow emulators too
NEVER = -1
LATE_MS = 1000

# In a guest, where each of these takes a while: the best engine, with its two extremes.
WAYS = [way for way in best(every_way()) if not IN_GUEST or way.strategy != "prefault"]
each_way = pytest.mark.parametrize("way", WAYS, ids=str)
# What does not depend on the strategy.
each_engine = pytest.mark.parametrize("way", [w for w in WAYS if w.strategy == "copy"], ids=str)
# Whose page it is does not depend on the engine, only on who takes the fault and when.
PTRACE = [way for way in WAYS if way.engine == "ptrace"]
best_and_worst = pytest.mark.parametrize(
    "way", list(dict.fromkeys([*WAYS[:1], *WAYS[-1:], *PTRACE])), ids=str
)


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not happen in time: {what}"
        time.sleep(0.05)
    return found


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Server:
    """A FUSE server that keeps the contents of its file back."""

    def __init__(self, program, where, delay):
        self._where = where
        where.mkdir()
        words = [program, where, str(delay)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self._process.stdout.readline() == b"mounted\n"
        self.page = where / "page"

    def end(self):
        """Whoever waits for an answer gets an error."""
        self._process.kill()
        self._process.wait(PATIENCE)
        self._process.stdout.close()
        subprocess.run(["umount", "-l", self._where], capture_output=True, timeout=60)


class Hostile:
    """A trace of `hostile`, which goes on while the test looks."""

    def __init__(self, folder, program, way, page, call, delay, calls, server, form, traced):
        self.server = server
        self.output = folder / "trace"
        self._said = folder / "said"
        self._calls = calls
        words = [program, page, str(delay), str(calls), call, *([server.page] if server else [])]
        options = [*traced, "--format", form, "--buffer", BUFFER, *way.options]
        with self._said.open("wb") as said:
            self.tracer = subprocess.Popen(
                command("trace", *options, "-o", self.output, "--", *words),
                stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    @property
    def victim(self):
        return int(wait_for(lambda: self._words_after("victim"), "the program has begun")[0])

    def said(self):
        return self._said.read_text(errors="replace")

    def _words_after(self, word):
        said = self.said()
        assert self.tracer.poll() is None or f"{word} " in said, said
        return [line.split()[1] for line in said.splitlines() if line.startswith(f"{word} ")]

    def events(self):
        """The whole lines that are in the output so far, the summary excepted."""
        whole = self.output.read_bytes().split(b"\n")[:-1]
        return [found for line in whole if "summary" not in (found := json.loads(line))]

    def summary(self):
        return json.loads(self.output.read_bytes().splitlines()[-1])["summary"]

    def others(self):
        """How many calls of the others are in the output so far."""
        text = self.output.read_bytes().rpartition(b"\n")[0]
        return [text.count(b"/hostile/%s/" % who) for who in (b"thread", b"child")]

    def wait_for_others(self):
        assert self.victim
        wait_for(lambda: self.others() == [self._calls] * 2, "all events of the others")

    def stuck(self, syscall):
        """The event of the call that was passed the page."""
        calls = [e for e in self.events() if e["tid"] == self.victim and e["syscall"] == syscall]
        if syscall == "write":
            return [e for e in calls if e["args"]["count"] == len(SERVED)]
        known = ("/etc/ld.so", "/proc/", "/lib", "/usr/lib", str(self.output.parent))
        return [e for e in calls if not str(e["args"]["filename"]).startswith(known)]

    def end(self):
        said = self.said().splitlines()
        started = [int(line.split()[1]) for line in said if line.startswith(("victim ", "child "))]
        for pid in (self.tracer.pid, *started):
            if is_running(pid):
                kill(pid)
        self.tracer.wait(PATIENCE)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """(hostile, fuse_server)"""
    folder = tmp_path_factory.mktemp("hostile")
    build = ["gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread", "-o"]
    sources = [HERE / name for name in ("hostile.c", "others.c", "page.c")]
    subprocess.run([*build, folder / "hostile", *sources], check=True)
    subprocess.run([*build, folder / "fuse_server", HERE / "fuse_server.c"], check=True)
    return folder / "hostile", folder / "fuse_server"


def need(page):
    """Skips where the kernel cannot make such a page."""
    if page == "userfault":
        if why := no_userfaultfd():
            pytest.skip(why)
        return
    subprocess.run(["modprobe", "-q", "fuse"], check=False)
    names = [line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()]
    if "fuse" not in names:
        pytest.skip("this kernel has no FUSE (/proc/filesystems)")
    if not Path("/dev/fuse").exists():
        os.mknod("/dev/fuse", 0o600 | 0o020000, os.makedev(10, 229))


@pytest.fixture
def hostile(programs, tmp_path):
    """Starts a trace of `hostile`, and ends all that was started for it."""
    program, server_program = programs
    started = []

    def start(way, page, call, delay=NEVER, calls=CALLS, form="jsonl", traced=TRACED):
        need(page)
        server = None
        if page != "userfault":
            server = Server(server_program, tmp_path / "mounted", delay)
            started.append(server)
        trace = Hostile(
            tmp_path, program, way, page, call, delay, calls, server, form, traced
        )
        started.append(trace)
        return trace

    yield start
    for one in started:
        one.end()


def killed(trace):
    """Kills the stuck process. faultin must end by itself, with the status of the command."""
    victim = trace.victim
    assert trace.tracer.poll() is None
    kill(victim)
    assert trace.tracer.wait(PATIENCE) == 128 + signal.SIGKILL, trace.said()
    assert not is_running(victim)


def others_flow(trace, way):
    """Events of the others flow while the call is stuck; killed, it has not returned.
    Strategy ring holds its place in the buffer of direct parts, so that this fills; from
    then on the heap serves, and this is told."""
    trace.wait_for_others()
    assert "returned" not in trace.said() and trace.stuck("openat") == []
    killed(trace)
    [stuck] = trace.stuck("openat")
    assert stuck["ret"] is None and stuck["args"]["filename"] is None
    assert stuck["capture"]["filename"] == "gone"
    assert trace.others() == [CALLS, CALLS]
    assert trace.summary()["lost"] == {}
    assert trace.summary()["events"] == len(trace.events())
    held_up = trace.summary().get("fell_back", {})
    # On the CPU of the stuck call the thread's cold paths are read at exit: its program is
    # busy. The child, on another, has direct records, and with strategy ring fills their buffer.
    assert held_up.keys() - {"not_at_entry"} == ({"ring_full"} if way.strategy == "ring" else set())


@each_way
def test_events_of_others_flow_while_a_call_is_stuck(hostile, way):
    others_flow(hostile(way, "userfault", "openat"), way)


@best_and_worst
def test_events_of_others_flow_while_a_server_hangs(hostile, way):
    others_flow(hostile(way, "file", "openat"), way)


# Commit "uprobes: prepare uprobe args buffer lazily" (in v6.10): until then a buffer of the CPU is
# locked while a uprobe's program runs, and others that meet a uprobe there wait for it.
HOLDS_ITS_CPU = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 10)


def test_events_of_others_flow_while_a_user_event_is_stuck(hostile):
    """It waits for its page before the function begins; killed, it has not been. The thread, on
    the same CPU, is killed with it: on old kernels with few of its events, if any."""
    trace = hostile(WAYS[0], "userfault", "openat", traced=EVENTS)
    if HOLDS_ITS_CPU:
        assert trace.victim
        wait_for(lambda: trace.others()[1] == CALLS, "all events of the child")
    else:
        trace.wait_for_others()
    assert trace.stuck("openat64") == []
    killed(trace)
    [stuck] = trace.stuck("openat64")
    assert stuck["event"] and stuck["args"]["filename"] is None
    assert stuck["capture"]["filename"] == "gone"
    thread, child = trace.others()
    assert child == CALLS and (thread < CALLS if HOLDS_ITS_CPU else thread == CALLS)
    assert trace.summary()["lost"] == {}


def test_a_user_event_whose_page_is_served_late(hostile):
    trace = hostile(WAYS[0], "userfault", "openat", LATE_MS, calls=100, traced=EVENTS)
    assert trace.tracer.wait(PATIENCE) == 0, trace.said()
    [event] = trace.stuck("openat64")
    assert event["args"]["filename"] == SERVED and event["capture"]["filename"] == "entry"


def served_late(trace, way, call):
    assert trace.tracer.wait(PATIENCE) == 0, trace.said()
    assert "returned -1 2" in trace.said() if call == "openat" else "returned 15 0" in trace.said()
    [event] = trace.stuck(call)
    name = "filename" if call == "openat" else "buf"
    assert event["args"][name] == SERVED
    how = event["capture"][name]
    if how != "entry":
        assert how in ("exit", "deferred", "remote")
        assert event["latency"] >= LATE_MS * 900_000
    # Where it may be read at entry it is, unless another task is preempted in that very probe.
    counted = "not_at_entry" in trace.summary().get("fell_back", {})
    assert (how == "entry") == way.sleepable or counted
    assert trace.summary()["lost"] == {}


@pytest.mark.parametrize("call", ["openat", "write"])
@each_way
def test_a_page_that_is_served_late(hostile, way, call):
    served_late(hostile(way, "userfault", call, LATE_MS, calls=100), way, call)


@best_and_worst
def test_a_server_that_answers_late(hostile, way):
    served_late(hostile(way, "file", "openat", LATE_MS, calls=100), way, "openat")


@each_engine
def test_a_page_that_the_call_itself_would_not_touch(hostile, way):
    """write(-1, ...) fails before it looks at its buffer: who reads it, stalls the task
    before the call (sleepable), or after it (task work), where it would not have been,
    until the page is served or the task is killed. Without task work the task goes on at
    once, and faultin's reader gives the page up. It is reported with what it returned, if
    it did, and the buffer as gone."""
    trace = hostile(way, "userfault", "badwrite")
    trace.wait_for_others()
    killed(trace)
    [stuck] = trace.stuck("write")
    assert stuck["ret"] in (-9, None) and stuck["args"]["buf"] is None
    assert stuck["capture"]["buf"] == "gone"
    assert trace.others() == [CALLS, CALLS]
    assert trace.summary()["lost"] == {}


@best_and_worst
def test_a_fault_that_only_the_server_can_end(hostile, way):
    """Without read-ahead the task itself waits for the server's answer, and the kernel
    lets no signal end that: killed, it stays until the server has gone."""
    trace = hostile(way, "file-alone", "openat")
    trace.wait_for_others()
    kill(trace.victim)
    trace.server.end()
    assert trace.tracer.wait(PATIENCE) == 128 + signal.SIGKILL, trace.said()


@each_engine
def test_a_stuck_call_is_shown_while_it_blocks(hostile, way):
    """Text shows calls that block. What they were passed is not waited for."""
    trace = hostile(way, "userfault", "openat", form="text")
    trace.wait_for_others()
    wait_for(lambda: b"<unfinished ...>" in trace.output.read_bytes(), "the stuck call is shown")
    killed(trace)


@each_engine
def test_the_trace_can_end_and_begin_while_a_call_is_stuck(hostile, way, tmp_path):
    first = hostile(way, "userfault", "openat")
    first.wait_for_others()
    first.tracer.send_signal(signal.SIGINT)
    assert first.tracer.wait(PATIENCE) == 128 + signal.SIGINT, first.said()
    assert is_running(first.victim)
    assert [e["ret"] for e in first.stuck("openat")] == [None]
    output = tmp_path / "second"
    words = [*TRACED, "--format", "jsonl", *way.options, "-o", output, "-p", first.victim]
    second = subprocess.Popen(command("trace", *words), stdin=subprocess.DEVNULL)
    try:
        if way in PTRACE:  # its tracer has to stay where a filter asks for it
            assert second.wait(PATIENCE) == 1
            return
        wait_for(output.exists, "the second trace has begun")
        time.sleep(1)
        second.send_signal(signal.SIGINT)
        assert second.wait(PATIENCE) == 128 + signal.SIGINT
    finally:
        second.kill()
        second.wait(PATIENCE)
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    stuck = [line for line in lines if line.get("tid") == first.victim]
    assert [(e["syscall"], e["ret"]) for e in stuck] == [("openat", None)]
