# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence: what the probe found on one guest, as typed values.

Texts come from :class:`ProbeOutput`; the subjects (platform, storage, …) are read from them on first use and kept.
"""

from __future__ import annotations

from functools import cached_property

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.clock import Clock
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cpu import Cpu
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cron import Cron
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.host import Host
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.hotplug import Hotplug
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import Images
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import Memory
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import Modules
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import Network
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import Packages
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Platform
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import Services
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import Storage
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import Sysctl
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.time_clients import TimeClients
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.timers import Timers
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools_conf import ToolsConf


class Evidence(ProbeOutput):
    """The probe's output with its subjects."""

    @cached_property
    def platform(self) -> Platform:
        """Hypervisor, distribution, kernel, init."""
        return Platform.of(self)

    @cached_property
    def cpu(self) -> Cpu:
        """The processor's features."""
        return Cpu.of(self)

    @cached_property
    def host(self) -> Host:
        """What the host tells VMware Tools."""
        return Host.of(self)

    @cached_property
    def tools_conf(self) -> ToolsConf:
        """The settings of VMware Tools."""
        return ToolsConf.of(self)

    @cached_property
    def storage(self) -> Storage:
        """Disks and their queues."""
        return Storage.of(self)

    @cached_property
    def memory(self) -> Memory:
        """Memory and swap."""
        return Memory.of(self)

    @cached_property
    def sysctl(self) -> Sysctl:
        """Sysctls: the kernel's now, and who sets them at boot."""
        return Sysctl.of(self)

    @cached_property
    def packages(self) -> Packages:
        """Which of the packages that recommendations ask for are installed."""
        return Packages.of(self)

    @cached_property
    def services(self) -> Services:
        """Services: running now, started at the next boot."""
        return Services.of(self)

    @cached_property
    def modules(self) -> Modules:
        """VMware's drivers and the running kernel."""
        return Modules.of(self)

    @cached_property
    def boot(self) -> Boot:
        """The boot loader and its entries."""
        return Boot.of(self)

    @cached_property
    def initramfs(self) -> Images:
        """Every kernel's image of the early user space, and what makes the next one."""
        return Images.of(self, self.boot)

    @cached_property
    def cron(self) -> Cron:
        """cron and anacron, and when their jobs fire."""
        return Cron.of(self)

    @cached_property
    def timers(self) -> Timers:
        """systemd's timers, loaded and configured."""
        return Timers.of(self)

    @cached_property
    def clock(self) -> Clock:
        """The kernel's clock source."""
        return Clock.of(self)

    @cached_property
    def time_clients(self) -> TimeClients:
        """What steers the clock."""
        return TimeClients.of(self, self.platform, self.services)

    @cached_property
    def hotplug(self) -> Hotplug:
        """CPUs and memory that are there and not used."""
        return Hotplug.of(self)

    @cached_property
    def network(self) -> Network:
        """Network cards, and whether the guest forwards."""
        return Network.of(self)
