/* SPDX-License-Identifier: MIT */
/* Whom a certificate names. A node is named by a DNS entry of subjectAltName that is its name, to
 * the letter; the master's host by what any TLS client looks for, DNS or IP. */
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "harbor/secure/openssl/tls.h"

/* Calls f with each name until it returns true. Returns whether it did. */
static bool each_name(X509 *cert, bool (*f)(const char *name, size_t n, void *ud), void *ud)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DNS)
			found = f((const char *)ASN1_STRING_get0_data(g->d.dNSName),
				  (size_t)ASN1_STRING_length(g->d.dNSName), ud);
	}
	GENERAL_NAMES_free(names);
	return found;
}

static bool is_it(const char *name, size_t n, void *ud)
{
	const char *wanted = ud;

	return strlen(wanted) == n && memcmp(wanted, name, n) == 0;
}

bool tls_names_node(const struct secure_session *s, const char *name)
{
	return !s->x->certificates || (s->peer && each_name(s->peer, is_it, (void *)name));
}

/* A node that is the master as well reaches itself by an address that nobody else uses. */
static bool is_ourselves(const struct secure_session *s)
{
	X509 *own = SSL_CTX_get0_certificate(s->x->ssl);

	return own && X509_cmp(own, s->peer) == 0;
}

bool tls_names_host(const struct secure_session *s, const char *host)
{
	if (!s->x->certificates)
		return true;
	return s->peer && (is_ourselves(s) || X509_check_ip_asc(s->peer, host, 0) == 1 ||
			   X509_check_host(s->peer, host, strlen(host),
					   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1);
}

struct first {
	char *ret;
	size_t size;
};

/* It goes into lines for people. */
static bool take_first(const char *name, size_t n, void *ud)
{
	struct first *f = ud;

	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '"')
			return false;
	snprintf(f->ret, f->size, "%.*s", (int)n, name);
	return true;
}

void tls_first_name(X509 *cert, char *ret, size_t size)
{
	ret[0] = 0;
	(void)each_name(cert, take_first, &(struct first){ ret, size });
}
