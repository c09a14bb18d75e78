"""What a person would write with pyinfra for the end state that vmguest.linux.remediate reaches on these guests.

Like the idiomatic playbook it is given each guest's crontab and timers' times (bench_crontab, bench_timers).
"""

from io import StringIO
from pathlib import Path

from pyinfra import host
from pyinfra.facts.server import Command
from pyinfra.operations import apt, files, server, systemd

RULES = Path(__file__).resolve().parents[1] / "playbooks/files"
#: Disks of VMware's whose scheduler is another one; pyinfra has no fact for that.
DISKS = (
    "for disk in /sys/block/*; do grep -qs '^VMware' $disk/device/vendor && ! grep -qs '\\[none\\]' $disk/queue/scheduler && "
    "echo ${disk##*/}; done; true"
)
#: Those whose commands time out before their storage has failed over.
HASTY_DISKS = (
    "for disk in /sys/block/*; do grep -qs '^VMware' $disk/device/vendor && [ \"$(cat $disk/device/timeout)\" -lt 180 ] && "
    "echo ${disk##*/}; done; true"
)


def timer(calendars: list[str]) -> StringIO:
    """A drop-in that sets a timer's times."""
    lines = [
        "# vmguest.linux, timer_scatter: this guest's own time, hashed from its DMI UUID.",
        "[Timer]",
        "OnCalendar=",
    ]
    return StringIO("\n".join([*lines, *(f"OnCalendar={calendar}" for calendar in calendars)]) + "\n")


apt.packages(name="Install open-vm-tools", packages=["open-vm-tools"], no_recommends=True)
systemd.service(
    name="Start open-vm-tools, now and at boot", service="open-vm-tools.service", running=True, enabled=True
)
for rules, place, why in (
    ("io-scheduler", "66-vmguest-io-scheduler", "Leave the order of I/O to the hypervisor from the next boot on"),
    (
        "scsi-timeout",
        "99-zz-vmguest-scsi-timeout",
        "Let disks be silent while their storage fails over, from the next boot on",
    ),
    ("hotadd", "71-vmguest-hotadd", "Use CPUs and memory that are added while the guest runs"),
):
    files.put(
        name=why,
        src=str(RULES / f"{rules}.rules"),
        dest=f"/etc/udev/rules.d/{place}.rules",
        user="root",
        group="root",
        mode="644",
    )
for disk in (host.get_fact(Command, command=DISKS) or "").split():
    server.shell(
        name=f"Leave the order of I/O of {disk} to the hypervisor now",
        commands=[f"echo none > /sys/block/{disk}/queue/scheduler"],
    )
for disk in (host.get_fact(Command, command=HASTY_DISKS) or "").split():
    server.shell(
        name=f"Let {disk} be silent while its storage fails over, now",
        commands=[f"echo 180 > /sys/block/{disk}/device/timeout"],
    )
files.put(
    name="Scatter cron jobs",
    src=StringIO(host.data.bench_crontab),
    dest="/etc/crontab",
    user="root",
    group="root",
    mode="644",
)
drop_ins = []
for name, calendars in host.data.bench_timers.items():
    folder = f"/etc/systemd/system/{name}.d"
    files.directory(name=f"Make the folder of {name}'s drop-ins", path=folder, user="root", group="root", mode="755")
    drop_ins.append(
        files.put(
            name=f"Scatter {name}",
            src=timer(calendars),
            dest=f"{folder}/50-vmguest-scatter.conf",
            user="root",
            group="root",
            mode="644",
        )
    )
systemd.daemon_reload(name="Reload systemd", _if=lambda: any(drop_in.did_change() for drop_in in drop_ins))
