// The parts of webhook deliveries that need no network: addresses, signatures, cursors.
#include <algorithm>

#include <boost/asio/ip/address.hpp>
#include <catch2/catch.hpp>

#include "events/crypto/base64.hpp"
#include "events/crypto/webhook.hpp"
#include "server/webhook/address_rules.hpp"
#include "server/webhook/cursor_store.hpp"
#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::webhook;

namespace {

std::string rule(const std::string& text) {
  const auto address = boost::asio::ip::make_address(text);
  const auto why = address.is_v4() ? why_not_public(address.to_v4().to_bytes())
                                   : why_not_public(address.to_v6().to_bytes());
  return why.value_or("public");
}

}  // namespace

TEST_CASE("addresses that are not of the public Internet are told by their kind") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"0.0.0.0", "this network"},
      {"0.255.255.255", "this network"},
      {"10.0.0.1", "private"},
      {"10.255.255.255", "private"},
      {"100.64.0.0", "shared by a carrier"},
      {"100.127.255.255", "shared by a carrier"},
      {"127.0.0.1", "loopback"},
      {"127.255.0.1", "loopback"},
      {"169.254.169.254", "link-local"},
      {"172.16.0.1", "private"},
      {"172.31.255.255", "private"},
      {"192.0.0.8", "reserved"},
      {"192.0.2.1", "documentation"},
      {"192.168.0.1", "private"},
      {"198.18.0.1", "benchmarking"},
      {"198.19.255.255", "benchmarking"},
      {"198.51.100.7", "documentation"},
      {"203.0.113.7", "documentation"},
      {"224.0.0.1", "multicast"},
      {"239.255.255.250", "multicast"},
      {"240.0.0.1", "reserved"},
      {"255.255.255.255", "reserved"},
      {"::", "unspecified"},
      {"::1", "loopback"},
      {"::ffff:8.8.8.8", "a mapped IPv4 address"},
      {"::ffff:127.0.0.1", "a mapped IPv4 address"},
      {"64:ff9b::a00:1", "a translated IPv4 address"},
      {"fc00::1", "unique-local"},
      {"fdff::1", "unique-local"},
      {"fe80::1", "link-local"},
      {"febf::1", "link-local"},
      {"fec0::1", "not global"},
      {"ff02::1", "multicast"},
      {"2001::1", "a protocol's own"},
      {"2001:db8::1", "documentation"},
      {"2002:7f00:1::", "an IPv4 address of 6to4"},
      {"3fff::1", "documentation"},
      {"::8.8.8.8", "not global"},
      {"4000::1", "not global"},
  };
  for (const auto& [address, kind] : table) {
    CAPTURE(address);
    CHECK(rule(address) == kind);
  }
  CHECK(why_not_public({}) == "no IP address");
}

TEST_CASE("addresses beside the special networks are public") {
  for (const std::string address : {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",
                                    "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
                                    "126.255.255.255", "128.0.0.1",       "169.253.255.255",
                                    "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
                                    "192.0.1.1",       "192.167.255.255", "192.169.0.0",
                                    "198.17.255.255",  "198.20.0.0",      "223.255.255.255",
                                    "2400:3200::1",    "2606:4700::1111", "2001:4860:4860::8888",
                                    "2001:200::1",     "2a00::1",         "3ffe::1"}) {
    CAPTURE(address);
    CHECK(rule(address) == "public");
  }
}

TEST_CASE("the example of the Standard Webhooks specification is signed as it says") {
  const auto key = crypto::base64_decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  REQUIRE(key);
  CHECK(crypto::webhook_signature(*key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                                  R"({"test": 2432232314})") ==
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_CASE("each webhook has a secret of its own, always the same") {
  const crypto::MasterKey master(crypto::SecretKey::random());
  const Uuid a = crypto::random_id(), b = crypto::random_id();
  const std::string secret = crypto::webhook_secret(crypto::webhook_key(master, a));
  CHECK(secret.starts_with("whsec_"));
  CHECK(crypto::base64_decode(secret.substr(6))->size() == 32);
  CHECK(secret == crypto::webhook_secret(crypto::webhook_key(master, a)));
  CHECK(secret != crypto::webhook_secret(crypto::webhook_key(master, b)));
}

TEST_CASE("progress is kept as it was saved, also when the file is opened again") {
  const test::TempDir directory;
  const Uuid a = crypto::random_id(), b = crypto::random_id();
  const Progress failing{.cursor = 1'000'000'000'000,
                         .paused = true,
                         .failures = 12,
                         .failing_since = TimestampUs{1'790'000'000'000'000},
                         .reason = "connect: 拒绝"};
  {
    auto store = CursorStore::open(directory / "webhooks");
    REQUIRE(store);
    CHECK_FALSE((*store)->load(a));
    REQUIRE((*store)->save(a, failing));
    REQUIRE((*store)->save(b, {.cursor = 7, .failing_since = {}, .reason = {}}));
  }
  auto store = CursorStore::open(directory / "webhooks");
  REQUIRE(store);
  CHECK((*store)->load(a) == failing);
  CHECK((*store)->load(b)->cursor == 7);
  CHECK((*store)->webhooks().size() == 2);
  REQUIRE((*store)->remove(a));
  CHECK_FALSE((*store)->load(a));
  CHECK((*store)->webhooks() == std::vector{b});
}
