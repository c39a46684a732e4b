"""A certificate authority of openssl's own programs, in a folder."""
import os, subprocess

CONFIG = """
[ca]
default_ca = own
[own]
database = {dir}/index
crlnumber = {dir}/crlnumber
default_md = sha256
default_crl_days = 30
certificate = {dir}/ca.pem
private_key = {dir}/ca.key
"""


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, capture_output=True, timeout=60)


def of_private_key(path):
    """What nobody may see of a key for P-256: the number that is the secret, in both orders, and
    the lines of its file."""
    der = subprocess.run(["openssl", "pkey", "-in", path, "-outform", "DER"], capture_output=True,
                         check=True).stdout
    secret = der.split(b"\x02\x01\x01\x04\x20", 1)[1][:32]
    with open(path, encoding="ascii") as f:
        lines = f.read().splitlines()
    return [secret, secret[::-1]] + [line.encode() for line in lines[1:-1] if len(line) > 40]


class Authority:
    def __init__(self, folder):
        self.dir = folder
        os.mkdir(folder)
        with open(f"{folder}/ca.cnf", "w") as f:
            f.write(CONFIG.format(dir=folder))
        for name, text in (("index", ""), ("crlnumber", "01\n")):
            with open(f"{folder}/{name}", "w") as f:
                f.write(text)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem", "-days", "3",
                "-subj", "/CN=authority")
        self.crl()

    @property
    def ca(self):
        return f"{self.dir}/ca.pem"

    def certify(self, root):
        """From now on this is an issuer below another one."""
        base = f"{self.dir}/ca"
        openssl("req", "-new", "-key", base + ".key", "-out", base + ".csr", "-subj",
                "/CN=" + os.path.basename(self.dir))
        with open(base + ".ext", "w") as f:
            f.write("basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign")
        openssl("x509", "-req", "-in", base + ".csr", "-CA", root.ca, "-CAkey",
                f"{root.dir}/ca.key", "-CAcreateserial", "-out", base + ".pem", "-extfile",
                base + ".ext", "-days", "3")
        self.crl()

    def issue(self, name, *names, days=2, file=None, chain=False, subject="/CN={}"):
        """A certificate for these DNS and IP names; gives the paths of it and of its key. chain:
        with that of its issuer behind it."""
        base = f"{self.dir}/{file or name}"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                base + ".key", "-out", base + ".csr", "-subj", subject.format(name))
        os.chmod(base + ".key", 0o600)
        with open(base + ".ext", "w") as f:
            f.write("subjectAltName=" + ",".join(names))
        dates = ("-days", str(days))
        openssl("x509", "-req", "-in", base + ".csr", "-CA", self.ca, "-CAkey",
                f"{self.dir}/ca.key", "-CAcreateserial", "-out", base + ".pem", "-extfile",
                base + ".ext", *dates)
        if chain:
            with open(base + ".pem", "a") as out, open(self.ca) as own:
                out.write(own.read())
        return base + ".pem", base + ".key"

    def revoke(self, cert):
        openssl("ca", "-config", f"{self.dir}/ca.cnf", "-revoke", cert)
        self.crl()

    def crl(self):
        openssl("ca", "-config", f"{self.dir}/ca.cnf", "-gencrl", "-out", f"{self.dir}/crl.pem")
