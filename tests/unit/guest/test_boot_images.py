# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command that builds boot images anew: old or new at every moment, proved, and put back byte for byte.

To see these red: leave the ``cksum`` out of ``build``, rename before ``prove``, let ``put_back`` leave ``$folder`` where it is, or
take ``is_whole`` out of ``prove``.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_images import GROUP, STAMP, Rebuild, rebuild
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import Builder
from ansible_collections.vmguest.linux.tests.unit.boot_image import boot_image
from ansible_collections.vmguest.linux.tests.unit.examples import EVERY_MOMENT
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import QUICK, SHELLS, Ran, SmallGuest
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import need, stand_in

RELEASES = ("5.14", "5.15")
CONF = "/etc/dracut.conf.d/90-vmguest.conf"
PATHS = tuple(f"/boot/initramfs-{release}.img" for release in RELEASES)
PVSCSI = "kernel/drivers/scsi/vmw_pvscsi.ko"
MPTSPI = "kernel/drivers/message/fusion/mptspi.ko"
#: Programs that change something: each call is a moment at which the command may be killed.
MUTATING = ("chmod", "chown", "cp", "mkdir", "mv", "rm", "sync")


def image(*modules: str, release: str = "5.14") -> bytes:
    """An image of these modules."""
    files = {"vmw_pvscsi": PVSCSI, "mptspi": MPTSPI}
    return boot_image({name: files[name] for name in modules}, release)


@dataclass
class Built:
    """A guest with two kernels on an LSI Logic controller, and what its builder makes."""

    guest: SmallGuest
    place: Path

    @property
    def images(self) -> list[bytes]:
        """The images as they are."""
        return [self.guest.read(path) for path in PATHS]

    def makes(self, data: bytes, release: str) -> None:
        """What dracut makes from now on."""
        (self.place / f"made-{release}").write_bytes(data)

    def apply(self, builder: Builder = Builder.DRACUT, extra: str | None = None) -> Ran:
        """Name the driver, and build both images. ``extra`` is shell text, as of SmallGuest.apply."""
        modules = ("mptspi", "vmw_pvscsi")
        builds = [
            Rebuild(path, release, f"/boot/vmlinuz-{release}", modules)
            for path, release in zip(PATHS, RELEASES, strict=True)
        ]
        steps = (WriteFile(CONF, 'add_drivers+=" vmw_pvscsi "\n'),)
        return self.guest.apply(
            Transaction("pvscsi_initrd", steps, GROUP, (rebuild(builder, builds, PATHS),)), extra=extra
        )

    def kill_at(self, number: int) -> None:
        """Have the n-th change within a command kill that command's shell."""
        (self.place / "left").write_text(f"{number}\n")

    @property
    def left(self) -> int:
        """How many changes were still to come."""
        return int((self.place / "left").read_text())


@pytest.fixture
def built(tmp_path: Path, shell: str, monkeypatch: pytest.MonkeyPatch) -> Built:
    """The guest, under each shell: it is the commands' ``sh``, too."""
    guest = SmallGuest(tmp_path / "root of a guest", shell)
    for path, release in zip(PATHS, RELEASES, strict=True):
        guest.write(path, image("mptspi", release=release), mode=0o600)
        (tmp_path / f"made-{release}").write_bytes(image("mptspi", "vmw_pvscsi", release=release))
    guest.write("/etc/dracut.conf.d/site.conf", "")
    programs = tmp_path / "bin"
    made = f'cp "{tmp_path}/made-$3" "$2"'
    stand_in(programs, "dracut", made)
    stand_in(programs, "mkinitramfs", made)
    for name in MUTATING:
        real = "true" if name == "sync" else shutil.which(name)
        stand_in(
            programs,
            name,
            f'if read -r left <"{tmp_path}/left"; then echo $((left - 1)) >"{tmp_path}/left"; '
            f'[ "$left" -ne 1 ] || {{ kill -9 $PPID; exit 9; }}; fi 2>/dev/null\nexec {real} "$@"',
        )
    (programs / "sh").write_text(f'#!/bin/dash\nexec {need(shell)} {" ".join(SHELLS[shell])} "$@"\n')
    (programs / "sh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return Built(guest, tmp_path)


def test_both_images_are_built_and_put_back(built: Built) -> None:
    """Given two images, both are new with the old ones' mode, and the stamp tells; a revert leaves not a byte."""
    before = built.guest.snapshot()
    old = built.images
    ran = built.apply()
    assert ran.outcomes == {"boot_images": "done", "pvscsi_initrd": "done"}, ran.text
    assert built.images == [(built.place / f"made-{release}").read_bytes() for release in RELEASES]
    assert [(built.guest.root / path.lstrip("/")).stat().st_mode & 0o777 for path in PATHS] == [0o600, 0o600]
    stamp = built.guest.read(STAMP).decode()
    assert all(f" {path}\n" in stamp for path in PATHS)
    assert not list((built.guest.root / "boot").glob(".vmguest*"))
    assert built.guest.revert("000001-pvscsi_initrd").said("reverted")[0].endswith("done as before")
    assert built.images == old
    assert built.guest.snapshot() == before
    assert not (built.guest.root / STAMP.lstrip("/")).exists()


def test_the_old_images_are_in_the_receipt_and_not_in_boot(built: Built) -> None:
    old = built.images
    built.apply()
    (notes,) = built.guest.root.glob("var/lib/vmguest/receipts/*boot_images/001/notes")
    assert [(notes / f"{number}.old").read_bytes() for number in (1, 2)] == old
    assert {path.name for path in (built.guest.root / "boot").iterdir()} == {Path(path).name for path in PATHS}


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (image("vmw_pvscsi"), "lacks mptspi"),
        (image("mptspi"), "lacks vmw"),
        (image("mptspi", "vmw_pvscsi")[:-30], "does not unpack"),
        (b"", "does not unpack"),
    ],
    ids=["without the old driver", "without the new one", "cut", "empty"],
)
def test_an_image_that_is_not_proved_takes_nobodys_place(built: Built, made: bytes, says: str) -> None:
    """Given a second image that is not as it must be, the first is put back, too, and the configuration."""
    before = built.guest.snapshot()
    built.makes(made, RELEASES[1])
    ran = built.apply()
    assert ran.outcomes["pvscsi_initrd"] == "undone"
    assert any(says in line for line in ran.detail), ran.detail
    assert built.guest.snapshot() == before
    assert built.guest.receipts == {}


def test_a_builder_that_fails_is_undone(built: Built) -> None:
    before = built.guest.snapshot()
    stand_in(built.place / "bin", "dracut", 'echo half >"$2"; echo no room; exit 3')
    ran = built.apply()
    assert ran.outcomes["pvscsi_initrd"] == "undone"
    assert "no room" in ran.detail
    assert built.guest.snapshot() == before


def test_an_image_that_somebody_built_since_stays(built: Built) -> None:
    """Given an image that a package built since, the revert is refused, with the reason and before anything is changed."""
    built.apply()
    built.guest.write(PATHS[0], image("vmw_pvscsi") + bytes(512), mode=0o600)
    before = built.guest.snapshot()
    (said,) = built.guest.revert("000001-pvscsi_initrd").said("reverted")
    assert said.startswith("000001-pvscsi_initrd pvscsi_initrd refused build ")
    assert f"{PATHS[0]}: changed since: somebody else has built it anew" in said
    assert built.guest.snapshot() == before
    assert set(built.guest.receipts.values()) == {"done"}


def test_an_image_that_somebody_built_after_a_cut_stays(built: Built) -> None:
    """Given a run that was cut when the old images were kept and none was built yet, and a package that built one since, the next
    run takes back what was ours and leaves that."""
    conf = built.guest.root / CONF.lstrip("/")
    theirs = image("vmw_pvscsi") + bytes(512)
    step_cut = 'commit_run() { attempt mv -f "$folder/not_started" "$folder/started"; keep_then_cut; }\n'
    kept = "".join(
        f'cp -p "$ROOT{path}" "$folder/notes/{number}.old" || exit 9\n' for number, path in enumerate(PATHS, 1)
    )
    assert not built.apply(extra=f"{QUICK}{step_cut}keep_then_cut() {{\n{kept}kill -9 $$; }}\n").outcomes
    built.guest.write(PATHS[0], theirs, mode=0o600)
    ran = built.guest.apply()
    assert [line.split()[1] for line in ran.said("recovered")] == ["undone", "undone"], ran.text
    assert built.guest.read(PATHS[0]) == theirs
    assert not conf.exists()
    assert built.guest.receipts == {}


def test_an_image_that_went_with_its_kernel_is_left_out(built: Built) -> None:
    old = built.images
    built.apply()
    (built.guest.root / PATHS[1].lstrip("/")).unlink()
    assert built.guest.revert("000001-pvscsi_initrd").said("reverted")[0].endswith("done as before")
    assert built.guest.read(PATHS[0]) == old[0]
    assert not (built.guest.root / PATHS[1].lstrip("/")).exists()


def test_what_initramfs_tools_noted_is_kept_in_step(built: Built) -> None:
    """Up to Debian 9 and Ubuntu 20.04 it leaves images alone whose sum it does not know."""
    noted = f"/var/lib/initramfs-tools/{RELEASES[0]}"
    built.guest.write(noted, f"{'0' * 40}  {PATHS[0]}\n")
    before = built.guest.snapshot()
    built.apply(Builder.INITRAMFS_TOOLS)
    words = built.guest.read(noted).decode().split()
    assert (len(words[0]), words[0] != "0" * 40, words[1]) == (40, True, PATHS[0])
    built.guest.revert("000001-pvscsi_initrd")
    assert built.guest.snapshot() == before


@pytest.mark.slow
def test_a_build_that_is_killed_at_any_change_is_undone(built: Built) -> None:
    """Given the command's shell, or apply itself, killed before some change, all is as before, or all was done."""
    before = built.guest.snapshot()
    original = built.place / "original"
    shutil.copytree(built.guest.root, original)
    built.apply()
    new = built.guest.snapshot()
    ends = set()
    for number in range(1, 400, 1 if EVERY_MOMENT else 3 if built.guest.shell == "dash" else 11):
        shutil.rmtree(built.guest.root)
        shutil.copytree(original, built.guest.root)
        built.kill_at(number)
        with suppress(AssertionError):  # where only a part was killed, its shell says so
            built.apply()
        left = built.left
        (built.place / "left").unlink()
        assert built.guest.apply().whole
        done = bool(built.guest.receipts)
        ends.add(done)
        assert built.guest.snapshot() == (new if done else before), number
        assert not list(built.guest.root.rglob(".vmguest*"))
        if left > 0:
            break
    else:
        pytest.fail("the build never came to its end")
    assert ends == {False, True}


@pytest.mark.slow
def test_a_revert_that_is_killed_at_any_change_is_finished(built: Built) -> None:
    """Given the undo's shell, or apply itself, killed before some change, the next run ends the revert, or it had not begun."""
    before = built.guest.snapshot()
    built.apply()
    new = built.guest.snapshot()
    original = built.place / "original"
    shutil.copytree(built.guest.root, original)
    for number in range(1, 400, 1 if EVERY_MOMENT else 3 if built.guest.shell == "dash" else 11):
        shutil.rmtree(built.guest.root)
        shutil.copytree(original, built.guest.root)
        built.kill_at(number)
        with suppress(AssertionError):
            built.guest.revert("000001-pvscsi_initrd")
        left = built.left
        (built.place / "left").unlink()
        assert built.guest.apply().whole
        (state,) = set(built.guest.receipts.values())
        assert built.guest.snapshot() == (before if state == "reverted" else new), number
        assert not list(built.guest.root.rglob(".vmguest*"))
        if left > 0:
            break
    else:
        pytest.fail("the revert never came to its end")
