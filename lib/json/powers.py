#!/usr/bin/env python3
"""Writes powers.h: the upper 128 bits of each power of ten that a double can be made of, rounded down.

usage: powers.py > powers.h
"""
FIRST, LAST = -342, 308
rows = []
for q in range(FIRST, LAST + 1):
    if q >= 0:
        value = 10 ** q
        shift = value.bit_length() - 128
        bits = value >> shift if shift >= 0 else value << -shift
    else:
        ten = 10 ** -q
        shift = ten.bit_length() + 127
        bits = (1 << shift) // ten
        if bits >> 128:
            bits >>= 1
    assert bits >> 127 == 1
    rows.append('{ 0x%016x, 0x%016x }' % (bits >> 64, bits & (2 ** 64 - 1)))

print('/* Made by powers.py: the powers of ten from %d on, upper and lower 64 of 128 bits. Do not edit. */' % FIRST)
print('/* clang-format off */')
print('static const uint64_t powers[%d][2] = {' % len(rows))
for at in range(0, len(rows), 3):
    print('    ' + ' '.join(row + ',' for row in rows[at:at + 3]))
print('};')
