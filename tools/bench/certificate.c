#include "tools/bench/certificate.h"

#include "tools/bench/progress.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALID_SECONDS (24L * 3600)

static bool add_names(X509 *x)
{
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	                                            "IP:127.0.0.1,DNS:localhost");
	bool added = names != NULL && X509_add_ext(x, names, -1) == 1;

	X509_EXTENSION_free(names);
	return added;
}

static X509 *self_signed(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name;

	if (x == NULL)
		return NULL;
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), VALID_SECONDS);
	name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	                           (const unsigned char *)"roomcast-bench", -1, -1, 0);
	X509_set_issuer_name(x, name);
	if (X509_set_pubkey(x, key) == 1 && add_names(x) && X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

static FILE *create(const char *dir, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static bool write_files(const char *dir, X509 *x, EVP_PKEY *key)
{
	FILE *certificate = create(dir, CERTIFICATE_FILE),
	     *secret = create(dir, CERTIFICATE_KEY_FILE);
	bool written = certificate != NULL && secret != NULL &&
		PEM_write_X509(certificate, x) == 1 &&
		PEM_write_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1;

	if (certificate != NULL && fclose(certificate) != 0)
		written = false;
	if (secret != NULL && fclose(secret) != 0)
		written = false;
	return written;
}

bool certificate_make(char *dir, size_t dir_bytes)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"); /* what most servers have today */
	X509 *x = key == NULL ? NULL : self_signed(key);
	bool made = false;

	snprintf(dir, dir_bytes, "/tmp/roomcast-bench-XXXXXX");
	if (x == NULL) {
		complain("OpenSSL cannot make a certificate");
	} else if (mkdtemp(dir) == NULL) {
		complain("cannot make a directory in /tmp");
	} else if (!write_files(dir, x, key)) {
		complain("cannot write a certificate to %s", dir);
		certificate_remove(dir);
	} else {
		made = true;
	}
	X509_free(x);
	EVP_PKEY_free(key);
	if (!made)
		dir[0] = '\0';
	return made;
}

void certificate_remove(const char *dir)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" CERTIFICATE_FILE, dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/" CERTIFICATE_KEY_FILE, dir);
	unlink(path);
	rmdir(dir);
}
