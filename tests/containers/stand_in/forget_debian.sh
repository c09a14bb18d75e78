#!/bin/sh
# Takes the marks of Debian off a system that is to look like another distribution: its package manager, its names, and
# the jobs that only Debian has.
set -eu
rm -rf /etc/apt /etc/debian_version /etc/dpkg /etc/init.d /etc/rc?.d /usr/bin/apt /usr/bin/apt-* /usr/bin/dpkg* \
    /var/cache/apt /var/lib/apt /var/lib/dpkg /var/log/apt /var/log/dpkg.log
rm -f /etc/cron.d/anacron /etc/cron.d/e2scrub_all /etc/cron.daily/0anacron /etc/cron.daily/apt-compat \
    /etc/cron.daily/dpkg /etc/cron.daily/logrotate /etc/cron.monthly/0anacron /etc/cron.weekly/0anacron \
    /etc/cron.yearly/0anacron
for unit in anacron apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all; do
    rm -f "/usr/lib/systemd/system/$unit.timer" "/usr/lib/systemd/system/$unit.service" \
        "/etc/systemd/system/$unit.service" /etc/systemd/system/*.wants/"$unit".*
done
ln -sf ../usr/lib/os-release /etc/os-release
