# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to a guest tree, that counts what is sent to it and can misbehave as real ones do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase

from ansible_collections.vmguest.linux.plugins.plugin_utils.guest import reboot
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
    choices: [none, unreachable, unreachable_later, unreachable_third, cut, banner, no_shell, defect]
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
  reboot:
    description: What becomes of a guest that was told to reboot.
    type: str
    choices: [back, never_down, never_back, same_boot]
    default: back
    vars: [{name: tree_reboot}]
  boot:
    description: Shell text that the guest boots with; C($ROOT) is the tree.
    type: str
    default: ''
    vars: [{name: tree_boot}]
"""

BANNER = "Last login: yesterday\nUnauthorised use is an offence. Bytes: \udcff\nno line end: "


#: Attempts to reach a guest that fail while it reboots.
DOWN = 2


class Clock:
    """Time passes by sleeping, and no test waits for it."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


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
        if earlier >= {"unreachable": 0, "unreachable_later": 1, "unreachable_third": 2}.get(fault, earlier + 1):
            raise AnsibleConnectionFailure(
                "Failed to connect to the host via ssh: Warning: a host key was added.\n"
                "ssh: connect to host 192.0.2.7 port 22: No route to host"
            )
        self._reboot()
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
        if b" scheduled " in output:
            self._await_shutdown()
        if fault == "cut":
            output = output[: len(output) // 2]
        if fault == "banner":
            output = BANNER.encode("utf-8", "surrogateescape") + output
        if in_data is None:
            # A terminal: both streams in one, and its line ends.
            return done.returncode, (output + done.stderr).replace(b"\n", b"\r\n"), b""
        return done.returncode, output, done.stderr

    def _state(self, name):
        return Path(self.get_option("root")) / ".state" / name

    def _await_shutdown(self):
        """The guest goes down as soon as the program that outlives the connection has asked it to."""
        deadline = time.monotonic() + 60
        while not self._state("shutdown").exists():
            assert time.monotonic() < deadline, "nobody reboots the guest"
            time.sleep(0.01)
        if self.get_option("reboot") != "never_down":
            self._state("down").write_text(str(DOWN))

    def _reboot(self):
        """A guest on its way down or up cannot be reached; once it is up, it has another boot id."""
        if not isinstance(reboot.CLOCK, Clock):
            reboot.CLOCK = Clock()
        down, how = self._state("down"), self.get_option("reboot")
        if not down.exists():
            return
        left = int(down.read_text())
        if left or how == "never_back":
            down.write_text(str(max(left - 1, 0)))
            raise AnsibleConnectionFailure(
                "Failed to connect to the host via ssh: ssh: connect to host 192.0.2.7 port 22: Connection refused"
            )
        down.unlink()
        if how == "back":
            boot_id = Path(self.get_option("root")) / "proc/sys/kernel/random/boot_id"
            boot_id.write_text("after" + boot_id.read_text())
            subprocess.run(
                ["/bin/sh", "-c", self.get_option("boot")],
                check=True,
                env={**os.environ, "ROOT": self.get_option("root")},
            )

    def _in_tree(self, script, newline):
        """The script as for this tree: its root, and kernel files that answer as the kernel does."""
        if f"{newline}ROOT=" not in script:
            return script
        if f"{newline}ROOT={self.get_option('root')}{newline}" in script:
            return script
        script, replaced = re.subn(
            re.escape(newline) + r"ROOT=(''|\"\")?" + re.escape(newline), self._root(newline), script
        )
        script = script.replace('sleep "$1"; shutdown', "shutdown")
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

    def reset(self):
        with Path(self.get_option("log") + ".resets").open("a") as file:
            file.write("reset\n")

    def close(self):
        pass
