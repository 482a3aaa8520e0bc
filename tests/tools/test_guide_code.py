#!/usr/bin/env python3
"""Checks that the code of a guide is that of the examples, which are run as tests.

usage: test_guide_code.py ROOT GUIDE

A block is fenced by ```c FILE: its lines must stand in that file of examples/, one behind the other. A block of C without a file is an
error, so that no code is left out by a slip.
"""
import os
import re
import sys

root, guide = sys.argv[1:3]
with open(guide, encoding='utf-8') as source:
    text = source.read()

wrong = count = 0
for block in re.finditer(r'^```c\b *(.*)\n((?:.*\n)*?)```$', text, re.MULTILINE):
    line = text.count('\n', 0, block.start()) + 1
    name, code = block.group(1).strip(), block.group(2)
    path = os.path.join(root, name)
    count += 1
    if not re.fullmatch(r'examples/\w+\.c', name) or not os.path.exists(path):
        print(f'{guide}:{line}: "{name}" is no example')
        wrong += 1
        continue
    with open(path, encoding='utf-8') as example:
        if code not in example.read():
            print(f'{guide}:{line}: this is not in {name}')
            wrong += 1
print(f'{count} blocks, {wrong} wrong')
sys.exit(wrong != 0 or count == 0)
