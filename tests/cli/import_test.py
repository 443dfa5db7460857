"""`import` against the built binary: the official lists where they are at hand, and lists that are broken."""

import json
import os
import pathlib
import subprocess
import sys
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
from ledger_client import BINARY, Ledger  # noqa: E402

LISTS = pathlib.Path(os.environ.get("LEDGER_SHARED_DIR", "../shared")) / "data" / "announcements"


class Import(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger()
        self.addCleanup(self.ledger.close)

    def run_import(self, *args):
        done = self.ledger.run("import", *map(str, args), "--json")
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def test_the_official_lists_are_taken_whole_and_only_once(self):
        if not (LISTS / "filings.csv").exists():
            print("SKIPPED: no official lists in %s; nothing checked" % LISTS, file=sys.stderr)
            self.skipTest("no official lists")
        files = (LISTS / "filings.csv", "--cancellations", LISTS / "cancellations.csv")
        code, report = self.run_import(*files)
        self.assertEqual(code, 0)
        self.assertEqual({k: report[k] for k in ("rows", "records", "repeats", "cancellations", "appended", "unrecorded")},
                         {"rows": 7997, "records": 7986, "repeats": 11, "cancellations": 57, "appended": 7997 + 57,
                          "unrecorded": 0})
        found = {}
        for anomaly in report["anomalies"]:
            found.setdefault(anomaly["code"], []).append(anomaly["number"])
        self.assertEqual({code: len(numbers) for code, numbers in found.items()},
                         {"number_length": 1, "number_check_digit": 1, "number_region": 4, "number_type": 2,
                          "role_products": 1})
        self.assertEqual(found["number_length"], ["网信算备1101082242366066220017号"])
        self.assertEqual(found["number_check_digit"], ["网信算备440305295988702220055号"])

        code, again = self.run_import(*files)
        self.assertEqual((code, again), (0, {**report, "appended": 0}))

        self.ledger.start()
        items, cursor = [], None
        while True:
            page = self.ledger.get("/v1/announcements?limit=1000" + ("&cursor=" + cursor if cursor else "")).json
            items += page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        self.assertEqual(len(items), 7997)
        self.assertEqual(len([i for i in items if i["status"] == "cancelled"]), 57)
        for typed, meant in (("网信算备1101082242366066220017号", "110108224236606220017"),
                             ("440305295988702220055", "440305295988702220057")):
            looked = self.ledger.get("/v1/numbers/" + urllib.parse.quote(typed)).json
            self.assertIn(meant, [s for a in looked["anomalies"] for s in a["suggestions"]])

    def test_a_file_that_is_no_list_is_refused_whole(self):
        before = self.events()
        for text, word in (("", "header"), ("a,b\r\n1,2\r\n", "filing_number"), ("list,list\r\n", "doubled_column")):
            file = self.ledger.root / "list.csv"
            file.write_text(text)
            done = self.ledger.run("import", str(file))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(word, done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertEqual(self.events(), before)

    def events(self):
        return subprocess.run([BINARY, "export", "events", "--data", str(self.ledger.data)], check=True,
                              capture_output=True, text=True).stdout

    def test_a_broken_row_does_not_hide_its_neighbours(self):
        file = self.ledger.root / "list.csv"
        head = "list,algorithm_name,type_or_role,subject_name,filing_number\r\n"
        good = "deep,算法一,服务提供者,某公司,网信算备330110807992101250019号\r\n"
        file.write_text(head + good + "deep,only two\r\n" + "deep,算法二,服务提供者,某公司,没有号码\r\n", newline="")
        code, report = self.run_import(file)
        self.assertEqual(code, 1)
        self.assertEqual((report["rows"], report["records"], report["unrecorded"]), (3, 2, 1))
        self.assertIn({"row": 2, "number": "", "code": "csv_column_count"}, report["anomalies"])
        self.assertIn({"row": 3, "number": "没有号码", "code": "number_format"}, report["anomalies"])


if __name__ == "__main__":
    unittest.main()
