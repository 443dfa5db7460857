"""Starts the built server on a fresh ledger and talks HTTP to it, for the tests beside this file."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

BINARY = os.environ.get("FILING_LEDGER", "build/release/filing-ledger")


def credit_code(n):
    """The n-th credit code that checks (GB 32100, annex A)."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    head = "91110108MA%07d" % n
    total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(head))
    return head + alphabet[(31 - total % 31) % 31]


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {k.lower(): v for k, v in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("code")

    @property
    def etag(self):
        return self.headers.get("etag")

    def __repr__(self):
        return "%d %s" % (self.status, self.body[:2000].decode("utf-8", "replace"))


class Ledger:
    """A ledger directory and, while started, its server process."""

    environment = None  # of the server process; None: this one's

    def __init__(self, *init_args, origin="ledger.example/test"):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="filing-ledger-"))
        self.data = self.root / "data"
        made = subprocess.run([BINARY, "init", "--data", str(self.data), "--origin", origin, *init_args],
                              capture_output=True, check=True, text=True)
        self.created = json.loads(made.stdout)
        self.admin = self.created["admin_token"]
        self.process = None
        self.log = []
        self.port = None

    def start(self, *args):
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment)
        ready = threading.Event()

        def read():
            for line in self.process.stdout:
                self.log.append(line)
                found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
                if found:
                    self.port = int(found.group(1))
                    ready.set()
            ready.set()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        if not ready.wait(60) or self.port is None:
            raise RuntimeError("the server did not start:\n" + "".join(self.log))
        return self

    def stop(self):
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(15)
        self.reader.join(5)
        self.process.stdout.close()
        self.process = None
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()
        self.process = None

    def close(self):
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, *args):
        """Another command of the binary on this ledger."""
        return subprocess.run([BINARY, args[0], "--data", str(self.data), *args[1:]], capture_output=True, text=True)

    def request(self, method, path, token=None, body=None, headers=None, raw=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = "Bearer " + token
        data = raw
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=data, headers=sent)
        response = connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        connection.close()
        return answer

    def get(self, path, token=None, **headers):
        return self.request("GET", path, token, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path, token=None, body=None, version=None, key=None, **headers):
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        if version is not None:
            sent["If-Match"] = '"%d"' % version
        if key is not None:
            sent["Idempotency-Key"] = key
        return self.request("POST", path, token, {} if body is None else body, sent)

    def must(self, answer, status=200):
        assert answer.status == status, "expected %d, got %r" % (status, answer)
        return answer.json

    def size(self):
        """How many events there are: `init` alone makes more than two."""
        return int(self.get("/v1/announcements").headers["ledger-position"]) + 1

    # --- the steps that most stories begin with

    def grant(self, principal, role, subject=None):
        body = {"principal": principal, "role": role}
        if subject:
            body["subject_id"] = subject
        return self.must(self.post("/v1/access/grants", self.admin, body), 201)["token"]

    def staff(self):
        return {role: self.grant("staff " + role, role)
                for role in ("initial_reviewer", "reviewer", "registrar", "supervisor", "auditor")}

    def register(self, n=1, name="示例科技有限公司"):
        made = self.must(self.post("/v1/subjects", None, {
            "organization_name": name, "credit_code": credit_code(n), "region": "110108",
            "contact": {"name": "王五", "phone": "13700000000", "email": "wang@example.cn"}}), 201)
        return made["id"], made["token"]

    def upload(self, token, content):
        return self.must(self.request("PUT", "/v1/documents", token, raw=content,
                                      headers={"Content-Type": "application/pdf"}), 201)["digest"]

    def subject_form(self, token, n=1, name="示例科技有限公司"):
        return {
            "organization_name": name, "credit_code": credit_code(n), "region": "110108",
            "website_name": "示例网", "website_domain": "example.cn", "daily_visits": 120000,
            "basic_information": {"kind": "enterprise", "registered_address": "北京市海淀区示例路1号",
                                  "industry": "信息传输、软件和信息技术服务业"},
            "certificate": {"kind": "business_license", "number": credit_code(n)},
            "legal_representative": {"name": "张三丰", "id_number": "110101199001010011", "phone": "13800000000",
                                     "email": "zhang@example.cn"},
            "safety_officer": {"name": "李四光", "position": "算法安全责任人", "phone": "13900000000",
                               "email": "li@example.cn"},
            "documents": {"commitment_letter": self.upload(token, b"letter"),
                          "responsibility_statement": self.upload(token, b"statement")},
            "confirmed": True}

    def qualified(self, staff, n=1):
        subject, filer = self.register(n)
        self.must(self.post("/v1/subjects/%s/submit" % subject, filer, self.subject_form(filer, n)))
        version = self.get("/v1/subjects/" + subject, filer).json["version"]
        self.must(self.post("/v1/subjects/%s/approve" % subject, staff["initial_reviewer"], version=version))
        return subject, filer

    def tree(self, subject, filer, name="示例应用"):
        product = self.must(self.post("/v1/subjects/%s/products" % subject, filer, {"name": name, "form": "app"}), 201)["id"]
        path = self.must(self.post("/v1/products/%s/access-paths" % product, filer, {"steps": ["首页", "推荐"]}), 201)["id"]
        feature = self.must(self.post("/v1/products/%s/access-paths/%s/features" % (product, path), filer,
                                      {"name": "推荐流", "description": "按兴趣排序"}), 201)["id"]
        return product, path, feature

    def filing_form(self, filer, features, **changes):
        form = {
            "algorithm_name": "示例推荐算法", "role": "provider", "purpose": "应用于资讯推荐场景",
            "basic": {"algorithm_type": "personalized_push", "application_field": "资讯", "launched_on": "2026-10-01",
                      "documents": {"self_assessment_report": self.upload(filer, b"report"),
                                    "public_disclosure": self.upload(filer, b"disclosure")}},
            "details": {"data": "用户行为数据说明", "model": "协同过滤模型说明", "strategy": "排序策略说明",
                        "risk_and_prevention": "风险与防范说明"},
            "scope": {"products": [], "access_paths": [], "features": features, "technical_service": ""}}
        form.update(changes)
        return form

    def draft(self, subject, filer, form):
        return self.must(self.post("/v1/filings", filer, {"subject_id": subject, "form": form}), 201)["id"]

    def reviewed(self, subject, filer, staff, form):
        """A filing whose review has begun."""
        filing = self.draft(subject, filer, form)
        self.must(self.post("/v1/filings/%s/submit" % filing, filer, {"declared": True}))
        self.must(self.post("/v1/filings/%s/start-review" % filing, staff["reviewer"]))
        return filing

    def decide(self, filing, what, token, body=None):
        """A decision on a filing as it stands now."""
        return self.must(self.post("/v1/filings/%s/%s" % (filing, what), token, body, version=self.version(filing, token)))

    def version(self, filing, token):
        return self.must(self.get("/v1/filings/" + filing, token))["version"]
