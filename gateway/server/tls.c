#include "gateway/server/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

static bool can_read(const char *option, const char *path, struct buf *error)
{
	FILE *f = fopen(path, "re");

	if (f != NULL) {
		fclose(f);
		return true;
	}
	buf_printf(error, "%s: %s cannot be read: %s", option, path, strerror(errno));
	return false;
}

bool tls_check(const char *cert, const char *key, struct buf *error)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	bool ok = false;

	if (c == NULL)
		buf_str(error, "OpenSSL could not be started");
	else if (!can_read("tls_cert", cert, error) || !can_read("tls_key", key, error))
		;
	else if (SSL_CTX_use_certificate_chain_file(c, cert) != 1)
		buf_printf(error, "tls_cert: %s holds no certificate (PEM)", cert);
	else if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1)
		buf_printf(error, "tls_key: %s holds no key (PEM) for the certificate", key);
	else
		ok = true;
	SSL_CTX_free(c);
	ERR_clear_error();
	return ok;
}
