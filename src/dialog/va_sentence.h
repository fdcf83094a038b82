/*
 * Cuts a text that is still being written into sentences that can be spoken.
 *
 * A sentence ends at a full stop, question or exclamation mark (also those of
 * Chinese, Japanese and Hindi) with white space behind it, or at a line end.
 * Numbers (3.14, and "1." before the item of a list), times, single initials
 * (J. Smith), abbreviations (Dr., p.m.) and addresses (example.com) do not end
 * one.  What grows over VA_SENTENCE_MAX is cut at a clause or a word.
 *
 * Where a text is cut does not depend on the pieces in which it arrives.
 */
#ifndef VA_SENTENCE_H
#define VA_SENTENCE_H

#include "../base/va_base.h"

#define VA_SENTENCE_MAX 240

VA_BEGIN_DECLS

/*
 * Looks for the first sentence in text, of which more may follow unless
 * `final`.  VA_OK: *used bytes are the sentence with the white space around
 * it, *sentence is a view of it trimmed (empty when there is nothing in it
 * that could be pronounced).  VA_AGAIN: no sentence is complete.
 */
va_rc_t va_sentence_next(va_str_t text, bool final, size_t *used,
                         va_str_t *sentence);

VA_END_DECLS

#endif
