# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe reads images: every way of packing them, under every shell, without writing.

To see these red: leave the header out of ``image_modules``, let ``image_format`` know no zstd, take ``$?`` of the last command
instead of the decompressor's, or compare nothing but the path in ``probe_stamped``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot, BootEntry, Loader
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import MODULES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import READS as IMAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import Image, Images
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput, parse
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import (
    guest_script,
    modules_pattern,
    probe_payload,
)
from ansible_collections.vmguest.linux.tests.crash.cpio import archive, file
from ansible_collections.vmguest.linux.tests.unit.boot_image import MICROCODE, PACKERS, boot_image, packed
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import (
    NONCE,
    PATH,
    SHELLS,
    need,
    probe,
    put,
    run_script,
    without,
)

four_shells = pytest.mark.parametrize("shell", SHELLS)

RELEASE = "6.1.0-28-amd64"
PLACE = f"/boot/initrd.img-{RELEASE}"
PVSCSI = {"vmw_pvscsi": "kernel/drivers/scsi/vmw_pvscsi.ko"}
BOTH = {**PVSCSI, "mptspi": "kernel/drivers/message/fusion/mptspi.ko.xz"}
NOWHERE = Boot(Loader.UNKNOWN, ())


def images(found: ProbeOutput) -> dict[str, Image]:
    """What the probe found, as evidence."""
    return Images.of(found, NOWHERE).images


def image(root: Path, data: bytes, shell: str = "dash", path: str = PATH) -> Image:
    """What the probe makes of an image."""
    put(root, {PLACE: data})
    return images(probe(root, IMAGE_READS, shell, path))[PLACE]


def packer(form: str) -> str:
    """Skips a test whose compressor is not here."""
    if form != "none":
        need(PACKERS[form][0])
    return form


@four_shells
@pytest.mark.parametrize("form", PACKERS)
@pytest.mark.parametrize("early", [False, True], ids=["alone", "after microcode"])
def test_every_way_of_packing(tmp_path: Path, shell: str, form: str, early: bool) -> None:
    """Given an image in any format that kernels unpack, exactly the modules that it holds are found."""
    found = image(tmp_path, boot_image(BOTH, RELEASE, packer(form), early), shell)
    assert found == Image(PLACE, frozenset({"vmw_pvscsi", "mptspi"}))


@four_shells
def test_several_archives_before_the_main_one(tmp_path: Path, shell: str) -> None:
    """Given microcode of two makers and modules that are not compressed (Ubuntu since 23.10), all archives count."""
    packer("zstd")
    modules = {
        f"usr/lib/modules/{RELEASE}/kernel/drivers/scsi/vmw_pvscsi.ko.zst": file(b"\x28\xb5\x2f\xfd" + b"x" * 301)
    }
    amd = {"kernel/x86/microcode/AuthenticAMD.bin": file(b"a\n" * 1000)}
    data = archive(amd) + archive(MICROCODE) + bytes(1024) + archive(modules) + boot_image(PVSCSI, RELEASE, "zstd")
    assert image(tmp_path, data, shell).held == {"vmw_pvscsi"}
    nothing = archive(amd) + archive(MICROCODE) + archive(modules) + boot_image({}, RELEASE, "zstd")
    assert image(tmp_path, nothing, shell) == Image(PLACE, frozenset({"vmw_pvscsi"}))


@four_shells
def test_archives_that_are_not_compressed_one_after_the_other(tmp_path: Path, shell: str) -> None:
    data = boot_image(PVSCSI, RELEASE, "none") + boot_image({"mptspi": BOTH["mptspi"]}, RELEASE, "none")
    assert image(tmp_path, data, shell).held == {"vmw_pvscsi", "mptspi"}


@four_shells
def test_names_in_texts_do_not_count(tmp_path: Path, shell: str) -> None:
    """Given modules.dep, and texts that look like headers, nothing but entries of the archive is taken for a module."""
    header = "070701" + "0" * 104
    texts = {
        "usr/lib/modules/x/modules.order": file(b"kernel/drivers/scsi/vmw_pvscsi.ko\n"),
        # A header whose length of the name is not the name's.
        "etc/odd": file(f"{header}usr/lib/modules/x/vmw_pvscsi.ko\n".encode()),
        "etc/names.ko": file(b"/vmw_pvscsi.ko"),
        "etc/my_vmw_pvscsi.ko.txt/x": file(b""),
        "lib/modules/x/not_vmw_pvscsi.ko": file(b""),
    }
    for form in ("none", "gzip"):
        assert image(tmp_path, packed(archive(texts), form), shell) == Image(PLACE, frozenset())


@four_shells
def test_an_image_of_nash_holds_what_its_script_loads(tmp_path: Path, shell: str) -> None:
    """Given a module in /lib that no insmod names, it does not count: that old init has no udev."""
    script = b"#!/bin/nash\necho Loading\ninsmod /lib/mptspi.ko\ninsmod /lib/dm-mod.ko\n# insmod /lib/vmw_pvscsi.ko\n"
    entries = {"lib/mptspi.ko": file(b"x"), "lib/vmw_pvscsi.ko": file(b"x"), "init": file(script, 0o700)}
    assert image(tmp_path, packed(archive(entries), "gzip"), shell).held == {"mptspi"}
    dotted = {f"./{name}": entry for name, entry in entries.items()}
    assert image(tmp_path, packed(archive(dotted), "gzip"), shell).held == {"mptspi"}


# ---- what cannot be read ---------------------------------------------------------------------------------------------


@four_shells
@pytest.mark.parametrize("form", [form for form in PACKERS if form != "none"])
def test_a_damaged_image_is_told(tmp_path: Path, shell: str, form: str) -> None:
    """Given an image whose end is missing, or whose middle was overwritten, it is never taken for whole."""
    data = boot_image(BOTH, RELEASE, packer(form), early=True)
    problem = image(tmp_path, data[:-30], shell).problem
    assert problem is not None
    assert "damaged" in problem
    middle = len(data) - 200
    assert image(tmp_path, data[:middle] + bytes(60) + data[middle + 60 :], shell).problem


@four_shells
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (boot_image(BOTH, RELEASE, "none")[:-700], "damaged: it ends within an archive"),
        (archive(MICROCODE) + b"no magic at all" * 50, "no format that a kernel is known to unpack"),
        (b"", "no format"),
        (b"\x1f", "no format"),
        (b"\n" * 600, "no format"),
    ],
    ids=["cut", "garbage after microcode", "empty", "one byte", "newlines"],
)
def test_what_is_no_image(tmp_path: Path, shell: str, data: bytes, says: str) -> None:
    problem = image(tmp_path, data, shell).problem
    assert problem is not None
    assert says in problem


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
@pytest.mark.parametrize("form", ["zstd", "gzip", "lz4"])
def test_a_program_that_is_missing_is_told(tmp_path: Path, shell: str, form: str) -> None:
    path = without(tmp_path / "bin", packer(form))
    found = image(tmp_path / "root", boot_image(BOTH, RELEASE, form), shell, path)
    assert found.problem == f"there is no program to unpack it ({form})"


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
@pytest.mark.parametrize(
    ("form", "program"),
    [(form, program) for form in ("none", "gzip") for program in ("od", "tr", "grep", "awk")]
    + [("gzip", "head"), ("gzip", "tail")],
)
def test_without_a_program_that_reads_it_an_image_is_never_whole(
    tmp_path: Path, shell: str, form: str, program: str
) -> None:
    """Given an image with microcode in front, and a guest that lacks one of what is needed, nothing is said of what it holds."""
    path = without(tmp_path / "bin", program)
    put(tmp_path / "root", {PLACE: boot_image(BOTH, RELEASE, form, early=True)})
    script = f'NONCE={NONCE}\n{guest_script("images.sh")}image_read "{tmp_path}/root{PLACE}" "mptspi"\n'

    assert run_script(script, shell, path).decode() == f"{NONCE} unpacked absent {program}\n"


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
@pytest.mark.parametrize("program", ["awk", "tr"])
def test_a_program_that_is_missing_for_all_images_is_told(tmp_path: Path, shell: str, program: str) -> None:
    path = without(tmp_path / "bin", program)
    found = image(tmp_path / "root", boot_image(BOTH, RELEASE, "gzip", early=True), shell, path)
    assert found.problem == f"there is no program to unpack it ({program})"


@four_shells
def test_an_image_that_takes_too_long_is_ended(tmp_path: Path, shell: str) -> None:
    """Given an image that goes on for ever, processor time runs out, and the probe goes on."""
    data = packed(b"070701" + bytes(40_000_000), "gzip")
    put(tmp_path, {PLACE: data, "/boot/initrd.img-9": boot_image(PVSCSI, RELEASE)})
    script = probe_payload(NONCE, IMAGE_READS, str(tmp_path)).replace("ulimit -t 120", "ulimit -t 0")
    found = images(parse(run_script(script, shell).decode("utf-8", "surrogateescape"), NONCE, IMAGE_READS))
    assert set(found) == {PLACE, "/boot/initrd.img-9"}
    assert found[PLACE].problem


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="without setpriv root reads everything")
def test_an_image_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    put(tmp_path, {PLACE: boot_image(BOTH, RELEASE)})
    (tmp_path / PLACE.lstrip("/")).chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder not in (Path("/"), Path("/tmp")):
            folder.chmod(folder.stat().st_mode | 0o055)
    before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    output = run_script(probe_payload(NONCE, IMAGE_READS, str(tmp_path)), "dash", PATH, before)
    found = images(parse(output.decode("utf-8", "surrogateescape"), NONCE, IMAGE_READS))
    assert found[PLACE].problem == "it cannot be read"


def test_an_output_that_ends_within_an_image_is_not_believed() -> None:
    said = f"{NONCE} begin probe 1\n{NONCE} image {PLACE}\n{NONCE} end\n"
    assert images(parse(said, NONCE, IMAGE_READS))[PLACE].problem == "reading it was cut off"


# ---- which images ----------------------------------------------------------------------------------------------------


@four_shells
def test_images_for_repairs_and_dumps_and_copies_are_left_alone(tmp_path: Path, shell: str) -> None:
    data = boot_image(PVSCSI, RELEASE)
    names = ["initrd.img-6.1", "initramfs-5.14.img", "initrd-3.0-default", "initrd-2.6.18.img"]
    others = [
        *("initramfs-0-rescue-0123.img", "initramfs-5.14kdump.img", "initrd-3.0-default-kdump", "initrd.img-6.1.old"),
        *(
            "initrd.img-6.1.dpkg-bak",
            "initrd.img-6.1.bak",
            ".initramfs-5.14.img.hmac",
            "initrd.img-6.1.vmguest",
            "initrd.img-x~",
        ),
    ]
    put(tmp_path, {f"/boot/{name}": data for name in (*names, *others)})
    put(tmp_path, {f"/boot/0123/{RELEASE}/initrd": data})
    (tmp_path / "boot/initrd-link").symlink_to("initrd.img-6.1")
    (tmp_path / "boot/initrd-folder").mkdir()
    found = images(probe(tmp_path, IMAGE_READS, shell))
    assert set(found) == {*(f"/boot/{name}" for name in names), f"/boot/0123/{RELEASE}/initrd"}


@four_shells
def test_odd_names(tmp_path: Path, shell: str) -> None:
    data = boot_image(PVSCSI, RELEASE)
    put(tmp_path, {"/boot/initrd-two words": data, "/boot/initrd-$x`y`": data, "/boot/initrd-new\nline": data})
    found = images(probe(tmp_path, IMAGE_READS, shell))
    assert {path: one.held for path, one in found.items()} == {
        "/boot/initrd-two words": {"vmw_pvscsi"},
        "/boot/initrd-$x`y`": {"vmw_pvscsi"},
    }


# ---- the stamp -------------------------------------------------------------------------------------------------------


def stamp(root: Path, *paths: str, lie: str = "nvme", modules: str = modules_pattern(MODULES)) -> None:
    """A stamp that says of these images that they hold ``lie``: so it is seen whether it was believed."""
    lines = [modules]
    header = archive({f"lib/modules/x/{lie}.ko": file(b"x")}).split(b"\0")
    for path in paths:
        status = (root / path.lstrip("/")).stat()
        lines.append(f"{status.st_ino} {status.st_size} {int(status.st_mtime)} {int(status.st_ctime)} {path}")
        lines += [
            "+" + found[0].decode()
            for part in header
            if (found := re.search(rb"07070\d[0-9A-F]{104}(\S+\.ko|TRAILER!!!)\Z", part))
        ]
        lines.append("=gzip")
    put(root, {"/var/lib/vmguest/images": "\n".join(lines) + "\n"})


@four_shells
def test_what_the_stamp_tells_is_believed(tmp_path: Path, shell: str) -> None:
    """Given a stamp of two images of three, only the third is read."""
    places = [f"/boot/initrd.img-{number}" for number in range(3)]
    put(tmp_path, dict.fromkeys(places, boot_image(PVSCSI, RELEASE)))
    stamp(tmp_path, places[2], places[0])
    found = images(probe(tmp_path, IMAGE_READS, shell))
    assert [found[place].held for place in places] == [{"nvme"}, {"vmw_pvscsi"}, {"nvme"}]
    assert all(one.problem is None for one in found.values())


@four_shells
@pytest.mark.parametrize("change", ["content", "size", "inode", "modules", "garbage", "empty"])
def test_an_image_that_was_touched_since_is_read(tmp_path: Path, shell: str, change: str) -> None:
    put(tmp_path, {PLACE: boot_image(PVSCSI, RELEASE)})
    place = tmp_path / PLACE.lstrip("/")
    stamp(tmp_path, PLACE, modules="vmw_pvscsi" if change == "modules" else modules_pattern(MODULES))
    if change == "content":
        status = place.stat()
        subprocess.run(["touch", "-d", f"@{int(status.st_mtime) + 5}", str(place)], check=True)
    elif change == "size":
        place.write_bytes(place.read_bytes() + bytes(512))
    elif change == "inode":
        shutil.copy2(place, place.with_name("copy"))
        place.with_name("copy").replace(place)
    elif change in ("garbage", "empty"):
        put(tmp_path, {"/var/lib/vmguest/images": "x\n\n+\n=\n" if change == "garbage" else ""})
    assert images(probe(tmp_path, IMAGE_READS, shell))[PLACE] == Image(PLACE, frozenset({"vmw_pvscsi"}))


# ---- law 1 and the budget --------------------------------------------------------------------------------------------


@four_shells
def test_reading_writes_nothing(tmp_path: Path, shell: str) -> None:
    """Given images of every format, no file is opened for writing, under any shell."""
    root = tmp_path / "root"
    forms = [form for form in PACKERS if form == "none" or shutil.which(PACKERS[form][0])]
    put(root, {f"/boot/initrd.img-{form}": boot_image(BOTH, RELEASE, form, True) for form in forms})
    log = tmp_path / "strace"
    calls = "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,mknod,memfd_create"
    before = [
        need("strace"),
        "-f",
        "-qq",
        "-e",
        "trace=" + ",".join(f"?{call}" for call in calls.split(",")),
        "-o",
        str(log),
    ]
    output = run_script(probe_payload(NONCE, IMAGE_READS, str(root)), shell, PATH, before)
    assert len(images(parse(output.decode("utf-8", "surrogateescape"), NONCE, IMAGE_READS))) == len(forms)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    writing = [line for line in lines if re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)\b", line)]
    assert [line for line in writing if '"/dev/null"' not in line and '"/dev/tty"' not in line] == []
    assert [line for line in lines if not re.search(r"\bopen(at)?\(|resumed|unfinished|---|\+\+\+", line)] == []


def processes(root: Path, log: Path) -> int:
    """How many processes a probe of the images starts."""
    before = [need("strace"), "-f", "-qq", "-e", "trace=clone,clone3,?fork,?vfork", "-o", str(log)]
    run_script(probe_payload(NONCE, IMAGE_READS, str(root)), "dash", PATH, before)
    forks = [line for line in log.read_text().splitlines() if re.search(r"= [1-9]\d*$", line)]
    return len([line for line in forks if "CLONE_THREAD" not in line])


def test_what_reading_costs(tmp_path: Path) -> None:
    """No image costs nothing; each some fifteen processes; with a stamp two for all."""
    root = tmp_path / "root"
    put(root, {"/etc/fstab": ""})
    nothing = processes(root, tmp_path / "log")
    places = [f"/boot/initrd.img-{number}" for number in range(4)]
    put(root, dict.fromkeys(places, boot_image(BOTH, RELEASE, early=True)))
    assert processes(root, tmp_path / "log") - nothing <= 4 * 22
    stamp(root, *places)
    assert processes(root, tmp_path / "log") - nothing <= 2


# ---- real images -----------------------------------------------------------------------------------------------------


def test_an_image_of_the_boot_menu_is_found_through_its_link(tmp_path: Path) -> None:
    put(tmp_path, {PLACE: boot_image(BOTH, RELEASE), f"/boot/vmlinuz-{RELEASE}": "x"})
    for name in ("initrd.img", "vmlinuz"):
        (tmp_path / name).symlink_to(f"boot/{name}-{RELEASE}")
    put(tmp_path, {f"/lib/modules/{RELEASE}/modules.dep": "kernel/drivers/scsi/vmw_pvscsi.ko:\n"})
    entry = BootEntry("Debian", "/vmlinuz", ("/initrd.img",), (), True, "/boot/grub/grub.cfg:3")
    found = Images.of(probe(tmp_path, IMAGE_READS), Boot(Loader.GRUB2, (entry,)))
    (kernel,) = found.kernels
    assert (kernel.release, kernel.image, kernel.default) == (RELEASE, PLACE, True)
    assert kernel.needs(["vmw_pvscsi"]) == ("vmw_pvscsi",)
