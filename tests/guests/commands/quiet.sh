# shellcheck shell=sh
# A command that has nothing to say and nothing to do in a tree (udevadm, sync, restorecon…).
: "${ROOT?}" "${STATE:?}"
exit 0
