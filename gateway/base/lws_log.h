/*
 * What libwebsockets says, in our log: level debug, some lines a second.
 *
 * lws logs whatever strange bytes make it say. Nobody outside shall fill our log.
 */
#ifndef ROOMCAST_LWS_LOG_H
#define ROOMCAST_LWS_LOG_H

/* For lws_set_log_level(). */
void lws_log_line(int level, const char *line);

#endif
