#!/usr/bin/env python3
"""Tests run: in a tiny project a fault that a test sees is killed, one that none sees survives, and mutants out of order are refused."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

PROJECT = {
    'meson.build': '''project('tiny', 'c')
test('knows', executable('knows', 'test.c', 'lib/twice.c'))
test('fails', find_program('false'))
''',
    'meson_options.txt': "option('examples', type: 'feature')\noption('bench', type: 'feature')\n",
    'lib/twice.c': '''int twice(int number);
int twice(int number)
{
    int unused = 0;
    for (int i = 0; i < 1; i++) {
        number *= 2;
    }
    (void)unused;
    return number;
}
''',
    'test.c': 'int twice(int number);\nint main(int count, char **words)\n{\n    (void)words;\n'
              '    return twice(count) != 2 * count;\n}\n',
}

MUTANT = '[{name}]\nwhy: a try\nfile: lib/twice.c\ntest: {test}\n{lines}\n'

failures = 0


def expect(folder, name, status, words, lines, test='knows', extra=()):
    """One mutant, one run: its exit status, and what it has to say."""
    global failures
    with open(os.path.join(folder, 'mutants', 'lib.txt'), 'w', encoding='utf-8') as file:
        file.write(MUTANT.format(name=name, test=test, lines=lines))
    done = subprocess.run([sys.executable, os.path.join(HERE, 'run'), *(extra or ['--all']), '--root', folder, '--limit', '1', '--keep',
                           os.path.join(folder, 'kept'), '--folder', os.path.join(folder, 'mutants')], capture_output=True, text=True)
    if done.returncode != status or words not in done.stdout:
        failures += 1
        print(f'{name}: status {done.returncode}, expected {status} and "{words}":\n{done.stdout}{done.stderr}')


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, 'lib'))
        os.makedirs(os.path.join(folder, 'mutants'))
        for path, text in PROJECT.items():
            with open(os.path.join(folder, path), 'w', encoding='utf-8') as file:
                file.write(text)
        expect(folder, 'killed', 0, '1 killed, 0 survived', '- number *= 2;\n+ number *= 3;')
        expect(folder, 'dropped', 0, '1 killed, 0 survived', '- number *= 2;')
        expect(folder, 'hangs', 0, 'over time', '- number *= 2;\n+ i--;')
        expect(folder, 'two-lines', 0, '1 killed', '- number *= 2;\n- }\n+ }')
        expect(folder, 'survives', 1, 'SURVIVED: survives', '- int unused = 0;\n+ int unused = 1;')
        expect(folder, 'stale', 2, 'matches lib/twice.c 0 times', '- number *= 4;\n+ number *= 3;')
        expect(folder, 'twofold', 2, 'matches lib/twice.c 2 times', '- }\n+ ')
        expect(folder, 'broken', 2, 'does not compile', '- number *= 2;\n+ number *= two;')
        expect(folder, 'nothing', 2, 'changes nothing', '- number *= 2;\n+ number *= 2;')
        expect(folder, 'red-before', 2, 'fails without a fault', '- number *= 2;\n+ number *= 3;', test='fails')
        expect(folder, 'no-test', 2, 'which is not there', '- number *= 2;\n+ number *= 3;', test='knew')
        expect(folder, 'arguments', 1, 'SURVIVED', '- number *= 2;\n+ number += 3;', test='knows a b') # twice 3 is 3 + 3
        expect(folder, 'listed', 0, '1 mutants', '- number *= 2;\n+ number *= 3;', extra=['--list'])
        expect(folder, 'unknown', 2, 'there is no mutant', '- number *= 2;\n+ number *= 3;', extra=['--only', 'known'])
    print(f'{failures} failed')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
