// Webhooks as the core decides on them: who registers one, with what, and how the ledger keeps them.
#include "events/core/limits.hpp"
#include "events/core/webhook_url.hpp"
#include "tests/support/core_story.hpp"

using namespace ledger;
using namespace ledger::test;
using Strings = std::vector<std::string>;

namespace {

RegisterWebhook hook(std::string url = "https://example.org/hook") {
  return {std::move(url), {}, "public"};
}

}  // namespace

TEST_CASE("an admin registers a webhook and removes it once") {
  Story s;
  const Uuid id = s.must(hook("https://example.org/hook?key=a"), s.ledger.admin());
  const LedgerState ledger = s.ledger.ledger();
  REQUIRE(ledger.webhooks.size() == 1);
  CHECK(ledger.webhooks[0].id == id);
  CHECK(ledger.webhooks[0].url == "https://example.org/hook?key=a");
  CHECK(ledger.webhooks[0].visibility == "public");
  CHECK(ledger.webhooks[0].position == ledger.position);
  CHECK(ledger.webhook(id) == &ledger.webhooks[0]);

  CHECK(s.ask(RemoveWebhook{id}, s.reviewer) == "role_forbidden");
  s.must(RemoveWebhook{id}, s.ledger.admin());
  CHECK(s.ledger.ledger().webhooks.empty());
  CHECK(s.ask(RemoveWebhook{id}, s.ledger.admin()) == "not_found");
  CHECK(s.ask(RemoveWebhook{s.ledger.fresh()}, s.ledger.admin()) == "not_found");
}

TEST_CASE("only an admin registers webhooks") {
  Story s;
  for (const Person& person : {s.reviewer, s.registrar, s.filer, s.nobody}) {
    CHECK(s.ask(hook(), person) == "role_forbidden");
  }
}

TEST_CASE("a webhook is checked field by field") {
  Story s;
  const Person admin = s.ledger.admin();
  CHECK(s.errors(RegisterWebhook{"", {}, "public"}, admin) == Strings{"/url required"});
  CHECK(s.errors(RegisterWebhook{"ftp://x", {"filing.published", "nothing", "filing.published"}, "own"},
                 admin) == Strings{"/url bad_format", "/types/1 not_in_list", "/types/2 duplicate_item",
                                   "/visibility not_in_list"});
  CHECK(s.errors(RegisterWebhook{"https://x", {"draft.saved"}, "public"}, admin) ==
        Strings{"/types/0 not_in_list"});
  CHECK(s.ask(RegisterWebhook{"https://x", {"draft.saved"}, "staff"}, admin) == "ok");
  CHECK(s.ask(RegisterWebhook{"http://x", {"filing.published"}, "public"}, admin) == "ok");
}

TEST_CASE("there are at most so many webhooks") {
  Story s;
  Uuid last;
  for (std::size_t i = 0; i < limits::kWebhooksMax; ++i) last = s.must(hook(), s.ledger.admin());
  CHECK(s.ask(hook(), s.ledger.admin()) == "webhooks_many");
  s.must(RemoveWebhook{last}, s.ledger.admin());
  CHECK(s.ask(hook(), s.ledger.admin()) == "ok");
}

TEST_CASE("a URL is cut as it stands") {
  const auto parts = parse_url("https://[2001:db8::1]:8443/a/?b=c%20d");
  REQUIRE(parts);
  CHECK(parts->tls);
  CHECK(parts->host == "2001:db8::1");
  CHECK(parts->port == 8443);
  CHECK(parts->authority == "[2001:db8::1]:8443");
  CHECK(parts->target == "/a/?b=c%20d");
  CHECK(parse_url("http://example.org")->port == 80);
  CHECK(parse_url("https://example.org?x")->target == "?x");
}

TEST_CASE("what is no URL to deliver to is told") {
  for (const std::string_view url : {"",
                                     "https",
                                     "https://",
                                     "HTTPS://example.org",
                                     "https:///path",
                                     "https://user@example.org/",
                                     "https://user:pw@example.org/",
                                     "https://example.org/#top",
                                     "https://example.org:0/",
                                     "https://example.org:65536/",
                                     "https://example.org:/",
                                     "https://exa mple.org/",
                                     "https://example.org/a b",
                                     "https://example.org/a\r\nX: y",
                                     "https://\xe4\xbe\x8b.cn/",
                                     "https://[::1",
                                     "https://[example]/",
                                     "https://[]/",
                                     "file:///etc/passwd",
                                     "https://.example.org"}) {
    CAPTURE(url);
    CHECK(what_is_wrong_with_url(url));
  }
  CHECK(what_is_wrong_with_url("https://example.org/" + std::string(2'000, 'a')));
  CHECK_FALSE(what_is_wrong_with_url("https://example.org/a"));
}
