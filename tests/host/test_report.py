# SPDX-License-Identifier: Apache-2.0
"""faultin report: what the page says is what the recording has, and nothing in it is alive."""

import re
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser

import pytest
from recording import query, run

pytestmark = pytest.mark.kernel
EVIL = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e"
PROGRAM = """
cat "$0"/"$1" 2>/dev/null
cat /etc/passwd > copy
for i in 1 2 3; do cat /nothing-$i 2>/dev/null; done
true
"""


class Texts(HTMLParser):
    """What stands on a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "data")]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="session")
def reported(tmp_path_factory):
    """(the recording, the page)."""
    folder = tmp_path_factory.mktemp("report")
    target = folder / "t.parquet"
    ran = run("record", "-o", target, "--stack", "--", "sh", "-c", PROGRAM, folder, EVIL.replace("/", ""), cwd=folder)
    assert ran.returncode == 0, ran.stderr
    page = folder / "out.html"
    ran = run("report", target, "-o", page)
    assert (ran.returncode, ran.stderr) == (0, "")
    return target, page


def test_it_says_what_the_recording_says(reported):
    target, page = reported
    text = " ".join(Texts(page.read_text()).texts)
    rows, summary = query(target, "count()", "--by", "syscall")
    for row in rows[:10]:
        assert re.search(rf"\b{row['syscall']}\s+{row['count()']:,}\s", text), row
    assert "No events were lost" in text
    for part in ("/nothing-1", "ENOENT", "Process tree", "Latency", "Time line", "/etc/passwd"):
        assert part in text, part
    size = len(open("/etc/passwd", "rb").read())
    assert re.search(rf"\b{size:,}\s+0\s+\d+\s+\d+\s+file\s+/etc/passwd", text)
    assert re.search(rf"\b0\s+{size:,}\s+\d+\s+\d+\s+[\w ]+\s+(copy|descriptor 1)\b", text)


def test_nothing_in_it_is_alive(reported):
    data = reported[1].read_text()
    page = Texts(data)
    assert "img" not in page.tags and page.tags.count("script") == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", data)
    assert page.links and all(link.startswith("#") for link in page.links)
    assert r"\33[31m" in data


def test_its_size_does_not_grow_with_the_recording(tmp_path):
    program = "import os\nfor i in range(30000):\n try: os.stat(f'/none/{i}')\n except OSError: pass"
    assert run("record", "-o", tmp_path / "t.parquet", "--", "python3", "-c", program).returncode == 0
    assert run("report", tmp_path / "t.parquet", "-o", tmp_path / "o.html").returncode == 0
    page = (tmp_path / "o.html").read_text()
    assert len(page) < 2_000_000
    assert re.search(r"(29|30),\d{3} more paths are left out", page)


def test_a_filter(reported, tmp_path):
    target, _ = reported
    page = tmp_path / "o.html"
    assert run("report", target, "-o", page, "-w", 'path.startswith("/nothing")').returncode == 0
    wanted, _ = query(target, "count()", "-w", 'path.startswith("/nothing")')
    text = " ".join(Texts(page.read_text()).texts)
    assert re.search(rf"\b{wanted[0]['count()']}\s+calls\b", text)
    assert "/etc/passwd" not in text


@pytest.mark.parametrize(
    "words, status, why",
    [
        (("{t}", "-o", "{p}"), 2, "it is there already; --force overwrites it"),
        (("/etc/passwd", "-o", "{n}"), 1, "it is no whole Parquet file"),
        (("/nothing-here", "-o", "{n}"), 2, "there is no such file or folder"),
        (("{t}", "-o", "{n}", "-w", "ret == 123456789"), 1, "no call in it is as -w says"),
        (("{t}", "-o", "{n}", "-w", "nope == 1"), 2, "nope"),
        (("{t}", "-o", "/nothing-here/o.html"), 1, "cannot write"),
    ],
)
def test_what_cannot_be(words, status, why, reported, tmp_path):
    target, page = reported
    there = page.read_bytes()
    names = {"t": target, "p": page, "n": tmp_path / "new.html"}
    ran = run("report", *(word.format(**names) for word in words))
    assert ran.returncode == status, ran.stderr
    assert why in ran.stderr and ran.stderr.count("\n") == 1
    assert page.read_bytes() == there and not list(tmp_path.iterdir())


def _colours(png: bytes) -> int:
    """How many different rows of bytes a picture has: 1 or 2 where it is blank."""
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        data += png[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    raw = zlib.decompress(data)
    width = struct.unpack_from(">I", png, 16)[0]
    channels = {2: 3, 6: 4}[png[25]]
    line = width * channels + 1
    return len({raw[i : i + line] for i in range(0, len(raw), line)})


def test_a_browser_shows_it(reported, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    assert browser, "there is no chromium: apt install chromium"
    _, page = reported
    words = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/p"]
    picture = tmp_path / "picture.png"
    dom = subprocess.run([*words, "--dump-dom", f"file://{page}"], capture_output=True, text=True, timeout=60)
    text = " ".join(Texts(dom.stdout).texts)
    assert "How complete it is" in text and "/nothing-1" in text
    subprocess.run(
        [*words, "--window-size=1280,2000", f"--screenshot={picture}", f"file://{page}"],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert _colours(picture.read_bytes()) > 200
