#!/usr/bin/env python3
"""Writes fold_table.h: lower and upper case of each character, by code point, from Python's copy of the Unicode database.

usage: fold_table.py > fold_table.h

`rows` holds the mappings to one character: what is added to a character for its lower case, its upper case, and the smallest character
that such mappings lead to, directly or by others. `specials` holds the characters with a mapping to several, and those whose lower case is
one of these.
"""
import unicodedata

LAST = 0x1FFFF


lower, upper, special = {}, {}, {}
for code in range(LAST + 1):
    if 0xD800 <= code <= 0xDFFF:
        continue
    char = chr(code)
    down, up = char.lower(), char.upper()
    if len(down) > 1 or len(up) > 1 or len(down.upper()) > 1:
        special[code] = (down, up)
        down = up = char
    lower[code], upper[code] = ord(down), ord(up)

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
def folded(text):
    return ''.join(chr(find(ord(char))) if ord(char) not in special else folded_special(char) for char in text)


def folded_special(char):
    down, up = special[ord(char)]
    return folded(up) if len(up) > 1 else folded(down) if len(down) > 1 else folded_special(down)


for at in range(0, len(rows), 3):
    print('    ' + ' '.join('{ 0x%X, 0x%X, %d, %d, %d },' % (first, last, *deltas) for first, last, deltas in rows[at:at + 3]))
print('};')
print('static const fold_special specials[] = {')
for code, (down, up) in sorted(special.items()):
    assert folded(down) == folded(up) == folded(chr(code))
    texts = ['"%s"' % ''.join('\\x%02x' % byte for byte in text.encode()) for text in (down, up, folded(up))]
    print('    { 0x%X, %s },' % (code, ', '.join(texts)))
print('};')
for code in lower:
    assert folded(chr(lower[code])) == folded(chr(upper[code]))
