# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A QEMU whose NVMe disks say that they are VMware's.

QEMU's device has no property for the model that it reports (hw/nvme/ctrl.c has it as a constant), and a guest tells VMware's
NVMe disks by it. So a copy of the program is run, in which that one string is another of the same length: the first two words of
"VMware Virtual NVMe Disk". Nothing else of it differs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

PROGRAM = "qemu-system-x86_64"
QEMUS = b"QEMU NVMe Ctrl\0"
VMWARES = b"VMware Virtual\0"


def renamed(content: bytes) -> bytes:
    """QEMU's program with the other model.

    :raises ValueError: where it does not hold QEMU's own exactly once: a version that says it in another way.
    """
    count = content.count(QEMUS)
    if count != 1:
        raise ValueError(
            f"'{QEMUS[:-1].decode()}' is {count} times in {PROGRAM}; expected once, as in QEMU 7.2: look where this one has it"
        )
    return content.replace(QEMUS, VMWARES)


def program(folder: Path) -> Path:
    """Such a QEMU, made below ``folder`` where it is not there.

    :raises ValueError: where it cannot be made.
    :raises FileNotFoundError: where there is no QEMU.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise FileNotFoundError(f"there is no {PROGRAM}; `make setup` installs it")
    original = Path(found).resolve()
    content = original.read_bytes()
    home = folder / f"qemu-nvme-{hashlib.sha256(content).hexdigest()[:12]}"
    copy = home / "bin" / PROGRAM
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        # It looks for its modules and firmware from where it is: ../lib, ../share.
        for name in ("lib", "share"):
            if not (home / name).is_symlink():
                (home / name).symlink_to(original.parent.parent / name)
        part = copy.with_suffix(f".{os.getpid()}")
        part.write_bytes(renamed(content))
        part.chmod(0o755)
        part.rename(copy)
    return copy
