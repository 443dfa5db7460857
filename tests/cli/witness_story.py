"""A transparency log of a few lines, signed by openssl, and the witness process that follows it: what the stories of
witnesses share. Nothing here is the product's code."""

import base64
import hashlib
import http.client
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

BINARY = os.environ.get("FILING_LEDGER", "build/release/filing-ledger")
PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")


def openssl(*args, **options):
    return subprocess.run(["openssl", *map(str, args)], capture_output=True, check=True, **options).stdout


def key_id(name, kind, key):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def vkey(name, kind, key):
    return "%s+%s+%s" % (name, key_id(name, kind, key).hex(), base64.b64encode(bytes([kind]) + key).decode())


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n):
    """The largest power of two below n."""
    return 1 << ((n - 1).bit_length() - 1)


def root(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def consistency(m, leaves, whole=True):
    """RFC 6962, 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if whole else [root(leaves)]
    k = split(n)
    if m <= k:
        return consistency(m, leaves[:k], whole) + [root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [root(leaves[:k])]


class Log:
    """Signs with a key in a file of its own. `fork` names the entry from which on the entries are others."""

    def __init__(self, directory, origin, seed, size=64, fork=None):
        self.origin = origin
        self.key_file = pathlib.Path(directory) / ("log-%s.der" % hashlib.sha256(seed + origin.encode()).hexdigest()[:8])
        self.key_file.write_bytes(PKCS8_ED25519 + seed)
        self.public = openssl("pkey", "-inform", "DER", "-in", self.key_file, "-pubout", "-outform", "DER")[-32:]
        self.vkey = vkey(origin, 1, self.public)
        fork = size if fork is None else fork
        entries = [b"%s-%d" % (b"event" if i < fork else b"other", i) for i in range(size)]
        self.leaves = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
        self.signed = {}

    def checkpoint(self, size):
        if size not in self.signed:
            body = "%s\n%d\n%s\n" % (self.origin, size, base64.b64encode(root(self.leaves[:size])).decode())
            with tempfile.NamedTemporaryFile() as message:
                message.write(body.encode())
                message.flush()
                signature = openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", self.key_file, "-in", message.name)
            line = base64.b64encode(key_id(self.origin, 1, self.public) + signature).decode()
            self.signed[size] = "%s\n— %s %s\n" % (body, self.origin, line)
        return self.signed[size]

    def request(self, old, size):
        proof = consistency(old, self.leaves[:size]) if 0 < old < size else []
        lines = "".join(base64.b64encode(h).decode() + "\n" for h in proof)
        return "old %d\n%s\n%s" % (old, lines, self.checkpoint(size))


def verify_cosignature(witness_vkey, checkpoint, line):
    """Verifies one signature line by openssl and answers the time it names."""
    name, _, key = witness_vkey.split("+", 2)
    key = base64.b64decode(key)
    assert key[0] == 4, key
    found = re.fullmatch(r"— (\S+) (\S+)\n", line)
    assert found and found.group(1) == name, line
    signature = base64.b64decode(found.group(2))
    assert signature[:4] == key_id(name, 4, key[1:]), line
    time = int.from_bytes(signature[4:12], "big")
    body = checkpoint[:checkpoint.index("\n\n") + 1]
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "key").write_bytes(SPKI_ED25519 + key[1:])
        (place / "message").write_bytes(b"cosignature/v1\ntime %d\n%s" % (time, body.encode()))
        (place / "signature").write_bytes(signature[12:])
        openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", place / "key",
                "-sigfile", place / "signature", "-in", place / "message")
    return time


class Witness:
    """The witness's directory and, while started, its process."""

    def __init__(self, directory, name, *logs):
        self.directory, self.name, self.logs = pathlib.Path(directory), name, logs
        self.process = None

    def args(self, *more):
        logs = [part for log in self.logs for part in ("--log", log)]
        return [BINARY, "witness", "--data", str(self.directory), "--name", self.name, "--listen", "127.0.0.1:0",
                *logs, *more]

    def start(self):
        self.process = subprocess.Popen(self.args(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log = []
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self.reader.start()
        self.vkey = self.process.stdout.readline().removeprefix("vkey ").strip()
        listening = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", self.process.stdout.readline())
        if not listening:
            self.process.wait(10)
            self.reader.join(5)
            raise RuntimeError("the witness did not start: " + "".join(self.log))
        self.port = int(listening.group(1))
        return self

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(15)
        self.reader.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        self.process = None
        return code

    def stop(self):
        return self.end(signal.SIGTERM)

    def kill(self):
        return self.end(signal.SIGKILL)

    def close(self):
        if self.process is not None:
            self.kill()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=None if body is None else body.encode())
            response = connection.getresponse()
            return response.status, response.read().decode(), response.getheader("Content-Type")
        finally:
            connection.close()

    def add(self, request):
        return self.ask("POST", "/add-checkpoint", request)

    def latest(self, origin):
        return self.ask("GET", "/%s/checkpoint" % hashlib.sha256(origin.encode()).hexdigest())
