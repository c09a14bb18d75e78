#!/bin/sh
# The root file system that all images of the VMs share, as a tar archive: base.sh ARCHIVE
#
# Debian 12 with two kernels, the modules of a VMware guest only, and no image of either kernel: those are made once per
# image. What only some images have lies as packages in /srv, so that nothing else needs a network. Root, or a user with
# subordinate ids (man 5 subuid), as mmdebstrap's mode "unshare" wants them.
#
# VMGUEST_MIRROR  Debian mirror to build from (default: mmdebstrap's own choice)
set -eu
LC_ALL=C.UTF-8
export LC_ALL

archive=$1
packages="
acl anacron cron dbus e2fsprogs ethtool fdisk grub-pc ifupdown initramfs-tools iproute2 kmod less linux-image-amd64
linux-image-rt-amd64 logrotate openssh-server procps systemd systemd-sysv udev zstd
"
# Kept of the kernels' modules, below kernel/: what a VMware guest has, and QEMU's stand-ins for it.
modules="
arch/* block/* crypto/* lib/* mm/*
drivers/ata/libata.ko drivers/ata/ata_generic.ko drivers/ata/ata_piix.ko
drivers/message/fusion/*
drivers/scsi/scsi_common.ko drivers/scsi/scsi_mod.ko drivers/scsi/scsi_transport_*.ko drivers/scsi/raid_class.ko
drivers/scsi/sd_mod.ko drivers/scsi/sg.ko drivers/scsi/sr_mod.ko drivers/cdrom/*
drivers/nvme/common/* drivers/nvme/host/nvme.ko drivers/nvme/host/nvme-core.ko
drivers/scsi/vmw_pvscsi.ko drivers/scsi/sym53c8xx_2/* drivers/scsi/mpt3sas/* drivers/scsi/BusLogic.ko
drivers/net/vmxnet3/* drivers/net/ethernet/intel/e1000/* drivers/net/ethernet/amd/pcnet32.ko drivers/net/mii.ko
drivers/misc/vmw_* drivers/virtio/* drivers/char/virtio_console.ko drivers/block/loop.ko drivers/md/dm-mod.ko
fs/ext4/* fs/jbd2/* fs/mbcache.ko fs/fat/* fs/nls/* fs/configfs/* fs/autofs/* fs/fuse/* fs/efivarfs/*
net/vmw_vsock/* net/ipv4/tcp_*.ko net/bridge/bridge.ko net/802/stp.ko net/llc/llc.ko
"

set -f # the list of modules holds patterns
mode=unshare
[ "$(id -u)" -ne 0 ] || mode=root
set -- --quiet --mode="$mode" --variant=minbase --format=tar --include="$packages" \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/lib/modules/*/kernel/*'
for module in $modules; do
    set -- "$@" --dpkgopt="path-include=/lib/modules/*/kernel/$module" --dpkgopt="path-include=/lib/modules/*/kernel/$module.xz"
done
# shellcheck disable=SC2016 # "$1" is for mmdebstrap's hooks
set -- "$@" \
    --customize-hook='for image in dracut grub-legacy; do
        mkdir -p "$1/srv/$image/partial"
        chroot "$1" apt-get -qq --download-only -o Dir::Cache::archives="/srv/$image" install "$image" >/dev/null
        rm -rf "$1/srv/$image/partial" "$1/srv/$image/lock"
    done' \
    --customize-hook='mkdir "$1/srv/kernel"
        newest=$(chroot "$1" apt-cache depends linux-image-6.12-amd64 | sed -n "s/.*Depends: \(linux-image-6[^ ]*\).*/\1/p")
        chroot "$1" sh -c "cd /srv/kernel && apt-get -qq -o APT::Sandbox::User=root download $newest"' \
    --customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/hostname"; : >"$1/etc/machine-id"'
# INITRD=No: the kernels' hooks make no image, which would take minutes and be thrown away.
INITRD=No HOME=/ mmdebstrap "$@" bookworm "$archive" ${VMGUEST_MIRROR:+"$VMGUEST_MIRROR"}
