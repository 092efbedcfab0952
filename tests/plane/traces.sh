#!/usr/bin/env bash
# Everything that a cluster could leave behind on this host, one sorted line each: compared before a
# cluster and after it. Prints to standard output.
set -euo pipefail

cache=${VMBERTH_CACHE:-/var/cache/vmberth}
export PATH="$PATH:/usr/sbin:/sbin"

# label LABEL: puts a word before each line of standard input.
label() { sed "s|^|$1: |"; }

# How many namespaces of one kind all processes together are in, besides our own.
namespaces() {
    {
        # Processes end while we look.
        find /proc -maxdepth 3 -path "/proc/[0-9]*/ns/$1" -printf '%l\n' 2>/dev/null || true
    } | sort -u | wc -l
}

# Programs that only a cluster runs, whoever started them.
processes() {
    local file program
    for file in /proc/[0-9]*/exe; do
        program=$(readlink "$file" 2>/dev/null) || continue
        case $program in
        "$cache"/go/* | */containerd | */containerd-shim* | */runc | */qemu-system-* | */virt-*) echo "$program" ;;
        esac
    done
}

# Rules without their counters and comments.
rules() { "$1" 2>/dev/null | grep -v '^#' | sed 's/\[[0-9:]*\]//' || true; }

{
    label mount </proc/self/mounts
    losetup -n -l -O NAME,BACK-FILE | label "loop device"
    ip -o link show | awk '{print $2}' | label link
    ip route show table all | label route
    rules iptables-save | label rule
    rules ip6tables-save | label rule6
    for setting in vm/nr_hugepages vm/overcommit_memory vm/panic_on_oom kernel/panic \
        kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes \
        net/ipv4/ip_forward; do
        label "$setting" <"/proc/sys/$setting"
    done
    find /sys/fs/cgroup -maxdepth 2 -name '*vmberth*' | label cgroup
    for kind in net mnt pid uts; do namespaces "$kind" | label "$kind namespaces"; done
    for place in / /var /var/lib /var/log /run /run/lock /mnt /etc "$cache" "$HOME" /etc/cni /opt /dev; do
        [ ! -d "$place" ] || find "$place" -maxdepth 1 ! -path '/dev/loop*' | label file
    done
    processes | label process
} | sort
