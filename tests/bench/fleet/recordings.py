# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of any size from a few dozen recorded probes: each guest is one of them under an identity of its own.

The recordings are what the real probe.sh says of the guest trees of tests/guests, under dash.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from functools import cache
from pathlib import Path

#: Stands in a recording where the controller's nonce was.
NONCE = b"0123456789abcdef0123456789abcdef"
#: How many there are: every guest as it is shipped, and drifted ones.
COUNT = 50

_UUID = re.compile(rb"(?m)^(/sys/class/dmi/id/product_uuid:).*$")
_MACHINE_ID = re.compile(rb"(?m)^(/etc/machine-id:)[0-9a-f]{32}$")
_MAC = re.compile(rb"(?m)^(/sys/class/net/[^/]+/address:00:50:56:)[0-9a-f:]{8}$")


def record(folder: Path, count: int = COUNT) -> int:
    """Make ``count`` recordings in ``folder``, which must be empty; how many there are. Half a second each."""
    from ansible_collections.vmguest.linux.tests.unit import guest_tree

    bases = [guest for guest in guest_tree.every_guest() if guest.variant == "base"]
    others = [guest for guest in guest_tree.every_guest() if guest.variant != "base"]
    step = max(len(others) // max(count - len(bases), 1), 1)
    guests = [*bases[:: max(len(bases) // count, 1)], *others[::step]][:count]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number, guest in enumerate(guests):
        with tempfile.TemporaryDirectory() as scratch:
            tree = guest_tree.materialise(guest, Path(scratch) / "tree")
            done = guest_tree.run(tree, guest_tree._probe_payload(str(tree.root)))
        if not done.stdout.endswith(NONCE + b" end\n"):
            raise RuntimeError(f"the probe of {guest} was cut: {done.stderr.decode(errors='replace')}")
        (folder / f"{number:03}-{guest}").write_bytes(done.stdout)
    return len(guests)


@cache
def _recordings(folder: Path) -> tuple[Path, ...]:
    found = tuple(sorted(folder.iterdir()))
    if not found:
        raise RuntimeError(f"there are no recordings in {folder}; make them with recordings.record")
    return found


def _number(host: str) -> int:
    return int.from_bytes(hashlib.sha256(host.encode()).digest()[:8], "big")


def chosen(folder: Path, host: str) -> Path:
    """The recording that ``host`` answers with: the same one at every run."""
    found = _recordings(folder)
    return found[_number(host) % len(found)]


def answer(recording: bytes, host: str, nonce: bytes) -> bytes:
    """A recording as ``host`` would have said it: this run's nonce, and UUID, machine id and MAC addresses of its own."""
    digits = hashlib.sha256(host.encode()).hexdigest().encode()
    uuid = b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
    mac = b":".join((b"%02x" % (int(digits[:2], 16) % 0x40), digits[2:4], digits[4:6]))
    text = _UUID.sub(rb"\g<1>" + uuid, recording)
    text = _MACHINE_ID.sub(rb"\g<1>" + digits[:32], text)
    text = _MAC.sub(rb"\g<1>" + mac, text)
    return text.replace(NONCE, nonce)
