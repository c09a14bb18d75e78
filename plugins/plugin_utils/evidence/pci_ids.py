# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PCI ids (``vendor:device``) of devices that a VMware host gives, or gave, to a VM (pci.ids; Linux drivers/scsi/vmw_pvscsi.h,
drivers/scsi/BusLogic.h, drivers/net/vmxnet3, drivers/misc/vmw_vmci)."""

from __future__ import annotations

#: Controllers of disks.
PVSCSI, NVME, AHCI = "15ad:07c0", "15ad:07f0", "15ad:07e0"
LSI_PARALLEL, LSI_SAS, BUSLOGIC, PIIX = "1000:0030", "1000:0054", "104b:1040", "8086:7111"
#: Its own network card, the way to the host (VMCI), and graphics.
VMXNET3, VMCI, SVGA = "15ad:07b0", "15ad:0740", "15ad:0405"
