"""What a remediated guest looks like, seen with the guest's own commands."""

from __future__ import annotations

from testinfra.host import Host


def test_disk_leaves_the_scheduling_to_the_hypervisor(host: Host) -> None:
    schedulers = host.file("/sys/block/sda/queue/scheduler").content_string
    assert "[none]" in schedulers or "[noop]" in schedulers
