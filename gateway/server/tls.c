#include "gateway/server/tls.h"

#include "gateway/base/pem.h"

#include <openssl/ssl.h>

bool tls_check(const char *cert, const char *key, struct buf *error, bool *unreadable)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	bool ok;

	*unreadable = false;
	if (c == NULL) {
		buf_str(error, "OpenSSL could not be started");
		return false;
	}
	ok = pem_use_pair(c, (struct pem_file){ "tls_cert", cert },
	                  (struct pem_file){ "tls_key", key }, error, unreadable);
	SSL_CTX_free(c);
	return ok;
}
