#!/bin/sh
# usage: deb.sh STAND_IN_FOLDER REPOSITORY
#
# Builds a stand-in open-vm-tools package with the unit names, the configuration file and the maintainer scripts'
# habits of Debian's own (enabled and started when installed, gone from the start-up when purged), and a flat apt
# repository around it.
set -eu
parts=$1
repository=$2
package=$(mktemp -d)
chmod 0755 "$package"
mkdir -p "$repository" "$package/DEBIAN" "$package/usr/bin" "$package/lib/systemd/system" "$package/etc/vmware-tools"
cp "$parts/vmtoolsd" "$parts/vmware-toolbox-cmd" "$package/usr/bin/"
chmod 0755 "$package/usr/bin/vmtoolsd" "$package/usr/bin/vmware-toolbox-cmd"
sh "$parts/unit.sh" 'VMware Tools' >"$package/lib/systemd/system/open-vm-tools.service"
sh "$parts/unit.sh" 'VMware authentication' >"$package/lib/systemd/system/vgauth.service"
printf '[powerops]\n' >"$package/etc/vmware-tools/tools.conf"
echo /etc/vmware-tools/tools.conf >"$package/DEBIAN/conffiles"
{
    echo 'Package: open-vm-tools'
    echo 'Version: 2:99.12.3.5-standin1' # later than any real one: the stand-in wins over Debian's own package
    echo 'Architecture: all'
    echo 'Maintainer: vmguest.linux contributors'
    echo 'Section: admin'
    echo 'Priority: optional'
    echo 'Description: stand-in for open-vm-tools in test guests'
} >"$package/DEBIAN/control"
units='open-vm-tools.service vgauth.service'
# shellcheck disable=SC2016 # $1 belongs to the maintainer scripts
{
    printf '#!/bin/sh\nset -e\n[ "$1" = configure ] || exit 0\nsystemctl daemon-reload || true\n'
    printf 'for unit in %s; do deb-systemd-helper enable "$unit" >/dev/null; done\n' "$units"
    printf '[ ! -d /run/systemd/system ] || systemctl start %s\n' "$units"
} >"$package/DEBIAN/postinst"
# shellcheck disable=SC2016
printf '#!/bin/sh\nset -e\n[ "$1" != remove ] || [ ! -d /run/systemd/system ] || systemctl stop %s\n' "$units" \
    >"$package/DEBIAN/prerm"
# shellcheck disable=SC2016
{
    printf '#!/bin/sh\nset -e\n[ "$1" = purge ] || exit 0\n'
    printf 'for unit in %s; do deb-systemd-helper purge "$unit" >/dev/null; done\n' "$units"
} >"$package/DEBIAN/postrm"
(cd "$package" && find usr lib etc -type f -exec md5sum {} +) >"$package/DEBIAN/md5sums"
chmod 0755 "$package/DEBIAN/postinst" "$package/DEBIAN/prerm" "$package/DEBIAN/postrm"

file=open-vm-tools_99.12.3.5-standin1_all.deb
dpkg-deb --root-owner-group --build "$package" "$repository/$file" >/dev/null
{
    dpkg-deb --field "$repository/$file"
    echo "Filename: ./$file"
    echo "Size: $(wc -c <"$repository/$file")"
    echo "SHA256: $(sha256sum "$repository/$file" | cut -d ' ' -f 1)"
} >"$repository/Packages"
rm -rf "$package"
