# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to a guest that is a recorded answer: no shell is forked, so that what is measured is the controller."""

from __future__ import annotations

import re
import time
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase

from ansible_collections.vmguest.linux.tests.bench.fleet.recordings import answer, chosen

DOCUMENTATION = r"""
name: recorded
short_description: Answer with a recorded probe
description: For tests. Not part of the collection.
author: vmguest.linux contributors
options:
  host:
    description: The guest's name, which chooses its recording and its identity.
    type: str
    vars: [{name: inventory_hostname}]
  folder:
    description: Where the recordings are.
    type: str
    required: true
    vars: [{name: recorded_folder}]
  seconds:
    description: How long the guest takes to answer, as a network and a busy guest do.
    type: float
    default: 0
    vars: [{name: recorded_seconds}]
"""

_NONCE = re.compile(rb"^NONCE=([0-9a-f]{32})$", re.MULTILINE)


class Connection(ConnectionBase):
    transport = "recorded"
    has_pipelining = True

    def _connect(self):
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        if self.get_option("seconds"):
            time.sleep(self.get_option("seconds"))
        if in_data is None:
            return 0, b"", b""  # what a no-op sends
        nonce = _NONCE.search(in_data)
        if nonce is None or b"apply_main" in in_data:
            raise AnsibleError("a recorded guest answers to a probe, and to nothing else")
        host = self.get_option("host")
        return 0, answer(chosen(Path(self.get_option("folder")), host).read_bytes(), host, nonce[1]), b""

    def put_file(self, in_path, out_path):
        raise AssertionError("nothing is ever copied to a guest")

    def fetch_file(self, in_path, out_path):
        raise AssertionError("nothing is ever copied from a guest")

    def close(self):
        pass
