# shellcheck shell=sh
# mount --make-rprivate / | mount --bind WHAT WHERE, within unshare.sh: other stand-ins see what is mounted over.
case $1 in
    --make-rprivate) ;;
    --bind) echo "$3" >>"${MASKED:?}" ;;
    *) exit 2 ;;
esac
