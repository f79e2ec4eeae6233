# SPDX-License-Identifier: Apache-2.0
"""Guests run two at a time, each mostly one busy thread of emulation. Unit tests come first,
while guests are on their way; the tests of this host come last and have its CPUs for themselves."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import guest
import packages
import tables
from kernels import Kernel, chosen

_STEPS = ["doctor", "suite"]
_AT_ONCE = 2
_TESTS = guest.HERE.parent
_ORDER = [_TESTS / name for name in ("unit", "guest", "host")]
_STARTED = pytest.StashKey[dict[str, Future]]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: [folder not in item.path.parents for folder in _ORDER])


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    wanted = any(guest.HERE in item.path.parents for item in session.items)
    if not wanted or session.config.getoption("collectonly"):
        return (yield)
    with _started(session.config) as session.config.stash[_STARTED]:
        return (yield)


@contextmanager
def _started(config: pytest.Config) -> Iterator[dict[str, Future]]:
    """All the guests that were asked for, on their way; at the end, a page of what they
    found, if that was asked for."""
    kernels = chosen(config.getoption("--guests"))[::-1]  # the newest take longest
    with TemporaryDirectory(prefix="faultin-guests-") as base, ThreadPoolExecutor(_AT_ONCE) as pool:
        places = {kernel: Path(base, kernel.name) for kernel in kernels}
        yield {kernel.name: pool.submit(_start, kernel, at) for kernel, at in places.items()}
        if target := config.getoption("--kernels-page"):
            found = [places[kernel] for kernel in kernels[::-1]]
            Path(target).write_text(tables.page([f for f in found if (f / "doctor.json").exists()]))


def _start(kernel: Kernel, folder: Path) -> guest.Result:
    folder.mkdir()
    return guest.run(packages.image(kernel), folder, _STEPS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kernel" in metafunc.fixturenames:
        kernels = chosen(metafunc.config.getoption("--guests"))
        metafunc.parametrize("kernel", kernels, ids=str, scope="session")


@pytest.fixture(scope="session")
def result(kernel: Kernel, pytestconfig: pytest.Config) -> guest.Result:
    """What the guest of this kernel did; skipped with one line where it cannot be had."""
    try:
        return pytestconfig.stash[_STARTED][kernel.name].result()
    except packages.Unavailable as reason:
        pytest.skip(f"no guest {kernel}: {reason}")
