#!/usr/bin/env python3
"""The cost table: of each path of cost.c its time, its instructions, and how many of them are locked.

usage: count.py COST-PROGRAM      needs valgrind and objdump; the program must be linked statically with the library

Times are the least of many rounds in processor time, so a busy machine disturbs little. Instructions are counted by callgrind. Locked ones
are those with a lock prefix, and exchanges with memory.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

COUNT = 100


def locked_addresses(program):
    text = subprocess.run(['objdump', '-d', '--no-show-raw-insn', program], capture_output=True, text=True, check=True).stdout
    found = set()
    for line in text.split('\n'):
        match = re.match(r'\s+([0-9a-f]+):\s+(.*)$', line)
        if match and re.match(r'lock |xchg .*\(|mfence', match[2]):
            found.add(int(match[1], 16))
    return found


def count(program, path, locked):
    """Instructions and locked instructions of one operation."""
    with tempfile.NamedTemporaryFile(suffix='.out') as out:
        subprocess.run(['valgrind', '--tool=callgrind', '--toggle-collect=measured', '--dump-instr=yes', '--dump-line=no',
                        '--compress-pos=no', '--compress-strings=no', f'--callgrind-out-file={out.name}', program, str(COUNT), path],
                       capture_output=True, check=True)
        executed, call, ours = collections.Counter(), False, False
        with open(out.name, encoding='utf-8') as file:
            for line in file:
                if line.startswith('ob='):
                    ours = line.rstrip('\n').endswith(os.path.basename(program)) # addresses are those of that file
                if line.startswith('calls='):
                    call = True # the line that follows is what the callee cost
                    continue
                match = re.match(r'(0x[0-9a-f]+) (\d+)$', line)
                if match and not call:
                    executed[ours, int(match[1], 16)] += int(match[2])
                call = False
    hits = sum(n for (ours, address), n in executed.items() if ours and address in locked)
    return sum(executed.values()) / COUNT, hits / COUNT


def main():
    program = sys.argv[1]
    locked = locked_addresses(program)
    times = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    print(f'{"":34} {"ns":>8} {"instructions":>13} {"locked":>7}')
    for line in times.rstrip('\n').split('\n'):
        name, ns = line.split('\t')
        instructions, hits = count(program, name.strip(), locked)
        print(f'{name:34} {float(ns):8.1f} {instructions:13.0f} {hits:7.2f}')


if __name__ == '__main__':
    main()
