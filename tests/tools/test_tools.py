#!/usr/bin/env python3
"""Runs match_events and test_pattern as a user would, and looks at what they print and answer.

usage: test_tools.py PROGRAM
"""
import os
import subprocess
import sys
import tempfile

match_events = test_pattern = sys.argv[1]
failed = 0
ran = 0


def run(program, *args, stdin=''):
    done = subprocess.run([program, *args], input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(what, got, wanted):
    global failed, ran
    ran += 1
    if got != wanted:
        failed += 1
        print(f'{what}:\n  got    {got!r}\n  wanted {wanted!r}')


RULES = ('orders\t{"source":["shop"]}\n'
         'big\t{"source":["shop"],"detail":{"total":[{"numeric":[">",100]}]}}\n'
         '\n'
         'files\t{"detail":{"name":[{"suffix":".png"}]}}\n')
EVENTS = ['{"source":"shop","detail":{"total":250}}',
          '{"source":"bank"}',
          '{"source":"shop","detail":{"total":99,"name":"a.png"}}']


def test_match_events(folder):
    rules = os.path.join(folder, 'rules.tsv')
    events = os.path.join(folder, 'events.jsonl')
    with open(rules, 'w') as out:
        out.write(RULES)
    with open(events, 'w') as out:
        out.write('\n'.join(EVENTS) + '\n')
    names = '1\torders\tbig\n3\torders\tfiles\n'
    expect('names', run(match_events, rules, events), (0, names, ''))
    expect('trusted', run(match_events, '--trusted', rules, events), (0, names, ''))
    expect('standard input', run(match_events, rules, stdin='\n'.join(EVENTS)), (0, names, ''))
    expect('dash', run(match_events, rules, '-', stdin='\r\n'.join(EVENTS)), (0, names, ''))
    expect('count', run(match_events, '--count', rules, events), (0, '2\torders\n1\tbig\n1\tfiles\n', ''))
    expect('events', run(match_events, '--events', rules, events), (0, EVENTS[0] + '\n' + EVENTS[2] + '\n', ''))
    expect('none', run(match_events, rules, stdin='{"a":1}\n'), (1, '', ''))
    expect('count of none', run(match_events, '--count', rules, stdin=''), (1, '0\torders\n0\tbig\n0\tfiles\n', ''))
    status, out, err = run(match_events, rules, stdin='{"source":\n' + EVENTS[0] + '\n')
    expect('a malformed event does not stop it', (status, out, ':1:' in err), (2, '2\torders\tbig\n', True))
    with open(rules, 'a') as out:
        out.write('bad\t{"a":1}\nnotab\n')
    status, out, err = run(match_events, rules, events)
    expect('a bad rule does not stop it', (status, out, ':5: bad: ' in err, ':6: no tab' in err), (2, names, True, True))
    with open(rules, 'w') as out:
        out.write(RULES + 'big\t{"source":["bank"]}\n')
    status, out, err = run(match_events, rules, events)
    expect('a name twice', (status, out, ':5: big: ' in err), (2, '1\torders\n2\tbig\n3\torders\tfiles\n', True))
    status, out, err = run(match_events, rules, folder)
    expect('a folder of events', (status, out, folder + ': Is a directory' in err), (2, '', True))
    expect('a folder of rules', run(match_events, folder, events)[0], 2)
    if os.path.exists('/dev/full'):
        with open('/dev/full', 'w') as full:
            done = subprocess.run([match_events, rules, events], stdout=full, stderr=subprocess.PIPE, check=False)
            expect('a full disk', (done.returncode, b'cannot write' in done.stderr), (2, True))
    expect('no such file', run(match_events, rules + 'x', events)[0], 2)
    expect('no such events', run(match_events, rules, events + 'x')[0], 2)
    expect('no arguments', run(match_events)[0], 2)
    expect('unknown option', run(match_events, '--what', rules)[0], 2)


def test_test_pattern(folder):
    expect('match', run(test_pattern, '{"a":["x"]}', '{"a":"x"}'), (0, 'match\n', ''))
    status, out, _ = run(test_pattern, '{"a":["x"],"b":{"c":[{"prefix":"y"}]}}', '{"a":"x","b":{"c":"no"}}')
    expect('no match', (status, out.split('\n')[0]), (1, 'no match'))
    for word in ('ok  a: ', 'NO  b.c: ', 'wanted [{"prefix":"y"}]', 'found  "no"'):
        expect('explanation has ' + word, word in out, True)
    status, out, _ = run(test_pattern, '{"a":[{"prefix":"é","nope":1}],"b":1}', '{}')
    lines = out.split('\n')
    expect('invalid', status, 2)
    carets = [i for i, line in enumerate(lines) if line.strip() == '^']
    expect('all errors', len(carets), 2)
    expect('the caret of the key', lines[carets[-1] - 1][lines[carets[-1]].index('^'):] if carets else '', '"b":1}')
    expect('a valid pattern alone', run(test_pattern, '{"a":["x"]}'), (0, '', ''))
    status, out, _ = run(test_pattern, '{"a":["x"],"a":["y"]}', '{"a":"y"}')
    expect('a note', (status, out[:8], out.split('\n')[-2]), (0, 'note at ', 'match'))
    expect('a malformed event', run(test_pattern, '{"a":["x"]}', '{"a":')[0], 2)
    path = os.path.join(folder, 'pattern.json')
    with open(path, 'w') as out_file:
        out_file.write('{\n  "a": ["x"],\n  "b": "oops"\n}\n')
    status, out, _ = run(test_pattern, '@' + path, '{}')
    lines = out.split('\n')
    expect('the line of a file', (status, lines[1], lines[2]), (2, '    "b": "oops"', '    ^'))
    with open(path, 'w') as out_file:
        out_file.write('{"a":["x"]}\0{')
    expect('a zero byte', run(test_pattern, '@' + path, '{}')[0], 2)
    expect('a folder', run(test_pattern, '@' + folder)[0], 2)
    expect('no such file', run(test_pattern, '@' + path + 'x', '{}')[0], 2)
    expect('no arguments', run(test_pattern)[0], 2)


with tempfile.TemporaryDirectory() as scratch:
    if os.path.basename(sys.argv[1]).startswith('match_events'):
        test_match_events(scratch)
    else:
        test_test_pattern(scratch)
print(f'{ran - failed} passed, {failed} failed')
sys.exit(failed != 0)
