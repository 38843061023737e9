/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alert record (as of `pfleak --json-schema`) in the words of those who
 * receive it. Pure. Records may lack members; text in them is valid UTF-8 and
 * otherwise as hostile as processes make it.
 */
#ifndef PF_LIB_NOTIFY_PAYLOAD_H
#define PF_LIB_NOTIFY_PAYLOAD_H

#include <stddef.h>
#include <jansson.h>

#include "lib/notify/channel.h"
#include "lib/notify/notify.h"

#define PF_ALERT_KEY_MAX 255 /* what PagerDuty takes */

/* "host/boot_id/pid/start/rule": the same for all of an alert's life. Returns dst. */
char *pf_payload_key(char dst[PF_ALERT_KEY_MAX + 1], const json_t *alert);

enum pf_alert_state pf_payload_state(const json_t *alert);
enum pf_alert_level pf_payload_level(const json_t *alert);

/*
 * One line, printable: "ALERT pid 7 (x) confidence 90, warning: the floor of
 * its memory ...". Returns dst.
 */
char *pf_payload_line(char *dst, size_t size, const json_t *alert);

/* Below: a new object, NULL without memory. */

/*
 * The founding document's keys (type, pid, process, severity, confidence,
 * metrics, timestamp), what happened (state, level, rule, reason, key), and
 * the whole record as "alert". Unknown is null.
 */
json_t *pf_payload_webhook(const json_t *alert);

/* Events API v2: trigger or resolve, deduplicated by the key. Has the secret. */
json_t *pf_payload_pagerduty(const json_t *alert, const struct pf_channel *c);

/*
 * One alert of API v2's array. ends_ts in Unix seconds: later than now while it fires. The level is
 * a label, by which routes go: at another level it is another alert there.
 */
json_t *pf_payload_alertmanager(const struct pf_notice *notice, enum pf_alert_level level,
				double ends_ts);

/*
 * "PFLEAK_PID=7" and so on: a NULL-terminated list in one block, to be freed
 * at once; control characters escaped, PFLEAK_JSON has the record as it is.
 * Besides PATH, HOME and LC_ALL nothing. NULL without memory.
 */
char **pf_payload_environment(const json_t *alert);

#endif
