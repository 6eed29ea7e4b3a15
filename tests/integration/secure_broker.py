"""Certificates, and a broker with a listener for every way to be secure.  For the tests of TLS and SASL."""

import base64
import json
import subprocess
import time

from local_cluster import LOOPBACK, KafkaBroker, ServerError, reserve_port

PASSWORDS = {"mirror": "mirror-secret", "other": "other-secret"}
STORE_PASSWORD = "store-secret"


class Authority:
    """A certificate authority with an intermediate one, in a folder."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True)
        self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "root.key")
        self.openssl("req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=test root", "-days", "30", "-out", "root.pem")
        (directory / "ca.conf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\npolicy=p\ndefault_md=sha256\n"
            "unique_subject=no\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
        (directory / "index").touch()
        (directory / "serial").write_text("1000\n")
        self.sign("intermediate", "root", "basicConstraints=critical,CA:TRUE")

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], cwd=self.directory, capture_output=True, text=True)
        if done.returncode != 0:
            raise ServerError(f"openssl {' '.join(map(str, arguments))}: {done.stderr}")

    def keytool(self, *arguments):
        done = subprocess.run(["keytool", "-J-XX:TieredStopAtLevel=1", *map(str, arguments)], cwd=self.directory,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise ServerError(f"keytool {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")

    def sign(self, name, issuer, extension, expired=False):
        """NAME.key, NAME.crt"""
        self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
        self.openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-addext", extension, "-out", f"{name}.csr")
        days = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - 86400)), \
            time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + (-3600 if expired else 30 * 86400)))
        issuer_file = "root.pem" if issuer == "root" else f"{issuer}.crt"
        self.openssl("ca", "-batch", "-config", "ca.conf", "-notext", "-startdate", days[0], "-enddate", days[1],
                     "-cert", issuer_file, "-keyfile", f"{issuer}.key", "-in", f"{name}.csr", "-out", f"{name}.crt")

    def identity(self, name, alt, issuer="intermediate", expired=False):
        """NAME.pem: the key and the chain, as Java's and our PEM stores want it.  Its path."""
        self.sign(name, issuer, f"subjectAltName={alt}", expired)
        self.openssl("pkcs8", "-topk8", "-nocrypt", "-in", f"{name}.key", "-out", f"{name}.pk8")
        path = self.directory / f"{name}.pem"
        chain = [f"{name}.pk8", f"{name}.crt", *(["intermediate.crt"] if issuer == "intermediate" else [])]
        path.write_text("".join((self.directory / file).read_text() for file in chain))
        return path

    def pkcs12(self, name):
        """NAME.p12 with the key and the chain."""
        self.openssl("pkcs12", "-export", "-inkey", f"{name}.key", "-in", f"{name}.crt", "-certfile", "intermediate.crt",
                     "-passout", f"pass:{STORE_PASSWORD}", "-out", f"{name}.p12")
        return self.directory / f"{name}.p12"

    def trust(self, kind):
        """trust.jks or trust.p12 with the root, made by keytool."""
        path = self.directory / f"trust.{kind}"
        self.keytool("-importcert", "-noprompt", "-storetype", {"jks": "jks", "p12": "pkcs12"}[kind], "-keystore", path,
                     "-storepass", STORE_PASSWORD, "-alias", "root", "-file", "root.pem")
        return path


def unsecured_token(user, lifetime_s=3600):
    """What Kafka's own validator of unsecured tokens accepts."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    now = int(time.time())
    return f"{part({'alg': 'none'})}.{part({'sub': user, 'iat': now - 10, 'exp': now + lifetime_s})}."


class SecureBroker(KafkaBroker):
    """Listeners: tls (any client), mutual (client certificates), sasl (SASL_SSL: PLAIN, SCRAM-SHA-512, OAUTHBEARER), elsewhere (a
    certificate for another host), expired (a certificate of yesterday).  The plain one is for the oracle.  ACLs: who comes
    through the plain one may do all, and so may User:mirror and User:CN=mirror."""

    LISTENERS = ("tls", "mutual", "sasl", "elsewhere", "expired")

    def __init__(self, directory, version, name, authority):
        super().__init__(directory, version, name)
        ports = {listener: reserve_port() for listener in self.LISTENERS}
        self.addresses = {listener: f"{LOOPBACK}:{port}" for listener, port in ports.items()}
        stores = {listener: authority.directory / f"{store}.pem" for listener, store in (
            ("tls", "broker"), ("mutual", "broker"), ("sasl", "broker"), ("elsewhere", "elsewhere"), ("expired", "expired"))}
        more = ",".join(f"{listener.upper()}://{address}" for listener, address in self.addresses.items())
        jaas = "org.apache.kafka.common.security"
        users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
        self.settings({
            "listeners": f"{self.properties['listeners']},{more}",
            "advertised.listeners": f"{self.properties['advertised.listeners']},{more}",
            "listener.security.protocol.map": self.properties["listener.security.protocol.map"] + "," + ",".join(
                f"{listener.upper()}:{'SASL_SSL' if listener == 'sasl' else 'SSL'}" for listener in self.LISTENERS),
            **{f"listener.name.{listener}.{key}": value for listener, store in stores.items() for key, value in (
                ("ssl.keystore.type", "PEM"), ("ssl.keystore.location", store),
                ("ssl.truststore.type", "PEM"), ("ssl.truststore.location", authority.directory / "root.pem"),
                ("ssl.client.auth", "required" if listener == "mutual" else "none"))},
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
            "listener.name.sasl.plain.sasl.jaas.config": f"{jaas}.plain.PlainLoginModule required {users};",
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": f"{jaas}.scram.ScramLoginModule required;",
            "listener.name.sasl.oauthbearer.sasl.jaas.config": f"{jaas}.oauthbearer.OAuthBearerLoginModule required;",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:mirror;User:CN=mirror",
        })
        self.format_arguments = [word for user, password in PASSWORDS.items()
                                 for word in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]")]
