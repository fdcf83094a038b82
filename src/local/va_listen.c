#include "va_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 511

static int close_with(int fd, int error)
{
    close(fd);
    errno = error;
    return -1;
}

/* Returns whether path is a socket that nobody serves. */
static bool abandoned(const struct sockaddr_un *at)
{
    struct stat st;
    int fd, rc;

    if (lstat(at->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    rc = connect(fd, (const struct sockaddr *)at, sizeof(*at));
    rc = rc != 0 && errno == ECONNREFUSED ? 0 : -1;
    close(fd);
    return rc == 0;
}

int va_listen_unix(const char *path, unsigned mode)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd, rc;
    mode_t old;

    if (path[0] == '\0' || strlen(path) >= sizeof(at.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(at.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    /* Never open to more than asked for, not even for a moment. */
    old = umask(0777 & ~mode);
    rc = bind(fd, (struct sockaddr *)&at, sizeof(at));
    if (rc != 0 && errno == EADDRINUSE) {
        if (abandoned(&at) && unlink(path) == 0) {
            rc = bind(fd, (struct sockaddr *)&at, sizeof(at));
        } else {
            errno = EADDRINUSE;
        }
    }
    umask(old);
    return rc == 0 && listen(fd, BACKLOG) == 0 ? fd : close_with(fd, errno);
}

static bool loopback(const struct sockaddr *a)
{
    const struct sockaddr_in *v4 = (const void *)a;
    const struct sockaddr_in6 *v6 = (const void *)a;

    return a->sa_family == AF_INET ? ntohl(v4->sin_addr.s_addr) >> 24 == 127
                                   : a->sa_family == AF_INET6 &&
                                         IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static struct addrinfo *resolve(const char *address)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags =
                                 AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(address, ':');
    char host[64];
    size_t len = colon != NULL ? (size_t)(colon - address) : 0;

    if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(host)) {
        return NULL;
    }
    va_str_copy(host, sizeof(host), (va_str_t){address, len});
    return getaddrinfo(host, colon + 1, &hints, &found) == 0 ? found : NULL;
}

static int open_tcp(const struct addrinfo *at)
{
    int one = 1;
    int fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        return close_with(fd, errno);
    }
    return fd;
}

int va_listen_tcp(const char *address, bool remote, char name[VA_LISTEN_NAME])
{
    struct addrinfo *at = resolve(address);
    struct sockaddr_storage used;
    socklen_t len = sizeof(used);
    char host[64], port[8];
    int fd;

    if (at == NULL) {
        errno = EINVAL;
        return -1;
    }
    if (!remote && !loopback(at->ai_addr)) {
        freeaddrinfo(at);
        errno = EPERM;
        return -1;
    }
    fd = open_tcp(at);
    freeaddrinfo(at);
    if (fd >= 0 &&
        (getsockname(fd, (struct sockaddr *)&used, &len) != 0 ||
         getnameinfo((struct sockaddr *)&used, len, host, sizeof(host), port,
                     sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)) {
        return close_with(fd, EINVAL);
    }
    if (fd >= 0) {
        snprintf(name, VA_LISTEN_NAME,
                 strchr(host, ':') != NULL ? "http://[%s]:%s" : "http://%s:%s",
                 host, port);
    }
    return fd;
}
