/*
 * Preloaded into the server under test: names below slow.test take four
 * seconds to be looked up, and are not found then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <time.h>

typedef int (*resolve_t)(const char *, const char *, const struct addrinfo *,
                         struct addrinfo **);

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
