#!/usr/bin/env python3
"""Writes fold_table.h: lower and upper case of each character, by code point, from Python's copy of the Unicode database.

usage: fold_table.py > fold_table.h

A mapping to more than one character is left out ("ß" has no upper case here), except where a titlecase form of one character stands in
for it, and that of U+0130. `class` is the smallest character that case mappings lead to, directly or by others: what is equal without
regard to case lies in one class, though not all of one class is equal.
"""
import unicodedata

LAST = 0x1FFFF


def one(text, other, char):
    if len(text) == 1:
        return ord(text)
    return ord(other) if len(other) == 1 else ord(char)


lower, upper = {}, {}
for code in range(LAST + 1):
    if 0xD800 <= code <= 0xDFFF:
        continue
    char = chr(code)
    lower[code] = ord('i') if code == 0x130 else one(char.lower(), char, char)
    upper[code] = one(char.upper(), char.title(), char)

parent = {}


def find(code):
    while parent.get(code, code) != code:
        code = parent[code]
    return code


for code in lower:
    for other in (lower[code], upper[code]):
        a, b = find(code), find(other)
        if a != b:
            parent[max(a, b)] = min(a, b)

mapped = {code: (lower[code] - code, upper[code] - code, find(code) - code) for code in sorted(lower)}
mapped = {code: deltas for code, deltas in mapped.items() if deltas != (0, 0, 0)}
ALTERNATING = (0, 0, 0)  # a row of pairs: an upper case letter, and its lower case one behind it


def is_pair(code):
    return mapped.get(code) == (1, 0, 0) and mapped.get(code + 1) == (0, -1, -1)


rows, skip = [], None
for code, deltas in mapped.items():
    if code == skip:
        continue
    if is_pair(code):
        skip = code + 1
        if rows and rows[-1][2] == ALTERNATING and rows[-1][1] == code - 1:
            rows[-1] = (rows[-1][0], code + 1, ALTERNATING)
        else:
            rows.append((code, code + 1, ALTERNATING))
    elif rows and rows[-1][1] == code - 1 and rows[-1][2] == deltas:
        rows[-1] = (rows[-1][0], code, deltas)
    else:
        rows.append((code, code, deltas))

print('/* Made by fold_table.py from Unicode %s. Do not edit. */' % unicodedata.unidata_version)
print('/* clang-format off */')
print('static const fold_row rows[] = {')
for at in range(0, len(rows), 3):
    print('    ' + ' '.join('{ 0x%X, 0x%X, %d, %d, %d },' % (first, last, *deltas) for first, last, deltas in rows[at:at + 3]))
print('};')
