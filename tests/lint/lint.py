#!/usr/bin/env python3
"""Checks the rules of the house that no compiler knows. Prints FILE:LINE: what is wrong, and answers 1 if anything is.

usage: lint.py [--only CHECK] [--root DIR] [--archive libnimbus.a] [--shared libnimbus.so] [--nm NM]

The checks api-symbols and platform-calls look at the built library and need --archive and --shared.
"""
import argparse
import os
import re
import subprocess
import sys

# A folder of lib/ sees itself and the rows above its own; folders in one row never see each other.
LAYERS = [['platform'], ['base'], ['sync'], ['memory'], ['time'], ['json'], ['pattern'], ['exec'], ['runtime'], ['store'], ['target'],
          ['queue', 'topic', 'function', 'bus'], ['mapping'], ['api']]
RANK = {folder: rank for rank, row in enumerate(LAYERS) for folder in row}
# The names of the atomic operations stand on platform/ alone; whoever stands above that may use them.
EVERYWHERE = {'sync/atomic.h'}
# json and pattern are usable alone, so they see less than what lies under them.
NARROW = {'json': {'platform', 'base'}, 'pattern': {'platform', 'base', 'sync', 'json'}}

MAX_FILE, MAX_FUNCTION, MAX_LINE = 400, 60, 140

# Who may call what outside this library. Names as nm prints them, without their @version.
ALLOCATION = re.compile(r'(malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|strn?dup|v?asprintf)$')
SYSTEM = re.compile(r'(pthread_\w+|clock_\w+|clock|time|gettimeofday|nanosleep|sleep|usleep|futex|syscall|eventfd\w*|pipe2?|read|write|'
                    r'p?poll|select|epoll_\w+|timerfd_\w+|sched_\w+|thrd_\w+|mtx_\w+|cnd_\w+|sysconf|getrandom|open|close|fcntl)$')

MARKERS = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')
# Names of people's tools and machines. The brackets keep this file from finding itself.
FOREIGN = re.compile(r'\bcl[a]ude\b|\bll[m]s?\b|/w[o]rk/|(?-i:\bA[I]\b)', re.I)
TEXT_FILES = ('.c', '.h', '.cpp', '.py', '.sh', '.md', '.txt', '.build', '.in')

DOC_PARTS = ['Threads:', 'Blocks:', 'Allocates:', 'Source:']


class Lint:
    def __init__(self, options):
        self.options = options
        self.root = options.root
        self.findings = 0

    def report(self, path, line, text):
        print(f'{path}:{line}: {text}')
        self.findings += 1

    def files(self, folders, suffixes):
        """Paths relative to the root, sorted."""
        found = []
        for folder in folders:
            for where, _, names in os.walk(os.path.join(self.root, folder)):
                found += [os.path.relpath(os.path.join(where, name), self.root) for name in names if name.endswith(suffixes)]
        return sorted(found)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding='utf-8') as file:
            return file.read()

    # ------------------------------------------------------------------------------------- text checks

    def layers(self):
        for path in self.files(['lib'], ('.c', '.h')):
            parts = path.split(os.sep)
            folder = parts[1]
            if len(parts) < 3 or folder not in RANK:
                self.report(path, 1, 'is in no layer of lib/')
                continue
            for number, line in enumerate(self.read(path).split('\n'), 1):
                include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
                if include:
                    self.check_include(path, number, folder, include[1], include[2])

    def check_include(self, path, number, folder, bracket, name):
        if bracket == '<':
            if name.split('/')[0] in RANK and not name.startswith('nimbus/') and '/' in name:
                self.report(path, number, f'private header <{name}> in angle brackets')
            return
        other = name.split('/')[0]
        if '/' not in name or other not in RANK:
            self.report(path, number, f'"{name}" does not name its layer: write "folder/file.h"')
        elif name in EVERYWHERE and folder != 'platform':
            return
        elif other != folder and (RANK[other] >= RANK[folder] or (folder in NARROW and other not in NARROW[folder])):
            self.report(path, number, f'{folder}/ must not see {other}/: "{name}"')

    def lengths(self):
        for path in self.files(['lib'], ('.c', '.h')):
            lines = self.read(path).rstrip('\n').split('\n')
            if len(lines) > MAX_FILE:
                self.report(path, len(lines), f'the file has {len(lines)} lines, more than {MAX_FILE}')
            self.check_functions(path, lines)
        for path in self.files(['lib', 'include', 'tests', 'bench', 'examples'], ('.c', '.h', '.cpp')):
            for number, line in enumerate(self.read(path).split('\n'), 1):
                if len(line) > MAX_LINE:
                    self.report(path, number, f'the line has {len(line)} characters, more than {MAX_LINE}')

    def check_functions(self, path, lines):
        """A function is what stands between a line "{" and the next line "}": the style allows nothing else to look so."""
        start = None
        for number, line in enumerate(lines, 1):
            if line == '{':
                start = number
            elif line == '}' and start:
                if number - start + 1 > MAX_FUNCTION:
                    self.report(path, start, f'the function has {number - start + 1} lines, more than {MAX_FUNCTION}')
                start = None

    def docs(self):
        read = {(path, number) for path, number, *_ in self.public_functions()}
        for path in self.files(['include/nimbus'], ('.h',)):
            for number, line in enumerate(self.read(path).split('\n'), 1):
                if 'NIMBUS_API' in line and not line.startswith('#') and (path, number) not in read:
                    self.report(path, number, 'a declaration that this check cannot read: it starts with NIMBUS_API and names a function')
        for path, number, name, returns, params, comment in self.public_functions():
            if not comment:
                self.report(path, number, f'{name} has no /** comment */ directly before it')
                continue
            for param in params:
                if not re.search(r'@param\s+' + param + r'\b', comment):
                    self.report(path, number, f'the comment of {name} does not name parameter {param}')
            for named in re.findall(r'@param\s+(\w+)', comment):
                if named not in params:
                    self.report(path, number, f'the comment of {name} names {named}, which is no parameter')
            for part in DOC_PARTS if returns == 'void' else ['Returns:'] + DOC_PARTS:
                if part not in comment:
                    self.report(path, number, f'the comment of {name} has no "{part}"')

    def public_functions(self):
        """Yields (path, line, name, return type, parameter names, comment or None) for each function that the headers declare."""
        for path in self.files(['include/nimbus'], ('.h',)):
            text = self.read(path)
            for found in re.finditer(r'^(?:NIMBUS_API|static inline)\b([^;{]*?)\b(nimbus_\w+)\s*\(([^;{]*?)\)\s*[;{]', text, re.M):
                returns = found[1].replace('NIMBUS_MUST_USE', '').strip()
                comment = re.search(r'/\*\*((?:(?!\*/).)*)\*/\n\Z', text[:found.start()], re.S)
                yield (path, text.count('\n', 0, found.start()) + 1, found[2], returns, self.param_names(found[3]),
                       comment[1] if comment else None)

    @staticmethod
    def param_names(params):
        names = []
        for param in params.split(','):
            pointer = re.search(r'\(\s*\*\s*(\w+)\s*\)', param)
            words = re.findall(r'\w+', re.sub(r'\[[^\]]*\]', '', param))
            if pointer:
                names.append(pointer[1])
            elif words and words != ['void']:
                names.append(words[-1])
        return names

    def markers(self):
        """Leftovers, and names that have no place in the text. This folder is left out: it has to spell what it looks for."""
        folders = ['lib', 'include', 'tests', 'bench', 'examples', 'docs']
        for path in self.files(folders, TEXT_FILES) + ['README.md', 'meson.build', '.ci/run']:
            if path.startswith(os.path.join('tests', 'lint')) or not os.path.exists(os.path.join(self.root, path)):
                continue
            for number, line in enumerate(self.read(path).split('\n'), 1):
                marker = MARKERS.search(line) or FOREIGN.search(line)
                if marker:
                    self.report(path, number, f'leftover "{marker[0]}"')

    def statements(self):
        """Each claimed id needs a scenario function of its name: SQS-V8 a sqs_v8_...()."""
        names = set()
        for path in self.files(['tests/scenario'], ('.c',)):
            code = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', ' ', self.read(path), flags=re.S)
            names.update(re.findall(r'\b([a-z]\w*)\s*\(', code))
        path = os.path.join('tests', 'lint', 'statements.txt')
        for number, line in enumerate(self.read(path).split('\n'), 1):
            claim = line.split('#')[0].strip()
            prefix = claim.lower().replace('-', '_') + '_'
            if claim and not any(name.startswith(prefix) for name in names):
                self.report(path, number, f'{claim} has no scenario {prefix}...() in tests/scenario')

    # ----------------------------------------------------------------------- checks of the built library

    def nm(self, *arguments):
        return subprocess.run([self.options.nm, *arguments], check=True, capture_output=True, text=True).stdout.split('\n')

    def members(self, kinds):
        """Yields (object, symbol) of the archive; the object of lib/api/queue.c is api_queue.c.o."""
        for line in self.nm('-A', self.options.archive):
            found = re.match(r'(.*):\s*[0-9a-fA-F]*\s+(\w)\s+(\S+)$', line)
            if found and found[2] in kinds:
                yield re.split(r'[:/]', found[1])[-1], found[3].split('@')[0]

    def api_symbols(self):
        declared = {name: (path, number) for path, number, name, returns, _, _ in self.public_functions()
                    if self.read(path).split('\n')[number - 1].startswith('NIMBUS_API')}
        exported = {line.split()[-1].split('@')[0] for line in self.nm('-D', '--defined-only', self.options.shared) if line.strip()}
        for name in sorted(exported - set(declared)):
            self.report(self.options.shared, 0, f'exports {name}, which no public header declares')
        for name in sorted(set(declared) - exported):
            self.report(*declared[name], f'{name} is declared and not exported')
        for member, name in self.members('TDBRVWC'):
            if name in exported and not member.startswith('api_'):
                self.report(member, 0, f'defines {name}: only lib/api/ defines exported symbols')
            if not name.startswith(('nimbus_', 'nb_')):
                self.report(member, 0, f'defines {name}: the prefixes are nimbus_ and nb_')

    def platform_calls(self):
        for member, name in self.members('Uw'):
            name = re.sub(r'^__(\w+?)(_chk|64)$', r'\1', name) # what hardened and 32-bit builds call instead
            if ALLOCATION.match(name) and member != 'platform_memory.c.o':
                self.report(member, 0, f'calls {name}: only lib/platform/memory.c does')
            if SYSTEM.match(name) and not member.startswith('platform_'):
                self.report(member, 0, f'calls {name}: only lib/platform/ does')


TEXT_CHECKS = ['layers', 'lengths', 'docs', 'markers', 'statements']
BUILT_CHECKS = ['api-symbols', 'platform-calls']


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', choices=TEXT_CHECKS + BUILT_CHECKS, metavar='CHECK')
    parser.add_argument('--root', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
    parser.add_argument('--archive')
    parser.add_argument('--shared')
    parser.add_argument('--nm', default='nm')
    options = parser.parse_args()
    options.root = os.path.normpath(options.root)

    built = options.archive and options.shared
    if options.only in BUILT_CHECKS and not built:
        parser.error(f'{options.only} needs --archive and --shared')
    lint = Lint(options)
    for check in [options.only] if options.only else TEXT_CHECKS + (BUILT_CHECKS if built else []):
        getattr(lint, check.replace('-', '_'))()
    print(f'{lint.findings} findings')
    return 1 if lint.findings else 0


if __name__ == '__main__':
    sys.exit(main())
