# shellcheck shell=sh
# ethtool -k|-g|-c|-S CARD, -K CARD FEATURE on|off..., -G CARD rx NUMBER, -C CARD WORD VALUE...: what a card has is in STATE/ethtool/CARD.
: "${STATE:?}"
card=$STATE/ethtool/$2
[ -e "$card" ] || { echo "Cannot get device settings: No such device" >&2; exit 71; }

value() { sed -n "s/^$1 //p" "$card"; }
change() { # key, value
    sed "s/^$1 .*/$1 $2/" "$card" >"$card.new" && cat "$card.new" >"$card" && rm "$card.new"
}

case $1 in
    -k)
        echo "Features for $2:"
        sed -n 's/^\(tx-udp_tnl[^ ]*\) /	\1: /p; s/^\([a-z-]*\) \(o[nf].*\)/\1: \2/p' "$card"
        ;;
    -g)
        printf 'Ring parameters for %s:\nPre-set maximums:\nRX:\t\t%s\nRX Mini:\t2048\nRX Jumbo:\t4096\nTX:\t\t4096\n' "$2" "$(value most)"
        printf 'Current hardware settings:\nRX:\t\t%s\nRX Mini:\t128\nRX Jumbo:\t512\nTX:\t\t512\n' "$(value ring)"
        ;;
    -c)
        value=$(value adaptive-rx)
        printf 'Coalesce parameters for %s:\nAdaptive RX: %s  TX: n/a\n' "$2" "${value:-off}"
        for word in rx-usecs rx-frames tx-frames; do
            value=$(value "$word")
            printf '%s:\t%s\n' "$word" "${value:-0}"
        done
        ;;
    -S)
        printf 'NIC statistics:\n     Rx Queue#: 0\n       LRO pkts rx: 12\n       ucast pkts rx: %s\n       pkts rx OOB: %s\n' \
            "$(value received)" "$(value OOB)"
        ;;
    -K)
        shift 2
        while [ $# -gt 0 ]; do
            case $1 in
                lro) key=large-receive-offload ;;
                tso) key=tcp-segmentation-offload ;;
                sg) key=scatter-gather ;;
                tx | rx) key=$1-checksumming ;;
                *) key=$1 ;;
            esac
            case $(value "$key") in
                '' | *fixed*) echo "Could not change any device features" >&2; exit 1 ;;
            esac
            change "$key" "$2"
            shift 2
        done
        ;;
    -G) change ring "$4" ;;
    -C)
        shift 2
        while [ $# -gt 0 ]; do
            change "$1" "$2"
            shift 2
        done
        ;;
    *)
        echo "ethtool: no answer for these arguments: $*" >&2
        exit 99
        ;;
esac
