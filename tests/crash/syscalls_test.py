"""Lets each single call fail, one after the other: open, write (refused, full, cut short), fsync and rename, in
the writing of checkpoints, documents, log, vault and key file. Whatever the server does about it, a start without
the failure finds every acknowledged command and a ledger that verifies."""

import concurrent.futures
import errno
import http.client
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))
from ledger_client import BINARY, Ledger, credit_code  # noqa: E402

SHIM = os.environ.get("FAILING_CALLS", "build/release/tests/crash/libfailing_calls.so")
CALLS_MAX = 400  # far more than any of these sessions makes: the loop ends when a failure no longer comes

# What fails, and how: a kind of call, and an errno (0 cuts a write short).
FAILURES = [("open", errno.EIO), ("write", errno.EIO), ("write", errno.ENOSPC), ("write", 0), ("sync", errno.EIO),
            ("rename", errno.EIO)]
# Where: part of a path of the session, below.
PLACES = {"checkpoints": "/seals", "documents": "/data/documents", "log": "/data/ledger/", "vault": "/data/vault/",
          "key_file": "data.key"}


def knows(command):
    """Whether the binary has it."""
    listed = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    return any(line.split()[:1] == [command] for line in listed.splitlines())


class Template:
    """A ledger with one subject that has a document and may be erased, closed cleanly."""

    def __init__(self):
        self.ledger = Ledger()
        seals = self.ledger.root / "seals"
        seals.mkdir()
        self.ledger.start("--checkpoint-file", str(seals / "checkpoint"))
        self.auditor = self.ledger.grant("auditor", "auditor")
        self.subject, self.filer = self.ledger.register(1)
        self.digest = self.ledger.upload(self.filer, b"to be erased")
        self.kept, self.keeper = self.ledger.register(2)
        self.kept_digest = self.ledger.upload(self.keeper, b"to be kept")
        spare, _ = self.ledger.register(3)
        self.erases = self.erase(self.ledger, spare).status == 200
        assert self.ledger.stop() == 0

    @staticmethod
    def erase(ledger, subject):
        version = ledger.get("/v1/subjects/" + subject, ledger.admin)
        version = version.json["version"] if version.status == 200 else None
        return ledger.post("/v1/subjects/%s/erase" % subject, ledger.admin, {"basis": "pipl-47"}, version=version)


class Session(Ledger):
    """A copy of the template, on which one call fails."""

    def __init__(self, template, fresh_checkpoint):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="filing-ledger-"))
        shutil.copytree(template.ledger.root, self.root, dirs_exist_ok=True)
        self.data = self.root / "data"
        self.template = template
        self.admin = template.ledger.admin
        self.process, self.port, self.log = None, None, []
        if fresh_checkpoint:
            for file in (self.root / "seals").iterdir():
                file.unlink()
            (self.data / "second-place").unlink()  # else the file counts as lost
        self.subjects, self.documents, self.erased = {}, {}, None

    def serve(self):
        self.port, self.log = None, []
        return self.start("--checkpoint-file", str(self.root / "seals" / "checkpoint"), "--threads", "1")

    def end(self):
        """However it ends: nobody may have to wait for it."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.kill()

    def step(self, command):
        """The answer of a command that was acknowledged, else None."""
        try:
            answer = command()
        except (OSError, http.client.HTTPException):
            return None
        assert answer.status < 300 or answer.status >= 500, "neither done nor failed: %r" % answer
        return answer if answer.status < 300 else None

    def work(self):
        for n in (11, 12):
            made = self.step(lambda n=n: self.post("/v1/subjects", None, {
                "organization_name": "示例科技有限公司", "credit_code": credit_code(n), "region": "110108",
                "contact": {"name": "王五", "phone": "13700000000", "email": "wang@example.cn"}}))
            if made:
                self.subjects[made.json["id"]] = made.json["token"]
            content = b"%d" % n * 40_000
            put = self.step(lambda content=content: self.request(
                "PUT", "/v1/documents", self.template.keeper, raw=content,
                headers={"Content-Type": "application/pdf"}))
            if put:
                self.documents[put.json["digest"]] = content
        if self.template.erases:
            self.erased = self.step(lambda: self.template.erase(self, self.template.subject))

    def events(self):
        events, after = [], None
        while True:
            path = "/v1/events?limit=1000" + ("" if after is None else "&after=%d" % after)
            page = self.must(self.get(path, self.template.auditor))["items"]
            if not page:
                return events
            events += page
            after = int(page[-1]["sequence"])

    def check(self):
        events = self.events()
        assert [int(e["sequence"]) for e in events] == list(range(len(events)))
        for subject, token in self.subjects.items():
            self.must(self.get("/v1/subjects/" + subject, token))
            assert sum(e["subject"] == "subject/" + subject for e in events) == 1, subject
        kept = dict(self.documents)
        kept[self.template.kept_digest] = b"to be kept"
        for digest, content in kept.items():
            answer = self.get("/v1/documents/" + digest, self.template.keeper)
            assert answer.status == 200 and answer.body == content, "%s: %d" % (digest, answer.status)
        if self.erased:
            gone = self.get("/v1/documents/" + self.template.digest, self.template.filer)
            assert gone.status != 200, "an erased document is read: %r" % gone
        # And it goes on.
        self.register(90)


def one(template, call, code, place, at, verifies):
    """Whether the call failed; raises where something was lost."""
    session = Session(template, fresh_checkpoint=place == "checkpoints" and at % 2 == 0)
    try:
        fired = session.root / "fired"
        session.environment = dict(os.environ, LD_PRELOAD=SHIM, FAIL_CALL=call, FAIL_PATH=PLACES[place],
                                   FAIL_AT=str((at + 1) // 2 if place == "checkpoints" else at), FAIL_ERRNO=str(code),
                                   FAIL_REPORT=str(fired))
        try:
            session.serve()
            session.work()
        except RuntimeError:
            pass  # refused to start
        session.end()
        session.environment = None
        what = "%s %s %s %d" % (place, call, errno.errorcode.get(code, "short"), at)
        try:
            session.serve()
            session.check()
            assert session.stop() == 0
            if verifies:
                done = session.run("verify")
                assert done.returncode == 0, done.stdout + done.stderr
        except Exception as error:
            raise AssertionError("%s (%s): %s" % (what, fired.read_text() if fired.exists() else "did not fire",
                                                  error)) from error
        return fired.exists()
    finally:
        session.end()
        session.close()


class Syscalls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert os.path.exists(SHIM), "no library to preload: " + SHIM
        cls.template = Template()
        cls.addClassCleanup(cls.template.ledger.close)
        cls.verifies = knows("verify")
        print("erasure: %s, verify: %s" % (cls.template.erases, cls.verifies), flush=True)

    def each(self, place):
        def run(call, code, at):
            return one(self.template, call, code, place, at, self.verifies)

        fired = {}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for call, code in FAILURES:
                at, waiting = 1, []
                # Two under way; the first two in a row that did not fire end the kind.
                while at < CALLS_MAX:
                    waiting = [pool.submit(run, call, code, at), pool.submit(run, call, code, at + 1)]
                    came = [w.result() for w in waiting]
                    fired[call, code] = fired.get((call, code), 0) + sum(came)
                    at += 2
                    if not any(came):
                        break
                self.assertLess(at, CALLS_MAX)
        print("%s: %s" % (place, ", ".join("%s %s %d" % (call, errno.errorcode.get(code, "short"), n)
                                           for (call, code), n in fired.items())), flush=True)
        return fired

    def test_checkpoints(self):
        fired = self.each("checkpoints")
        self.assertTrue(all(fired.values()), fired)

    def test_documents(self):
        fired = self.each("documents")
        self.assertTrue(all(fired.values()), fired)

    def test_log(self):
        fired = self.each("log")
        self.assertTrue(fired["write", errno.EIO] and fired["open", errno.EIO] and fired["sync", errno.EIO], fired)

    def test_vault(self):
        fired = self.each("vault")
        self.assertTrue(fired["write", errno.EIO] and fired["open", errno.EIO], fired)

    def test_key_file(self):
        fired = self.each("key_file")
        self.assertTrue(fired["open", errno.EIO], fired)
        if self.template.erases:
            self.assertTrue(all(fired.values()), fired)


if __name__ == "__main__":
    unittest.main(verbosity=2)
