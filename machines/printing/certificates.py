"""Certificates of printers' servers, as administrators give them: what one says, and that it is one. Pure.

Whom a connection trusts is decided in `http`; which link has which certificate in `links`.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import date

from app.kernel.refusals import N_

MOST_BYTES = 16_000
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


class NotAccepted(Exception):
    """The text is no certificate that can be kept; the words say why."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """`fingerprint` is SHA-256, as openssl writes it: pairs of capitals with colons. `last_day` is the last one in UTC on which
    it is valid.
    """

    pem: str
    fingerprint: str
    last_day: date


def read(text: str) -> list[Certificate]:
    """The certificates in what somebody pasted, whatever openssl wrote around them. Raises NotAccepted; never an empty list."""
    from cryptography import x509  # only who looks at a link's page needs it, and it weighs seven megabytes
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    if is_secret(text):
        raise NotAccepted(N_("There is a private key in this text: it was not kept. Paste the certificate alone."))
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise NotAccepted(N_("This is longer than 16 kB: paste the server’s certificate, or its authority’s, alone."))
    blocks = _BLOCK.findall(text)
    if not blocks:
        raise NotAccepted(N_("This is not a certificate: one begins with -----BEGIN CERTIFICATE----- and ends with -----END…"))
    try:
        found = [x509.load_pem_x509_certificate(block.encode("ascii")) for block in blocks]
        pems = [one.public_bytes(Encoding.PEM).decode("ascii") for one in found]
        ssl.create_default_context(cadata="".join(pems))
    except (ValueError, ssl.SSLError) as error:
        raise NotAccepted(N_("This certificate is damaged: copy it again, from its first line to its last.")) from error
    return [
        Certificate(pem, one.fingerprint(SHA256()).hex(":").upper(), one.not_valid_after_utc.date())
        for pem, one in zip(pems, found, strict=True)
    ]


def is_secret(text: str) -> bool:
    """Whether a private key is in it, which is then neither kept nor shown again."""
    return "PRIVATE KEY" in text.upper()
