#!/bin/sh
# A disk of one of the VMs: base.sh's archive on standard input, the qcow2 image on standard output.
#
#   image.sh debian|dracut|grub-legacy PUBLIC_KEY
#
# No loop device, no grub-install, no boot: file systems are filled by mkfs, boot loaders are put before them byte by byte,
# and the kernels' images are made here, natively, for the LSI controller of the guest instead of this machine. Runs as root in a
# mount namespace of its own; `build.sh` sees to that, by user namespaces where the user is not root.
set -eu
LC_ALL=C.UTF-8
export LC_ALL

name=$1
public_key=$2
root_uuid=7d4f7c2e-1111-4222-8333-444455556666
boot_uuid=7d4f7c2e-1111-4222-8333-444455557777
size_mib=3072
boot_mib=128 # of the image that has a /boot of its own
# divider= is advice for EL 4 and 5 that no kernel since then knows: stale, and to be found.
arguments='console=ttyS0,115200 divider=10'

work=$(mktemp -d)
guest=$work/root
trap 'umount "$guest/proc" "$guest/dev" 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

within() { chroot "$guest" env DEBIAN_FRONTEND=noninteractive INITRD=No "$@" >&2; }

unpack() {
    mkdir "$guest"
    # Device nodes cannot be made in a user namespace; the guest has a devtmpfs.
    tar -x --numeric-owner --xattrs --exclude './dev/*' -C "$guest"
    mount -t tmpfs -o mode=755 dev "$guest/dev"
    for node in null zero full random urandom tty; do
        : >"$guest/dev/$node"
        mount --bind "/dev/$node" "$guest/dev/$node"
    done
    ln -s /proc/self/fd "$guest/dev/fd"
    mount --rbind /proc "$guest/proc"
}

kernels() { (cd "$guest/lib/modules" && printf '%s\n' *); }

settle() {
    echo "$name" >"$guest/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$guest/etc/hosts"
    printf 'UUID=%s / ext4 errors=remount-ro 0 1\n' "$root_uuid" >"$guest/etc/fstab"
    install -d -m 700 "$guest/root/.ssh"
    printf '%s\n' "$public_key" >"$guest/root/.ssh/authorized_keys"
    # The guest's side of QEMU's user network, whatever the card is called: no daemon to start, no DHCP to wait for.
    cat >"$guest/etc/udev/rules.d/90-network.rules" <<'RULE'
ACTION=="add", SUBSYSTEM=="net", KERNEL!="lo", RUN+="/sbin/ip address add 10.0.2.15/24 dev $name", RUN+="/sbin/ip link set $name up"
RULE
    # Of no use but to a scenario that has its network by /etc/network/interfaces.
    within systemctl --quiet disable networking.service
    # A name service that asks for the client's name would have each login wait.
    echo 'UseDNS no' >"$guest/etc/ssh/sshd_config.d/vm.conf"
    within systemctl --quiet enable ssh.service
    # Jobs that would run at the first boot, and hold apt's lock; their timers stay, to be scattered.
    within systemctl --quiet mask apt-daily.service apt-daily-upgrade.service dpkg-db-backup.service e2scrub_all.service \
        e2scrub_reap.service
    # What an emulated processor spends half of the boot on and nothing here asks for.
    within systemctl --quiet mask dev-hugepages.mount dev-mqueue.mount getty@tty1.service modprobe@configfs.service \
        modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service \
        sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
        systemd-logind.service systemd-update-utmp.service
    # No first boot, with its presets. Guests differ by their VM's UUID.
    echo 564d1a2b3c4d5e6f708192a3b4c5d6e7 >"$guest/etc/machine-id"
}

# ---- the kernels' images: what MODULES=dep and a host-only dracut find on a guest with an LSI disk -------------------

lsi_modules='sym53c8xx sd_mod ext4'

images_initramfs_tools() {
    conf=$guest/etc/initramfs-tools/initramfs.conf
    listed=$guest/etc/initramfs-tools/modules
    cp "$listed" "$work/modules"
    printf '%s\n' "$lsi_modules" | tr ' ' '\n' >>"$listed"
    sed -i -e 's/^MODULES=.*/MODULES=list/' -e 's/^COMPRESS=.*/COMPRESS=zstd/' -e 's/^#* *COMPRESSLEVEL=.*/COMPRESSLEVEL=1/' "$conf"
    within update-initramfs -c -k all
    cp "$work/modules" "$listed"
    # From here on it asks the guest's own /sys.
    sed -i 's/^MODULES=.*/MODULES=dep/' "$conf"
}

images_dracut() {
    printf '%s\n' 'hostonly=yes' 'compress="zstd -1"' >"$guest/etc/dracut.conf.d/guest.conf"
    for kernel in $(kernels); do
        within dracut --quiet --no-hostonly --no-hostonly-cmdline --drivers "$lsi_modules" --filesystems ext4 \
            "/boot/initrd.img-$kernel" "$kernel"
    done
}

# ---- boot loaders ----------------------------------------------------------------------------------------------------

grub2() {
    cat >"$guest/etc/default/grub" <<CONFIG
GRUB_DEFAULT=saved
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="$arguments"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
GRUB_DISABLE_RECOVERY=true
GRUB_DISABLE_SUBMENU=y
CONFIG
    mkdir -p "$guest/boot/grub/i386-pc"
    cp "$guest"/usr/lib/grub/i386-pc/*.mod "$guest"/usr/lib/grub/i386-pc/*.lst "$guest/boot/grub/i386-pc/"
    # Of the two kernels, the plain one; the other sorts first.
    within grub-editenv /boot/grub/grubenv create
    within grub-editenv /boot/grub/grubenv set "saved_entry=gnulinux-$(kernels | grep -v rt)-advanced-$root_uuid"
    # update-grub itself, told by a stand-in for grub-probe where its files will be.
    mv "$guest/usr/sbin/grub-probe" "$work/grub-probe"
    cat >"$guest/usr/sbin/grub-probe" <<PROBE
#!/bin/sh
case " \$* " in
    *device\ * | *device=*) case " \$* " in *target=device\ * | *"-t device "*) echo /dev/sda1; exit ;; esac ;;
esac
case " \$* " in
    *fs_uuid*) echo $root_uuid ;;
    *partmap*) echo msdos ;;
    *target=fs\ * | *"-t fs "*) echo ext2 ;;
    *compatibility_hint*) echo hd0,msdos1 ;;
    *hints_string*) echo "--hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1" ;;
    *abstraction*) ;;
    *drive*) echo "(hd0,msdos1)" ;;
esac
PROBE
    chmod 755 "$guest/usr/sbin/grub-probe"
    mkdir -p "$guest/dev/disk/by-uuid"
    : >"$guest/dev/disk/by-uuid/$root_uuid"
    within update-grub
    mv "$work/grub-probe" "$guest/usr/sbin/grub-probe"
    within grub-mkimage -O i386-pc -o /core.img -p '(hd0,msdos1)/boot/grub' \
        biosdisk part_msdos ext2 normal search search_fs_uuid linux serial
    mv "$guest/core.img" "$work/core.img"
    cp "$guest/usr/lib/grub/i386-pc/boot.img" "$work/boot.img"
}

install_grub2() {
    dd if="$work/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
    dd if="$work/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
}

# As EL 5 has it: /boot in a partition of its own, grub.conf there, two links to it.
grub_legacy() {
    printf 'UUID=%s /boot ext2 defaults 0 2\n' "$boot_uuid" >>"$guest/etc/fstab"
    mkdir -p "$guest/boot/grub"
    cp "$guest"/usr/lib/grub/x86_64-pc/*stage* "$guest/boot/grub/"
    {
        echo '# grub.conf generated by anaconda'
        echo 'default=0'
        echo 'timeout=0'
        echo 'serial --unit=0 --speed=115200'
        echo 'terminal --timeout=0 serial'
        for kernel in $(kernels); do
            echo "title Linux ($kernel)"
            printf '\troot (hd0,0)\n'
            printf '\tkernel /vmlinuz-%s ro root=UUID=%s %s\n' "$kernel" "$root_uuid" "$arguments"
            printf '\tinitrd /initrd.img-%s\n' "$kernel"
        done
    } >"$guest/boot/grub/grub.conf"
    ln -s ./grub.conf "$guest/boot/grub/menu.lst"
    ln -s ../boot/grub/grub.conf "$guest/etc/grub.conf"
}

install_grub_legacy() {
    mkdir "$guest/mnt/disk"
    mount --bind "$work" "$guest/mnt/disk"
    echo "(hd0) /mnt/disk/disk.raw" >"$work/device.map"
    printf '%s\n' 'root (hd0,0)' 'setup (hd0)' quit | chroot "$guest" grub --batch --no-floppy --device-map=/mnt/disk/device.map \
        >"$work/grub.log" 2>&1 || :
    umount "$guest/mnt/disk"
    # Its exit status says nothing.
    if ! grep -q 'Checking if "/grub/stage1" exists... yes' "$work/grub.log" || grep -q 'Error' "$work/grub.log"; then
        cat "$work/grub.log" >&2
        echo "image.sh: GRUB legacy could not be installed in the disk's image" >&2
        exit 1
    fi
}

# ---- the disk --------------------------------------------------------------------------------------------------------

unmount_guest() {
    umount -R "$guest/proc"
    umount -R "$guest/dev"
}

one_partition() {
    printf 'label: dos\nlabel-id: 0x564d5761\n2048,,83,*\n' | sfdisk --quiet "$disk"
    file_system ext4 "$root_uuid" "$guest" 1 $((size_mib - 1))
}

two_partitions() {
    printf 'label: dos\nlabel-id: 0x564d5761\n2048,%sM,83,*\n,,83\n' "$boot_mib" | sfdisk --quiet "$disk"
    # An ext2 that GRUB legacy can read: its stages know inodes of 128 bytes only.
    file_system ext2 "$boot_uuid" "$work/boot" 1 "$boot_mib" -I 128
    file_system ext4 "$root_uuid" "$guest" $((1 + boot_mib)) $((size_mib - 1 - boot_mib))
}

file_system() { # type, UUID, folder, first MiB, MiB, more options
    type=$1 uuid=$2 folder=$3 first=$4 mib=$5
    shift 5
    "mkfs.$type" -q -F -U "$uuid" -d "$folder" -E "offset=$((first * 1048576)),lazy_itable_init=0" "$@" \
        "$disk" $((mib * 1024)) >&2
}

# A newer kernel, in a repository that needs no network.
kernel_repository() {
    mv "$guest/srv/kernel" "$guest/opt/kernel"
    for package in "$guest/opt/kernel"/*.deb; do
        dpkg-deb --field "$package"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${package##*/}" "$(stat -c %s "$package")" \
            "$(sha256sum <"$package" | cut -d ' ' -f 1)"
    done >"$guest/opt/kernel/Packages"
}

unpack
settle
disk=$work/disk.raw
truncate -s "${size_mib}M" "$disk"
case $name in
    debian)
        images_initramfs_tools
        grub2
        kernel_repository
        ;;
    dracut)
        within sh -c 'apt-get -qq -o APT::Sandbox::User=root install /srv/dracut/*.deb'
        within dpkg --purge initramfs-tools initramfs-tools-core
        images_dracut
        grub2
        ;;
    grub-legacy)
        within sh -c 'apt-get -qq -o APT::Sandbox::User=root purge linux-image-rt-amd64 "linux-image-*-rt-amd64"'
        within sh -c 'apt-get -qq -o APT::Sandbox::User=root install /srv/grub-legacy/*.deb'
        images_initramfs_tools
        grub_legacy
        ;;
    *)
        echo "image.sh: no image called '$name'; there are: debian dracut grub-legacy" >&2
        exit 2
        ;;
esac
rm -rf "$guest/srv"
mkdir "$guest/srv"
# What the guest was made to boot, for whoever wants to know whether it still does.
(cd "$guest/boot" && sha256sum initrd.img-* grub/grub.c* >"$guest/root/boot.sums")
if [ "$name" = grub-legacy ]; then
    mkdir "$work/boot"
    find "$guest/boot" -mindepth 1 -maxdepth 1 -exec mv {} "$work/boot/" \;
    unmount_guest
    two_partitions
    install_grub_legacy
else
    unmount_guest
    one_partition
    install_grub2
fi
qemu-img convert -q -f raw -O qcow2 "$disk" "$work/disk.qcow2"
cat "$work/disk.qcow2"
