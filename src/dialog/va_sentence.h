/*
 * Cuts a text that is still being written into sentences that can be spoken.
 *
 * A sentence ends at a full stop, question or exclamation mark with white space
 * behind it, at such a mark of Chinese, Japanese, Hindi, Arabic, Urdu,
 * Armenian, Amharic, Khmer or Burmese, or at a line end. Numbers (3.14, and
 * "1." before the item of a list), times, single initials (J. Smith),
 * abbreviations (Dr., p.m.) and addresses (example.com) do not end one.  What
 * grows over VA_SENTENCE_MAX is cut at a clause or a word.
 *
 * Where a text is cut does not depend on the pieces in which it arrives.
 */
#ifndef VA_SENTENCE_H
#define VA_SENTENCE_H

#include "../base/va_base.h"

#define VA_SENTENCE_MAX 240

/* One of the two below. */
typedef va_rc_t (*va_sentence_pt)(va_str_t text, bool final, size_t *used,
                                  va_str_t *sentence);

VA_BEGIN_DECLS

/*
 * Looks for the first sentence in text, of which more may follow unless
 * `final`.  VA_OK: *used bytes are the sentence with the white space around
 * it, *sentence is a view of it trimmed (empty when there is nothing in it
 * that could be pronounced).  VA_AGAIN: no sentence is complete.
 */
va_rc_t va_sentence_next(va_str_t text, bool final, size_t *used,
                         va_str_t *sentence);

/*
 * The same for the beginning of what is said: a clause of some length, up to a
 * comma, semicolon, colon or dash of any script, is enough, because the caller
 * waits for it.  Numbers and lists of digits (5, 5, 1) are not cut.
 */
va_rc_t va_sentence_first(va_str_t text, bool final, size_t *used,
                          va_str_t *sentence);

VA_END_DECLS

#endif
