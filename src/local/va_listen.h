/*
 * Listening sockets, and the address of each in words.
 */
#ifndef VA_LISTEN_H
#define VA_LISTEN_H

#include "../base/va_base.h"

#define VA_LISTEN_NAME 160

VA_BEGIN_DECLS

/*
 * Listens on a unix socket with these permission bits.  A socket that nobody
 * listens on any more, left by a process that was killed, is replaced; one
 * that is served, or a file of another kind, is not.  Returns the descriptor,
 * or -1 with errno set.
 */
int va_listen_unix(const char *path, unsigned mode);

/*
 * Listens on "ADDRESS:PORT" (IPv4, or IPv6 in brackets; port 0 picks one) and
 * writes the address in use to name.  Without `remote`, an address that is not
 * of the loopback is refused with EPERM: the server asks nobody who they are.
 */
int va_listen_tcp(const char *address, bool remote, char name[VA_LISTEN_NAME]);

VA_END_DECLS

#endif
