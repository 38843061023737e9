/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP through libcurl; see the header. Decides about one attempt, never about the next. */
#include "libexec/pf-notify/http.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "lib/base/error.h"
#include "lib/base/url.h"
#include "lib/notify/wire.h"
#include "version.h"

#define REPLY_MAX (64 << 10) /* bytes of a reply that are read, and thrown away */

struct pf_http {
	CURLM *multi;
};

struct pf_http_target {
	struct pf_http *http;
	CURL *easy;
	struct curl_slist *headers;
	pf_http_done_fn done;
	void *ctx;
	size_t reply_bytes;
	bool answered; /* all headers of a reply are there */
	bool busy;
	char why[CURL_ERROR_SIZE];
};

struct pf_http *pf_http__new(struct pf_error *err)
{
	struct pf_http *http = calloc(1, sizeof(*http));

	if (http && !curl_global_init(CURL_GLOBAL_DEFAULT))
		http->multi = curl_multi_init();
	if (http && http->multi)
		return http;
	free(http);
	pf_fail(err, ENOMEM, "libcurl does not start");
	return NULL;
}

void pf_http__free(struct pf_http *http)
{
	if (!http)
		return;
	curl_multi_cleanup(http->multi);
	curl_global_cleanup();
	free(http);
}

const char *pf_http_tls(void)
{
	const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;

	return name ? name : "none";
}

/* ---- a target -------------------------------------------------------------- */

/* Counted and thrown away; too much of it ends the transfer. */
static size_t take_reply(char *data, size_t size, size_t n, void *ctx)
{
	struct pf_http_target *t = ctx;

	(void)data;
	t->reply_bytes += size * n;
	return t->reply_bytes > REPLY_MAX ? 0 : size * n;
}

/* A status line begins a reply, an empty one ends its headers; 100 Continue has both, too. */
static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
	struct pf_http_target *t = ctx;

	if (size * n >= 5 && !memcmp(data, "HTTP/", 5))
		t->answered = false;
	else if (size * n <= 2 && (*data == '\r' || *data == '\n'))
		t->answered = true;
	return size * n;
}

/* The first setting that fails is kept. */
#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (!rc)                                                                           \
			rc = curl_easy_setopt(e, (option), (value));                               \
	} while (0)

static CURLcode restrict_protocols(CURL *e)
{
	CURLcode rc = CURLE_OK;

#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	return rc;
}

static CURLcode set_limits(CURL *e, const struct pf_wire *m)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(1000 * m->connect_timeout_s));
	SET(CURLOPT_TIMEOUT_MS, (long)(1000 * m->timeout_s));
	SET(CURLOPT_BUFFERSIZE, 16384L);
	/* On a connection that turns out dead libcurl would send again, beside our attempts. */
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A name server that does not answer must not hold the other channels. */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	return rc;
}

static CURLcode set_target(CURL *e, struct pf_http_target *t, const struct pf_wire *m)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_URL, m->url);
	SET(CURLOPT_PROXY, m->proxy ? m->proxy : ""); /* "": not the environment's */
	if (m->ca_file)
		SET(CURLOPT_CAINFO, m->ca_file);
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_USERAGENT, "pf-notify/" PF_VERSION);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_WRITEFUNCTION, take_reply);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's word is not the server's */
	SET(CURLOPT_ERRORBUFFER, t->why);
	SET(CURLOPT_PRIVATE, t);
	return rc;
}

#undef SET

static int make_headers(struct pf_http_target *t, const struct pf_wire *m)
{
	struct curl_slist *more = curl_slist_append(NULL, "Expect:"); /* no waiting for "100" */

	for (size_t i = 0; more && i < m->n_headers; i++) {
		t->headers = more;
		more = curl_slist_append(more, m->headers[i]);
	}
	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

struct pf_http_target *pf_http_target__new(struct pf_http *http, const struct pf_wire *m,
					   pf_http_done_fn done, void *ctx, struct pf_error *err)
{
	struct pf_http_target *t;
	struct pf_url parts;
	CURLcode rc;

	if (pf_url_split(&parts, m->url) || (m->proxy && pf_url_split(&parts, m->proxy))) {
		pf_fail(err, EINVAL, "only http:// and https:// are spoken");
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (t)
		*t = (struct pf_http_target){ .http = http, .done = done, .ctx = ctx };
	if (!t || make_headers(t, m) || !(t->easy = curl_easy_init())) {
		pf_fail(err, ENOMEM, "out of memory");
		pf_http_target__free(t);
		return NULL;
	}
	rc = restrict_protocols(t->easy);
	rc = rc ? rc : set_limits(t->easy, m);
	rc = rc ? rc : set_target(t->easy, t, m);
	if (!rc)
		return t;
	pf_fail(err, EINVAL, "libcurl refuses the channel: %s", curl_easy_strerror(rc));
	pf_http_target__free(t);
	return NULL;
}

void pf_http_target__free(struct pf_http_target *t)
{
	if (!t)
		return;
	if (t->busy)
		curl_multi_remove_handle(t->http->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t);
}

int pf_http_target__post(struct pf_http_target *t, const char *body)
{
	t->reply_bytes = 0;
	t->answered = false;
	t->why[0] = '\0';
	if (curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body) ||
	    curl_multi_add_handle(t->http->multi, t->easy))
		return -ENOMEM;
	t->busy = true;
	return 0;
}

/* ---- how it went ----------------------------------------------------------- */

/* The server may do better later, or is not there for the moment. */
static bool is_passing(long status)
{
	return status == 408 || status == 425 || status == 429 || status >= 500;
}

static void judge_status(struct pf_http_result *r, long status)
{
	r->status = (unsigned int)status;
	if (status >= 200 && status < 300) {
		r->how = PF_OUTCOME_DELIVERED;
		return;
	}
	r->how = is_passing(status) ? PF_OUTCOME_AGAIN : PF_OUTCOME_FAILED;
	snprintf(r->text, sizeof(r->text), "HTTP %ld%s", status,
		 status >= 300 && status < 400 ? ", redirects are not followed" : "");
}

/* Trying again does not mend these. */
static bool is_hopeless(CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
	       code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT;
}

static void judge_error(struct pf_http_result *r, const struct pf_http_target *t, CURLcode code)
{
	const char *why = t->why[0] ? t->why : curl_easy_strerror(code);

	r->how = is_hopeless(code) ? PF_OUTCOME_FAILED : PF_OUTCOME_AGAIN;
	snprintf(r->text, sizeof(r->text), "%.*s", (int)strcspn(why, "\r\n"), why);
}

/*
 * Once the headers of a final status are there the server has decided; that
 * the body of its reply is cut off, endless or late changes nothing.
 */
static void judge(struct pf_http_result *r, struct pf_http_target *t, CURLcode code)
{
	curl_off_t retry_after_s = 0;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	r->retry_after_s = retry_after_s > 0 ? (double)retry_after_s : 0;
	if (t->answered && status >= 200 && status <= 999)
		judge_status(r, status);
	else
		judge_error(r, t, code ? code : CURLE_GOT_NOTHING);
}

static void finish(struct pf_http_target *t, CURLcode code)
{
	struct pf_http_result result = { 0 };

	judge(&result, t, code);
	curl_multi_remove_handle(t->http->multi, t->easy);
	t->busy = false;
	t->done(t->ctx, &result);
}

static bool take_done(struct pf_http *http)
{
	CURLMsg *msg;
	bool any = false;
	int left;

	while ((msg = curl_multi_info_read(http->multi, &left))) {
		CURLcode code = msg->data.result;
		struct pf_http_target *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, code);
		any = true;
	}
	return any;
}

void pf_http__wait(struct pf_http *http, int in_fd, int out_fd, double timeout_s)
{
	struct curl_waitfd fds[2];
	unsigned int n = 0;
	int running;

	if (in_fd >= 0)
		fds[n++] = (struct curl_waitfd){ .fd = in_fd, .events = CURL_WAIT_POLLIN };
	if (out_fd >= 0)
		fds[n++] = (struct curl_waitfd){ .fd = out_fd, .events = CURL_WAIT_POLLOUT };
	curl_multi_perform(http->multi, &running);
	if (take_done(http))
		return; /* there may be more to send */
	curl_multi_poll(http->multi, fds, n, (int)ceil(1000 * fmin(timeout_s, 3600)), NULL);
	curl_multi_perform(http->multi, &running);
	take_done(http);
}
