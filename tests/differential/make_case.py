#!/usr/bin/env python3
"""Writes the table of letter case for the reference matcher: each code point whose lower or upper case differs from it."""
import sys

def text(s):
    return ''.join('\\%03o' % b for b in s.encode())

with open(sys.argv[1], 'w') as out:
    out.write('/* Made by make_case.py. */\n')
    out.write('static const struct { unsigned code; const char *lower, *upper; } case_table[] = {\n')
    for code in range(1, 0x110000):
        c = chr(code)
        if 0xD800 <= code < 0xE000 or (c.lower() == c and c.upper() == c):
            continue
        out.write('{%d,"%s","%s"},\n' % (code, text(c.lower()), text(c.upper())))
    out.write('};\n')
