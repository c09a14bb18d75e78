#!/bin/sh
# usage: rpm.sh STAND_IN_FOLDER REPOSITORY RELEASE_PACKAGE VERSION
#
# Builds the stand-in RPMs and a repository around them, and installs the release package into an empty RPM database.
set -eu
parts=$1
repository=$2
scratch=$(mktemp -d)
for spec in release open-vm-tools; do
    rpmbuild -bb --quiet --define "_topdir $scratch" --define "parts $parts" --define "release_name $3" \
        --define "release_version $4" "$parts/$spec.spec"
done
mkdir -p "$repository"
mv "$scratch"/RPMS/noarch/*.rpm "$repository"
createrepo_c --quiet "$repository"
rm -r "$scratch"
# Plugins that unshare and that ask logind: a container is refused the one and has not got the other.
rm -f "$(rpm --eval '%{__plugindir}')/unshare.so" "$(rpm --eval '%{__plugindir}')/systemd_inhibit.so"
rpm --initdb
rpm --install "$repository/$3"-*.rpm
