# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence from a few literal files, for tests of one recommendation; whole guests are in tests/guests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import (
    Entry,
    File,
    Line,
    Output,
    State,
    Unpacked,
)

#: A modern Debian on VMware: what most recommendations need to know before their own evidence.
VMWARE = {
    "/sys/class/dmi/id/sys_vendor": "VMware, Inc.",
    "/sys/class/dmi/id/product_name": "VMware7,1",
    "/sys/class/dmi/id/product_uuid": "564d0000-1111-2222-3333-444455556666",
    "/proc/sys/kernel/osrelease": "6.1.0-28-amd64",
    "/proc/1/comm": "systemd",
    "/etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
}


def evidence_of(
    files: Mapping[str, str | State] | None = None,
    *,
    base: Mapping[str, str] | None = None,
    lines: Mapping[str, Iterable[tuple[str, int, str]]] | None = None,
    entries: Iterable[Entry] = (),
    commands: Mapping[str, tuple[int, str]] | None = None,
    images: Iterable[Unpacked] = (),
) -> Evidence:
    """Evidence of a guest with these files (a :class:`State` instead of a text for one that cannot be read)."""
    found = {
        path: File(path, content) if isinstance(content, State) else File(path, State.READ, tuple(content.splitlines()))
        for path, content in {**(VMWARE if base is None else base), **(files or {})}.items()
    }
    return Evidence(
        declared=READS,
        files=found,
        selections={name: tuple(Line(*line) for line in some) for name, some in (lines or {}).items()},
        directory_entries={entry.path: entry for entry in entries},
        commands={
            name: Output(name, status, tuple(text.splitlines())) for name, (status, text) in (commands or {}).items()
        },
        images={image.path: image for image in images},
    )
