#!/bin/sh
# syscalls.sh - send, receive and delete make no system call: a run of many cycles makes as many as a run of few. Usage: syscalls.sh PROGRAM
# PROGRAM is stress_steady. Skipped (77) without strace, or where it may not trace.
set -eu
command -v strace >/dev/null || { echo "strace is not installed"; exit 77; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The number of system calls of a run.
calls()
{
    strace -f -c -o "$log" "$1" --queue "$2" >/dev/null || return 1
    awk '$NF == "total" { print $4 }' "$log"
}

strace -o "$log" true 2>/dev/null || { echo "strace may not trace here"; exit 77; }
few=$(calls "$1" 1000)
many=$(calls "$1" 101000)
echo "system calls: $few with 1,000 cycles, $many with 101,000"
[ -n "$few" ] && [ "$few" -gt 10 ] && [ "$many" -le $((few + 5)) ]
