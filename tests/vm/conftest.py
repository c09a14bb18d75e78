# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests for the scenarios, and the record of what they measure."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest

from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM, image, ready

PASSED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run all scenarios, not only those of the sample")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sample(minutes): a scenario that every test run holds, and what it takes")
    config.addinivalue_line("markers", "claim(name, title): the claim of docs/proof.md that a scenario belongs to")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(3600))  # an emulated guest boots a dozen times in some of them
    if config.getoption("--all"):
        return
    config.hook.pytest_deselected(items=[item for item in items if not item.get_closest_marker("sample")])
    minutes = {item: mark.args[0] for item in items if (mark := item.get_closest_marker("sample"))}
    # The longest first: who is done takes the short ones.
    items[:] = sorted(minutes, key=lambda item: -minutes[item])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    return report


def _say(text: str) -> None:
    """On the terminal, past pytest's capture, also from a worker of xdist."""
    stream = sys.__stderr__
    if stream is not None:
        print(text, file=stream, flush=True)


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Takes down what the test finds."""
    marker = request.node.get_closest_marker("claim")
    assert marker, "a scenario belongs to a claim"
    title = marker.args[1]
    if "callspec" in dir(request.node):
        title = title.format(**request.node.callspec.params)
    recorder = Recorder(marker.args[0], title, say=_say)
    yield recorder
    recorder.close(request.node.stash.get(PASSED, False))


@pytest.fixture
def make_vm(request: pytest.FixtureRequest) -> Iterator[Callable[..., VM]]:
    """Makes VMs that end with the test: ``make_vm("debian", Hardware())``; with ``at_login`` from a saved state, at its login."""
    with ExitStack() as stack:

        def make(name: str, hardware: Hardware | None = None, at_login: bool = False) -> VM:
            hardware = hardware or Hardware()
            disk = ready(name, hardware, _say) if at_login else image(name)
            test = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")
            called = f"{name}-{hardware.number}-{test}"
            vm = stack.enter_context(VM(called, disk, hardware, "ready" if at_login else None))
            vm.boot()
            return vm

        yield make
