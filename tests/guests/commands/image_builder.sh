# shellcheck shell=sh
# dracut -f IMAGE RELEASE, mkinitramfs -o IMAGE RELEASE, mkinitrd -f IMAGE RELEASE (nash), mkinitrd -k KERNEL -i IMAGE (SUSE):
# a small image, of the tree's modules that its configuration asks for.
: "${ROOT?}" "${NAME0:?}" "${STATE:?}"
release='' kernel='' image=''
while [ $# -gt 0 ]; do
    case $1 in
        -o | -i) image=$2; shift ;;
        -k) kernel=$2; shift ;;
        -*) ;;
        *) if [ "$image" ]; then release=$1; else image=$1; fi ;;
    esac
    shift
done
[ "$release" ] || release=${kernel##*/vmlinuz-}
list=$ROOT/lib/modules/$release/modules.dep
if [ ! -e "$list" ]; then
    echo "$NAME0: there are no modules of $release" >&2
    exit 1
fi
# A test may let it fail, or write only half.
if [ -e "$STATE/image_builder_fails" ]; then
    echo half >"$image"
    echo "$NAME0: out of luck" >&2
    exit 3
fi
name_of() { printf '%s\n' "$1" | sed 's,.*/,,; s/\.ko.*//' | tr - _; }
line_of() { grep "/$(printf '%s' "$1" | sed 's/_/[-_]/g')\.ko[.a-z]*:" "$list" | head -n 1; }
everything() { cut -d: -f1 "$list" | while read -r path; do name_of "$path"; done; }
hardware() {
    for driver in "$ROOT"/sys/bus/pci/devices/*/driver; do
        [ ! -h "$driver" ] || basename "$(readlink "$driver")"
    done
    ls "$ROOT/sys/module"
    echo sd_mod
}
nash=''
case $NAME0 in
    dracut)
        add_drivers='' omit_drivers='' force_drivers='' hostonly=''
        for file in "$ROOT/etc/dracut.conf" "$ROOT"/usr/lib/dracut/dracut.conf.d/*.conf "$ROOT"/etc/dracut.conf.d/*.conf; do
            # dracut is bash, which has +=.
            [ ! -e "$file" ] || eval "$(sed -n 's/^\([a-z_]*\)+="\(.*\)"/\1="$\1 \2"/p; /^[a-z_]*="/p' "$file")"
        done
        case $hostonly in yes) wanted=$(hardware) ;; *) wanted=$(everything) ;; esac
        for module in $omit_drivers; do
            wanted=$(printf '%s\n' "$wanted" | grep -vx "$module")
        done
        wanted="$wanted $add_drivers $force_drivers"
        ;;
    mkinitramfs)
        MODULES=most
        for file in "$ROOT/etc/initramfs-tools/initramfs.conf" "$ROOT"/etc/initramfs-tools/conf.d/*; do
            [ ! -e "$file" ] || eval "$(grep '^MODULES=' "$file")"
        done
        case $MODULES in dep) wanted=$(hardware) ;; *) wanted=$(everything) ;; esac
        wanted="$wanted $(grep -sv '^#' "$ROOT/etc/initramfs-tools/modules")"
        ;;
    mkinitrd)
        if [ -d "$ROOT/lib/mkinitrd" ]; then
            wanted=$(sed -n 's/^INITRD_MODULES="\(.*\)"/\1/p' "$ROOT/etc/sysconfig/kernel")
        else
            nash=1
            wanted=$(sed -n 's/^alias scsi_hostadapter[0-9]* //p' "$ROOT/etc/modprobe.conf")
        fi
        wanted="$wanted sd_mod"
        ;;
esac
# Each with what it needs, that first.
chosen=' '
choose() {
    case $chosen in *" $1 "*) return ;; esac
    line=$(line_of "$1")
    [ "$line" ] || return 0
    for needed in ${line#*:}; do
        # Variables are global: what comes back from deeper down has another line.
        case $chosen in *" $(name_of "$needed") "*) ;; *) choose "$(name_of "$needed")" ;; esac
    done
    case $chosen in *" $1 "*) ;; *) chosen="$chosen$1 " ;; esac
}
for module in $wanted; do
    choose "$(name_of "$module")"
done
zeros() { n=$1; while [ "$n" -gt 0 ]; do printf '\0'; n=$((n - 1)); done; }
entry() { # NAME TEXT
    printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' 1 33188 0 0 1 0 ${#2} 0 0 0 0 $((${#1} + 1)) 0
    printf '%s\0' "$1"
    zeros $(((4 - (111 + ${#1}) % 4) % 4))
    printf '%s' "$2"
    zeros $(((4 - ${#2} % 4) % 4))
}
{
    if [ "$nash" ]; then
        script='#!/bin/nash
'
        for module in $chosen; do
            entry "lib/$module.ko" ELF
            script="${script}insmod /lib/$module.ko
"
        done
        entry init "$script"
    else
        entry init '#!/bin/sh'
        for module in $chosen; do
            path=$(line_of "$module")
            path=${path%%:*}
            entry "usr/lib/modules/$release/${path#/lib/modules/*/}" ELF
        done
        # Its list of modules: names that do not count.
        entry "usr/lib/modules/$release/modules.dep" "$(cat "$list")"
    fi
    entry 'TRAILER!!!' ''
} | gzip -9n >"$image"
