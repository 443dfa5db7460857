// `GET /v1/stream` and its tickets over a real socket, in this process: refusals, limits, ends, headers.
#include <atomic>
#include <sstream>

#include <catch2/catch.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include "tests/support/served_ledger.hpp"

using namespace ledger;
using namespace ledger::test;

namespace {

/// Asks for a stream and leaves it open.
class OpenStream {
 public:
  OpenStream(const ServedLedger& ledger, const std::string& path, const std::string& token = {},
             const std::string& headers = {})
      : client_(ledger.port()) {
    std::string request = "GET " + path + " HTTP/1.1\r\nHost: test\r\n";
    if (!token.empty()) request += "Authorization: Bearer " + token + "\r\n";
    client_.send(request + headers + "\r\n");
  }
  /// Whether the stream said so by now, or some time later.
  [[nodiscard]] bool says(std::string_view text) { return client_.wait_for(text); }
  /// Everything until the server ends the stream.
  [[nodiscard]] http::test::RawResponse rest() {
    auto response = client_.read();
    REQUIRE(response);
    return std::move(*response);
  }

 private:
  http::test::RawClient client_;
};

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++found;
  return found;
}

std::string grant_id(const ServedLedger& ledger, const std::string& token) {
  return ledger.get("/v1/me", token).text("grant_id");
}

std::string metric(const ServedLedger& ledger, const std::string& name) {
  const std::string text = ledger.get("/metrics").raw.body;
  const std::size_t at = text.find("\n" + name + " ");
  if (at == text.npos) return {};
  const std::size_t begin = at + name.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 2'000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace

TEST_CASE("a bad cursor, filter or token is refused before any stream opens") {
  const ServedLedger ledger;
  const auto refused = [&](const std::string& path, unsigned status, const std::string& code,
                           const std::string& token = {}, const std::string& headers = {}) {
    CAPTURE(path);
    const Answer answer = ledger.get(path, token, headers);
    CHECK(answer.status() == status);
    CHECK(answer.code() == code);
  };
  refused("/v1/stream?after=x", 400, "bad_cursor");
  refused("/v1/stream?after=", 400, "bad_cursor");
  refused("/v1/stream?after=-1", 400, "bad_cursor");
  refused("/v1/stream?after=2", 400, "bad_cursor");
  refused("/v1/stream?after=9007199254740992", 400, "bad_cursor");
  refused("/v1/stream?after=1", 400, "bad_cursor", {}, "Last-Event-ID: 2\r\n");
  refused("/v1/stream?type=nothing", 400, "bad_query");
  refused("/v1/stream?colour=red", 400, "bad_query");
  refused("/v1/stream?stream=%zz", 400, "bad_query");
  refused("/v1/stream", 401, "token_unknown", "fl1_0_nonsense");
  refused("/v1/stream?ticket=nonsense", 401, "ticket_unknown");
  refused("/v1/stream?ticket=nonsense", 400, "bad_query", ledger.admin());
  refused("/v1/stream", 406, "not_acceptable", {}, "Accept: application/json\r\n");
  CHECK(ledger.call({.method = "POST", .path = "/v1/stream"}).code() == "method_not_allowed");
  CHECK(ledger.post("/v1/stream/tickets", {}, "").code() == "token_missing");
  CHECK(metric(ledger, "ledger_streams_open{reader=\"public\"}") == "0");
}

TEST_CASE("a stream is an event stream that nobody keeps and every page may read") {
  ServedLedger ledger;
  OpenStream stream(ledger, "/v1/stream", {}, "Accept: text/event-stream\r\n");
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"public\"}") == "1"; }));
  CHECK(stream.says("caught_up"));  // counted as open a moment before it says anything
  ledger.app().drain();
  const auto answer = stream.rest();
  CHECK(answer.status == 200);
  CHECK(answer.complete);
  CHECK(answer.header("content-type") == "text/event-stream");
  CHECK(answer.header("cache-control") == "no-store");
  CHECK(answer.header("access-control-allow-origin") == "*");
  CHECK(answer.body == "event: caught_up\nid: 1\ndata: {\"position\":1}\n\n");
  CHECK(ledger.get("/v1/stream").code() == "shutting_down");
}

TEST_CASE("HEAD tells the headers of a stream and opens none") {
  const ServedLedger ledger;
  const Answer answer = ledger.call({.method = "HEAD", .path = "/v1/stream"});
  CHECK(answer.status() == 200);
  CHECK(answer.raw.header("content-type") == "text/event-stream");
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"public\"}") == "0"; }));
}

TEST_CASE("a revoked token ends its stream and says why") {
  ServedLedger ledger;
  const std::string auditor = ledger.grant("审计", "auditor");
  OpenStream live(ledger, "/v1/stream?after=head", auditor);
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"granted\"}") == "1"; }));
  const auto subject = ledger.registered(1);
  CHECK(ledger
            .call({.method = "DELETE",
                   .path = "/v1/access/grants/" + grant_id(ledger, auditor),
                   .token = ledger.admin()})
            .status() == 200);
  const auto answer = live.rest();
  CHECK(answer.complete);
  CHECK(answer.body.find("event: caught_up\nid: 2\n") == 0);
  // The registration may have come in time, or together with the revocation: then it is not shown any more.
  const std::size_t shown = count(answer.body, "subject.registered");
  const std::string cursor = shown == 1 ? "3" : "2";
  CHECK(answer.body.ends_with("event: error\nid: " + cursor + "\ndata: {\"position\":" + cursor +
                              ",\"code\":\"token_revoked\"}\n\n"));
  CHECK(count(answer.body, "access.revoked") == 0);
  CHECK(ledger.get("/v1/stream", auditor).status() == 401);
}

TEST_CASE("each reader is shown their own") {
  ServedLedger ledger;
  const std::string auditor = ledger.grant("审计", "auditor");
  const auto one = ledger.registered(1);
  const auto two = ledger.registered(2);
  OpenStream all(ledger, "/v1/stream", auditor), own(ledger, "/v1/stream", one.token),
      other(ledger, "/v1/stream?subject_id=" + one.id, two.token), anyone(ledger, "/v1/stream"),
      picked(ledger, "/v1/stream?type=subject.registered,access.revoked&after=1", auditor);
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"granted\"}") == "4"; }));
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"public\"}") == "1"; }));
  for (OpenStream* stream : {&all, &own, &other, &anyone, &picked}) CHECK(stream->says("caught_up"));
  ledger.app().drain();
  const std::string own_text = own.rest().body;
  CHECK(count(own_text, "\"specversion\"") == 1);
  CHECK(own_text.find("王五") != own_text.npos);
  const std::string all_text = all.rest().body;
  CHECK(count(all_text, "\"specversion\"") == 5);
  CHECK(all_text.find("王五") == all_text.npos);
  CHECK(count(other.rest().body, "\"specversion\"") == 0);
  CHECK(count(anyone.rest().body, "\"specversion\"") == 0);
  CHECK(count(picked.rest().body, "\"specversion\"") == 2);
}

TEST_CASE("a ticket stands for its grant once, and is never logged") {
  std::ostringstream log;
  server::Options options;
  std::atomic<std::int64_t> now{1'890'000'000'000'000};
  options.clock = [&now] { return TimestampUs{now.load()}; };
  options.access_log =
      std::make_shared<spdlog::logger>("access", std::make_shared<spdlog::sinks::ostream_sink_mt>(log));
  std::string text;
  {
    ServedLedger ledger(options);
    const std::string auditor = ledger.grant("审计", "auditor");
    const auto made = [&] { return ledger.post("/v1/stream/tickets", auditor, ""); };
    const Answer ticket = made();
    CHECK(ticket.status() == 201);
    CHECK(ticket.raw.header("cache-control") == "no-store");
    CHECK(ticket.text("expires_at") == TimestampUs{now + 30'000'000}.text());
    text = ticket.text("ticket");
    // A request that is refused for something else leaves the ticket good.
    CHECK(ledger.get("/v1/stream?after=x&ticket=" + text).code() == "bad_cursor");
    OpenStream stream(ledger, "/v1/stream?ticket=" + text);
    CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"granted\"}") == "1"; }));
    CHECK(ledger.get("/v1/stream?ticket=" + text).code() == "ticket_unknown");

    const std::string late = made().text("ticket");
    now += 30'000'000;
    CHECK(ledger.get("/v1/stream?ticket=" + late).code() == "ticket_unknown");

    const std::string orphan = made().text("ticket");
    CHECK(ledger
              .call({.method = "DELETE",
                     .path = "/v1/access/grants/" + grant_id(ledger, auditor),
                     .token = ledger.admin()})
              .status() == 200);
    CHECK(ledger.get("/v1/stream?ticket=" + orphan).code() == "token_revoked");
    CHECK(count(stream.rest().body, "\"code\":\"token_revoked\"") == 1);
  }
  CHECK(log.str().find("/v1/stream") != std::string::npos);
  CHECK(log.str().find(text) == std::string::npos);
}

TEST_CASE("one address holds only so many public streams") {
  server::Options options;
  options.public_streams_per_address = 2;
  ServedLedger ledger(options);
  const std::string from = "X-Forwarded-For: 203.0.113.9\r\n";
  OpenStream one(ledger, "/v1/stream", {}, from), two(ledger, "/v1/stream", {}, from);
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"public\"}") == "2"; }));
  const Answer third = ledger.get("/v1/stream", {}, from);
  CHECK(third.status() == 429);
  CHECK_FALSE(third.raw.header("retry-after").empty());
  OpenStream granted(ledger, "/v1/stream", ledger.admin(), from), home(ledger, "/v1/stream");
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"public\"}") == "3"; }));
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"granted\"}") == "1"; }));
}

TEST_CASE("streams opened in quick succession by one address are too many") {
  server::Options options;
  options.stream_rate = {.per_minute = 1, .burst = 1, .addresses_max = 16};
  ServedLedger ledger(options);
  const std::string from = "X-Forwarded-For: 203.0.113.9\r\n";
  OpenStream one(ledger, "/v1/stream", {}, from);
  CHECK(eventually([&] { return metric(ledger, "ledger_streams_open{reader=\"public\"}") == "1"; }));
  CHECK(ledger.get("/v1/stream", {}, from).status() == 429);
  ledger.app().drain();
  CHECK(one.rest().status == 200);
}

TEST_CASE("a stream in silence says now and then that it is there") {
  server::Options options;
  options.stream_heartbeat = std::chrono::milliseconds(40);
  ServedLedger ledger(options);
  OpenStream stream(ledger, "/v1/stream?after=head");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK_FALSE(ledger.registered(1).id.empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ledger.app().drain();
  const std::string body = stream.rest().body;
  CHECK(count(body, "\n:\n\n") >= 2);
  CHECK(count(body, "event: checkpoint\nid: 2\ndata: {\"position\":2}\n\n") == 1);
}
