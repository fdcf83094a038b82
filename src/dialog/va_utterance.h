/*
 * What the words of an utterance say about whether it is over: a guess at the
 * sentence, made of nothing but its last words and its punctuation.
 */
#ifndef VA_UTTERANCE_H
#define VA_UTTERANCE_H

#include "../base/va_base.h"

typedef enum {
    VA_UTTERANCE_EMPTY,     /* no word in it */
    VA_UTTERANCE_ANSWERED,  /* a question, or an answer that needs no more
                               words: "yes", "thank you" */
    VA_UTTERANCE_FINISHED,  /* a sentence with its full stop, or an answer
                               without it */
    VA_UTTERANCE_OPEN,      /* may be over and may not */
    VA_UTTERANCE_PROMISING, /* a sentence that announces another ("I have a
                               question."), or one without its full stop of a
                               recogniser that writes with capitals */
    VA_UTTERANCE_NUMBER,    /* ends in a number that may have more digits */
    VA_UTTERANCE_HANGING /* ends in a word that has to be followed by another:
                            "and", "my", "um", in a comma, or in words that
                            ask to be waited for: "let me see" */
} va_utterance_class_t;

VA_BEGIN_DECLS

/*
 * Classifies what a recogniser understood so far (UTF-8, any length; the words
 * of the lists are English, German, French and Spanish).
 */
va_utterance_class_t va_utterance_class(va_str_t text);

/*
 * Returns whether the whole text is what a listener says to show that he is
 * listening: "uh-huh", "yes", "okay", "I see", a few of them at most.
 */
bool va_utterance_backchannel(va_str_t text);

/* Returns how many words there are. */
unsigned va_utterance_words(va_str_t text);

/*
 * Returns the text without white space around it, empty if it is nothing but
 * punctuation.
 */
va_str_t va_utterance_trim(va_str_t text);

VA_END_DECLS

#endif
