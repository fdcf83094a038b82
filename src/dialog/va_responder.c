#include "va_responder.h"

#include <stdio.h>
#include <string.h>

/* What is looked at of a longer text; nobody says more in one breath. */
#define HEARD_MAX 1024
#define NUMBERS_MAX 16

#define ASK_HELP "How can I help you?"
#define ASK_MORE "What else can I do for you?"

/* The caller's words in lower case, one space before and after each. */
typedef struct {
    char words[HEARD_MAX + 2];
    size_t len;
} heard_t;

typedef struct {
    const char *phrases; /* alternatives between bars */
    const char *text;
    bool end;
} rule_t;

static const char leave[] =
    "goodbye|good bye|bye|bye bye|that is all|thats all|that will be all|"
    "that would be all|that is it|thats it|nothing else|nothing more|"
    "hang up|end the call|no thank you|no thanks|see you|"
    "i am done|im done|we are done";
static const char stay[] = "not hang up|dont hang up|never hang up";
static const char again[] =
    "repeat|say that again|say it again|say again|once more|pardon|"
    "what did you say|come again|excuse me|did not hear you|did not hear that";
static const char ask_time[] = "what time|the time|time is it|time please|"
                               "time now|current time|whats the time";
static const char ask_date[] = "what day|which day|day is it|the date|"
                               "what date|todays date|current date|today";

/* The first rule that fits wins. */
static const rule_t before_clock[] = {
    {stay, "All right. What can I do for you?", false},
    {leave, "Goodbye, and have a nice day.", true},
    {again, "I am sorry. " ASK_HELP, false},
    {"thank you for your help|thanks for your help|thanks for the help",
     "You are welcome. Goodbye.", true},
    {"operator|agent|human|representative|person|somebody|someone|colleague|"
     "transfer",
     "I am sorry, there is no operator here. " ASK_MORE, false},
    {"table|reservation|reserve", "For which day would you like the table?",
     false},
    {"order|orders|delivery|package",
     "Please tell me the number of your order.", false},
    {"account|bill|balance|invoice|password|pay",
     "Please tell me the number of your account.", false},
    {NULL, NULL, false}};

static const rule_t after_clock[] = {
    {"help|what can you do|what do you do|what can i|options|menu",
     "You can ask me for the time, the date, your order, or a table.", false},
    {"who are you|your name|what are you|who is this|who is there|robot",
     "I am your telephone assistant. " ASK_HELP, false},
    {"how are you|how do you do", "I am fine, thank you. " ASK_HELP, false},
    {"start over|cancel|stop|never mind|wait|one moment|hold on",
     "All right. What can I do for you?", false},
    {"yes|yeah|yep|yup|correct|that is right|thats right",
     "Very well. " ASK_MORE, false},
    {"thank you|thanks|thank you very much", "You are welcome. Goodbye.", true},
    {"no|nope|wrong|not right|incorrect", "I am sorry. What can I do for you?",
     false},
    {"okay|ok|sure|all right|fine|of course|please", "Very well. " ASK_MORE,
     false},
    {"hello|hi|hey|good morning|good afternoon|good evening|good day",
     "Hello, how can I help you?", false},
    {NULL, NULL, false}};

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
static const char *const small[] = {
    "zero",    "one",     "two",       "three",    "four",
    "five",    "six",     "seven",     "eight",    "nine",
    "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"twenty", "thirty",  "forty",  "fifty",
                                   "sixty",  "seventy", "eighty", "ninety"};
static const char *const ordinals[] = {
    "first",        "second",        "third",          "fourth",
    "fifth",        "sixth",         "seventh",        "eighth",
    "ninth",        "tenth",         "eleventh",       "twelfth",
    "thirteenth",   "fourteenth",    "fifteenth",      "sixteenth",
    "seventeenth",  "eighteenth",    "nineteenth",     "twentieth",
    "twenty first", "twenty second", "twenty third",   "twenty fourth",
    "twenty fifth", "twenty sixth",  "twenty seventh", "twenty eighth",
    "twenty ninth", "thirtieth",     "thirty first"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Skips U+2019, the apostrophe that transcribers like to write. */
static bool curly_apostrophe(va_str_t s, size_t i)
{
    return s.len - i >= 3 && memcmp(s.data + i, "\xe2\x80\x99", 3) == 0;
}

static void listen_to(heard_t *h, va_str_t said)
{
    size_t i;
    char c;

    h->words[0] = ' ';
    h->len = 1;
    for (i = 0; i < said.len && h->len < HEARD_MAX; i++) {
        c = said.data[i];
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            h->words[h->len++] = c;
        } else if (c == '\'') {
            continue;
        } else if (curly_apostrophe(said, i)) {
            i += 2;
        } else if (h->words[h->len - 1] != ' ') {
            h->words[h->len++] = ' ';
        }
    }
    if (h->words[h->len - 1] != ' ') {
        h->words[h->len++] = ' ';
    }
    h->words[h->len] = '\0';
}

static bool has(const heard_t *h, const char *phrase, size_t len)
{
    const char *at = h->words;

    while ((at = strchr(at, ' ')) != NULL) {
        at++;
        if (strncmp(at, phrase, len) == 0 && at[len] == ' ') {
            return true;
        }
    }
    return false;
}

static bool has_any(const heard_t *h, const char *phrases)
{
    size_t len;

    for (;;) {
        len = strcspn(phrases, "|");
        if (has(h, phrases, len)) {
            return true;
        }
        if (phrases[len] == '\0') {
            return false;
        }
        phrases += len + 1;
    }
}

static bool apply(va_reply_t *reply, const rule_t *rule, const heard_t *h)
{
    for (; rule->phrases != NULL; rule++) {
        if (has_any(h, rule->phrases)) {
            va_str_copy(reply->text, sizeof(reply->text), va_str(rule->text));
            reply->end = rule->end;
            return true;
        }
    }
    return false;
}

/* A struct tm is the caller's, so nothing in it indexes unchecked. */
static unsigned within(int value, unsigned count)
{
    return value >= 0 && (unsigned)value < count ? (unsigned)value : 0;
}

static void say_time(va_reply_t *reply, const struct tm *now)
{
    unsigned hour = within(now->tm_hour, 24);
    unsigned minute = within(now->tm_min, 60);
    const char *half = hour < 12 ? "a m" : "p m";
    const char *name = small[hour % 12 == 0 ? 12 : hour % 12];
    char past[32];

    if (minute == 0) {
        va_str_copy(past, sizeof(past), VA_STR("o'clock"));
    } else if (minute < 10) {
        snprintf(past, sizeof(past), "oh %s", small[minute]);
    } else if (minute < 20) {
        va_str_copy(past, sizeof(past), va_str(small[minute]));
    } else {
        snprintf(past, sizeof(past), "%s%s%s", tens[minute / 10 - 2],
                 minute % 10 != 0 ? " " : "",
                 minute % 10 != 0 ? small[minute % 10] : "");
    }
    snprintf(reply->text, sizeof(reply->text), "It is %s %s %s.", name, past,
             half);
}

static unsigned month_days(unsigned month, int year)
{
    static const unsigned char len[] = {31, 28, 31, 30, 31, 30,
                                        31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return len[month] + (month == 1 && leap ? 1U : 0U);
}

static void say_date(va_reply_t *reply, const char *which, int shift,
                     const struct tm *now)
{
    unsigned wday = within(now->tm_wday, 7);
    unsigned month = within(now->tm_mon, 12);
    int year = now->tm_year % 400 + 1900;
    int day = (int)within(now->tm_mday, 32);

    wday = (wday + 7U + (unsigned)shift) % 7U;
    day = (day != 0 ? day : 1) + shift;
    if (day < 1) {
        month = (month + 11) % 12;
        day = (int)month_days(month, year);
    } else if ((unsigned)day > month_days(month, year)) {
        month = (month + 1) % 12;
        day = 1;
    }
    snprintf(reply->text, sizeof(reply->text), "%s %s, %s %s.", which,
             days[wday], months[month], ordinals[day - 1]);
}

static bool clock_rules(va_reply_t *reply, const heard_t *h,
                        const struct tm *now)
{
    if (has_any(h, ask_time)) {
        say_time(reply, now);
    } else if (has_any(h, "tomorrow")) {
        say_date(reply, "Tomorrow is", 1, now);
    } else if (has_any(h, "yesterday")) {
        say_date(reply, "Yesterday was", -1, now);
    } else if (has_any(h, ask_date)) {
        say_date(reply, "Today is", 0, now);
    } else {
        return false;
    }
    return true;
}

/* Returns the name of `names` that is the word of len bytes, or NULL. */
static const char *name_in(const char *const *names, size_t count,
                           const char *word, size_t len)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (va_str_caseeq(va_str(names[i]), (va_str_t){word, len})) {
            return names[i];
        }
    }
    return NULL;
}

static void add_word(char *list, size_t cap, const char *word, unsigned *count)
{
    size_t len = strlen(list);

    if (*count < NUMBERS_MAX) {
        snprintf(list + len, cap - len, "%s%s", len != 0 ? " " : "", word);
    }
    ++*count;
}

/* Adds what names a day, a month or a number; digits are spelt out. */
static void add_detail(char *list, size_t cap, const char *word, size_t len,
                       unsigned *count)
{
    const char *name = name_in(days, COUNT(days), word, len);
    size_t i;

    if (name == NULL) {
        name = name_in(months, COUNT(months), word, len);
    }
    if (name == NULL) {
        name = name_in(small, COUNT(small), word, len);
    }
    if (name == NULL) {
        name = name_in(tens, COUNT(tens), word, len);
    }
    if (name == NULL && len == 2 && memcmp(word, "oh", 2) == 0) {
        name = small[0];
    }
    if (name != NULL) {
        add_word(list, cap, name, count);
        return;
    }
    for (i = 0; i < len && word[i] >= '0' && word[i] <= '9'; i++) {
        add_word(list, cap, small[word[i] - '0'], count);
    }
}

static bool repeat_details(va_reply_t *reply, const heard_t *h)
{
    char list[NUMBERS_MAX * 12] = "";
    const char *word = h->words + 1;
    unsigned count = 0;
    size_t len;

    for (; (len = strcspn(word, " ")) != 0; word += len + 1) {
        add_detail(list, sizeof(list), word, len, &count);
    }
    if (count == 0) {
        return false;
    }
    snprintf(reply->text, sizeof(reply->text), "I heard %s. Is that right?",
             list);
    return true;
}

void va_responder_reply(va_reply_t *reply, va_str_t said, const struct tm *now)
{
    heard_t h;

    listen_to(&h, said);
    reply->end = false;
    if (h.len == 1) {
        va_str_copy(reply->text, sizeof(reply->text),
                    VA_STR("I am sorry, I did not hear you. "
                           "Please say that again."));
        return;
    }
    if (apply(reply, before_clock, &h) || clock_rules(reply, &h, now) ||
        apply(reply, after_clock, &h) || repeat_details(reply, &h)) {
        return;
    }
    va_str_copy(reply->text, sizeof(reply->text),
                VA_STR("I am sorry, I did not understand. "
                       "Please say that again."));
}

bool va_responder_goodbye(va_str_t said)
{
    heard_t h;

    listen_to(&h, said);
    return !has_any(&h, stay) && has_any(&h, leave);
}

bool va_responder_repeat(va_str_t said)
{
    heard_t h;

    listen_to(&h, said);
    return !has_any(&h, leave) && has_any(&h, again);
}
