# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""open_vm_tools: given these packages, services and drivers, the audit says this, the plan is that."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import SPECS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.packages import APT, install_step
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, ReplaceLine, Run
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import NAMES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.open_vm_tools import (
    OUTSIDE,
    assess_balloon,
    assess_flavour,
    assess_present,
    assess_service,
)
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

DEFAULTS = {name: option["default"] for name, option in SPECS["open_vm_tools"].items() if "default" in option}
KERNEL = "6.1.0-28-amd64"
DEP = f"/lib/modules/{KERNEL}/modules.dep"
#: modules.dep of a kernel that has all of VMware's drivers.
DRIVERS = (
    "kernel/drivers/misc/vmw_balloon.ko: kernel/drivers/misc/vmw_vmci/vmw_vmci.ko",
    "kernel/drivers/misc/vmw_vmci/vmw_vmci.ko:",
    "kernel/drivers/net/vmxnet3/vmxnet3.ko.xz:",
    "kernel/drivers/scsi/vmw_pvscsi.ko:",
)
UNINSTALLER = "/usr/bin/vmware-uninstall-tools.pl"
LOCATIONS = "/etc/vmware-tools/locations"

DEBIAN_12 = {"/etc/os-release": VMWARE["/etc/os-release"]}
UBUNTU_22 = {"/etc/os-release": "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=22.04"}
TESTING = {"/etc/os-release": "ID=debian\nPRETTY_NAME=sid"}
ROCKY_9 = {"/etc/os-release": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"'}
RHEL_7 = {"/etc/os-release": 'ID="rhel"\nVERSION_ID="7.9"'}
RHEL_6 = {"/etc/redhat-release": "Red Hat Enterprise Linux Server release 6.10 (Santiago)"}
RHEL_5 = {"/etc/redhat-release": "Red Hat Enterprise Linux Server release 5.11 (Tikanga)"}
SLES_15 = {"/etc/os-release": 'ID="sles"\nID_LIKE="suse"\nVERSION_ID="15.6"'}
SLES_11 = {"/etc/SuSE-release": "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4"}
PHOTON_5 = {"/etc/os-release": "ID=photon\nVERSION_ID=5.0"}
AMAZON_2 = {"/etc/os-release": "ID=amzn\nVERSION_ID=2"}
GENTOO = {"/etc/os-release": "ID=gentoo\nNAME=Gentoo"}


def entry(path, target=None):
    """A directory entry as the probe saw it."""
    return Entry(path, "l" if target else "-", "rwxr-xr-x", 1, 0, 0, 0, target)


def dpkg(**states):
    """dpkg-query's answer; open_vm_tools="install ok installed"."""
    rows = "".join(f"{name.replace('_', '-')}\t{state}\t1.0\n" for name, state in states.items())
    return {"dpkg_packages": (1, rows)}


def rpm(*installed):
    """rpm's answer: a line for each name."""
    lines = [f"{name}\t1.0-1" if name in installed else f"package {name} is not installed" for name in NAMES]
    return {"rpm_packages": (len(NAMES) - len(installed), "\n".join(lines))}


def units(**states):
    """systemctl's answer: open_vm_tools="loaded active"."""
    blocks = []
    for name in ("open-vm-tools", "vmtoolsd", "vgauth", "vgauthd", "vmware-tools", "vmware-tools-services"):
        load, dummy, active = states.get(name.replace("-", "_"), "not-found inactive").partition(" ")
        blocks.append(f"Id={name}.service\nNames={name}.service\nLoadState={load}\nActiveState={active}\n")
    return {"units": (0, "\n".join(blocks))}


def guest(distribution=None, *, commands, there=(), files=None, systemd=True, dep=DRIVERS, **lines):
    """A guest; ``there`` are paths, or (path, target of a link)."""
    base = {path: text for path, text in VMWARE.items() if path != "/etc/os-release"} | dict(distribution or DEBIAN_12)
    if not systemd:
        base["/proc/1/comm"] = "init"
    paths = [item if isinstance(item, tuple) else (item, None) for item in (*there, *([DEP] if dep else []))]
    selected = {"vmware_modules": [(DEP, number, text) for number, text in enumerate(dep, 1)]}
    selected |= {name: [("/x", number, text) for number, text in enumerate(found, 1)] for name, found in lines.items()}
    return evidence_of(
        files,
        base=base,
        commands=commands,
        entries=[entry(*path) for path in paths],
        lines=selected,
    )


def options(**changed):
    """All options, some of them not at their default."""
    return DEFAULTS | {f"open_vm_tools_{name}": value for name, value in changed.items()}


INSTALLED = dpkg(open_vm_tools="install ok installed")

# --- tools_present ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distribution", "command", "unit"),
    [
        (DEBIAN_12, "apt-get", "open-vm-tools"),
        (UBUNTU_22, "apt-get", "open-vm-tools"),
        (TESTING, "apt-get", "open-vm-tools"),
        (ROCKY_9, "dnf", "vmtoolsd"),
        (RHEL_7, "yum", "vmtoolsd"),
        (AMAZON_2, "yum", "vmtoolsd"),
        (SLES_15, "zypper", "vmtoolsd"),
        (PHOTON_5, "tdnf", "vmtoolsd"),
    ],
)
def test_a_guest_without_tools_gets_its_distributions_and_has_them_run(distribution, command, unit):
    found = assess_present(guest(distribution, commands=dpkg() | rpm()), options())
    assert found.status is Status.NONCOMPLIANT, found.reason
    install, service = found.remedy
    assert install.what == f"install open-vm-tools with {command}"
    assert service.what == f"enable and start {unit}.service"
    assert service.do == f"systemctl enable {unit}.service && systemctl start {unit}.service"


@pytest.mark.parametrize(
    ("distribution", "there", "files", "words"),
    [
        (RHEL_5, (), {}, "has no open-vm-tools: install the tarball"),
        (SLES_11, (), {}, "has no open-vm-tools: install the tarball"),
        (RHEL_6, (), {}, "in EPEL only"),
        (GENTOO, (), {}, "is not known here"),
        (ROCKY_9, (), {"/run/ostree-booted": ""}, "an image that is changed as a whole"),
        (
            SLES_15,
            ("/usr/sbin/transactional-update",),
            {"/proc/mounts": "/dev/sda2 / btrfs ro 0 0\noverlay /etc overlay rw 0 0"},
            "transactional-update",
        ),
        # A root that is not to be seen may be such a snapshot.
        (SLES_15, ("/usr/sbin/transactional-update",), {"/proc/mounts": ""}, "transactional-update"),
        (ROCKY_9, (), {"/proc/mounts": "/dev/sda2 / xfs ro 0 0"}, "/ is mounted read-only"),
        (
            ROCKY_9,
            (),
            {"/proc/mounts": "/dev/sda2 / xfs rw 0 0\n/dev/sda3 /usr xfs ro 0 0"},
            "/usr is mounted read-only",
        ),
    ],
)
def test_where_nothing_can_be_installed_a_person_is_told_what_to_do(distribution, there, files, words):
    found = assess_present(guest(distribution, commands=rpm(), there=there, files=files), options())
    assert found.status is Status.MANUAL
    assert words in found.reason


def test_rhel_6_gets_it_from_epel_and_by_its_init():
    evidence = guest(RHEL_6, commands=rpm(), there=("/etc/yum.repos.d/epel.repo",), systemd=False)
    install, enable, start = assess_present(evidence, options()).remedy
    assert install.what == "install open-vm-tools with yum"
    assert enable.do.startswith("chkconfig --add vmtoolsd && chkconfig vmtoolsd on && ")
    assert start.do == "service vmtoolsd start"


@pytest.mark.parametrize(
    ("distribution", "commands", "there", "changed", "status"),
    [
        (DEBIAN_12, INSTALLED, (), {}, Status.COMPLIANT),
        (DEBIAN_12, dpkg(open_vm_tools="hold ok installed"), (), {}, Status.COMPLIANT),
        (DEBIAN_12, dpkg(open_vm_tools="deinstall ok config-files"), (), {}, Status.NONCOMPLIANT),
        (DEBIAN_12, dpkg(open_vm_tools="install ok half-configured"), (), {}, Status.MANUAL),
        (DEBIAN_12, INSTALLED, (), {"desktop": True}, Status.NONCOMPLIANT),
        (PHOTON_5, rpm("open-vm-tools"), (), {"desktop": True}, Status.COMPLIANT),
        (ROCKY_9, rpm("open-vm-tools"), (), {}, Status.COMPLIANT),
        # Debian's rpm is empty, and not what its packages are kept in
        (DEBIAN_12, INSTALLED | rpm(), (), {}, Status.COMPLIANT),
        # neither database, or one that cannot be read
        (DEBIAN_12, {}, ("/usr/bin/vmtoolsd",), {}, Status.UNKNOWN),
        (DEBIAN_12, {"dpkg_packages": (2, "")}, (), {}, Status.UNKNOWN),
        (ROCKY_9, {"rpm_packages": (124, "open-vm-tools\t1.0-1")}, (), {}, Status.UNKNOWN),
        # legacy flavours: right where there is no other, else in the way
        (RHEL_5, rpm("vmware-tools-esx-nox"), (), {}, Status.COMPLIANT),
        (RHEL_5, rpm(), (UNINSTALLER,), {}, Status.COMPLIANT),
        (ROCKY_9, rpm(), (UNINSTALLER,), {}, Status.MANUAL),
        (RHEL_7, rpm("vmware-tools-core"), (), {}, Status.MANUAL),
        # built from source
        (DEBIAN_12, dpkg(), ("/usr/bin/vmtoolsd",), {}, Status.COMPLIANT),
        # a package of one's own
        (DEBIAN_12, dpkg(), ("/usr/bin/vmtoolsd",), {"package": "our-vm-tools"}, Status.COMPLIANT),
        (DEBIAN_12, dpkg(), (), {"package": "our-vm-tools"}, Status.NONCOMPLIANT),
        (DEBIAN_12, dpkg(), (), {"package": "--purge x; reboot"}, Status.MANUAL),
    ],
)
def test_tools_present(distribution, commands, there, changed, status):
    found = assess_present(guest(distribution, commands=commands, there=there), options(**changed))
    assert found.status is status, found.reason


def test_the_desktop_part_is_installed_alone_and_the_service_left_as_it_is():
    (install,) = assess_present(guest(commands=INSTALLED), options(desktop=True)).remedy
    assert install.what == "install open-vm-tools-desktop with apt-get"


@pytest.mark.parametrize(("there", "kept"), [((), False), (("/etc/vmware-tools",), True)])
def test_the_undo_leaves_configuration_that_was_there_before(there, kept):
    install = assess_present(guest(commands=dpkg(), there=there), options()).remedy[0]
    assert install == install_step(APT, ("open-vm-tools",), keep_configuration=kept)


# --- tools_service_running --------------------------------------------------------------------------------------------

WANTED = "/etc/systemd/system/multi-user.target.wants/open-vm-tools.service"
MASK = ("/etc/systemd/system/open-vm-tools.service", "/dev/null")


@pytest.mark.parametrize(
    ("states", "there", "status", "do", "undo"),
    [
        ({"open_vm_tools": "loaded active"}, (WANTED,), Status.COMPLIANT, None, None),
        ({"open_vm_tools": "loaded active"}, (), Status.NOT_PERSISTENT, "enable", "disable"),
        ({"open_vm_tools": "loaded inactive"}, (WANTED,), Status.NONCOMPLIANT, "start", "stop"),
        ({"open_vm_tools": "loaded failed"}, (WANTED,), Status.NONCOMPLIANT, "start", "stop"),
        ({"open_vm_tools": "loaded inactive"}, (), Status.NONCOMPLIANT, "enable start", "stop disable"),
        # whoever masked it did so on purpose
        ({"open_vm_tools": "masked inactive"}, (MASK,), Status.MANUAL, None, None),
        # masked since systemd last looked: it runs until the next boot
        ({"open_vm_tools": "loaded active"}, (MASK, WANTED), Status.MANUAL, None, None),
        ({}, (), Status.MANUAL, None, None),
    ],
)
def test_the_service_under_systemd(states, there, status, do, undo):
    found = assess_service(guest(commands=INSTALLED | units(**states), there=there), options())
    assert found.status is status, found.reason
    if do:
        (step,) = found.remedy
        assert [word.split()[1] for word in step.do.split(" && ")] == do.split()
        assert [word for word in step.undo.replace(";", " ").split() if word in ("stop", "disable")] == undo.split()


def test_an_alias_is_the_unit_itself():
    answer = (
        "Id=open-vm-tools.service\nNames=vmtoolsd.service open-vm-tools.service\nLoadState=loaded\nActiveState=active\n"
    )
    found = assess_service(guest(commands=INSTALLED | {"units": (0, answer)}, there=(WANTED,)), options())
    assert (found.status, found.runtime, found.persistent) == (Status.COMPLIANT, "open-vm-tools active", "enabled")


def test_a_stopped_vgauth_is_told_and_decides_nothing():
    states = units(open_vm_tools="loaded active", vgauth="loaded inactive")
    found = assess_service(guest(commands=INSTALLED | states, there=(WANTED,)), options())
    assert found.status is Status.COMPLIANT
    assert "vgauth does not run" in found.reason


def test_without_tools_there_is_no_service_to_judge():
    assert assess_service(guest(commands=dpkg() | units()), options()).status is Status.NOT_APPLICABLE


def test_a_systemd_that_does_not_answer_is_unknown():
    assert assess_service(guest(commands=INSTALLED), options()).status is Status.UNKNOWN


SCRIPT = "/etc/init.d/vmtoolsd"
START = "/etc/rc.d/rc3.d/S20vmtoolsd"
STOP = "/etc/rc.d/rc3.d/K20vmtoolsd"
RUNS = ("700 (vmtoolsd) S 1 700",)


@pytest.mark.parametrize(
    ("there", "daemons", "status", "do", "undo"),
    [
        ((SCRIPT, START), RUNS, Status.COMPLIANT, [], []),
        ((SCRIPT, START), (), Status.NONCOMPLIANT, ["service vmtoolsd start"], ["service vmtoolsd stop"]),
        ((SCRIPT, STOP), RUNS, Status.NOT_PERSISTENT, ["chkconfig vmtoolsd on"], ["chkconfig vmtoolsd off"]),
        # chkconfig has never heard of it
        ((SCRIPT,), RUNS, Status.NOT_PERSISTENT, ["chkconfig vmtoolsd on"], ["chkconfig --del vmtoolsd"]),
        ((), RUNS, Status.MANUAL, [], []),
        (("/etc/init/vmware-tools.conf",), RUNS, Status.COMPLIANT, [], []),
        (("/etc/init/vmware-tools.conf",), (), Status.MANUAL, [], []),
    ],
)
def test_the_service_under_an_older_init(there, daemons, status, do, undo):
    evidence = guest(RHEL_6, commands=rpm("open-vm-tools"), there=there, systemd=False, daemons=daemons)
    found = assess_service(evidence, options())
    assert found.status is status, found.reason
    assert [[words for words in do if words in step.do] for step in found.remedy] == [[words] for words in do]
    assert [step.undo.split(" || ")[-1] for step in found.remedy] == undo


# --- tools_single_flavour ---------------------------------------------------------------------------------------------

TARBALL = (UNINSTALLER, LOCATIONS, "/usr/lib/vmware-tools")
#: The tarball's own copy beside the kernel's.
HIDDEN = (*DRIVERS, "misc/vmxnet3.ko:")


@pytest.mark.parametrize(
    ("distribution", "commands", "there", "remove", "dep", "status", "words"),
    [
        (DEBIAN_12, INSTALLED, (), True, DRIVERS, Status.COMPLIANT, "only flavour"),
        (DEBIAN_12, dpkg(), (), True, DRIVERS, Status.NOT_APPLICABLE, "tools_present"),
        (DEBIAN_12, {}, (), True, DRIVERS, Status.UNKNOWN, "neither dpkg nor rpm"),
        # what the tarball is right for
        (RHEL_5, rpm(), TARBALL, True, DRIVERS, Status.COMPLIANT, "has no other"),
        (ROCKY_9, rpm(), TARBALL, False, DRIVERS, Status.MANUAL, "set open_vm_tools_remove_legacy"),
        (ROCKY_9, rpm(), TARBALL, True, DRIVERS, Status.NONCOMPLIANT, "no update renews"),
        (ROCKY_9, rpm(), TARBALL, True, DRIVERS[:3], Status.MANUAL, "has no vmw_pvscsi of its own"),
        (ROCKY_9, rpm(), TARBALL, True, (), Status.MANUAL, "has no vmw_pvscsi and no vmxnet3"),
        (ROCKY_9, rpm(), TARBALL, True, HIDDEN, Status.MANUAL, "misc/vmxnet3.ko hides the kernel's own"),
        (ROCKY_9, rpm("open-vm-tools"), TARBALL, True, DRIVERS, Status.MANUAL, "reinstall open-vm-tools"),
        (RHEL_7, rpm("vmware-tools-core"), (), True, DRIVERS, Status.MANUAL, "could not be undone"),
        # left-overs
        (DEBIAN_12, INSTALLED, (), True, HIDDEN, Status.MANUAL, "run depmod"),
        (DEBIAN_12, INSTALLED, (LOCATIONS,), True, DRIVERS, Status.COMPLIANT, "only flavour"),
    ],
)
def test_tools_single_flavour(distribution, commands, there, remove, dep, status, words):
    found = assess_flavour(guest(distribution, commands=commands, there=there, dep=dep), options(remove_legacy=remove))
    assert found.status is status, found.reason
    assert words in found.reason


def test_an_osp_is_told_from_the_tarball_by_its_packages_and_its_mark():
    osp = guest(RHEL_7, commands=rpm("vmware-tools-core"), there=TARBALL)
    assert assess_flavour(osp, options()).persistent == "OSP (vmware-tools-core)"
    marked = guest(RHEL_7, commands=rpm(), there=(*TARBALL, "/usr/lib/vmware-tools/dsp"))
    assert assess_flavour(marked, options()).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("answer", sorted(OUTSIDE))
def test_an_uninstaller_that_would_change_more_than_its_own_files_is_not_run(answer):
    evidence = guest(ROCKY_9, commands=rpm(), there=TARBALL, tarball_answers=[f"answer {answer} /some/thing"])
    found = assess_flavour(evidence, options(remove_legacy=True))
    assert found.status is Status.MANUAL
    assert OUTSIDE[answer] in found.reason


def test_an_answer_that_was_taken_back_does_not_count():
    lines = [
        "answer RESTORE_RAMDISK_CMD dracut -f",
        "remove_answer RESTORE_RAMDISK_CMD",
        "answer OV_COMPAT_CMD_OVERWRITE no",
    ]
    evidence = guest(ROCKY_9, commands=rpm(), there=TARBALL, tarball_answers=lines)
    assert assess_flavour(evidence, options(remove_legacy=True)).status is Status.NONCOMPLIANT


def test_the_tarball_goes_before_the_package_comes():
    steps = assess_flavour(guest(ROCKY_9, commands=rpm(), there=TARBALL), options(remove_legacy=True)).remedy
    assert [step.what.split()[0] for step in steps] == ["keep", "install", "enable"]


# --- balloon_driver ---------------------------------------------------------------------------------------------------

LOADED = "/sys/module/vmw_balloon"
CONF = "/etc/modprobe.d/hardening.conf"


@pytest.mark.parametrize(
    ("there", "conf", "status"),
    [
        ((LOADED,), "", Status.COMPLIANT),
        ((LOADED,), "blacklist floppy", Status.COMPLIANT),
        ((), "", Status.NONCOMPLIANT),
        ((LOADED,), "blacklist vmw_balloon", Status.NOT_PERSISTENT),
        ((), "  blacklist vmw-balloon", Status.NONCOMPLIANT),
        ((), "install vmw_balloon /bin/true", Status.NONCOMPLIANT),
        ((), "install vmw_balloon /usr/local/bin/once", Status.MANUAL),
        ((LOADED,), "install vmw_balloon /sbin/modprobe --ignore-install vmw_balloon", Status.COMPLIANT),
        ((LOADED,), "# blacklist vmw_balloon", Status.COMPLIANT),
        ((), "blacklist vmw_balloon\nblacklist vmw_balloon", Status.MANUAL),
    ],
)
def test_balloon_driver(there, conf, status):
    found = assess_balloon(guest(commands={}, there=there, files={CONF: conf}), options())
    assert found.status is status, found.reason


def test_lines_that_keep_it_out_become_comments_and_it_is_loaded():
    found = assess_balloon(guest(commands={}, files={CONF: "blacklist floppy\nblacklist vmw_balloon"}), options())
    edit, load = found.remedy
    line = "blacklist vmw_balloon"
    assert edit == EditFile(CONF, (ReplaceLine(line, f"# vmguest balloon_driver: {line}"),))
    assert isinstance(load, Run)
    assert load.do == "modprobe vmw_balloon"
    assert found.owner == f"{CONF}:2"


@pytest.mark.parametrize(
    ("there", "left"), [((), ["vmw_balloon", "vmw_vmci"]), (("/sys/module/vmw_vmci",), ["vmw_balloon"])]
)
def test_the_undo_unloads_what_was_not_loaded_before(there, left):
    (load,) = assess_balloon(guest(commands={}, there=there), options()).remedy
    assert [line.split("rmmod ")[1].split()[0] for line in load.undo.splitlines()] == left


@pytest.mark.parametrize(
    ("files", "owner"),
    [
        ({"/usr/lib/modprobe.d/vendor.conf": "blacklist vmw_balloon"}, "/usr/lib/modprobe.d/vendor.conf:1"),
        (
            {"/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet module_blacklist=floppy,vmw_balloon"'},
            "/etc/default/grub:1",
        ),
    ],
)
def test_a_line_that_is_not_ours_to_take_out_is_named(files, owner):
    found = assess_balloon(guest(commands={}, files=files), options())
    assert (found.status, found.owner) == (Status.MANUAL, owner)


def test_a_vendors_line_that_a_file_of_the_same_name_hides_does_not_count():
    files = {"/usr/lib/modprobe.d/vendor.conf": "blacklist vmw_balloon", "/etc/modprobe.d/vendor.conf": ""}
    assert assess_balloon(guest(commands={}, there=(LOADED,), files=files), options()).status is Status.COMPLIANT


@pytest.mark.parametrize(
    ("kernel", "machine", "dep", "there", "status"),
    [
        # early name; tarball's own
        ("2.6.32-754.el6.x86_64", "x86_64", (), ("/sys/module/vmware_balloon",), Status.COMPLIANT),
        ("2.6.18-398.el5", "x86_64", (), ("/sys/module/vmmemctl",), Status.COMPLIANT),
        ("2.6.18-398.el5", "x86_64", DRIVERS[3:], (), Status.MANUAL),
        ("6.1.0-cloud", "x86_64", DRIVERS[3:], (), Status.MANUAL),
        ("6.1.0", "aarch64", DRIVERS[3:], (), Status.NOT_APPLICABLE),
        ("6.1.0", "x86_64", None, (), Status.UNKNOWN),
    ],
)
def test_kernels_without_the_module(kernel, machine, dep, there, status):
    path = f"/lib/modules/{kernel}/modules.dep"
    evidence = evidence_of(
        {"/proc/sys/kernel/osrelease": kernel},
        commands={"machine": (0, machine)},
        entries=[entry(name) for name in (*there, *([path] if dep is not None else []))],
        lines={"vmware_modules": [(path, number, text) for number, text in enumerate(dep or (), 1)]},
    )
    assert assess_balloon(evidence, options()).status is status


def test_a_driver_that_is_part_of_the_kernel_is_compliant():
    builtin = f"/lib/modules/{KERNEL}/modules.builtin"
    evidence = evidence_of(lines={"vmware_modules": [(builtin, 1, "kernel/drivers/misc/vmw_balloon.ko")]})
    assert assess_balloon(evidence, options()).status is Status.COMPLIANT


# --- the shell of the remedies, on guest trees ------------------------------------------------------------------------

ONLY = {"vmguest_only": ["tools_present", "tools_service_running", "tools_single_flavour", "balloon_driver"]}
REMOVE = ONLY | {"open_vm_tools_remove_legacy": True}
#: What the tarball leaves, and an uninstaller that takes it away.
LEGACY = {
    "packages": {"open-vm-tools": {"installed": False}},
    "links": {"/etc/rc.d/rc3.d/S03vmware-tools": "../init.d/vmware-tools"},
    "files": {
        LOCATIONS: "\n".join(
            [
                "answer BINDIR /usr/bin",
                "directory /usr/lib/vmware-tools",
                "directory /usr/lib/vmware-tools/empty dir",
                f"file {UNINSTALLER} 1500000000",
                "file /usr/lib/vmware-tools/a b 2 1500000000",
                "file /usr/lib/vmware-tools/version9",
                "file /etc/rc.d/init.d/vmware-tools 1500000000",
            ]
        ),
        UNINSTALLER: "#!/bin/sh",
        "/usr/lib/vmware-tools/a b 2": "data",
        "/usr/lib/vmware-tools/version9": "data",
        "/etc/rc.d/init.d/vmware-tools": "#!/bin/sh",
        "/etc/vmware-tools/tools.conf": "# mine",
    },
    "modes": {"/usr/lib/vmware-tools/a b 2": "0640"},
}
UNINSTALL = f"""#!/bin/sh
cd '@root@' && rm -r etc/vmware-tools usr/lib/vmware-tools .{UNINSTALLER} \\
    etc/rc.d/init.d/vmware-tools etc/rc.d/rc3.d/S03vmware-tools
"""


@pytest.fixture
def tarball_guest(tmp_path):
    """A RHEL 9 guest with the tarball, whose uninstaller works."""
    tree = guest_tree.materialise(guest_tree.load("rhel9").edited(LEGACY), tmp_path / "root")
    tree.path("/usr/lib/vmware-tools/empty dir").mkdir()
    restorecon = f"#!/bin/sh\n[ \"$*\" = '-f -' ] && cat >>'{tree.state}/labelled'\n"
    for command, text in {
        "vmware-uninstall-tools.pl": UNINSTALL,
        "depmod": "#!/bin/sh\n",
        "restorecon": restorecon,
    }.items():
        program = tree.state / "bin" / command
        program.write_text(text.replace("@root@", str(tree.root)))
        program.chmod(0o755)
    return tree


@pytest.mark.slow
@pytest.mark.parametrize("shell", guest_tree.SHELLS)
def test_the_tarball_is_replaced_and_comes_back_byte_for_byte(tarball_guest, shell):
    before = guest_tree.snapshot(tarball_guest)
    assert guest_tree.apply(tarball_guest, REMOVE, shell).results == {"tools_single_flavour": "done"}
    statuses = {name: found.status for name, found in guest_tree.audit(tarball_guest, REMOVE).items()}
    assert set(statuses.values()) == {Status.COMPLIANT}
    assert not tarball_guest.path(UNINSTALLER).exists()
    assert guest_tree.revert(tarball_guest, None, shell).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tarball_guest)) == []
    assert not tarball_guest.path("/var/lib/vmguest/open_vm_tools-tarball.tar").exists()
    labelled = (tarball_guest.state / "labelled").read_text().splitlines()
    assert {"./etc/rc.d/init.d/vmware-tools", "./usr/lib/vmware-tools/a b 2"} <= set(labelled)


def test_a_tarball_stays_where_the_package_cannot_be_had(tarball_guest):
    (tarball_guest.state / "packages_fail").touch()
    before = guest_tree.snapshot(tarball_guest)
    assert guest_tree.apply(tarball_guest, REMOVE).results == {"tools_single_flavour": "undone"}
    assert guest_tree.differences(before, guest_tree.snapshot(tarball_guest)) == []


#: Without the package, that brings a library.
ABSENT = {
    "packages": {
        "open-vm-tools": {"installed": False, "requires": ["libmspack"]},
        "libmspack": {"version": "0.10-1", "files": {"/usr/lib/libmspack.so.0": "ELF"}},
        "agent": {"version": "1-1", "requires": ["libmspack"]},
    }
}
#: The package managers of the families, each on one of its guests, and what removes a package there.
FAMILIES = {
    "debian12": ("apt-get", "dpkg --purge"),
    "rhel7": ("yum", "rpm -e"),
    "rhel9": ("dnf", "rpm -e"),
    "sles15sp6": ("zypper", "rpm -e"),
    "photon5": ("tdnf", "rpm -e"),
}


@pytest.fixture(params=FAMILIES)
def without_tools(request, tmp_path):
    """A guest of each family, on which they can be installed."""
    return guest_tree.materialise(guest_tree.load(request.param).edited(ABSENT), tmp_path / "root")


@pytest.mark.slow
def test_tools_are_installed_and_taken_away_again(without_tools):
    tree = without_tools
    before = guest_tree.snapshot(tree)
    assert guest_tree.apply(tree, ONLY).results == {"tools_present": "done"}
    assert tree.path("/usr/lib/libmspack.so.0").exists()
    assert {found.status for found in guest_tree.audit(tree, ONLY).values()} == {Status.COMPLIANT}
    assert guest_tree.revert(tree).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []
    # What was noted on the way is not kept.
    assert list(tree.path("/var/lib/vmguest/receipts").glob("*/*/notes")) == []


@pytest.mark.slow
def test_tools_stay_while_something_else_needs_what_came_with_them(without_tools):
    tree = without_tools
    manager, remove = FAMILIES[tree.guest.name]
    before = guest_tree.snapshot(tree)
    guest_tree.apply(tree, ONLY)
    assert tree.call(manager, "-y", "install", "agent").returncode == 0
    then = guest_tree.snapshot(tree)
    (problem,) = guest_tree.revert(tree).problems
    assert "agent" in problem
    assert guest_tree.differences(then, guest_tree.snapshot(tree)) == []
    assert tree.call(*remove.split(), "agent").returncode == 0
    assert guest_tree.revert(tree).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_without_a_repository_nothing_is_left_behind(tmp_path):
    tree = guest_tree.materialise(guest_tree.load("debian12").edited(ABSENT), tmp_path / "root")
    (tree.state / "packages_fail").touch()
    before = guest_tree.snapshot(tree)
    assert guest_tree.apply(tree, ONLY).results == {"tools_present": "undone"}
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []
