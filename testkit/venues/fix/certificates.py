"""Certificates of an authority that nobody knows but the test that made it."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_UNTIL = _FROM + timedelta(days=36_500)


class Authority:
    """Signs certificates, each in a file together with its key.

    Parameters
    ----------
    folder
        Where the files go.
    name
        Tells its files from those of another authority.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _named(name)
        made = self._builder(self._subject, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.ca_file = folder / f"{name}.pem"
        signed = made.sign(self._key, hashes.SHA256())
        self.ca_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, passphrase: bytes = b"") -> Path:
        """Return a file with a certificate for a host name or an address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        is_address = name.replace(".", "").isdigit()
        alternative = x509.IPAddress(ip_address(name)) if is_address else x509.DNSName(name)
        made = self._builder(_named(name), key).add_extension(
            x509.SubjectAlternativeName([alternative]), critical=False
        )
        locked = (
            serialization.BestAvailableEncryption(passphrase)
            if passphrase
            else serialization.NoEncryption()
        )
        path = self._folder / f"{self._name}-{name}.pem"
        path.write_bytes(
            made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked
            )
        )
        return path

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_UNTIL)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
