#include "json/writer.h"

#include <string.h>

#include "json/text.h"

void nb_writer_open(nb_writer *writer, char *buffer, size_t capacity)
{
    writer->buffer = buffer;
    writer->capacity = buffer != NULL ? capacity : 0;
    writer->size = 0;
}

void nb_write_bytes(nb_writer *writer, const void *data, size_t size)
{
    if (writer->size < writer->capacity && size != 0) {
        size_t room = writer->capacity - writer->size;

        memcpy(writer->buffer + writer->size, data, size < room ? size : room);
    }
    writer->size += size;
}

void nb_write_text(nb_writer *writer, const char *text)
{
    nb_write_bytes(writer, text, strlen(text));
}

/* "\u" and four hexadecimal digits. */
static void write_escape(nb_writer *writer, unsigned code)
{
    static const char digits[] = "0123456789abcdef";
    char text[6] = { '\\', 'u', digits[code >> 12 & 15], digits[code >> 8 & 15], digits[code >> 4 & 15], digits[code & 15] };

    nb_write_bytes(writer, text, sizeof text);
}

/* A byte below 0x20, a quote or a backslash. */
static void write_special(nb_writer *writer, unsigned char c)
{
    static const char bytes[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *found = c != 0 ? strchr(bytes, c) : NULL;

    if (found != NULL) {
        char text[2] = { '\\', names[found - bytes] };

        nb_write_bytes(writer, text, sizeof text);
    } else {
        write_escape(writer, c);
    }
}

/* The lone surrogate whose three bytes (WTF-8) stand at `at`; 0: there is none. */
static unsigned surrogate_at(const unsigned char *at, const unsigned char *end)
{
    if (end - at < 3 || at[0] != 0xED || at[1] < 0xA0 || at[1] > 0xBF || at[2] < 0x80 || at[2] > 0xBF) {
        return 0;
    }
    return 0xD000u | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
}

void nb_write_string(nb_writer *writer, const void *data, size_t size)
{
    const unsigned char *at = data;
    const unsigned char *end = size != 0 ? at + size : at;
    const unsigned char *plain = at; /* from here to at: bytes that stand for themselves */

    nb_write_text(writer, "\"");
    while (at != end) {
        unsigned length = nb_utf8_sequence((const char *)at, (const char *)end);
        unsigned surrogate;

        if (length != 0 && *at >= 0x20 && *at != '"' && *at != '\\') {
            at += length;
            continue;
        }
        nb_write_bytes(writer, plain, (size_t)(at - plain));
        if (length != 0) {
            write_special(writer, *at++);
        } else if ((surrogate = surrogate_at(at, end)) != 0) {
            write_escape(writer, surrogate);
            at += 3;
        } else {
            write_escape(writer, 0xFFFD);
            at++;
        }
        plain = at;
    }
    nb_write_bytes(writer, plain, (size_t)(at - plain));
    nb_write_text(writer, "\"");
}

void nb_write_quoted(nb_writer *writer, const char *text)
{
    nb_write_string(writer, text, strlen(text));
}

void nb_write_unsigned(nb_writer *writer, uint64_t value)
{
    char text[20];
    size_t at = sizeof text;

    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    nb_write_bytes(writer, text + at, sizeof text - at);
}

void nb_write_signed(nb_writer *writer, int64_t value)
{
    if (value < 0) {
        nb_write_text(writer, "-");
    }
    nb_write_unsigned(writer, value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value);
}

/* value in `width` digits, zeros in front. */
static void put_digits(char *out, int width, int64_t value)
{
    while (width-- > 0) {
        out[width] = (char)('0' + value % 10);
        value /= 10;
    }
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* Year, month and day of a day counted from 1970-01-01; 400 years have 146,097 days, and the year is taken to begin in March. */
static void civil_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t shifted = days + 719468; /* from 0000-03-01 */
    int64_t era = floor_divide(shifted, 146097);
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;

    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = era * 400 + year_of_era + (*month <= 2);
}

void nb_write_time(nb_writer *writer, nimbus_time time, bool milliseconds)
{
    char text[] = "0000-00-00T00:00:00.000Z";
    int64_t seconds = floor_divide(time, NIMBUS_SECONDS(1));
    int64_t days = floor_divide(seconds, 86400);
    int64_t second = seconds - days * 86400;
    int64_t millisecond = floor_divide(time, NIMBUS_MS(1)) - seconds * 1000;
    int64_t year;
    int64_t month;
    int64_t day;

    civil_from_days(days, &year, &month, &day);
    put_digits(text, 4, year); /* 64 bits of nanoseconds end in 2262 */
    put_digits(text + 5, 2, month);
    put_digits(text + 8, 2, day);
    put_digits(text + 11, 2, second / 3600);
    put_digits(text + 14, 2, second / 60 % 60);
    put_digits(text + 17, 2, second % 60);
    if (milliseconds) {
        put_digits(text + 20, 3, millisecond);
        nb_write_text(writer, text);
    } else {
        nb_write_bytes(writer, text, 19);
        nb_write_text(writer, "Z");
    }
}

void nb_write_base64(nb_writer *writer, const void *data, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = data;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned bits = (unsigned)at[i] << 16 | (left > 1 ? (unsigned)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);
        char text[4] = { letters[bits >> 18], letters[bits >> 12 & 63], left > 1 ? letters[bits >> 6 & 63] : '=',
                         left > 2 ? letters[bits & 63] : '=' };

        nb_write_bytes(writer, text, sizeof text);
    }
}
