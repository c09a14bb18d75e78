"""What a remediated guest looks like, on whatever controller its disk is."""

from __future__ import annotations

import pytest
from testinfra.host import Host

IMAGES = ("6.1.0-??-amd64", "6.1.0-??-rt-amd64")


@pytest.mark.proves("io_scheduler")
def test_disk_leaves_the_scheduling_to_the_hypervisor(host: Host) -> None:
    assert "[none]" in host.file("/sys/block/sda/queue/scheduler").content_string


@pytest.mark.proves("pvscsi_initrd")
@pytest.mark.parametrize("kernel", IMAGES)
def test_image_holds_both_drivers(host: Host, kernel: str) -> None:
    listed = host.run(f"lsinitramfs /boot/initrd.img-{kernel} | grep -E 'sym53c8xx.ko|vmw_pvscsi.ko'").stdout.split()
    assert sorted(path.rpartition("/")[2] for path in listed) == ["sym53c8xx.ko", "vmw_pvscsi.ko"]


def test_receipts_are_for_root_only(host: Host) -> None:
    folder = host.file("/var/lib/vmguest")
    assert (folder.user, folder.mode) == ("root", 0o700)


def test_nothing_half_written_is_left(host: Host) -> None:
    assert host.run("find /boot /etc /var /usr /run -name '.vmguest*' 2>/dev/null").stdout == ""


def test_no_python_is_needed(host: Host) -> None:
    assert host.run("command -v python3 || command -v python").rc != 0
