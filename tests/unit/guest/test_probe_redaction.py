# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the probe takes out before a line leaves the guest, and what it must leave in.

Every secret below contains ``hunter2``, so that none can be overlooked.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import parse
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Redaction, files
from ansible_collections.vmguest.linux.tests.unit.examples import examples
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import NONCE, SHELLS, probe, put, run_probe

four_shells = pytest.mark.parametrize("shell", SHELLS)
HASH = "grub.pbkdf2.sha512.10000.hunter2ABCDEF.0123"

#: Lines of distributions' crontabs: kept whole, for they are edited by their text. The sources are the packages named.
SHIPPED = {
    "/etc/crontab": [
        # RHEL 4 and 5 crontabs
        "SHELL=/bin/bash",
        "PATH=/sbin:/bin:/usr/sbin:/usr/bin",
        "MAILTO=root",
        "HOME=/",
        "# run-parts",
        "01 * * * * root run-parts /etc/cron.hourly",
        "02 4 * * * root run-parts /etc/cron.daily",
        "22 4 * * 0 root run-parts /etc/cron.weekly",
        "42 4 1 * * root run-parts /etc/cron.monthly",
        # Debian and Ubuntu cron
        "# m h dom mon dow user\tcommand",
        "# *  *  *  *  * user-name  command to be executed",
        "# |  |  .---------- day of month (1 - 31)",
        "17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly",
        "25 6\t* * *\troot\ttest -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )",
        "47 6\t* * 7\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }",
        # SLES cron
        "-*/15 * * * *   root  test -x /usr/lib/cron/run-crons && /usr/lib/cron/run-crons >/dev/null 2>&1",
        "# check scripts in cron.hourly, cron.daily, cron.weekly, and cron.monthly",
        "",
        "   ",
    ],
    "/etc/cron.d/shipped": [
        "*/10 * * * * root /usr/lib64/sa/sa1 1 1",
        "53 23 * * * root /usr/lib64/sa/sa2 -A",
        "*/10 * * * * root /usr/lib/sa/sa1 1 1",
        "5-55/10 * * * * root command -v debian-sa1 > /dev/null && debian-sa1 1 1",
        "0 1 * * Sun root /usr/sbin/raid-check",
        "30 7-23 * * *   root\t[ -x /etc/init.d/anacron ] && if [ ! -d /run/systemd/system ]; then"
        " /usr/sbin/invoke-rc.d anacron start >/dev/null; fi",
        "57 0 * * 0 root if [ -x /usr/share/mdadm/checkarray ] && [ $(date +\\%d) -le 7 ]; then"
        " /usr/share/mdadm/checkarray --cron --all --idle --quiet; fi",
        "30 3 * * 0 root test -e /run/systemd/system || SERVICE_MODE=1"
        " /usr/lib/x86_64-linux-gnu/e2fsprogs/e2scrub_all_cron",
        "10 3 * * * root test -e /run/systemd/system || SERVICE_MODE=1 /sbin/e2scrub_all -A -r",
        "09,39 *     * * *     root   [ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd/system ]; then"
        " /usr/lib/php/sessionclean; fi",
        "33 5 * * *   root    test -x /etc/cron.daily/popularity-contest && /etc/cron.daily/popularity-contest --crond",
        "0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system &&"
        " perl -e 'sleep int(rand(43200))' && certbot -q renew",
        "@daily root /usr/sbin/logrotate /etc/logrotate.conf",
        "0 5 * * * root /usr/bin/updatedb",
        "@weekly root /usr/bin/mandb --quiet",
    ],
    "/etc/anacrontab": [
        "RANDOM_DELAY=45",
        "START_HOURS_RANGE=3-22",
        "#period in days   delay in minutes   job-identifier   command",
        "1\t5\tcron.daily\t\tnice run-parts /etc/cron.daily",
        "@monthly 45\tcron.monthly\t\tnice run-parts /etc/cron.monthly",
        "7\t10\tcron.weekly\trun-parts --report /etc/cron.weekly",
    ],
}

CRONTAB = "/etc/crontab"
SPOOL = "/var/spool/cron/crontabs/root"
ANACRON = "/etc/anacrontab"
#: Where a line is, the line, what is left of it.
REDACTED = [
    (CRONTAB, "0 2 * * * backup /opt/backup --password=hunter2", "0 2 * * * backup /opt/backup <redacted>"),
    (CRONTAB, "0 2\t* * *  root\tmysqldump -phunter2 all", "0 2\t* * *  root\tmysqldump <redacted>"),
    (CRONTAB, "@daily root curl -u bob:hunter2 https://x", "@daily root curl <redacted>"),
    (CRONTAB, "@reboot root /opt/start", "@reboot root /opt/start"),
    (CRONTAB, "5 4 * jan-mar mon,TUE root /opt/one", "5 4 * jan-mar mon,TUE root /opt/one"),
    (CRONTAB, "  -5~9 4 * * * root /opt/one\t-x hunter2", "  -5~9 4 * * * root /opt/one <redacted>"),
    (CRONTAB, "5 4 * * * root TOKEN=hunter2 /opt/one", "5 4 * * * root <redacted>"),
    (CRONTAB, "5 4 * * * root 'hunter2' x", "5 4 * * * root <redacted>"),
    (CRONTAB, "5 4 * * * root /opt/one%hunter2", "5 4 * * * root <redacted>"),
    (CRONTAB, "5 4 * * * root /opt/one;hunter2 x", "5 4 * * * root <redacted>"),
    (CRONTAB, "5 4 * * * root -phunter2", "5 4 * * * root <redacted>"),
    (CRONTAB, "5 4 * * * root \"/opt/a b\" --key hunter2", "5 4 * * * root <redacted>"),
    # Distributions' words do not excuse what comes with them.
    (CRONTAB, "5 4 * * * root run-parts /x; curl -u a:hunter2 b", "5 4 * * * root run-parts <redacted>"),
    (CRONTAB, "5 4 * * * root PGPASSWORD=hunter2 logrotate", "5 4 * * * root <redacted>"),
    (CRONTAB, "5 4 * * * root mysql -phunter2 >/etc/cron.daily/x", "5 4 * * * root mysql <redacted>"),
    (CRONTAB, "5 4 * * * root wget https://a:hunter2@x/updatedb", "5 4 * * * root wget <redacted>"),
    (CRONTAB, "5 4 * * * root /opt/x --api-token hunter2 run-parts", "5 4 * * * root /opt/x <redacted>"),
    # Variables.
    (CRONTAB, "DB_PASSWORD=hunter2", "DB_PASSWORD=<redacted>"),
    (CRONTAB, "  api_Key = hunter2 = x", "  api_Key =<redacted>"),
    (CRONTAB, "AWS_SECRET=hunter2", "AWS_SECRET=<redacted>"),
    (CRONTAB, "token='hunter2'", "token=<redacted>"),
    (CRONTAB, "PROXY=http://me:hunter2@proxy:3128/", "PROXY=<redacted>"),
    (CRONTAB, "PROXY=http://proxy:3128/", "PROXY=http://proxy:3128/"),
    (CRONTAB, 'OPTS="-u root -phunter2"', "OPTS=<redacted>"),
    (CRONTAB, "OPTS=--password hunter2", "OPTS=<redacted>"),
    (CRONTAB, '"MY NAME"=hunter2', "<redacted>"),
    # Comments.
    (CRONTAB, "# the db password is hunter2", "# <redacted>"),
    (CRONTAB, "#TOKEN: hunter2", "# <redacted>"),
    (CRONTAB, "  # pw: hunter2", "  # <redacted>"),
    (CRONTAB, "#0 2 * * * root /opt/job hunter2", "# <redacted>"),
    (CRONTAB, "#@daily root /opt/job hunter2", "# <redacted>"),
    (CRONTAB, "# see https://u:hunter2@wiki/", "# <redacted>"),
    (CRONTAB, "# rotates logs", "# rotates logs"),
    # What cron would not take for a job.
    (CRONTAB, "hunter2", "<redacted>"),
    (CRONTAB, "* * * * hunter2", "<redacted>"),
    (CRONTAB, "* * * * * hunter2", "<redacted>"),
    (CRONTAB, "my new hunter2 is not a job but some words", "<redacted>"),
    (CRONTAB, "* * * * * root:hunter2 /opt/x", "<redacted>"),
    (CRONTAB, "* * * * * DOM\\me$ /opt/x y", "* * * * * DOM\\me$ /opt/x <redacted>"),
    (CRONTAB, "0 2 * * * root /opt/job\0hunter2", "0 2 * * * root <redacted>"),
    (CRONTAB, "\xa0 hunter2\udcff", "<redacted>"),
    # A user's own crontab names no user.
    (SPOOL, "0 2 * * * /opt/backup --password=hunter2", "0 2 * * * /opt/backup <redacted>"),
    (SPOOL, "0 2 * * * root hunter2", "0 2 * * * root <redacted>"),
    (SPOOL, "@hourly sshpass -phunter2 ssh x", "@hourly sshpass <redacted>"),
    (SPOOL, "0 0 * * * /opt/app/rotate", "0 0 * * * /opt/app/rotate"),
    (SPOOL, "0 0 * * * cd /srv && bin/run-parts", "0 0 * * * cd /srv && bin/run-parts"),
    ("/var/spool/cron/tabs/a:b", "* * * * * x hunter2", "* * * * * x <redacted>"),
    (ANACRON, "1 5 nightly /opt/job -p hunter2", "1 5 nightly /opt/job <redacted>"),
    (ANACRON, "@monthly 5 nightly MYPASS=hunter2 x", "@monthly 5 nightly <redacted>"),
    (ANACRON, "1 5 hunter2", "<redacted>"),
    ("/etc/cron.d/keepass", "0 2 * * * root run-parts /x", "0 2 * * * root run-parts /x"),
]  # fmt: skip

FSTAB = [
    ("UUID=1-2 / ext4 errors=remount-ro 0 1", None),
    ("# <file system> <mount point>   <type>  <options>       <dump>  <pass>", None),
    ("# / was on /dev/sda1 during installation", None),
    ("/swapfile none swap sw,pri=5 0 0", None),
    ("nas:/export/home /home nfs4 rw,_netdev 0 0", None),
    ("[fe80::1]:/export /x nfs rw 0 0", None),
    ("nas:/export@monday /x nfs rw 0 0", None),
    ("LABEL=data /data btrfs subvol=@data,compress=zstd:3 0 0", None),
    ("//srv/x /x cifs username=u,password=hunter2,rw 0 0", "//srv/x /x cifs username=u,password=<redacted>,rw 0 0"),
    ("//srv/x /x cifs user=u,pass=hunter2 0 0", "//srv/x /x cifs user=u,pass=<redacted> 0 0"),
    ("//srv/x /x cifs passwd=hunter2,Password2=hunter2", "//srv/x /x cifs passwd=<redacted>,Password2=<redacted>"),
    ('//srv/x /x cifs password="a,hunter2",rw 0 0', "//srv/x /x cifs password=<redacted>,rw 0 0"),
    ("//srv/x /x cifs credentials=/root/hunter2,rw 0 0", "//srv/x /x cifs credentials=<redacted>,rw 0 0"),
    ("//srv/x /x cifs cred=/root/hunter2 0 0", "//srv/x /x cifs cred=<redacted> 0 0"),
    ("//srv/x /x cifs user=dom/u%hunter2,rw 0 0", "//srv/x /x cifs user=dom/u%<redacted>,rw 0 0"),
    ("//u:hunter2@srv/x /x cifs rw 0 0", "//u:<redacted>@srv/x /x cifs rw 0 0"),
    ("https://u:hun/ter2@hunter2@h/dav /x davfs rw 0 0", "https://<redacted>@h/dav /x davfs rw 0 0"),
    ("curlftpfs#u:hunter2@ftp.x /x fuse rw 0 0", "curlftpfs#u:<redacted>@ftp.x /x fuse rw 0 0"),
    ("u:hunter2@host:/d /x fuse.sshfs rw 0 0", "u:<redacted>@host:/d /x fuse.sshfs rw 0 0"),
    ("mon:6789:/ /x ceph name=admin,secret=hunter2,rw", "mon:6789:/ /x ceph name=admin,secret=<redacted>,rw"),
    ("# //srv/x /x cifs password=hunter2 0 0", "# <redacted>"),
    ("# the password: hunter2", "# <redacted>"),
    ("#secret hunter2", "# <redacted>"),
]

BOOTLOADER = [
    ("kernel /vmlinuz-2.6.18 ro root=/dev/VolGroup00/LogVol00 divider=10 clocksource=acpi_pm", None),
    ("options root=UUID=1-2 ro quiet rootflags=subvol=@ resume=/dev/sda2", None),
    ("linux /boot/vmlinuz root=/dev/mapper/vg-root ro crashkernel=1G-4G:192M,4G-64G:256M", None),
    ('GRUB_CMDLINE_LINUX="console=ttyS0,115200n8 elevator=noop"', None),
    ("initrd /initramfs.img", None),
    ("# (2) a list of menu entries", None),
    ("password hunter2", "password <redacted>"),
    ("  password --md5 $1$hunter2", "  password <redacted>"),
    ("# password topsecret-hunter2", "# password <redacted>"),
    (f"password_pbkdf2 root {HASH}", "password_pbkdf2 <redacted>"),
    ("if x; then password root hunter2", "if x; then password <redacted>"),
    (f"GRUB2_PASSWORD={HASH}", "GRUB2_PASSWORD=<redacted>"),
    (f"set x={HASH}", "set x=grub.pbkdf2.<redacted>"),
    ("password=hunter2", "password=<redacted>"),
    ('password = "hunter2 and more"', "password = <redacted>"),
    ("password = hunter2", "password = <redacted>"),
    ("password='hunter2 hunter2'", "password=<redacted>"),
    ("kernel /v ro rd.iscsi.password=hunter2 quiet", "kernel /v ro rd.iscsi.password=<redacted> quiet"),
    ('GRUB_CMDLINE_LINUX="a.pass=hunter2 quiet"', 'GRUB_CMDLINE_LINUX="a.pass=<redacted> quiet"'),
    (
        'GRUB_CMDLINE_LINUX="a.passphrase=\\"hunter2 hunter2\\" quiet"',
        'GRUB_CMDLINE_LINUX="a.passphrase=<redacted> quiet"',
    ),
    ('X="netroot=iscsi:u:hun/ter2hunter2@10.0.0.1::3260" y', 'X="netroot=<redacted>@10.0.0.1::3260" y'),
    ("linux /v inst.ks=https://u:hunter2@h/ks.cfg quiet", "linux /v inst.ks=https://<redacted>@h/ks.cfg quiet"),
    ("linux /v my_token=hunter2 client.secret=hunter2", "linux /v my_token=<redacted> client.secret=<redacted>"),
]


@four_shells
def test_what_distributions_ship_stays_whole(tmp_path: Path, shell: str) -> None:
    put(tmp_path, {path: "".join(line + "\n" for line in lines) for path, lines in SHIPPED.items()})

    found = probe(tmp_path, [files(*SHIPPED, redact=Redaction.CRONTAB)], shell)

    for path, lines in SHIPPED.items():
        assert found.file(path).lines == tuple(lines)


@four_shells
def test_what_is_left_of_crontabs(tmp_path: Path, shell: str) -> None:
    paths = list(dict.fromkeys(path for path, dummy, dummy in REDACTED))
    for path in paths:
        put(tmp_path, {path: "".join(line + "\n" for where, line, dummy in REDACTED if where == path)})

    found = probe(tmp_path, [files(*paths, redact=Redaction.CRONTAB)], shell)

    for path in paths:
        expected = [left for where, dummy, left in REDACTED if where == path]
        # busybox's sed ends a line at a NUL, so it takes the halves apart.
        assert [line.replace("/opt/job\0<redacted>", "<redacted>") for line in found.file(path).lines] == expected


@four_shells
@pytest.mark.parametrize(
    ("redaction", "table"), [(Redaction.FSTAB, FSTAB), (Redaction.BOOTLOADER, BOOTLOADER)], ids=["fstab", "bootloader"]
)
def test_what_is_left_of_other_files(
    tmp_path: Path, shell: str, redaction: Redaction, table: list[tuple[str, str | None]]
) -> None:
    # What a redaction takes out of a line it must not take out of the file's name.
    path = "/etc/pass=u:x@y"
    put(tmp_path, {path: "".join(line + "\n" for line, dummy in table)})

    found = probe(tmp_path, [files("/etc/*", redact=redaction)], shell)

    assert found.file(path).lines == tuple(line if left is None else left for line, left in table)


@four_shells
@pytest.mark.parametrize("redaction", list(Redaction))
def test_no_secret_in_the_raw_output(tmp_path: Path, shell: str, redaction: Redaction) -> None:
    """Not only the parsed lines: nothing of it leaves the guest."""
    table = {
        Redaction.CRONTAB: [line for path, line, dummy in REDACTED if path == CRONTAB],
        Redaction.FSTAB: [line for line, dummy in FSTAB],
        Redaction.BOOTLOADER: [line for line, dummy in BOOTLOADER],
    }[redaction]
    put(tmp_path, {"/etc/file": "".join(line + "\n" for line in table)})

    output = run_probe(tmp_path, [files("/etc/file", redact=redaction)], shell)

    assert "<redacted>" in output
    assert "hunter2" not in output


@four_shells
def test_files_of_all_redactions_in_one_probe(tmp_path: Path, shell: str) -> None:
    """They go through one sed, which must take each for what it is, by whatever name and glob it was found."""
    crontab = [(line, left) for path, line, left in REDACTED if path == CRONTAB and "\0" not in line]
    fstab, bootloader = ([(line, left or line) for line, left in table] for table in (FSTAB, BOOTLOADER))
    wanted = {
        CRONTAB: crontab,
        "/etc/cron.d/job": crontab,
        "/etc/cron.d/a:b": crontab,
        "/etc/fstab": fstab,
        "/boot/grub/menu.lst": bootloader,
        "/boot/loader/entries/a:b.conf": bootloader,
        "/boot/loader/entries/one.conf": bootloader,
    }
    put(tmp_path, {path: "".join(line + "\n" for line, dummy in table) for path, table in wanted.items()})
    put(tmp_path, {"/boot/loader/entries/large.conf": "password hunter2\n" * 20_000, "/etc/cron.d/1:2:3": "x"})
    reads = [
        files("/etc/fstab", redact=Redaction.FSTAB),
        files("/boot/grub/menu.lst", "/boot/grub2/*.cfg", "/boot/loader/entries/*", redact=Redaction.BOOTLOADER),
        files("/boot/grub/gone", redact=Redaction.BOOTLOADER),
        files("/etc/crontab", "/etc/cron.d/*", redact=Redaction.CRONTAB),
    ]

    output = run_probe(tmp_path, reads, shell)

    found = parse(output, NONCE, reads)
    assert "hunter2" not in output
    assert {path: file.lines for path, file in found.files.items() if file} == {
        path: tuple(left for dummy, left in table) for path, table in wanted.items()
    }
    assert {path: file.state.value for path, file in found.files.items() if not file} == {
        "/boot/loader/entries/large.conf": "too_large",
        "/etc/cron.d/1:2:3": "odd_name",
        "/boot/grub/gone": "missing",
        "/boot/grub2": "missing",
    }


def test_the_redacted_declaration_wins(tmp_path: Path) -> None:
    """Two recommendations read crontabs, one of them carelessly: the file is read once, and redacted."""
    put(tmp_path, {"/etc/crontab": "0 0 * * * root x hunter2\n", "/etc/cron.d/a": "0 0 * * * root x hunter2\n"})
    reads = [
        files("/etc/crontab", "/etc/cron.d/*"),
        files("/etc/cron.d/a"),
        files("/etc/crontab", "/etc/cron.d/*", redact=Redaction.CRONTAB),
    ]

    output = run_probe(tmp_path, reads)

    assert output.count("<redacted>") == 2
    assert "hunter2" not in output


WORDS = st.sampled_from(
    [
        "0",
        "*",
        "*/5",
        "@daily",
        "root",
        "#",
        "=",
        "A=",
        "run-parts",
        "/opt/x",
        "-",
        "\t",
        "  ",
        "'",
        '"',
        ";",
        "%",
        "x",
        ":",
        "1-5",
    ]
)


@settings(max_examples=examples(40), deadline=None)
@given(before=st.lists(WORDS, max_size=8), after=st.lists(WORDS, max_size=3), blank=st.sampled_from(["", " "]))
def test_a_password_option_never_survives_in_any_line(before: list[str], after: list[str], blank: str) -> None:
    """Whatever line a password option stands in, and wherever: it does not leave the guest."""
    line = blank.join(before) + f" --password=hunter2 {' '.join(after)}"
    spread = " ".join(before) + f" --password=hunter2 {blank.join(after)}"
    with tempfile.TemporaryDirectory() as folder:
        for path in (CRONTAB, SPOOL, ANACRON):
            put(Path(folder), {path: f"{line}\n{spread}\n"})
        output = run_probe(Path(folder), [files(CRONTAB, SPOOL, ANACRON, redact=Redaction.CRONTAB)])
    assert "end\n" in output
    assert "hunter2" not in output
