#!/usr/bin/env python3
"""Runs the examples of docs/guide/patterns.md: makes vectors of them and hands these to conformance_patterns.

usage: test_guide.py CONFORMANCE_PATTERNS GUIDE

Blocks are fenced by ```json KIND. `pattern` (of a bus), `policy` (of a topic) and `filter` (of a mapping) are tried on the blocks that
follow: `match` and `nomatch` hold an event, `attributes match` and `attributes nomatch` the attributes of a message. `invalid` holds a
pattern that is refused, `invalid policy` and `invalid filter` one of these. Any other kind is an error, so that no example is left out by a
slip.
"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

program, guide = sys.argv[1:3]
with open(guide, encoding='utf-8') as source:
    text = source.read()

scopes = {'policy': {'scope': 'MessageAttributes'}, 'filter': {'scope': 'Mapping'}}
vectors = []
pattern = None
tried = True
for block in re.finditer(r'^```(.*)\n((?:.*\n)*?)```$', text, re.MULTILINE):
    kind, body = block.group(1), block.group(2).strip()
    line = text.count('\n', 0, block.start()) + 1
    vector = {'id': f'line {line}'}
    if kind in ('json invalid', 'json invalid policy', 'json invalid filter'):
        vector.update(pattern_raw=body, expect='invalid_pattern')
        vector.update(scopes.get(kind.split()[-1], {}))
    elif kind in ('json pattern', 'json policy', 'json filter'):
        if not tried:
            sys.exit(f'{guide}:{line}: the pattern before this one is not tried on anything')
        pattern, tried = (kind, body), False
        continue
    elif kind in ('json match', 'json nomatch', 'json attributes match', 'json attributes nomatch') and pattern:
        tried = True
        vector.update(pattern_raw=pattern[1], expect=kind.split()[-1])
        if 'attributes' in kind:
            vector.update(attributes=json.loads(body), scope='MessageAttributes')
        else:
            vector.update(event_raw=body)
            vector.update(scopes.get(pattern[0].split()[-1], {}))
    else:
        sys.exit(f'{guide}:{line}: a block of an unknown kind, or before any pattern: {kind}')
    vectors.append(vector)
if not vectors or not tried:
    sys.exit(f'{guide}: no examples, or a last pattern that is not tried')

with tempfile.NamedTemporaryFile('w', suffix='.jsonl') as out:
    for vector in vectors:
        out.write(json.dumps(vector) + '\n')
    out.flush()
    wrapper = shlex.split(os.environ.get('MESON_EXE_WRAPPER', ''))  # an emulator, in a cross build
    done = subprocess.run(wrapper + [program, out.name], stdout=subprocess.PIPE, check=False)
answer = done.stdout.decode()
print(answer, end='')
# All of them, none skipped.
sys.exit(done.returncode != 0 or not answer.endswith(f'{len(vectors)} passed, 0 failed, 0 skipped\n'))
