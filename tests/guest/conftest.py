# SPDX-License-Identifier: Apache-2.0
"""Guests run two at a time: each is mostly one busy thread of emulation."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import guest
import packages
import tables
from kernels import Kernel, chosen

_STEPS = ["doctor", "suite"]
_AT_ONCE = 2


def _start(kernel: Kernel, folder: Path) -> guest.Result:
    folder.mkdir()
    return guest.run(packages.image(kernel), folder, _STEPS)


@pytest.fixture(scope="session")
def started(request, tmp_path_factory) -> Iterator[dict[str, Future]]:
    """All the guests that were asked for, on their way; at the end, a page of what they
    found, if that was asked for."""
    base = tmp_path_factory.mktemp("guests")
    pool = ThreadPoolExecutor(_AT_ONCE)
    kernels = chosen(request.config.getoption("--guests"))[::-1]  # the newest take longest
    guests = {kernel.name: pool.submit(_start, kernel, base / kernel.name) for kernel in kernels}
    yield guests
    if target := request.config.getoption("--kernels-page"):
        found = [base / kernel.name for kernel in kernels[::-1]]
        Path(target).write_text(tables.page([f for f in found if (f / "doctor.json").exists()]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kernel" in metafunc.fixturenames:
        kernels = chosen(metafunc.config.getoption("--guests"))
        metafunc.parametrize("kernel", kernels, ids=str, scope="session")


@pytest.fixture(scope="session")
def result(kernel: Kernel, started: dict[str, Future]) -> guest.Result:
    """What the guest of this kernel did; skipped with one line where it cannot be had."""
    try:
        return started[kernel.name].result()
    except packages.Unavailable as reason:
        pytest.skip(f"no guest {kernel}: {reason}")
