# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the probe finds in an image, made by hand."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Unpacked


def header(name: str) -> str:
    """The header of an empty file, and its name."""
    fields = (1, 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(name) + 1, 0)
    return "070701" + "".join(f"{field:08X}" for field in fields) + name


def unpacked(path: str, *modules: str, status: str = "0", form: str = "gzip", more: Iterable[str] = ()) -> Unpacked:
    """An image that holds ``modules``."""
    names = [f"usr/lib/modules/6/kernel/{module}.ko" for module in modules]
    return Unpacked(path, status, form, (*map(header, names), *more, header("TRAILER!!!")))
