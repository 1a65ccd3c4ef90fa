#include "gateway/base/pem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

/* OpenSSL says "system lib" for each of these; and a directory can be opened, but not read. */
static bool can_read(struct pem_file file, struct buf *error, bool *unreadable)
{
	FILE *f = fopen(file.path, "re");
	bool ok = f != NULL && (fgetc(f) != EOF || !ferror(f));
	int cause = errno;

	if (f != NULL)
		fclose(f);
	if (ok)
		return true;
	*unreadable = true;
	buf_printf(error, "%s: %s cannot be read: %s", file.option, file.path, strerror(cause));
	return false;
}

/* The first of the errors is the deepest: what was found in the file. */
static bool refuse(struct buf *error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	if (reason != NULL)
		buf_printf(error, ": %s", reason);
	ERR_clear_error();
	return false;
}

static bool no_certificate(struct pem_file file, struct buf *error)
{
	buf_printf(error, "%s: %s holds no certificate (PEM)", file.option, file.path);
	return refuse(error);
}

/* Without it OpenSSL would ask the terminal. */
static int no_passphrase(char *out, int room, int writing, void *ctx)
{
	(void)out;
	(void)room;
	(void)writing;
	(void)ctx;
	return -1;
}

bool pem_use_pair(struct ssl_ctx_st *tls, struct pem_file cert, struct pem_file key,
                  struct buf *error, bool *unreadable)
{
	*unreadable = false;
	if (!can_read(cert, error, unreadable) || !can_read(key, error, unreadable))
		return false;
	SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(tls, cert.path) != 1)
		return no_certificate(cert, error);
	if (SSL_CTX_use_PrivateKey_file(tls, key.path, SSL_FILETYPE_PEM) == 1)
		return true;
	/* Which of the two is the wrong one, only a person knows. */
	buf_printf(error, "%s: %s holds no key (PEM, no passphrase) for the certificate in %s",
	           key.option, key.path, cert.path);
	return refuse(error);
}

bool pem_use_ca(struct ssl_ctx_st *tls, struct pem_file ca, struct buf *error, bool *unreadable)
{
	*unreadable = false;
	if (!can_read(ca, error, unreadable))
		return false;
	ERR_clear_error();
	if (SSL_CTX_load_verify_file(tls, ca.path) == 1)
		return true;
	return no_certificate(ca, error);
}
