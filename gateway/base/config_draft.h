/*
 * A configuration while it is read. Part of config.c.
 *
 * The strongest source is read first and a weaker one never takes a value away from it, but every
 * value of every source is checked. The profile's defaults fill what is left.
 */
#ifndef ROOMCAST_CONFIG_DRAFT_H
#define ROOMCAST_CONFIG_DRAFT_H

#include "gateway/base/config_rows.h"

enum config_source { FROM_PROFILE, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG }; /* weakest first */

/* Lines of a [room] section's values; 0: not said. */
struct policy_lines {
	uint32_t line[POLICY_ROWS];
};

struct config_draft {
	struct config *c;
	struct buf *error;                    /* one sentence, once something has failed */
	enum config_source from[CONFIG_ROWS]; /* of the values in `c` */
	uint32_t line[CONFIG_OPTIONS];        /* in the file; 0: not said there */
	struct policy_lines *policy_lines;    /* by policy */
	bool unreadable;                      /* the file could not be read */
};

/* False: `error` says why. */
bool draft_flags(struct config_draft *d, int argc, char *const argv[], enum config_action *action);
bool draft_environment(struct config_draft *d, char *const environment[]);
bool draft_file(struct config_draft *d); /* `c->config`, unless it is NULL */
bool draft_presets(struct config_draft *d);
bool draft_check(struct config_draft *d); /* what no value can be wrong in alone */

/* Check a value, and keep it unless a stronger source has said another. */
bool draft_set(struct config_draft *d, const struct config_row *r, enum config_source from,
               const char *text);

/* Where it stands: "flag --max-rate", "environment ROOMCAST_MAX_RATE", "roomcast.conf:12". */
void draft_where(const struct config_draft *d, const struct config_row *r, enum config_source from,
                 struct buf *out);

/* An option's name as that source spells it. */
void config_spell(enum config_source from, const char *name, struct buf *out);

/* "; did you mean X?", or where the known names stand. */
void draft_suggest(struct config_draft *d, enum config_source from, const struct nearest *n);

#endif
