#include "va_lexicon.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/va_buf.h"

#define LINE_MAX_LEN 512

typedef struct {
    char *text;
    bool found;
} word_t;

struct va_lexicon {
    int fd;
    char dict[32];
    size_t grammars;
    char names[VA_LEXICON_GRAMMARS][VA_LEXICON_NAME];
    char *paths[VA_LEXICON_GRAMMARS];
    size_t words;
    word_t *word;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const word_t *)a)->text, ((const word_t *)b)->text);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static va_rc_t add_word(va_lexicon_t *l, va_str_t text)
{
    size_t i;

    for (i = 0; i < l->words; i++) {
        if (va_str_eq(va_str(l->word[i].text), text)) {
            return VA_OK;
        }
    }
    if (l->words == VA_LEXICON_WORDS) {
        return VA_LIMIT;
    }
    l->word[l->words].found = false;
    l->word[l->words].text = va_str_dup(text);
    return l->word[l->words].text != NULL ? (l->words++, VA_OK) : VA_NOMEM;
}

/* Returns what follows a comment, a rule name, a tag or a weight at p. */
static const char *skip_mark(const char *p)
{
    const char *end = NULL;
    size_t tail = 1;

    if (p[0] == '/' && p[1] == '*') {
        end = strstr(p + 2, "*/");
        tail = 2;
    } else if (p[0] == '/' && p[1] == '/') {
        end = strchr(p, '\n');
    } else if (p[0] == '<') {
        end = strchr(p, '>');
    } else if (p[0] == '{') {
        end = strchr(p, '}');
    } else if (p[0] == '/') {
        end = strchr(p + 1, '/');
    } else {
        return p + 1;
    }
    return end != NULL ? end + tail : p + strlen(p);
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '\'' || c == '-' || c == '_' ||
           c == '.';
}

/* Collects the words that stand on the right of the rules of a grammar. */
static va_rc_t scan_grammar(va_lexicon_t *l, const char *p)
{
    bool expansion = false;
    const char *from;
    va_rc_t rc;

    while (*p != '\0') {
        if (!word_char(*p)) {
            if (*p == '=') {
                expansion = true;
            } else if (*p == ';') {
                expansion = false;
            }
            p = skip_mark(p);
            continue;
        }
        from = p;
        while (word_char(*p)) {
            p++;
        }
        if (expansion) {
            rc = add_word(l, (va_str_t){from, (size_t)(p - from)});
            if (rc != VA_OK) {
                return rc;
            }
        }
    }
    return VA_OK;
}

static va_rc_t read_file(va_buf_t *b, const char *path)
{
    FILE *f = fopen(path, "re");
    char piece[4096];
    size_t n;
    va_rc_t rc = f != NULL ? VA_OK : VA_FAILED;

    while (rc == VA_OK && (n = fread(piece, 1, sizeof(piece), f)) != 0) {
        rc = va_buf_append(b, piece, n);
    }
    if (f != NULL) {
        if (ferror(f)) {
            rc = VA_FAILED;
        }
        fclose(f);
    }
    return rc;
}

static va_rc_t load_grammar(va_lexicon_t *l, const char *dir, const char *file)
{
    va_str_t name = {file, strlen(file) - 5};
    char path[PATH_MAX];
    va_buf_t text;
    va_rc_t rc;

    if (l->grammars == VA_LEXICON_GRAMMARS || name.len >= VA_LEXICON_NAME ||
        snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path)) {
        return VA_LIMIT;
    }
    va_buf_init(&text, VA_LEXICON_FILE_MAX);
    rc = read_file(&text, path);
    if (rc == VA_OK && text.len != 0) {
        rc = scan_grammar(l, text.data);
    }
    va_buf_free(&text);
    if (rc != VA_OK) {
        return rc;
    }
    va_str_copy(l->names[l->grammars], VA_LEXICON_NAME, name);
    l->paths[l->grammars] = va_str_dup(va_str(path));
    return l->paths[l->grammars] != NULL ? (l->grammars++, VA_OK) : VA_NOMEM;
}

static bool is_grammar(const char *file)
{
    size_t len = strlen(file);

    return len > 5 && file[0] != '.' && strcmp(file + len - 5, ".gram") == 0;
}

/* Lists the grammars of dir, sorted, so that every start is the same. */
static size_t list_dir(const char *dir, char *files[VA_LEXICON_GRAMMARS + 1])
{
    DIR *d = opendir(dir);
    struct dirent *e;
    size_t n = 0;

    while (d != NULL && n <= VA_LEXICON_GRAMMARS && (e = readdir(d)) != NULL) {
        if (is_grammar(e->d_name)) {
            files[n] = va_str_dup(va_str(e->d_name));
            n += files[n] != NULL ? 1 : 0;
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    qsort(files, n, sizeof(*files), by_name);
    return n;
}

static va_rc_t load_grammars(va_lexicon_t *l, const char *dir, char *error,
                             size_t error_cap)
{
    char *files[VA_LEXICON_GRAMMARS + 1];
    size_t i, n = list_dir(dir, files);
    va_rc_t rc = n != 0 ? VA_OK : VA_FAILED;

    if (n == 0) {
        snprintf(error, error_cap, "no *.gram files in %s", dir);
    }
    for (i = 0; i < n; i++) {
        if (rc == VA_OK) {
            rc = load_grammar(l, dir, files[i]);
            if (rc != VA_OK) {
                snprintf(error, error_cap, "cannot read grammar %s/%s%s", dir,
                         files[i], rc == VA_LIMIT ? ": too large" : "");
            }
        }
        free(files[i]);
    }
    return rc;
}

/* Copies a dictionary line when its word, or a variant of it, is needed. */
static bool copy_line(va_lexicon_t *l, FILE *out, const char *line)
{
    char name[LINE_MAX_LEN];
    size_t len = strcspn(line, " \t(\r\n");
    word_t key = {name, false}, *w;

    if (len == 0 || len >= sizeof(name)) {
        return true;
    }
    va_str_copy(name, sizeof(name), (va_str_t){line, len});
    w = bsearch(&key, l->word, l->words, sizeof(*l->word), by_text);
    if (w == NULL) {
        return true;
    }
    w->found = true;
    return fputs(line, out) >= 0;
}

static va_rc_t cut(va_lexicon_t *l, FILE *in, FILE *out)
{
    char line[LINE_MAX_LEN];

    qsort(l->word, l->words, sizeof(*l->word), by_text);
    while (fgets(line, sizeof(line), in) != NULL) {
        if (!copy_line(l, out, line)) {
            return VA_FAILED;
        }
    }
    return ferror(in) || fflush(out) != 0 ? VA_FAILED : VA_OK;
}

static va_rc_t write_dict(va_lexicon_t *l, const char *dict, char *error,
                          size_t error_cap)
{
    FILE *in = fopen(dict, "re");
    FILE *out = NULL;
    int copy;
    va_rc_t rc = VA_FAILED;
    size_t i;

    l->fd = memfd_create("voiceai-dict", MFD_CLOEXEC);
    copy = l->fd >= 0 ? dup(l->fd) : -1;
    if (copy >= 0) {
        out = fdopen(copy, "w");
    }
    if (in != NULL && out != NULL) {
        rc = cut(l, in, out);
    }
    if (rc != VA_OK) {
        snprintf(error, error_cap, "cannot cut %s: %s", dict, strerror(errno));
    }
    for (i = 0; rc == VA_OK && i < l->words; i++) {
        if (!l->word[i].found) {
            snprintf(error, error_cap, "\"%s\" of the grammars is not in %s",
                     l->word[i].text, dict);
            rc = VA_FAILED;
        }
    }
    if (in != NULL) {
        fclose(in);
    }
    if (out != NULL) {
        fclose(out);
    } else if (copy >= 0) {
        close(copy);
    }
    snprintf(l->dict, sizeof(l->dict), "/proc/self/fd/%d", l->fd);
    return rc;
}

va_lexicon_t *va_lexicon_new(const char *grammar_dir, const char *dict,
                             char *error, size_t error_cap)
{
    va_lexicon_t *l = calloc(1, sizeof(*l));

    if (l != NULL) {
        l->fd = -1;
        l->word = calloc(VA_LEXICON_WORDS, sizeof(*l->word));
    }
    if (l == NULL || l->word == NULL) {
        snprintf(error, error_cap, "no memory");
        va_lexicon_free(l);
        return NULL;
    }
    if (load_grammars(l, grammar_dir, error, error_cap) != VA_OK ||
        write_dict(l, dict, error, error_cap) != VA_OK) {
        va_lexicon_free(l);
        return NULL;
    }
    return l;
}

void va_lexicon_free(va_lexicon_t *l)
{
    size_t i;

    if (l == NULL) {
        return;
    }
    for (i = 0; i < l->words; i++) {
        free(l->word[i].text);
    }
    for (i = 0; i < l->grammars; i++) {
        free(l->paths[i]);
    }
    if (l->fd >= 0) {
        close(l->fd);
    }
    free(l->word);
    free(l);
}

const char *va_lexicon_dict(const va_lexicon_t *l)
{
    return l->dict;
}

size_t va_lexicon_count(const va_lexicon_t *l)
{
    return l->grammars;
}

const char *va_lexicon_name(const va_lexicon_t *l, size_t i)
{
    return l->names[i];
}

const char *va_lexicon_path(const va_lexicon_t *l, size_t i)
{
    return l->paths[i];
}

bool va_lexicon_has(const va_lexicon_t *l, va_str_t name)
{
    size_t i;

    for (i = 0; i < l->grammars; i++) {
        if (va_str_eq(va_str(l->names[i]), name)) {
            return true;
        }
    }
    return false;
}
