# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# grub-mkconfig, as GRUB's: prints the menu made from /etc/default/grub and the kernels in /boot.
set -e
export PATH=/bb
[ $# -eq 0 ] || exit 2
# shellcheck disable=SC1091 # the guest's
. /guest/etc/default/grub
folder=/boot
! grep -q ' /guest/boot ' /proc/mounts || folder=""
echo "# It is generated: edit /etc/default/grub"
echo "set default=0"
echo "set timeout=$GRUB_TIMEOUT"
echo "### BEGIN /etc/grub.d/10_linux ###"
# shellcheck disable=SC2012 # names of kernels
ls /guest/boot | sed -n "s/^vmlinuz-//p" | sort -r | while read -r kernel; do
    echo "menuentry 'Linux $kernel' {"
    printf '\tlinux %s/vmlinuz-%s root=UUID=1234 ro %s\n' "$folder" "$kernel" \
        "${GRUB_CMDLINE_LINUX:+$GRUB_CMDLINE_LINUX }$GRUB_CMDLINE_LINUX_DEFAULT"
    printf '\tinitrd %s/initrd.img-%s\n' "$folder" "$kernel"
    echo "}"
done
echo "### END /etc/grub.d/10_linux ###"
