# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kernel's own files, which guest trees cannot play: a number in /proc/sys can be read at once only, not byte by byte.

To see this red: have ``kernel_read`` use the shell's ``read``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import APPLY
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import argv


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/kernel/pid_max",
        "/proc/sys/vm/overcommit_ratio",
        "/proc/sys/net/ipv4/tcp_rmem",
        "/proc/sys/kernel/osrelease",
    ],
)
def test_a_value_is_read_whole(shell: str, path: str) -> None:
    """Given this machine's own kernel, each shell reads what a single read gives; numbers in a row have one blank between them."""
    text = f'{APPLY}newline="\n"\nkernel_read {path} && printf %s "$value"\n'
    done = subprocess.run(argv(shell), input=text.encode(), capture_output=True, check=True)
    assert done.stdout.decode() == " ".join(Path(path).read_text(encoding="ascii").split())


def test_a_file_that_is_not_there(shell: str) -> None:
    """Given no such file, it is no value."""
    text = (
        f'{APPLY}newline="\n"\nif kernel_read /proc/sys/kernel/nothing; then echo "read $value"; else echo "none"; fi\n'
    )
    done = subprocess.run(argv(shell), input=text.encode(), capture_output=True, check=True)
    assert done.stdout == b"none\n"
