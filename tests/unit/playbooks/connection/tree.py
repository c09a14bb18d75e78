# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to a guest tree, that counts what is sent to it and can misbehave as real ones do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase

from ansible_collections.vmguest.linux.tests.unit.guest_tree import FAKE_KERNEL, _confine

DOCUMENTATION = r"""
name: tree
short_description: Run commands in a guest tree
description: For tests. Not part of the collection.
author: vmguest.linux contributors
options:
  root:
    description: The tree.
    type: str
    required: true
    vars: [{name: tree_root}]
  log:
    description: File that gets one line for every exec.
    type: str
    required: true
    vars: [{name: tree_log}]
  standard_input:
    description: Whether the connection can send data to a command; those that cannot refuse it, as paramiko does.
    type: bool
    default: true
    vars: [{name: tree_standard_input}]
  fault:
    description: What goes wrong.
    type: str
    choices: [none, unreachable, unreachable_later, cut, banner, no_shell, defect]
    default: none
    vars: [{name: tree_fault}]
  meanwhile:
    description: Shell text between apply and the probe after it.
    type: str
    default: ''
    vars: [{name: tree_meanwhile}]
  instead:
    description: Shell text instead of apply.
    type: str
    default: ''
    vars: [{name: tree_instead}]
"""

BANNER = "Last login: yesterday\nUnauthorised use is an offence. Bytes: \udcff\nno line end: "


class Connection(ConnectionBase):
    transport = "tree"

    @property
    def has_pipelining(self):
        return self.get_option("standard_input")

    def _connect(self):
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        log, fault = Path(self.get_option("log")), self.get_option("fault")
        earlier = len(log.read_text().splitlines()) if log.exists() else 0
        with log.open("a") as file:
            file.write(json.dumps({"way": "argument" if in_data is None else "stdin", "command": len(cmd)}) + "\n")
        if in_data is not None and not self.has_pipelining:
            raise AnsibleError("Internal Error: this module does not support optimized module pipelining")
        if fault == "unreachable" or (fault == "unreachable_later" and earlier):
            raise AnsibleConnectionFailure(
                "Failed to connect to the host via ssh: Warning: a host key was added.\n"
                "ssh: connect to host 192.0.2.7 port 22: No route to host"
            )
        if fault == "no_shell":
            return 127, b"", b"appliancesh: Unknown command: /bin/sh\n"
        if fault == "defect":
            raise ZeroDivisionError("as a defect would")
        done = subprocess.run(
            ["/bin/sh", "-c", self._in_tree(cmd, newline="\\n")],
            input=b""
            if in_data is None
            else self._in_tree(in_data.decode("utf-8", "surrogateescape"), newline="\n").encode(
                "utf-8", "surrogateescape"
            ),
            capture_output=True,
            check=False,
            cwd="/",
            env=self._environment(terminal=in_data is None),
            preexec_fn=_confine(self.get_option("root")),
        )
        output = done.stdout
        if fault == "cut":
            output = output[: len(output) // 2]
        if fault == "banner":
            output = BANNER.encode("utf-8", "surrogateescape") + output
        if in_data is None:
            # A terminal: both streams in one, and its line ends.
            return done.returncode, (output + done.stderr).replace(b"\n", b"\r\n"), b""
        return done.returncode, output, done.stderr

    def _in_tree(self, script, newline):
        """The script as for this tree: its root, and kernel files that answer as the kernel does."""
        if f"{newline}ROOT=" not in script:
            return script
        if f"{newline}ROOT={self.get_option('root')}{newline}" in script:
            return script
        script, replaced = re.subn(
            re.escape(newline) + r"ROOT=(''|\"\")?" + re.escape(newline), self._root(newline), script
        )
        # Never run what would look at, or change, the machine itself.
        assert replaced == 1, "the script does not say ROOT as the payloads do"
        if newline == "\n" and "apply_main" in script:
            head, last, tail = script.rpartition("main() {")
            if self.get_option("instead"):
                tail = tail.replace("apply_main", self.get_option("instead"), 1)
            elif self.get_option("meanwhile"):
                tail = tail.replace("apply_main", f"apply_main; {self.get_option('meanwhile')}", 1)
            script = head + FAKE_KERNEL + last + tail
        return script

    def _root(self, newline):
        return lambda _found: f"{newline}ROOT={self.get_option('root')}{newline}"

    def _environment(self, terminal):
        state = os.path.join(self.get_option("root"), ".state")
        return {"PATH": f"{state}/bin:{state}/tools", "HOME": "/", "LC_ALL": "C", "TERMINAL": "yes" if terminal else ""}

    def put_file(self, in_path, out_path):
        raise AssertionError("nothing is ever copied to a guest")

    def fetch_file(self, in_path, out_path):
        raise AssertionError("nothing is ever copied from a guest")

    def close(self):
        pass
