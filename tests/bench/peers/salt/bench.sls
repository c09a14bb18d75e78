# What a person would write as Salt states for the end state that vmguest.linux.remediate reaches on these guests. Like the
# idiomatic playbook it is given each guest's crontab and timers' times (bench_crontab, bench_timers), as pillar.

open-vm-tools:
  pkg.installed:
    - install_recommends: False
  service.running:
    - name: open-vm-tools
    - enable: True
    - require:
      - pkg: open-vm-tools

{% for rules, place in [
  ("io-scheduler", "66-vmguest-io-scheduler"),
  ("scsi-timeout", "99-zz-vmguest-scsi-timeout"),
  ("hotadd", "71-vmguest-hotadd"),
] %}
/etc/udev/rules.d/{{ place }}.rules:
  file.managed:
    - source: salt://{{ rules }}.rules
    - user: root
    - group: root
    - mode: "0644"
{% endfor %}

# One state for all disks: a loop in Jinja over what the guest has would be a session of its own for each question.
leave the order of I/O to the hypervisor now:
  cmd.run:
    - name: |
        for disk in $(grep -ls '^VMware' /sys/block/*/device/vendor); do
          echo none > "${disk%/device/vendor}/queue/scheduler"
        done
    - onlyif: |
        for disk in $(grep -ls '^VMware' /sys/block/*/device/vendor); do
          grep -q '\[none\]' "${disk%/device/vendor}/queue/scheduler" || exit 0
        done
        exit 1

let disks be silent while their storage fails over, now:
  cmd.run:
    - name: |
        for disk in $(grep -ls '^VMware' /sys/block/*/device/vendor); do
          echo 180 > "${disk%vendor}timeout"
        done
    - onlyif: |
        for disk in $(grep -ls '^VMware' /sys/block/*/device/vendor); do
          [ "$(cat "${disk%vendor}timeout")" -ge 180 ] || exit 0
        done
        exit 1

/etc/crontab:
  file.managed:
    - contents_pillar: bench_crontab
    - user: root
    - group: root
    - mode: "0644"

{% for timer, calendars in pillar['bench_timers'].items() %}
/etc/systemd/system/{{ timer }}.d/50-vmguest-scatter.conf:
  file.managed:
    - contents:
      - "# vmguest.linux, timer_scatter: this guest's own time, hashed from its DMI UUID."
      - "[Timer]"
      - OnCalendar=
{% for calendar in calendars %}
      - {{ ('OnCalendar=' ~ calendar) | json }}
{% endfor %}
    - makedirs: True
    - user: root
    - group: root
    - mode: "0644"
    - dir_mode: "0755"
    - onchanges_in:
      - cmd: reload systemd
{% endfor %}

reload systemd:
  cmd.run:
    - name: systemctl daemon-reload
    - onchanges: []
