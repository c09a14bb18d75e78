# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small images of the early user space, of the shapes that distributions make."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from ansible_collections.vmguest.linux.tests.crash.cpio import Entry, archive, file

#: How an image's main archive is packed; lz4 in the format that kernels know.
PACKERS = {
    "none": ("cat",),
    "gzip": ("gzip", "-9nc"),
    "xz": ("xz", "--check=crc32", "-c"),
    "lzma": ("xz", "--format=lzma", "-c"),
    "zstd": ("zstd", "-qc"),
    "lz4": ("lz4", "-lqc"),
    "bzip2": ("bzip2", "-c"),
    "lzop": ("lzop", "-c"),
}
#: What microcode looks like: an archive that is not compressed, before the others.
MICROCODE = {
    "early_cpio": file(b"1\n"),
    "kernel/x86/microcode/GenuineIntel.bin": file(bytes(range(256)) * 2),
}


def packed(data: bytes, form: str) -> bytes:
    """``data`` as the distribution's compressor leaves it."""
    return subprocess.run(PACKERS[form], input=data, capture_output=True, check=True).stdout


def boot_image(
    modules: Mapping[str, str], release: str, form: str = "gzip", early: bool = False, nash: bool = False
) -> bytes:
    """An image that holds ``modules``, each a name and its path below /lib/modules/RELEASE.

    ``early``: microcode stands before it. ``nash``: of Red Hat 4 and 5, where modules lie in /lib and a script loads them.
    Texts in it name other modules, as modules.dep does: these do not count.
    """
    entries: dict[str, Entry] = {}
    if nash:
        script = "#!/bin/nash\nmount -t proc /proc /proc\n"
        for name in modules:
            entries[f"lib/{name}.ko"] = file(b"ELF")
            script += f"echo Loading {name}.ko module\ninsmod /lib/{name}.ko\n"
        entries["init"] = file(script.encode(), 0o700)
    else:
        entries["init"] = file(b"#!/bin/sh\n", 0o755)
        for path in modules.values():
            entries[f"usr/lib/modules/{release}/{path}"] = file(b"ELF")
        entries[f"usr/lib/modules/{release}/modules.dep"] = file(
            b"".join(b"kernel/drivers/scsi/%s.ko:\n" % name for name in (b"vmw_pvscsi", b"mptspi", b"sd_mod", b"nvme"))
        )
    return (archive(MICROCODE) if early else b"") + packed(archive(entries), form)
