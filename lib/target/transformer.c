#include "target/transformer.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "json/reader.h"

#define MAX_TEXT 8192u
#define MAX_PATHS 100u
#define MAX_NAME 256u

typedef struct maker {
    const nimbus_input *input;
    nb_transformer *made;
    const char *call;
    nimbus_error *err;
} maker;

static nimbus_status refuse(const maker *m, const char *field, size_t offset, const char *reason)
{
    return nb_error_set_at(m->err, NIMBUS_E_INVALID, m->call, field, offset, "%s", reason);
}

/* ------------------------------------------------------------------------------------------------ checking */

/* Exactly one of the three ways. */
static nimbus_status check_ways(const maker *m)
{
    const nimbus_input *in = m->input;
    int ways = (in->constant != NULL) + (in->path != NULL) + (in->text != NULL);

    if (!nb_reserved_clear(in->reserved_, 4)) {
        return refuse(m, "reserved_", NB_NO_OFFSET, "reserved_ must be zero");
    }
    if (ways != 1) {
        return refuse(m, "input", NB_NO_OFFSET, "exactly one of constant, path and text is to be given");
    }
    if (in->path_count > MAX_PATHS || (in->path_count > 0 && (in->text == NULL || in->paths == NULL))) {
        return refuse(m, "input.paths", NB_NO_OFFSET, "at most 100 paths, and only for a template");
    }
    return NIMBUS_OK;
}

static nimbus_status check_text(const maker *m, const char *field, const char *text)
{
    size_t size = strlen(text);

    return size >= 1 && size <= MAX_TEXT ? NIMBUS_OK : refuse(m, field, NB_NO_OFFSET, "it must have 1 to 8,192 bytes");
}

static nimbus_status check_constant(const maker *m)
{
    const char *reason = NULL;
    size_t offset = 0;
    nimbus_status status = check_text(m, "input.constant", m->input->constant);

    if (status == NIMBUS_OK &&
        nb_json_validate(m->input->constant, strlen(m->input->constant), &offset, &reason) != NIMBUS_OK) {
        status = refuse(m, "input.constant", offset, reason);
    }
    return status;
}

static nimbus_status compile_path(const maker *m, const char *field, const char *text, nb_json_path *to)
{
    size_t offset = 0;
    const char *wrong = text != NULL ? nb_json_path_compile(to, text, &offset) : "a path is NULL";

    return wrong == NULL ? NIMBUS_OK : refuse(m, field, offset, wrong);
}

static nimbus_status compile_paths(const maker *m)
{
    const nimbus_input *in = m->input;
    nimbus_status status = NIMBUS_OK;

    for (size_t i = 0; i < in->path_count && status == NIMBUS_OK; i++) {
        const char *name = in->paths[i].name;

        if (!nb_name_valid(name, MAX_NAME, "-_")) {
            return refuse(m, "input.paths", NB_NO_OFFSET, "a name has 1 to 256 letters, digits, - and _");
        }
        if (strncmp(name, "AWS", 3) == 0) {
            return refuse(m, "input.paths", NB_NO_OFFSET, "a name must not begin with AWS");
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(in->paths[j].name, name) == 0) {
                return refuse(m, "input.paths", NB_NO_OFFSET, "two paths have one name");
            }
        }
        status = compile_path(m, "input.paths", in->paths[i].path, &m->made->paths[i]);
    }
    return status;
}

/* ----------------------------------------------------------------------------------------------- templates */

/* The kind of a place by its name; NB_PIECE_TEXT: there is no such name. */
static nb_piece_kind kind_of(const maker *m, const char *name, size_t size, uint32_t *ret_number)
{
    static const struct {
        const char *name;
        nb_piece_kind kind;
    } known[] = { { "aws.events.rule-arn", NB_PIECE_RULE_ARN },
                  { "aws.events.rule-name", NB_PIECE_RULE_NAME },
                  { "aws.events.event.ingestion-time", NB_PIECE_TIME },
                  { "aws.events.event", NB_PIECE_EVENT },
                  { "aws.events.event.json", NB_PIECE_EVENT_JSON } };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].name) == size && memcmp(known[i].name, name, size) == 0) {
            return known[i].kind;
        }
    }
    for (size_t i = 0; i < m->input->path_count; i++) {
        if (strlen(m->input->paths[i].name) == size && memcmp(m->input->paths[i].name, name, size) == 0) {
            *ret_number = (uint32_t)i;
            return NB_PIECE_PATH;
        }
    }
    return NB_PIECE_TEXT;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void add_text(nb_transformer *t, const char *from, const char *to)
{
    if (from != to) {
        t->pieces[t->piece_count++] = (nb_template_piece){ .kind = NB_PIECE_TEXT, .text = from, .size = (uint32_t)(to - from) };
    }
}

/* A place, whose '<' is at `at` and whose '>' at `end`. */
static nimbus_status add_place(const maker *m, const char *start, const char *at, const char *end, bool quoted)
{
    uint32_t number = 0;
    nb_piece_kind kind = kind_of(m, at + 1, (size_t)(end - at - 1), &number);
    const char *behind = end + 1;

    if (kind == NB_PIECE_TEXT) {
        return nb_error_set_at(m->err, NIMBUS_E_INVALID, m->call, "input.text", (size_t)(at - start), "nothing is named <%.*s>",
                               (int)(end - at - 1 < 60 ? end - at - 1 : 60), at + 1);
    }
    while (is_blank(*behind)) {
        behind++;
    }
    if (!quoted && !m->made->is_text && *behind == ':') {
        return refuse(m, "input.text", (size_t)(at - start), "a value cannot be the key of a member");
    }
    m->made->pieces[m->made->piece_count++] = (nb_template_piece){ .kind = kind, .quoted = quoted, .number = number };
    return NIMBUS_OK;
}

/* Between the quoted lines of a text stand newlines, as they are or as \n; nothing else is allowed there. */
static nimbus_status take_gap(const maker *m, const char *start, const char **at)
{
    const char *from = *at;
    static const char newline[] = "\n";

    for (; **at != '\0' && **at != '"'; (*at)++) {
        if (**at == '\\' && (*at)[1] == 'n') {
            (*at)++;
        } else if (!is_blank(**at)) {
            return refuse(m, "input.text", (size_t)(*at - start), "between the lines of a text only newlines may stand");
        }
    }
    if (**at == '"' && from != start) {
        add_text(m->made, newline, newline + 1);
    }
    return NIMBUS_OK;
}

/* Cuts the template, a copy in the block, into pieces. */
static nimbus_status cut(const maker *m, const char *start)
{
    nb_transformer *t = m->made;
    const char *at = start, *plain = start;
    bool quoted = false;
    nimbus_status status = NIMBUS_OK;

    while (is_blank(*at)) {
        at++;
    }
    t->is_text = *at == '"';
    for (at = start; status == NIMBUS_OK && *at != '\0'; at++) {
        const char *end = *at == '<' ? strchr(at, '>') : NULL;

        if (end != NULL) {
            add_text(t, plain, at);
            status = add_place(m, start, at, end, quoted);
            at = end;
            plain = end + 1;
        } else if (t->is_text && !quoted && *at != '"') {
            add_text(t, plain, at);
            status = take_gap(m, start, &at);
            plain = at;
            at--; /* the loop goes on with the quote */
        } else if (*at == '\\' && quoted && at[1] != '\0') {
            at++;
        } else if (*at == '"') {
            quoted = !quoted;
        }
    }
    if (status == NIMBUS_OK && t->is_text && quoted) {
        return refuse(m, "input.text", strlen(start), "a line of the text has no closing quote");
    }
    add_text(t, plain, at);
    return status;
}

/* -------------------------------------------------------------------------------------------------- making */

static size_t count_char(const char *text, char c)
{
    size_t count = 0;

    for (; text != NULL && *text != '\0'; text++) {
        count += *text == c;
    }
    return count;
}

/* One block for all: the places are at most as many as there are '<', with text around each, and lines. */
static nb_transformer *allocate(nb_heap *heap, const nimbus_input *in, const char *rule, const char *arn, char **ret_text)
{
    size_t pieces = 2 * (count_char(in->text, '<') + count_char(in->text, '"')) + 2;
    size_t paths = in->path != NULL ? 1 : in->path_count;
    const char *text = in->text != NULL ? in->text : in->constant != NULL ? in->constant : "";
    size_t sizes[] = { strlen(text) + 1, strlen(rule) + 1, strlen(arn) + 1 };
    size_t block = sizeof(nb_transformer) + pieces * sizeof(nb_template_piece) + paths * sizeof(nb_json_path) + sizes[0] + sizes[1] +
                   sizes[2];
    nb_transformer *t = nb_alloc_zero(heap, block);

    if (t != NULL) {
        t->heap = heap;
        t->block = block;
        t->pieces = (nb_template_piece *)(void *)(t + 1);
        t->paths = (nb_json_path *)(void *)(t->pieces + pieces);
        t->path_count = (uint32_t)paths;
        *ret_text = memcpy((char *)(t->paths + paths), text, sizes[0]);
        t->rule_name = memcpy(*ret_text + sizes[0], rule, sizes[1]);
        t->rule_arn = memcpy(t->rule_name + sizes[1], arn, sizes[2]);
    }
    return t;
}

nimbus_status nb_transformer_make(nb_heap *heap, const nimbus_input *input, const char *rule, const char *arn, nb_transformer **ret,
                                  const char *call, nimbus_error *err)
{
    maker m = { input, NULL, call, err };
    nimbus_status status = check_ways(&m);
    char *text = NULL;

    if (status == NIMBUS_OK && input->text != NULL) {
        status = check_text(&m, "input.text", input->text);
    } else if (status == NIMBUS_OK && input->constant != NULL) {
        status = check_constant(&m);
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    m.made = allocate(heap, input, rule, arn, &text);
    if (m.made == NULL) {
        return nb_error_set(err, nb_heap_failure(heap, 4096), call, "input", "no memory for the transformer");
    }
    m.made->constant = input->constant != NULL ? text : NULL;
    m.made->selects = input->path != NULL;
    if (input->path != NULL) {
        status = compile_path(&m, "input.path", input->path, &m.made->paths[0]);
    } else if (input->text != NULL) {
        status = compile_paths(&m);
        status = status == NIMBUS_OK ? cut(&m, text) : status;
    }
    if (status != NIMBUS_OK) {
        nb_transformer_free(m.made);
        return status;
    }
    *ret = m.made;
    return NIMBUS_OK;
}

void nb_transformer_free(nb_transformer *transformer)
{
    if (transformer != NULL) {
        nb_free(transformer->heap, transformer, transformer->block);
    }
}
