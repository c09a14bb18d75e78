"""The guest as its image was made: its disk's scheduler is the kernel's choice, its boot images know no pvscsi."""

from __future__ import annotations

import pytest
from testinfra.host import Host

IMAGES = ("6.1.0-??-amd64", "6.1.0-??-rt-amd64")


def test_scheduler_is_the_kernels_default(host: Host) -> None:
    assert "[mq-deadline]" in host.file("/sys/block/sda/queue/scheduler").content_string
    assert not host.file("/etc/udev/rules.d/66-vmguest-io-scheduler.rules").exists


@pytest.mark.parametrize("kernel", IMAGES)
def test_image_holds_the_lsi_driver_only(host: Host, kernel: str) -> None:
    listed = host.run(f"lsinitramfs /boot/initrd.img-{kernel} | grep -E 'sym53c8xx.ko|vmw_pvscsi.ko'").stdout.split()
    assert [path.rpartition("/")[2] for path in listed] == ["sym53c8xx.ko"]


def test_image_is_the_one_that_was_made(host: Host) -> None:
    """Byte for byte: the sums were taken when the guest was made."""
    assert host.run("cd /boot && sha256sum --check --quiet /root/boot.sums").rc == 0
