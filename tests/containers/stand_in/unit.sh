#!/bin/sh
# usage: unit.sh DESCRIPTION      Prints a systemd unit that starts anywhere, with or without a hypervisor.
printf '[Unit]\nDescription=%s (stand-in)\n\n[Service]\nExecStart=/bin/sleep infinity\n\n[Install]\nWantedBy=multi-user.target\n' "$1"
