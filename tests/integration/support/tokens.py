"""Tokens and keys: made by PyJWT and openssl, or by hand where those would not make them."""

import base64
import hashlib
import hmac
import json
import subprocess
import time

import jwt

SECRET = "a secret of the tests, 32 bytes!"


def openssl(*arguments, data=None):
    return subprocess.run(
        ["openssl", *arguments], input=data, capture_output=True, check=True
    ).stdout


KINDS = {
    "RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "EdDSA": ["-algorithm", "ED25519"],
}


class Key:
    """A key pair: `private` and `public` in PEM; `jwk` as a set has it."""

    def __init__(self, alg, kid=None):
        self.alg, self.kid = alg, kid
        self.private = openssl("genpkey", *KINDS[alg])
        self.public = openssl("pkey", "-pubout", data=self.private)

    @property
    def jwk(self):
        algorithm = jwt.get_algorithm_by_name(self.alg)
        if self.alg == "EdDSA":
            der = openssl("pkey", "-pubin", "-outform", "DER", data=self.public)
            out = {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:])}
        elif self.alg == "ES256":
            n = algorithm.prepare_key(self.public).public_numbers()
            out = {"kty": "EC", "crv": "P-256", "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))}  # fmt: skip
        else:
            out = json.loads(algorithm.to_jwk(algorithm.prepare_key(self.public)))
        out.pop("key_ops", None)
        return {**out, "use": "sig", **({"kid": self.kid} if self.kid else {})}

    def token(self, head=None, **claims):
        head = {**({"kid": self.kid} if self.kid else {}), **(head or {})}
        return jwt.encode(with_end(claims), self.private, self.alg, headers=head)


def with_end(claims):
    """An hour, where the test says nothing of it; exp=None leaves it out."""
    claims = {"exp": int(time.time()) + 3600, **claims}
    return {k: v for k, v in claims.items() if v is not None}


def token(alg="HS256", secret=SECRET, head=None, **claims):
    return jwt.encode(with_end(claims), secret, alg, headers=head)


def b64(data):
    if not isinstance(data, bytes):
        data = (data if isinstance(data, str) else json.dumps(data)).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(head, claims, secret=SECRET, digest=hashlib.sha256):
    """Header and claims as they are given (dicts or text), rightly signed with HMAC."""
    signed = f"{b64(head)}.{b64(claims)}"
    if secret is None:
        return signed + "."
    key = secret if isinstance(secret, bytes) else secret.encode()
    return f"{signed}.{b64(hmac.new(key, signed.encode(), digest).digest())}"


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def as_client(text):
    """Options of wsclient.connect() for a client with this token."""
    return {"headers": bearer(text)}


def locked(start, directory, **options):
    """A gateway that knows SECRET, and lets in only who has a token."""
    path = directory / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    given = {"jwt_hmac_secret_file": path, "allow_user_param": None, "log_level": "debug"}
    return start(**{**given, **options})
