"""The commands as a script sees them: what they print, what they refuse, and the exit codes of docs/cli.md."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
from ledger_client import BINARY, Ledger  # noqa: E402
from refusals import Refusing  # noqa: E402

DONE, FAILED, USAGE, NO_LEDGER, LOCKED, KEY, LISTEN = 0, 1, 2, 3, 4, 5, 8


def run(*args, **options):
    return subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True, timeout=120, **options)


class Commands(Refusing, unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="filing-ledger-"))
        self.addCleanup(shutil.rmtree, self.root, True)
        self.data = self.root / "data"

    def init(self, *args):
        return run("init", "--data", self.data, "--origin", "ledger.example/cli", *args)

    def test_init_prints_one_json_object_and_keeps_its_secrets(self):
        done = self.init()
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertEqual(done.stdout.count("\n"), 1)
        made = json.loads(done.stdout)
        self.assertEqual(set(made), {"origin", "vkey", "admin_token"})
        self.assertEqual(made["origin"], "ledger.example/cli")
        self.assertTrue(made["vkey"].startswith("ledger.example/cli+"))
        self.assertTrue(made["admin_token"].startswith("fl1_"))
        key = pathlib.Path(str(self.data) + ".key")
        self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600)
        self.assertFalse([p for p in self.data.rglob("*") if p.name.endswith(".key") and p.name != "signing.key"])

    def test_init_refuses_a_directory_that_holds_a_ledger_and_changes_nothing(self):
        self.init()
        before = (self.data / "ledger" / "data.mdb").read_bytes()
        self.refused(self.init(), NO_LEDGER, "holds a ledger already")
        self.assertEqual((self.data / "ledger" / "data.mdb").read_bytes(), before)

    def test_init_names_the_flag_that_is_wrong_and_leaves_nothing(self):
        for args, flag in (
                (("--origin", "two words"), "--origin"), (("--origin", "a+b"), "--origin"),
                (("--origin", "a", "--number-prefix", "备1"), "--number-prefix"),
                (("--origin", "a", "--number-prefix", ""), "--number-prefix"),
                (("--origin", "a", "--at", "yesterday"), "--at"),
                (("--origin", "a", "--at", "2999-01-01T00:00:00Z"), "--at")):
            self.refused(run("init", "--data", self.data, *args), USAGE, flag)
            self.assertEqual(list(self.root.iterdir()), [])

    def test_init_dates_its_first_events_and_takes_another_key_file(self):
        key = self.root / "elsewhere.key"
        done = self.init("--at", "2024-01-31T08:00:00+08:00", "--master-key", key)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertTrue(key.exists())
        self.assertFalse(pathlib.Path(str(self.data) + ".key").exists())
        events = run("export", "events", "--data", self.data)
        events = [json.loads(line) for line in events.stdout.splitlines()]
        self.assertEqual({event["time"] for event in events}, {"2024-01-31T00:00:00.000000Z"})
        self.assertEqual([event["type"] for event in events[:3]],
                         ["ledger.created", "access.granted", "calendar.published"])
        # The last event is long ago, which an operator must accept; a wrong key nobody can.
        self.assertEqual(run("token", "--data", self.data, "--master-key", key).returncode, 6)
        self.assertEqual(run("token", "--data", self.data, "--master-key", key, "--accept-clock").returncode, DONE)
        self.refused(run("token", "--data", self.data, "--accept-clock"), KEY, "--master-key")

    def test_no_command_but_init_makes_a_ledger(self):
        for args in (("serve", "--listen", "127.0.0.1:0"), ("token",), ("rebuild",), ("export", "events"),
                     ("export", "announcements"), ("export", "durations")):
            position = 2 if args[0] == "export" else 1
            self.refused(run(*args[:position], "--data", self.data, *args[position:]), NO_LEDGER, "init")
        self.assertEqual(list(self.root.iterdir()), [])

    def test_arguments_that_make_no_sense_are_named(self):
        self.refused(run(), USAGE, "--help")
        self.refused(run("bogus"), USAGE, "bogus")
        self.refused(run("export", "bogus"), USAGE, "bogus")
        self.refused(run("serve"), USAGE, "--data")
        self.refused(run("serve", "--data", self.data, "--bogus"), USAGE, "--bogus")
        self.refused(run("serve", "--data", self.data, "--registration", "ajar"), USAGE, "ajar")
        self.refused(run("serve", "--data", self.data, "--document-limit", "many"), USAGE, "--document-limit")
        self.refused(run("serve", "--data", self.data, "--cors-origin", "example.cn/"), USAGE, "--cors-origin")
        self.refused(run("export", "announcements", "--data", self.data, "--format", "xml"), USAGE, "xml")
        self.refused(run("export", "durations", "--data", self.data, "--at-position", "-1"), USAGE, "--at-position")
        self.refused(run("import", "--data", self.data, self.root / "none.csv"), USAGE, "none.csv")
        self.refused(run("bench", "bogus"), USAGE, "bogus")

    def test_samples_are_exported_as_of_a_position_that_there_is(self):
        self.init()
        columns = "stage,attempt,days,event,outcome,type,region\n"
        done = run("export", "durations", "--data", self.data)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, columns, ""))
        self.assertEqual(run("export", "durations", "--data", self.data, "--at-position", 1).stdout, columns)
        size = len(run("export", "events", "--data", self.data).stdout.splitlines())
        out = self.root / "samples.csv"
        self.refused(run("export", "durations", "--data", self.data, "--at-position", size, "--out", out), USAGE,
                     "--at-position")
        self.assertFalse(out.exists())
        self.assertEqual(run("export", "durations", "--data", self.data, "--out", out).returncode, DONE)
        self.assertEqual(out.read_text(), columns)

    def test_every_command_helps_with_an_example(self):
        for command in ("init", "serve", "import", "rebuild", "token", "verify", "bench", "backup", "restore",
                        "export announcements", "export events", "export durations", "signing-key"):
            done = run(*command.split(), "--help")
            self.assertEqual((done.returncode, done.stderr), (DONE, ""))
            self.assertIn("filing-ledger " + command, done.stdout)
        self.assertRegex(run("--version").stdout, r"^filing-ledger \d+\.\d+\.\d+\n$")

    def test_token_grants_an_admin_who_may_act(self):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        made = json.loads(ledger.run("token").stdout)
        self.assertEqual(set(made), {"grant_id", "token"})
        ledger.start()
        self.assertEqual(ledger.get("/v1/me", made["token"]).json["role"], "admin")
        self.assertEqual(ledger.get("/v1/access/grants", made["token"]).status, 200)

    def test_while_it_serves_nobody_else_writes_but_exports_go_on(self):
        ledger = Ledger().start()
        self.addCleanup(ledger.close)
        for command in (("token",), ("rebuild",), ("serve", "--listen", "127.0.0.1:0")):
            self.refused(ledger.run(*command), LOCKED, "in use")
        events = run("export", "events", "--data", ledger.data)
        types = [json.loads(line)["type"] for line in events.stdout.splitlines()]
        self.assertEqual(types[:2], ["ledger.created", "access.granted"])
        self.assertEqual(set(types[2:]), {"calendar.published"})
        listed = run("export", "announcements", "--data", ledger.data, "--format", "json")
        self.assertEqual(json.loads(listed.stdout)["items"], [])
        self.assertEqual(ledger.stop(), DONE)

    def test_a_taken_or_impossible_address_is_refused(self):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            self.refused(ledger.run("serve", "--listen", address), LISTEN, "--listen")
            self.refused(ledger.run("serve", "--listen", "127.0.0.1:0", "--metrics-listen", address), LISTEN,
                         "--metrics-listen")
        self.refused(ledger.run("serve", "--listen", "nowhere"), LISTEN, "--listen")

    def test_sigterm_and_sigint_end_it_in_order_within_five_seconds(self):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        for number in (signal.SIGTERM, signal.SIGINT):
            ledger.start()
            # A request that never comes to its end must not hold the process.
            stuck = socket.create_connection(("127.0.0.1", ledger.port))
            stuck.sendall(b"GET /v1/announcements HTTP/1.1\r\nHost: l")
            begun = time.monotonic()
            ledger.process.send_signal(number)
            self.assertEqual(ledger.process.wait(10), DONE)
            self.assertLess(time.monotonic() - begun, 5)
            stuck.close()
            ledger.reader.join(5)
            ledger.process.stdout.close()
            ledger.process = None

    def test_what_was_acknowledged_before_sigterm_is_there_afterwards(self):
        ledger = Ledger().start()
        self.addCleanup(ledger.close)
        acknowledged = []

        def grant():
            for i in range(10_000):
                try:
                    answer = ledger.post("/v1/access/grants", ledger.admin,
                                         {"principal": "p%d" % i, "role": "auditor"}, key="k%d" % i)
                except (OSError, http.client.HTTPException):  # the listener closed
                    return
                if answer.status != 201:
                    self.assertEqual(answer.status, 503)
                    return
                acknowledged.append(answer.json["id"])

        worker = threading.Thread(target=grant)
        worker.start()
        while len(acknowledged) < 20:
            time.sleep(0.01)
        self.assertEqual(ledger.stop(), DONE)
        worker.join(30)
        events = [json.loads(line) for line in run("export", "events", "--data", ledger.data).stdout.splitlines()]
        granted = {e["data"]["grant_id"] for e in events if e["type"] == "access.granted"}
        self.assertLessEqual(set(acknowledged), granted)

    def test_metrics_may_have_an_address_of_their_own(self):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        ledger.start("--metrics-listen", "127.0.0.1:%d" % port)
        self.assertEqual(ledger.get("/metrics").status, 404)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertIn(b"# TYPE", answer.read())
        connection.close()

    def test_logs_are_json_when_asked_and_hold_no_token(self):
        ledger = Ledger()
        self.addCleanup(ledger.close)
        process = subprocess.Popen([BINARY, "serve", "--data", str(ledger.data), "--listen", "127.0.0.1:0",
                                    "--log-format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ledger.port = int(process.stdout.readline().rsplit(":", 1)[1])
        ledger.get("/v1/me", ledger.admin)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=15)
        self.assertEqual(process.returncode, DONE)
        lines = [json.loads(line) for line in log.splitlines()]
        self.assertTrue(any("listening on http://127.0.0.1:" in line.get("message", "") for line in lines), log)
        self.assertTrue(any(line.get("path") == "/v1/me" and line["status"] == 200 for line in lines), log)
        self.assertNotIn(ledger.admin, log)

    def test_rebuild_gives_the_same_answers_and_its_figures(self):
        ledger = Ledger().start()
        self.addCleanup(ledger.close)
        subject, filer = ledger.qualified(ledger.staff())
        before = ledger.get("/v1/subjects/" + subject, filer).body
        ledger.stop()
        figures = json.loads(ledger.run("rebuild", "--json").stdout)
        self.assertEqual(set(figures), {"events", "seconds", "events_per_second"})
        self.assertEqual(figures["events"], len(run("export", "events", "--data", ledger.data).stdout.splitlines()))
        ledger.start()
        self.assertEqual(ledger.get("/v1/subjects/" + subject, filer).body, before)

    def test_export_writes_a_file_whole_or_not_at_all(self):
        self.init()
        out = self.root / "list.csv"
        self.assertEqual(run("export", "announcements", "--data", self.data, "--out", out).returncode, DONE)
        self.assertTrue(out.read_text().startswith("number,algorithm_name,"))
        self.assertEqual([p.name for p in self.root.glob("list.csv*")], ["list.csv"])
        self.refused(run("export", "events", "--data", self.data, "--out", self.root / "no" / "such"), FAILED, "cannot write")
        with open("/dev/full", "w") as full:
            done = subprocess.run([BINARY, "export", "events", "--data", str(self.data)], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, FAILED)

    def test_export_shows_no_private_value(self):
        ledger = Ledger().start()
        self.addCleanup(ledger.close)
        ledger.qualified(ledger.staff())
        ledger.stop()
        text = run("export", "events", "--data", ledger.data).stdout
        self.assertIn('{"committed":true}', text)
        for secret in ("张三丰", "李四光", "13800000000", "zhang@example.cn", "staff reviewer"):
            self.assertNotIn(secret, text)

    def test_export_reads_a_ledger_without_views_or_key_and_changes_nothing(self):
        self.init()
        shutil.rmtree(self.data / "views", ignore_errors=True)
        os.remove(str(self.data) + ".key")
        listed = run("export", "announcements", "--data", self.data, "--format", "atom")
        self.assertEqual(listed.returncode, DONE, listed.stderr)
        self.assertIn("<feed", listed.stdout)
        self.assertFalse((self.data / "views").exists())


if __name__ == "__main__":
    unittest.main()
