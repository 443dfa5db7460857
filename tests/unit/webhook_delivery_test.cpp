// Deliveries of a real ledger to a receiver in this process: order, at least once, failures, pauses,
// restarts.
#include <algorithm>
#include <atomic>
#include <chrono>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "events/crypto/webhook.hpp"
#include "server/webhook/deliveries.hpp"
#include "tests/support/engine_story.hpp"
#include "tests/support/scripted_server.hpp"

using namespace ledger;
using namespace ledger::test;
using namespace std::chrono_literals;

namespace {

template <typename Holds>
bool eventually(Holds holds) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

std::string header_of(const std::string& head, const std::string& name) {
  const std::string wanted = "\r\n" + name + ": ";
  const std::size_t at = head.find(wanted);
  if (at == head.npos) return {};
  const std::size_t begin = at + wanted.size();
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

webhook::Options quick() {
  webhook::Options options;
  options.allow_http = options.allow_private = true;
  options.retry_first = 5ms;
  options.retry_longest = 20ms;
  options.interval = 1ms;
  return options;
}

/// A ledger whose webhooks are delivered; what the receiver answers is up to `status`.
struct Story {
  std::atomic<unsigned> status{200};
  std::atomic<int> failures_left{0};
  ScriptedServer receiver{[this](const std::string&) {
    if (failures_left.fetch_sub(1) > 0) return http_answer(503, "later");
    return http_answer(status.load(), "thanks");
  }};
  EngineStory ledger{false};
  std::unique_ptr<webhook::Deliveries> deliveries;

  explicit Story(webhook::Options options = quick()) {
    ledger.options.on_published = [this] {
      if (deliveries) deliveries->ring();
    };
    ledger.open();
    begin(std::move(options));
  }
  ~Story() { deliveries.reset(); }
  void begin(webhook::Options options = quick()) {
    deliveries.reset();
    auto fresh = std::make_unique<webhook::Deliveries>();
    REQUIRE(fresh->begin(*ledger.engine, ledger.data() / "webhooks", std::move(options)));
    deliveries = std::move(fresh);
  }
  Uuid hook(std::string visibility, std::vector<std::string> types = {}) {
    return ledger
        .must(RegisterWebhook{receiver.url("/in?x=1"), std::move(types), std::move(visibility)}, ledger.admin)
        .id;
  }
  void grant(int n) {
    for (int i = 0; i < n; ++i) {
      ledger.must(GrantAccess{"某人" + std::to_string(++names), Role::auditor, {}, {}}, ledger.admin);
    }
  }
  /// Positions in the order in which they came, repetitions included.
  [[nodiscard]] std::vector<std::uint64_t> positions() const {
    std::vector<std::uint64_t> all;
    for (const auto& [head, body] : receiver.requests()) {
      all.push_back(std::stoull(std::string(boost::json::parse(body).at("sequence").as_string())));
    }
    return all;
  }
  /// The same without what was sent again at once.
  [[nodiscard]] std::vector<std::uint64_t> once() const {
    std::vector<std::uint64_t> all = positions();
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }
  bool caught_up(const Uuid& id) {
    return eventually([&] {
      const auto standing = deliveries->standing(id);
      return standing && standing->progress.cursor + 1 == ledger.engine->size();
    });
  }
  bool paused(const Uuid& id) const {
    return eventually([&] {
      const auto standing = deliveries->standing(id);
      return standing && standing->progress.paused;
    });
  }
  bool failed(const Uuid& id) const {
    return eventually([&] {
      const auto standing = deliveries->standing(id);
      return standing && standing->progress.failures > 0;
    });
  }
  int names = 0;
};

std::vector<std::uint64_t> range(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> all;
  for (; from <= to; ++from) all.push_back(from);
  return all;
}

}  // namespace

TEST_CASE("everything behind the registration is sent once, in order, and signed") {
  Story s;
  s.grant(2);
  const Uuid id = s.hook("staff");
  const std::uint64_t registered = s.ledger.engine->size() - 1;
  s.grant(20);
  REQUIRE(s.caught_up(id));
  CHECK(s.positions() == range(registered + 1, registered + 20));
  const auto key = s.ledger.engine->webhook_key(id);
  for (const auto& [head, body] : s.receiver.requests()) {
    CHECK(head.starts_with("POST /in?x=1 HTTP/1.1\r\n"));
    CHECK(header_of(head, "Content-Type") == "application/cloudevents+json");
    const std::string message = header_of(head, "webhook-id");
    CHECK(message == boost::json::parse(body).at("id").as_string());
    CHECK(header_of(head, "webhook-signature") ==
          crypto::webhook_signature(key.view(), message, std::stoll(header_of(head, "webhook-timestamp")),
                                    body));
    CHECK(body.find("某人") == body.npos);
  }
}

TEST_CASE("a failing receiver is asked again until it takes the event, and nothing is skipped") {
  Story s;
  const Uuid id = s.hook("staff");
  const std::uint64_t registered = s.ledger.engine->size() - 1;
  s.failures_left = 5;
  s.grant(3);
  REQUIRE(s.caught_up(id));
  CHECK(s.once() == range(registered + 1, registered + 3));
  CHECK(s.receiver.request_count() == 8);
  const auto standing = s.deliveries->standing(id);
  CHECK(standing->progress.failures == 0);
  CHECK(standing->progress.reason.empty());
  CHECK(standing->delivered == 3);
}

TEST_CASE("the public sees public events alone, as anybody reads them") {
  Story s;
  const Uuid all = s.hook("public");
  const Uuid revoked = s.hook("public", {"filing.revoked"});
  s.ledger.whole_life(1);
  s.grant(1);
  REQUIRE(s.caught_up(all));
  REQUIRE(s.caught_up(revoked));
  REQUIRE(s.receiver.request_count() == 2);
  const auto event = boost::json::parse(s.receiver.requests()[0].second);
  CHECK(event.at("type").as_string() == "filing.published");
  CHECK_FALSE(event.as_object().contains("actorprincipal"));
  CHECK(boost::json::parse(s.receiver.requests()[1].second).at("type").as_string() == "change.approved");
}

TEST_CASE("staff are sent no draft from before the first submission, and no private value") {
  Story s;
  const Uuid id = s.hook("staff");
  s.ledger.whole_life(1);
  REQUIRE(s.caught_up(id));
  std::vector<std::string> types;
  for (const auto& [head, body] : s.receiver.requests()) {
    types.emplace_back(boost::json::parse(body).at("type").as_string());
    for (const std::string& secret : kPrivateTexts) CHECK(body.find(secret) == body.npos);
  }
  CHECK(std::ranges::count(types, "draft.saved") == 1);  // the one behind the rejection
  CHECK(std::ranges::count(types, "filing.submitted") == 2);
}

TEST_CASE("a receiver that is gone pauses the webhook until it is resumed") {
  Story s;
  const Uuid id = s.hook("staff");
  const std::uint64_t registered = s.ledger.engine->size() - 1;
  s.status = 410;
  s.grant(2);
  REQUIRE(s.paused(id));
  CHECK(s.deliveries->standing(id)->progress.reason == "answered 410");
  CHECK(s.receiver.request_count() == 1);
  s.grant(1);
  std::this_thread::sleep_for(50ms);
  CHECK(s.receiver.request_count() == 1);

  s.begin();  // the pause outlives a restart
  REQUIRE(s.paused(id));
  s.status = 204;
  CHECK(s.deliveries->resume(id));
  REQUIRE(s.caught_up(id));
  CHECK(s.once() == range(registered + 1, registered + 3));
  CHECK_FALSE(s.deliveries->resume(s.ledger.admin.grant_id));
}

TEST_CASE("a webhook that fails for too long is paused") {
  webhook::Options options = quick();
  options.give_up_after = 50ms;
  Story s(options);
  const Uuid id = s.hook("staff");
  s.status = 302;  // no redirect is followed
  s.grant(1);
  REQUIRE(s.paused(id));
  CHECK(s.deliveries->standing(id)->progress.reason == "answered 302");
  CHECK(s.receiver.request_count() > 1);
}

TEST_CASE("after a restart deliveries go on behind what was acknowledged") {
  Story s;
  const Uuid id = s.hook("staff");
  const std::uint64_t registered = s.ledger.engine->size() - 1;
  s.grant(3);
  REQUIRE(s.caught_up(id));
  s.deliveries.reset();
  s.grant(3);
  s.ledger.reopen();
  s.begin();
  REQUIRE(s.caught_up(id));
  CHECK(s.positions() == range(registered + 1, registered + 6));
}

TEST_CASE("a removed webhook is sent nothing more, and its cursor is forgotten") {
  Story s;
  const Uuid id = s.hook("staff");
  s.grant(1);
  REQUIRE(s.caught_up(id));
  s.ledger.must(RemoveWebhook{id}, s.ledger.admin);
  REQUIRE(eventually([&] { return !s.deliveries->standing(id); }));
  const std::size_t sent = s.receiver.request_count();
  s.grant(2);
  std::this_thread::sleep_for(30ms);
  CHECK(s.receiver.request_count() == sent);
  s.deliveries.reset();
  auto cursors = webhook::CursorStore::open(s.ledger.data() / "webhooks");
  REQUIRE(cursors);
  CHECK((*cursors)->webhooks().empty());
}

TEST_CASE("nothing is sent to this machine or in clear unless that is allowed") {
  webhook::Options options = quick();
  SECTION("private addresses") {
    options.allow_private = false;
    Story s(options);
    const Uuid id = s.hook("staff");
    s.grant(1);
    REQUIRE(s.failed(id));
    CHECK(s.deliveries->standing(id)->progress.reason ==
          "connect: not to 127.0.0.1: it is not public, but loopback");
    CHECK(s.receiver.request_count() == 0);
  }
  SECTION("a name that leads to one") {
    options.allow_private = false;
    Story s(options);
    const Uuid id = s.ledger.must(RegisterWebhook{"https://localhost/", {}, "staff"}, s.ledger.admin).id;
    s.grant(1);
    REQUIRE(s.failed(id));
    CHECK(s.deliveries->standing(id)->progress.reason.find("loopback") != std::string::npos);
  }
  SECTION("plain http") {
    options.allow_http = false;
    Story s(options);
    const Uuid id = s.hook("staff");
    s.grant(1);
    REQUIRE(s.failed(id));
    CHECK(s.deliveries->standing(id)->progress.reason == "plain http is not allowed");
    CHECK(s.receiver.request_count() == 0);
  }
}

TEST_CASE("a receiver that never answers is left quickly at the end") {
  ScriptedServer silent{[](const std::string&) { return ScriptedServer::silence; }};
  Story s;
  s.ledger.must(RegisterWebhook{silent.url(), {}, "staff"}, s.ledger.admin);
  s.grant(1);
  REQUIRE(eventually([&] { return silent.request_count() == 1; }));
  const auto begun = std::chrono::steady_clock::now();
  s.deliveries->stop();
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
}

TEST_CASE("the status counts, whatever the body is") {
  ScriptedServer chatty{[](const std::string&) {
    return "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + std::string(100'000, 'x');
  }};
  Story s;
  const Uuid id = s.ledger.must(RegisterWebhook{chatty.url(), {}, "staff"}, s.ledger.admin).id;
  s.grant(2);
  REQUIRE(s.caught_up(id));
  CHECK(chatty.request_count() == 2);
}

TEST_CASE("a cursor beyond a ledger that came back from a backup starts at its end") {
  Story s;
  const Uuid id = s.hook("staff");
  s.grant(1);
  REQUIRE(s.caught_up(id));
  s.deliveries.reset();
  {
    auto cursors = webhook::CursorStore::open(s.ledger.data() / "webhooks");
    REQUIRE(cursors);
    REQUIRE((*cursors)->save(id, {.cursor = 1'000'000, .failing_since = {}, .reason = {}}));
  }
  s.begin();
  REQUIRE(s.caught_up(id));
  const std::size_t sent = s.receiver.request_count();
  s.grant(1);
  REQUIRE(eventually([&] { return s.receiver.request_count() == sent + 1; }));
}
