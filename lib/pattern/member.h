/*
 * member.h - an event that is no text: its members are handed over one by one, and only those that rules name are looked at.
 *
 * What rules see is what they would see if the members were written as one JSON object; the tests hold the one against the other.
 */
#ifndef NB_PATTERN_MEMBER_H
#define NB_PATTERN_MEMBER_H

#include <nimbus/base.h>

#define NB_MEMBER_ROOM 64u

typedef enum nb_member_kind {
    NB_MEMBER_TEXT,   /* data, size: a string */
    NB_MEMBER_NUMBER, /* data, size: a number, as JSON writes it */
    NB_MEMBER_TEXTS,  /* texts, size: an array of strings */
    NB_MEMBER_MADE,   /* make: a string that is only made if a rule wants it */
    NB_MEMBER_OBJECT, /* data, size: a JSON object, which is checked strictly also where no rule looks */
    NB_MEMBER_BODY    /* data, size: a JSON object or array, if it is one, else a string. The first member, and none is an object */
} nb_member_kind;

typedef struct nb_member {
    const char *key;    /* a dot in it is a step */
    uint32_t key_size;
    nb_member_kind kind;
    const char *data;
    size_t size;
    const char *const *texts;                           /* size of them, each ending in NUL */
    size_t (*make)(const void *what, char *to);         /* into room for NB_MEMBER_ROOM bytes; returns their number */
    const void *what;
} nb_member;

#endif
