/*
 * Preloaded into the server under test.  Names below slow.test take four
 * seconds to be looked up and are not found then, and the certificate in the
 * file TRANSPORT_CA is trusted besides those of the system.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int (*resolve_t)(const char *, const char *, const struct addrinfo *,
                         struct addrinfo **);
typedef int (*trust_t)(void *, const char *);

static const char *ca;

/* The server clears the environment of its workers. */
__attribute__((constructor)) static void remember(void)
{
    const char *name = getenv("TRANSPORT_CA");

    ca = name != NULL ? strdup(name) : NULL;
}

int getaddrinfo(const char *node, const char *service,
                const struct addrinfo *hints, struct addrinfo **res)
{
    static const char suffix[] = ".slow.test";
    struct timespec delay = {.tv_sec = 4};
    size_t len = node != NULL ? strlen(node) : 0;
    resolve_t next;

    if (len >= sizeof(suffix) - 1 &&
        strcmp(node + len - (sizeof(suffix) - 1), suffix) == 0) {
        nanosleep(&delay, NULL);
        return EAI_NONAME;
    }
    next = (resolve_t)dlsym(RTLD_NEXT, "getaddrinfo");
    return next(node, service, hints, res);
}

int X509_STORE_load_file(void *store, const char *file)
{
    trust_t next = (trust_t)dlsym(RTLD_NEXT, "X509_STORE_load_file");

    return (ca == NULL || next(store, ca) == 1) ? next(store, file) : 0;
}
