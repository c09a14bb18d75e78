# shellcheck shell=sh
# fallocate -l BYTES FILE: a sparse file of that length stands for the blocks.
: "${ROOT?}" "${STATE:?}"
length='' file=''
while [ $# -gt 0 ]; do
    case $1 in
        -l | --length) length=$2; shift ;;
        -l*) length=${1#-l} ;;
        -*) ;;
        *) file=$1 ;;
    esac
    shift
done
case $file in "$ROOT"/*) ;; *) exit 99 ;; esac
case $length in
    *K | *KiB) length=$((${length%K*} * 1024)) ;;
    *M | *MiB) length=$((${length%M*} * 1048576)) ;;
    *G | *GiB) length=$((${length%G*} * 1073741824)) ;;
esac
if [ -e "$STATE/no_fallocate" ]; then
    echo 'fallocate: fallocate failed: Operation not supported' >&2
    exit 1
fi
/usr/bin/truncate -s "$length" "$file"
