/*
 * The part of a big pronouncing dictionary that a set of grammars needs.
 *
 * The recogniser keeps every word of its dictionary in memory, once a decoder.
 * A few hundred words instead of 130,000 make a decoder small and quick to
 * build.
 */
#ifndef VA_LEXICON_H
#define VA_LEXICON_H

#include "../base/va_base.h"

#define VA_LEXICON_GRAMMARS 32    /* grammars in one directory */
#define VA_LEXICON_WORDS 4096     /* different words in all of them */
#define VA_LEXICON_FILE_MAX 65536 /* bytes of one grammar */
#define VA_LEXICON_NAME 64

typedef struct va_lexicon va_lexicon_t;

VA_BEGIN_DECLS

/*
 * Reads all *.gram files (JSGF) of a directory and cuts their words out of the
 * dictionary `dict` (CMU format).  Returns NULL when something is missing;
 * error, of error_cap bytes, then says what in one line.
 */
va_lexicon_t *va_lexicon_new(const char *grammar_dir, const char *dict,
                             char *error, size_t error_cap);

void va_lexicon_free(va_lexicon_t *l);

/* Returns a path under which the cut dictionary can be read. */
const char *va_lexicon_dict(const va_lexicon_t *l);

/* Returns the number of grammars. */
size_t va_lexicon_count(const va_lexicon_t *l);

/* Returns the name of grammar i, its file name without ".gram". */
const char *va_lexicon_name(const va_lexicon_t *l, size_t i);

/* Returns the path of grammar i. */
const char *va_lexicon_path(const va_lexicon_t *l, size_t i);

/* Returns whether a grammar has that name. */
bool va_lexicon_has(const va_lexicon_t *l, va_str_t name);

VA_END_DECLS

#endif
