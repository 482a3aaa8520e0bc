/*
 * draft.h - a pattern between its text and an index: its paths, its lists, the tests in them, and the combinations of "$or".
 *
 * A draft lies in one arena and is thrown away when the index has taken what it needs. parse.c and list.c make leaves of the text, expand.c
 * makes combinations of the leaves. Whatever is wrong is handed to nb_draft_refuse(), which keeps the failure that stands first in the text
 * for *err and all of them for a list of findings; reading goes on behind it, so that one run finds everything. They are not found in the
 * order of the text: what a whole "$or" lacks is known at its end, and what a combination has too much of, later still.
 */
#ifndef NB_PATTERN_DRAFT_H
#define NB_PATTERN_DRAFT_H

#include <nimbus/pattern.h>

#include "json/reader.h"
#include "pattern/arena.h"
#include "pattern/table.h"

#define NB_MAX_FIELDS 64u /* of a combination: one bit each where arrays are judged */

#define NB_MAX_STEPS 1000u /* of a path: keys on the way, and dots in them */

/* What a test asks of a value. Those before NB_PRESENT are bits of nb_field.kinds: at most 32. */
typedef enum nb_kind {
    NB_STRING,      /* data */
    NB_NUMBER,      /* low is its key */
    NB_NUMBER_TEXT, /* data: a number that is not comparable */
    NB_TRUE,
    NB_FALSE,
    NB_NULL,
    NB_PREFIX,      /* data */
    NB_SUFFIX,      /* data */
    NB_FOLD,        /* data, as it is written; and so for the next two */
    NB_FOLD_PREFIX,
    NB_FOLD_SUFFIX,
    NB_GLOB,        /* data: a glob of glob.h */
    NB_RANGE,       /* low to high, both included */
    NB_CIDR,        /* data: 4 or 16 bytes; bits */
    NB_PRESENT,     /* any value */
    NB_ABSENT,      /* no value */
    NB_OTHER,       /* a value that none of the parts takes */
    NB_ANY          /* one of the parts; only in an index */
} nb_kind;

typedef struct nb_test {
    nb_kind kind;
    uint32_t parts;  /* of NB_OTHER: tests behind this one that belong to it */
    uint32_t bits;   /* of NB_CIDR; of NB_NUMBER: the hint of number.h, 0: any */
    size_t offset;   /* in the text */
    const char *data;
    size_t size;
    int64_t low, high;
} nb_test;

/* A list at a path, as it is written. */
typedef struct nb_leaf {
    uint32_t path;
    uint32_t first, count; /* tests, parts included */
    uint32_t depth;        /* keys on the way to it */
    size_t offset, end;    /* of the list in the text */
} nb_leaf;

typedef struct nb_path {
    const char *text; /* the joined path */
    size_t size;
} nb_path;

/* The structure of the pattern, as a line of steps. */
typedef enum nb_step {
    NB_STEP_LEAF,
    NB_STEP_OR,         /* "$or" begins */
    NB_STEP_BRANCH,     /* one of its objects begins */
    NB_STEP_BRANCH_END,
    NB_STEP_OR_END
} nb_step;

typedef struct nb_move {
    nb_step step;
    uint32_t leaf;  /* of NB_STEP_LEAF */
    size_t offset;
} nb_move;

/* Paths and lists that must all match. */
typedef struct nb_combination {
    uint32_t count;
    uint32_t *leaves; /* in the order in which their paths came first */
} nb_combination;

typedef struct nb_draft_limit {
    nimbus_profile profile;
    size_t max_bytes;
    uint32_t max_fields, max_combinations, max_wildcards;
} nb_draft_limit;

/* Where findings go at the end, in the order of their offsets; nimbus_pattern_check. */
typedef struct nb_findings {
    nimbus_finding *to;
    size_t room, count;
} nb_findings;

/* An array in the arena that grows. */
typedef struct nb_row {
    void *items;
    uint32_t count, room;
} nb_row;

typedef struct nb_draft {
    nb_arena arena;
    nb_draft_limit limits;
    nb_json_reader reader;
    const char *text;
    size_t size;
    nb_row paths;        /* nb_path */
    nb_row leaves;       /* nb_leaf */
    nb_row tests;        /* nb_test */
    nb_row moves;        /* nb_move */
    nb_row combinations; /* nb_combination */
    nb_table by_path;
    uint32_t keys;       /* of a policy, as its limit counts them */

    nimbus_status status; /* the failure that stands first in the text; no memory goes before all others */
    size_t failed_at;     /* its offset */
    char reason[160];
    nb_findings *findings;
    nb_row faults;        /* of draft.c: what becomes findings, as it was found */
} nb_draft;

/* The options as limits, defaults filled in. False: out of range, and *ret_field names the option. */
bool nb_draft_limits(const nimbus_pattern_options *options, nb_draft_limit *ret, const char **ret_field);

/*
 * Compiles text. On NIMBUS_OK the draft is whole; nb_draft_close() it in every case. findings NULL: the first failure is enough.
 * NIMBUS_E_PATTERN, NIMBUS_E_TOO_LARGE, NIMBUS_E_TOO_COMPLEX and those of nb_heap_failure().
 */
nimbus_status nb_draft_open(nb_draft *draft, nb_heap *heap, const nb_draft_limit *limits, const char *text, size_t size,
                            nb_findings *findings, nimbus_error *err, const char *call);
void nb_draft_close(nb_draft *draft);

/* ----------------------------------------------------------------------------- for the sources of a draft */

/* Something is wrong at an offset of the text. */
void nb_draft_refuse(nb_draft *draft, nimbus_status status, size_t offset, const char *reason, ...) __attribute__((format(printf, 4, 5)));

/* The status so far; a failure also fills *err. */
nimbus_status nb_draft_tell(const nb_draft *draft, nimbus_error *err, const char *call);

/* Something looks wrong. */
void nb_draft_lint(nb_draft *draft, size_t offset, const char *reason, ...) __attribute__((format(printf, 3, 4)));

/* Out of memory, which ends the reading at once. */
void nb_draft_starved(nb_draft *draft);

static inline bool nb_draft_is_starved(const nb_draft *draft)
{
    return draft->status == NIMBUS_E_NO_MEMORY || draft->status == NIMBUS_E_FULL;
}

/* A new last item, all zero. NULL: starved. */
void *nb_row_add(nb_draft *draft, nb_row *row, size_t size);

static inline nb_leaf *nb_draft_leaf(const nb_draft *draft, uint32_t leaf)
{
    return (nb_leaf *)draft->leaves.items + leaf;
}

static inline nb_test *nb_draft_test(const nb_draft *draft, uint32_t test)
{
    return (nb_test *)draft->tests.items + test;
}

static inline nb_path *nb_draft_path(const nb_draft *draft, uint32_t path)
{
    return (nb_path *)draft->paths.items + path;
}

static inline nb_combination *nb_draft_combination(const nb_draft *draft, uint32_t combination)
{
    return (nb_combination *)draft->combinations.items + combination;
}

/* Where the last token stands in the text. */
static inline size_t nb_draft_offset(const nb_draft *draft)
{
    return nb_json_offset(&draft->reader);
}

/* Whether the last token, a key or a string, has this value. */
bool nb_draft_is(const nb_draft *draft, const char *name);

/* The value of the last token, a key or a string. NULL: starved. */
char *nb_draft_text(nb_draft *draft, size_t *ret_size);

/* The last token, to be named in a reason: "%.*s", at most 40 bytes and whole characters. */
int nb_draft_clip(const nb_draft *draft);

/* parse.c: reads the text, which is JSON. */
void nb_parse(nb_draft *draft);

/* list.c: the tests of a list, behind its '['; returns how many elements there were. */
uint32_t nb_parse_list(nb_draft *draft);

/* list.c: one element that stands for a list of one; event is that of its first token. */
void nb_parse_element(nb_draft *draft, nb_json_event event);

/* operator.c: an operator object, behind its '{'. */
void nb_parse_operator(nb_draft *draft);

/* operand.c: what stands inside; `name` is the operator's, for reasons; event is that of the first token. */
void nb_parse_scalar(nb_draft *draft, nb_json_event event);
void nb_parse_text(nb_draft *draft, nb_json_event event, nb_kind kind, const char *name);
void nb_parse_numeric(nb_draft *draft, nb_json_event event);
void nb_parse_cidr(nb_draft *draft, nb_json_event event);
void nb_parse_glob(nb_draft *draft, nb_json_event event);

/* Reads over the value that the last token begins. */
void nb_parse_over(nb_draft *draft, nb_json_event event);

/* expand.c: the combinations, and the limits of a policy. */
void nb_expand(nb_draft *draft);

/* lint.c: elements of a list that cannot be meant. */
void nb_lint_leaf(nb_draft *draft, const nb_leaf *leaf);

#endif
