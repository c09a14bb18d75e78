"""Answer for the I/O scheduler files of a fake kernel as block/elevator.c does.

usage: fake_schedulers.py PID FILE...

A kernel lists all schedulers with the chosen one in brackets, whatever single name was written. A plain file would give
back that name alone. Every open of one of the files is held (fanotify's permission events) until what was last written
has been turned into the list; a name that is not in the list leaves the choice as it was. Runs until process PID, the
guest's PID 1, is gone. Needs root.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys

# linux/fanotify.h
FAN_CLASS_CONTENT = 0x04
FAN_CLOEXEC = 0x01
FAN_MARK_ADD = 0x01
FAN_OPEN_PERM = 0x10000
FAN_ALLOW = 0x01
AT_FDCWD = -100
EVENT = struct.Struct("=IBBHQii")
RESPONSE = struct.Struct("=iI")

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, call: str) -> int:
    """Pass a system call's result on; OSError where it says that the call failed."""
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{call}: {os.strerror(ctypes.get_errno())}")
    return result


def answer(known: str, content: str) -> str:
    """What the kernel would list after `content` was written where `known` was listed before."""
    names = [name.strip("[]") for name in known.split()]
    word = content.strip()
    if "[" in word:
        return content
    if word not in names:
        return known
    return " ".join(f"[{name}]" if name == word else name for name in names) + "\n"


def main(arguments: list[str]) -> None:
    """Serve the files that the command line names."""
    guest = os.pidfd_open(int(arguments[0]))
    known: dict[tuple[int, int], str] = {}
    group = checked(libc.fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, os.O_RDWR), "fanotify_init")
    for path in arguments[1:]:
        with open(path, encoding="ascii") as file:
            status = os.fstat(file.fileno())
            known[status.st_dev, status.st_ino] = file.read()
        mask = ctypes.c_uint64(FAN_OPEN_PERM)
        checked(libc.fanotify_mark(group, FAN_MARK_ADD, mask, AT_FDCWD, os.fsencode(path)), "fanotify_mark")
    print("ready", flush=True)
    while True:
        readable = select.select([group, guest], [], [])[0]
        if guest in readable:
            return
        events = os.read(group, 4096)
        for offset in range(0, len(events), EVENT.size):
            file_descriptor = EVENT.unpack_from(events, offset)[5]
            status = os.fstat(file_descriptor)
            key = (status.st_dev, status.st_ino)
            content = os.pread(file_descriptor, 4096, 0).decode("ascii", "replace")
            listed = answer(known[key], content)
            if listed != content:
                os.ftruncate(file_descriptor, 0)
                os.pwrite(file_descriptor, listed.encode("ascii"), 0)
            known[key] = listed
            os.write(group, RESPONSE.pack(file_descriptor, FAN_ALLOW))
            os.close(file_descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
