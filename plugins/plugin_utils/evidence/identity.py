# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identity: machine id and SSH host keys, which every guest must have of its own.

Of private keys nothing is read but that they are there. A machine id is confidential (machine-id(5)): what is shown and recorded
is a hash, by which two guests with the same one are found all the same.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, entries, files

MACHINE_ID, DBUS_ID = "/etc/machine-id", "/var/lib/dbus/machine-id"
#: The name by which an NVMe over Fabrics subsystem knows a host, as an iSCSI target knows an initiator by its own.
HOST_NQN = "/etc/nvme/hostnqn"
JOURNALS = "/var/log/journal/*"
_PUBLIC_KEYS, _PRIVATE_KEYS = "/etc/ssh/ssh_host_*key.pub", "/etc/ssh/ssh_host_*key"

READS: tuple[Read, ...] = (
    files(MACHINE_ID, DBUS_ID, _PUBLIC_KEYS),
    entries(MACHINE_ID, DBUS_ID, JOURNALS, _PRIVATE_KEYS, _PUBLIC_KEYS),
)

_ID = re.compile(r"[0-9a-f]{32}")


def is_machine_id(text: str) -> bool:
    """True for 32 hexadecimal digits in lower case that are not all zero (machine-id(5))."""
    return _ID.fullmatch(text) is not None and text.strip("0") != ""


def shown(identity: str) -> str:
    """What may be seen of a machine id, or of a name that stands for this guest alone."""
    return "sha256:" + hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def other_journals(probe: ProbeOutput, machine_id: str) -> tuple[str, ...]:
    """Folders of the journal that were written under another machine id."""
    names = {entry.path: entry.path.rpartition("/")[2].partition(".")[0] for entry in probe.entries(JOURNALS)}
    return tuple(path for path, name in names.items() if is_machine_id(name) and name != machine_id)


@dataclass(frozen=True)
class HostKey:
    """A public host key: its ``kind`` (``ssh-ed25519``), ``fingerprint`` as ssh-keygen has it, and ``host`` of its comment."""

    path: str
    kind: str
    fingerprint: str
    host: str


@dataclass(frozen=True)
class HostKeys:
    """``private``: files of private keys. ``problem``: why the public ones are not known."""

    public: tuple[HostKey, ...]
    private: tuple[str, ...]
    problem: str | None = None


def host_keys(probe: ProbeOutput) -> HostKeys:
    """Read from the probe's output."""
    private = tuple(entry.path for entry in probe.entries(_PRIVATE_KEYS) if entry.size)
    found = []
    for file in probe.glob(_PUBLIC_KEYS):
        words = file.value.split()
        # Keys of SSH's first protocol are three numbers, and are left out.
        if file and len(words) > 1 and not words[0].isdecimal():
            try:
                digest = hashlib.sha256(b64decode(words[1], validate=True)).digest()
            except (Error, ValueError):
                return HostKeys((), private, f"{file.path} holds no public key")
            host = words[2].partition("@")[2] if len(words) > 2 else ""
            found.append(HostKey(file.path, words[0], "SHA256:" + b64encode(digest).decode().rstrip("="), host))
        elif not file:
            return HostKeys((), private, f"{file.path} cannot be read")
    return HostKeys(tuple(found), private)
