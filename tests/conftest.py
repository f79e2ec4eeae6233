# SPDX-License-Identifier: Apache-2.0
"""What all tests share: the choice of guests, and that loading BPF needs root."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A slow day is no failure.
settings.register_profile("faultin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("faultin")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--guests", default="ci", help="kernels to boot: ci, all, none, or their names")
    parser.addoption("--kernels-page", help="write what the guests found there, as docs/kernels.md")
    parser.addoption("--assist-page", help="write what other tracers had there, as docs/assist.md")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root there is no BPF: those tests say so instead of failing one by one."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("kernel"):
            item.add_marker(pytest.mark.skip(reason="loading BPF programs needs root"))


@pytest.fixture(scope="session")
def spark():
    """A cluster of Spark on this machine: two executors, each a process of its own."""
    from cluster import missing, started

    if why := missing():
        pytest.fail(why)
    with started() as connection:
        yield connection
