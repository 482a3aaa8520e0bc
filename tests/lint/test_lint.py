#!/usr/bin/env python3
"""Tests lint.py: a small tree without a fault passes, and each fault planted in a copy of it is found where it is.

usage: test_lint.py [CC]    The checks of the built library need a C compiler, ar and nm.
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CC = sys.argv[1:] or ['cc']

GOOD = {
    'include/nimbus/queue.h': '''#define NIMBUS_API __attribute__((visibility("default")))
/**
 * Counts.
 *
 * @param queue  NULL: 0
 * @param name   any
 * Returns: a count.
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API int nimbus_queue_count(const void *queue,
                                  const char name[4]);

/**
 * Ends.
 *
 * Threads: any. Blocks: no. Allocates: no.
 * Source: ours.
 */
NIMBUS_API void nimbus_end(void);
''',
    'lib/api/queue.c': '''#include <nimbus/queue.h>
#include "json/reader.h"
#include "platform/memory.h"

int nimbus_queue_count(const void *queue, const char name[4])
{
    return nb_json_read(queue) + name[0];
}

void nimbus_end(void)
{
    nb_platform_free(nb_platform_malloc(1));
}
''',
    'lib/json/reader.h': 'int nb_json_read(const void *at);\n',
    'lib/json/reader.c': '#include "json/reader.h"\n\nint nb_json_read(const void *at)\n{\n    return at != 0;\n}\n',
    'lib/queue/queue.c': '#include "base/heap.h"\n',
    'lib/base/heap.h': '#include <stddef.h>\n',
    'lib/platform/memory.h': '#include <stddef.h>\nvoid *nb_platform_malloc(size_t size);\nvoid nb_platform_free(void *block);\n',
    'lib/platform/memory.c': '''#include "platform/memory.h"
#include <stdlib.h>
#include <time.h>

void *nb_platform_malloc(size_t size)
{
    return malloc(size + (size_t)time(NULL) % 2);
}

void nb_platform_free(void *block)
{
    free(block);
}
''',
    'tests/scenario/test_queue.c': 'static void sqs_v8_delete_after_lapse(void **state)\n{\n    (void)state;\n}\n',
    'tests/lint/statements.txt': '# claimed\nSQS-V8\n',
    'docs/guide.md': 'All is well.\n',
}

READER, HEADER, API = 'lib/json/reader.c', 'include/nimbus/queue.h', 'lib/api/queue.c'

# PLANTED: check, file, what to replace ('' appends), by what, what must be reported
EXPORT = '__attribute__((visibility("default"))) void nimbus_x(void)\n{\n}\n'
PLANTED = [
    ('layers', READER, '', '#include "queue/queue.h"\n', READER + ':7: json/ must not see queue/'),
    ('layers', READER, '', '#include "time/clock.h"\n', 'json/ must not see time/'),
    ('layers', 'lib/queue/queue.c', '', '#include "topic/topic.h"\n', 'lib/queue/queue.c:2: queue/ must not see topic/'),
    ('layers', 'lib/base/heap.h', '', '#include "sync/ring.h"\n', 'lib/base/heap.h:2: base/ must not see sync/'),
    ('layers', READER, '"json/reader.h"', '"reader.h"', READER + ':1: "reader.h" does not name its layer'),
    ('layers', READER, '"json/reader.h"', '<json/reader.h>', READER + ':1: private header'),
    ('layers', 'lib/extra/new.c', '', 'int nb_x;\n', 'lib/extra/new.c:1: is in no layer'),
    ('lengths', READER, '', 'int nb_y;\n' * 395, 'the file has 401 lines'),
    ('lengths', READER, '    return', '\n' * 58 + '    return', READER + ':4: the function has 61 lines'),
    ('lengths', READER, '', '/*' + ' ' * 137 + '*/\n', READER + ':7: the line has 141 characters'),
    ('lengths', HEADER, '', '/*' + ' ' * 137 + '*/\n', 'the line has 141 characters'),
    ('docs', HEADER, ' * @param name   any\n', '', HEADER + ':10: the comment of nimbus_queue_count does not name parameter name'),
    ('docs', HEADER, '@param name ', '@param nome ', 'names nome, which is no parameter'),
    ('docs', HEADER, ' * Returns: a count.\n', '', 'has no "Returns:"'),
    ('docs', HEADER, 'Threads: any. ', '', 'has no "Threads:"'),
    ('docs', HEADER, 'Blocks: no. ', '', 'has no "Blocks:"'),
    ('docs', HEADER, 'Allocates: no.', '', 'has no "Allocates:"'),
    ('docs', HEADER, ' * Source: ours.\n', '', 'has no "Source:"'),
    ('docs', HEADER, '*/\nNIMBUS_API void', '*/\n\nNIMBUS_API void', 'nimbus_end has no /** comment */ directly before it'),
    ('docs', HEADER, '/**\n * Ends.', '/*\n * Ends.', 'nimbus_end has no /** comment */ directly before it'),
    ('docs', HEADER, 'NIMBUS_API void', 'extern NIMBUS_API void', 'a declaration that this check cannot read'),
    ('markers', READER, '', '/* TO' 'DO: more */\n', READER + ':7: leftover'),
    ('markers', 'docs/guide.md', '', 'FIX' 'ME\n', 'docs/guide.md:2: leftover'),
    ('markers', 'docs/guide.md', '', 'in /wo' 'rk/main\n', 'docs/guide.md:2: leftover'),
    ('statements', 'tests/lint/statements.txt', '', 'SQS-V9\n', 'tests/lint/statements.txt:3: SQS-V9 has no scenario'),
    ('statements', 'tests/scenario/test_queue.c', 'static', '// sqs_v8_x()\n/* sqs_v8_y() */ static', None),
    ('statements', 'tests/scenario/test_queue.c', 'void sqs_v8_delete', 'void sqs_v81_delete', 'SQS-V8 has no scenario'),
    ('statements', 'tests/scenario/test_queue.c', 'static void sqs_v8', '/* sqs_v8_x() */ static void sqs_x8', 'SQS-V8 has no scenario'),
    ('api-symbols', API, '', EXPORT, 'exports nimbus_x, which no public header declares'),
    ('api-symbols', HEADER, 'void nimbus_end(void);', 'void nimbus_end(void);\nNIMBUS_API void nimbus_more(void);',
     HEADER + ':21: nimbus_more is declared and not exported'),
    ('api-symbols', READER, '', EXPORT, 'json_reader.c.o:0: defines nimbus_x'),
    ('api-symbols', READER, '', 'int stray;\n', 'json_reader.c.o:0: defines stray'),
    ('platform-calls', READER, '', '#include <stdlib.h>\nvoid *nb_z(void)\n{\n    return malloc(9);\n}\n',
     'json_reader.c.o:0: calls malloc'),
    ('platform-calls', 'lib/platform/clock.c', '', '#include <stdlib.h>\nvoid nb_z(void *at)\n{\n    free(at);\n}\n',
     'platform_clock.c.o:0: calls free'),
    ('platform-calls', READER, '', '#include <time.h>\nlong nb_z(void)\n{\n    return time(NULL);\n}\n', 'json_reader.c.o:0: calls time'),
    ('platform-calls', READER, '', '#include <pthread.h>\npthread_t nb_z(void)\n{\n    return pthread_self();\n}\n',
     'json_reader.c.o:0: calls pthread_self'),
]


def write(root, files):
    for path, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
            file.write(text)


def build(root, files):
    """The archive and the shared library, with objects named as meson names them."""
    objects = []
    for path in sorted(files):
        if path.startswith('lib/') and path.endswith('.c'):
            objects.append(path[len('lib/'):].replace('/', '_') + '.o')
            subprocess.run([*CC, '-c', '-fPIC', '-fvisibility=hidden', '-Iinclude', '-Ilib', path, '-o', objects[-1]], cwd=root, check=True)
    subprocess.run(['ar', 'rc', 'libx.a', *objects], cwd=root, check=True)
    subprocess.run([*CC, '-shared', '-o', 'libx.so', *objects, '-pthread'], cwd=root, check=True)


def lint(check, files):
    root = tempfile.mkdtemp()
    try:
        write(root, files)
        command = [sys.executable, os.path.join(HERE, 'lint.py'), '--only', check, '--root', root]
        if check in ('api-symbols', 'platform-calls'):
            build(root, files)
            command += ['--archive', os.path.join(root, 'libx.a'), '--shared', os.path.join(root, 'libx.so')]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    finally:
        shutil.rmtree(root)


def planted(path, old, new):
    files = dict(GOOD)
    text = files.get(path, '')
    assert old in text, (path, old)
    files[path] = text.replace(old, new, 1) if old else text + new
    return files


def main():
    passed = failed = 0
    cases = [(check, GOOD, None, 'no fault') for check in sorted({case[0] for case in PLANTED})]
    cases += [(check, planted(path, old, new), expected, f'{path}: {new.strip()[:50]!r}') for check, path, old, new, expected in PLANTED]
    for check, files, expected, what in cases:
        code, output = lint(check, files)
        if (code == 1 and expected in output) if expected else (code == 0 and output == '0 findings\n'):
            passed += 1
        else:
            failed += 1
            print(f'{check}, {what}: expected {expected or "nothing"}, answered {code}:\n{output}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
