/* test_hashes.c - MD5, SHA-256 and the keyed hash: the vectors of their papers, and that pieces add up to the whole. */
#include "support.h"

#include "base/hex.h"
#include "base/keyed_hash.h"
#include "base/md5.h"
#include "base/sha256.h"

typedef struct vector {
    const char *text, *digest;
} vector;

static void md5_text(const void *data, size_t size, char ret[33])
{
    unsigned char digest[NB_MD5_SIZE];
    nb_md5 hash;

    nb_md5_begin(&hash);
    nb_md5_add(&hash, data, size);
    nb_md5_end(&hash, digest);
    nb_hex_text(digest, sizeof digest, ret);
}

static void sha256_text(const void *data, size_t size, char ret[65])
{
    unsigned char digest[NB_SHA256_SIZE];
    nb_sha256 hash;

    nb_sha256_begin(&hash);
    nb_sha256_add(&hash, data, size);
    nb_sha256_end(&hash, digest);
    nb_hex_text(digest, sizeof digest, ret);
}

static void md5_of_rfc_1321(void **state)
{
    static const vector vectors[] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" },
        { "a", "0cc175b9c0f1b6a831c399e269772661" },
        { "abc", "900150983cd24fb0d6963f7d28e17f72" },
        { "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
        { "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b" },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f" },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a" },
    };
    char text[33];

    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        md5_text(vectors[i].text, strlen(vectors[i].text), text);
        TEXT(text, vectors[i].digest);
    }
    md5_text(NULL, 0, text);
    TEXT(text, vectors[0].digest);
}

static void sha256_of_fips_180(void **state)
{
    static const vector vectors[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "Test", "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25" }, /* SQS-F15 */
    };
    char text[65], *many = malloc(1000000);

    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        sha256_text(vectors[i].text, strlen(vectors[i].text), text);
        TEXT(text, vectors[i].digest);
    }
    memset(many, 'a', 1000000);
    sha256_text(many, 1000000, text);
    TEXT(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(many);
}

/* Whatever the pieces, the digest is that of the whole: all lengths up to three blocks, split in two at every place. */
static void pieces(void **state)
{
    unsigned char bytes[192], digest[NB_SHA256_SIZE];
    char whole[65], split[65];
    nb_md5 md5;
    nb_sha256 sha;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 7 + 3);
    }
    for (size_t size = 0; size <= sizeof bytes; size++) {
        unsigned char *exact = malloc(size + 1); /* a read behind the end is seen */

        memcpy(exact, bytes, size);
        exact = realloc(exact, size > 0 ? size : 1);
        for (size_t cut = 0; cut <= size; cut++) {
            md5_text(exact, size, whole);
            nb_md5_begin(&md5);
            nb_md5_add(&md5, exact, cut);
            nb_md5_add(&md5, exact + cut, size - cut);
            nb_md5_end(&md5, digest);
            nb_hex_text(digest, NB_MD5_SIZE, split);
            TEXT(split, whole);
            sha256_text(exact, size, whole);
            nb_sha256_begin(&sha);
            nb_sha256_add(&sha, exact, cut);
            nb_sha256_add(&sha, exact + cut, size - cut);
            nb_sha256_end(&sha, digest);
            nb_hex_text(digest, NB_SHA256_SIZE, split);
            TEXT(split, whole);
        }
        free(exact);
    }
}

/* The vectors of the reference implementation: key 00 01 .. 0f, input 00 01 .. (size - 1). */
static void keyed_hash_of_the_reference(void **state)
{
    static const struct {
        size_t size;
        uint64_t high, low; /* the 16 bytes as they are printed */
    } vectors[] = {
        { 0, UINT64_C(0xA3817F04BA25A8E6), UINT64_C(0x6DF67214C7550293) },
        { 1, UINT64_C(0xDA87C1D86B99AF44), UINT64_C(0x347659119B22FC45) },
        { 2, UINT64_C(0x8177228DA4A45DC7), UINT64_C(0xFCA38BDEF60AFFE4) },
        { 7, UINT64_C(0xA1F1EBBED8DBC153), UINT64_C(0xC0B84AA61FF08239) },
        { 8, UINT64_C(0x3B62A9BA6258F561), UINT64_C(0x0F83E264F31497B4) },
        { 9, UINT64_C(0x264499060AD9BAAB), UINT64_C(0xC47F8B02BB6D71ED) },
        { 63, UINT64_C(0x5150D1772F50834A), UINT64_C(0x503E069A973FBD7C) },
        { 64, UINT64_C(0x1EAF077DC0D4CD3F), UINT64_C(0x8CAD4D383658A74B) },
        { 65, UINT64_C(0x02233E98FE91E1C8), UINT64_C(0x220DCA0D285261EF) },
    };
    static const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
    unsigned char input[65];
    uint64_t hash[2];

    (void)state;
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < COUNT(vectors); i++) {
        nb_keyed_hash(key, input, vectors[i].size, hash);
        EQ(__builtin_bswap64(hash[0]), vectors[i].high);
        EQ(__builtin_bswap64(hash[1]), vectors[i].low);
    }
}

/* Where the processor has instructions for it: the same as the portable code, which is what the vectors show elsewhere. */
static void sha256_both_ways(void **state)
{
    uint32_t one[8] = { 1, 2, 3, 4, 5, 6, 7, 0xffffffff }, other[8];
    nb_mix *fast = nb_sha256_fast();
    unsigned char block[64];
    uint64_t random = 7;

    (void)state;
    if (fast == NULL) {
        print_message("no instructions for SHA-256 here\n");
        skip();
    }
    memcpy(other, one, sizeof one);
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof block; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            block[i] = (unsigned char)(random >> 56);
        }
        nb_sha256_mix(one, block);
        fast(other, block);
        CHECK(memcmp(one, other, sizeof one) == 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_of_rfc_1321),
        cmocka_unit_test(sha256_of_fips_180),
        cmocka_unit_test(sha256_both_ways),
        cmocka_unit_test(pieces),
        cmocka_unit_test(keyed_hash_of_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
