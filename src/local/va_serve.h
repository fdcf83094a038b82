/*
 * The HTTP side of voiceai-local, on libmicrohttpd: routes, bodies, limits.
 */
#ifndef VA_SERVE_H
#define VA_SERVE_H

#include "va_request.h"

#define VA_CONNECTIONS 512 /* at once, on one socket */
#define VA_IDLE_S 60       /* seconds until an idle connection is closed */

typedef struct va_serve va_serve_t;

VA_BEGIN_DECLS

/* Serves app on a listening socket that is owned from now on; NULL if not. */
va_serve_t *va_serve_start(va_app_t *app, int fd);

/* Accepts no more; open connections go on. */
void va_serve_quiesce(va_serve_t *s);

/* Ends; no request may be in a worker's hands any more. */
void va_serve_stop(va_serve_t *s);

VA_END_DECLS

#endif
