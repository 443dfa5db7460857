// The ledger's side of add-checkpoint against scripted witnesses: honest, stale, forked, broken, silent.
#include "server/witness/witness_client.hpp"

#include <atomic>
#include <chrono>

#include <catch2/catch.hpp>

#include "tests/support/scripted_server.hpp"
#include "tests/support/witness_story.hpp"
#include "tests/vectors/shared_vectors.hpp"

using namespace ledger;
using namespace ledger::witness;
using namespace std::chrono_literals;
using ledger::test::eventually;
using ledger::test::http_answer;
using ledger::test::kWitnessName;
using ledger::test::LogStory;
using ledger::test::ScriptedServer;
using ledger::test::StoryLog;

namespace {

/// A witness's mind: what it has seen, and its key.
struct Mind {
  explicit Mind(const LogStory& log) : story(log) {}
  [[nodiscard]] crypto::VerifierKey vkey() const {
    return tlog::cosigner_key(kWitnessName, key.public_key());
  }
  [[nodiscard]] std::string cosignature(std::string_view checkpoint_body) const {
    const auto made = tlog::cosign(kWitnessName, key, 1'800'000'000, checkpoint_body);
    return tlog::format_cosignatures({&made, 1});
  }
  std::string answer(const std::string& body) {
    const auto request = tlog::parse_add_checkpoint(body);
    if (!request) return http_answer(400, "?");
    const std::vector keys{story.vkey()};
    const auto status = tlog::judge_checkpoint(*request, seen, keys);
    if (status == tlog::WitnessStatus::stale) return http_answer(409, tlog::format_size(seen.size));
    if (status != tlog::WitnessStatus::cosigned) return http_answer(std::to_underlying(status), "");
    seen = {request->checkpoint.checkpoint.size, request->checkpoint.checkpoint.root};
    return http_answer(200, cosignature(request->checkpoint.note.text));
  }
  const LogStory& story;
  crypto::SigningKey key = crypto::SigningKey::generate();
  tlog::SeenCheckpoint seen;
};

WitnessConfig config_of(const Mind& mind, const std::string& url) {
  auto config = WitnessConfig::parse(mind.vkey().text() + " " + url);
  REQUIRE(config);
  return std::move(*config);
}

std::string first_line(const std::pair<std::string, std::string>& request) {
  return request.second.substr(0, request.second.find('\n'));
}

}  // namespace

TEST_CASE(
    "a witness is configured by its vkey and its URL, and every other text is refused with its reason") {
  const LogStory story;
  const Mind mind(story);
  const std::string key = mind.vkey().text();
  const auto config = WitnessConfig::parse(key + " \t https://[2001:db8::1]:8443/witness/a%20b/");
  REQUIRE(config);
  CHECK(config->key.text() == key);
  CHECK(config->url.tls);
  CHECK(config->url.host == "2001:db8::1");
  CHECK(config->url.port == 8443);
  CHECK(config->url.path == "/witness/a%20b");
  CHECK(config->url.text() == "https://[2001:db8::1]:8443/witness/a%20b");
  CHECK(WitnessConfig::parse(key + " http://witness.example")->url.text() == "http://witness.example");
  CHECK(WitnessConfig::parse(key + " http://witness.example")->url.port == 80);
  CHECK(WitnessConfig::parse(key + " https://witness.example")->url.port == 443);
  CHECK(WitnessConfig::parse(key + " https://witness.example:443/")->url.authority() == "witness.example");

  const auto reason = [](const std::string& text) {
    const auto parsed = WitnessConfig::parse(text);
    return parsed ? std::string("taken") : parsed.error();
  };
  CHECK(reason("") == "not `VKEY URL`, a verifier key and where to ask: ");
  CHECK(reason(key).starts_with("not `VKEY URL`"));
  CHECK(reason("x+y http://a").starts_with("not a verifier key"));
  CHECK(reason(story.vkey().text() + " http://a").starts_with("the key of a log"));
  CHECK(reason(key + " witness.example").starts_with("not a URL"));
  CHECK(reason(key + " http://a b").starts_with("not a URL"));
  CHECK(reason(key + " ftp://a").starts_with("neither http:// nor https://"));
  CHECK(reason(key + " http:///x").starts_with("no host"));
  CHECK(reason(key + " http://a%0d%0ab/").starts_with("not a host name"));
  CHECK(reason(key + " http://user@a").starts_with("user names"));
  CHECK(reason(key + " http://a/?q").starts_with("it ends with its path"));
  CHECK(reason(key + " http://a/#f").starts_with("it ends with its path"));
  CHECK(reason(key + " http://a:0").starts_with("no port"));
  CHECK(reason(key + " http://a:65536").starts_with("no port"));
}

TEST_CASE("a witness is found where it stands and brought to the newest checkpoint") {
  const LogStory story;
  Mind mind(story);
  mind.seen = {6, LogStory::root(story.hashes, 6)};
  const ScriptedServer server([&](const std::string& body) { return mind.answer(body); });
  StoryLog log(story, 13);
  const auto opinion = ask_witness(config_of(mind, server.url("/w/")), log, 10s);
  CHECK(opinion.verdict == WitnessVerdict::agrees);
  CHECK(opinion.size == 13);
  CHECK(opinion.detail.empty());
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(first_line(requests[0]) == "old 0");
  CHECK(requests[1].second == story.request(6, 13).text());
  CHECK(requests[1].first.starts_with("POST /w/add-checkpoint HTTP/1.1\r\n"));
  REQUIRE(log.cosigned().size() == 1);
  const std::vector logs{story.vkey()}, witnesses{mind.vkey()};
  CHECK(tlog::verify_checkpoint(log.cosigned()[0], logs, witnesses).value().witnesses.size() == 1);
  CHECK(log.conflicts().empty());

  // The same again: the proof between equal sizes is empty.
  CHECK(ask_witness(config_of(mind, server.url()), log, 10s).verdict == WitnessVerdict::agrees);
  CHECK(server.requests().back().second == story.request(13, 13).text());
  // By a name instead of an address.
  std::string url = server.url();
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  CHECK(ask_witness(config_of(mind, url), log, 10s).verdict == WitnessVerdict::agrees);
}

TEST_CASE("what a witness answers decides what is thought of it") {
  const LogStory story;
  Mind mind(story);
  const Mind stranger(story);
  StoryLog log(story, 13);
  const std::string good = mind.cosignature(story.checkpoint(13).note.text);
  std::string bad = good;
  bad[bad.size() - 30] = bad[bad.size() - 30] == 'A' ? 'B' : 'A';
  struct Case {
    const char* what;
    std::string answer;
    WitnessVerdict verdict;
    const char* detail;
  };
  using enum WitnessVerdict;
  const Case cases[] = {
      {"a cosignature", http_answer(200, good), agrees, ""},
      {"grease", http_answer(200, "— grease.example AAAAB2E=\n" + good), agrees, ""},
      {"ahead", http_answer(409, "14\n"), ahead, "it has cosigned 14 entries of this log, which holds 13"},
      {"fork", http_answer(422, ""), conflict, "it refuses that this log grew from 0 to 13 entries (422)"},
      {"unknown", http_answer(404, ""), unknown_log, "does not follow"},
      {"unknown key", http_answer(403, ""), unknown_log, "key"},
      {"malformed", http_answer(400, ""), unavailable, "malformed (400)"},
      {"an error", http_answer(500, good), unavailable, "an unexpected status (500)"},
      {"a redirect", "HTTP/1.1 301 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
       unavailable, "(301)"},
      {"another's cosignature", http_answer(200, stranger.cosignature(story.checkpoint(13).note.text)),
       unavailable, "no cosignature of a known key"},
      {"a bad cosignature", http_answer(200, bad), unavailable, "does not verify"},
      {"one of another checkpoint", http_answer(200, mind.cosignature(story.checkpoint(12).note.text)),
       unavailable, "does not verify"},
      {"nothing", http_answer(200, ""), unavailable, "signature lines"},
      {"a size of the wrong form", http_answer(409, "013\n"), unavailable, "without a size"},
      {"the size it was sent", http_answer(409, "0\n"), unavailable, "names the size it was sent"},
      {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", unavailable, "receive"},
      {"a closed connection", "", unavailable, "receive"},
      {"half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + good, unavailable, "receive"},
      {"too long an answer", http_answer(200, std::string(70'000, 'x')), unavailable, "receive"},
      {"too long a head", "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), unavailable, "receive"},
  };
  for (const Case& one : cases) {
    INFO(one.what);
    const ScriptedServer server([&](const std::string&) { return one.answer; });
    const auto opinion = ask_witness(config_of(mind, server.url()), log, 10s);
    CHECK(name_of(opinion.verdict) == name_of(one.verdict));
    INFO(opinion.detail);
    CHECK(opinion.detail.find(one.detail) != std::string::npos);
    CHECK(server.request_count() == 1);
  }
  CHECK(log.cosigned().size() == 2);
  CHECK(log.conflicts().empty());  // asking only tells
}

TEST_CASE("a cosignature whose answer was lost is told from another history of the same size") {
  const LogStory story;
  Mind mind(story);
  StoryLog log(story, 13);
  std::atomic<bool> lose = true;
  const ScriptedServer server([&](const std::string& body) {
    const std::string answer = mind.answer(body);
    return lose.exchange(false) ? std::string() : answer;
  });
  const auto config = config_of(mind, server.url());
  CHECK(ask_witness(config, log, 10s).verdict == WitnessVerdict::unavailable);
  CHECK(ask_witness(config, log, 10s).verdict == WitnessVerdict::agrees);
  mind.seen.root = LogStory::root(story.fork, 13);
  CHECK(ask_witness(config, log, 10s).verdict == WitnessVerdict::conflict);
  // Version 1.0.0 of the protocol says 409 there.
  const ScriptedServer older([](const std::string&) { return http_answer(409, "13\n"); });
  CHECK(ask_witness(config_of(mind, older.url()), log, 10s).verdict == WitnessVerdict::conflict);
}

TEST_CASE("a ledger that was rolled back is told how far it had come") {
  const LogStory story;
  Mind mind(story);
  mind.seen = {20, LogStory::root(story.hashes, 20)};
  const ScriptedServer server([&](const std::string& body) { return mind.answer(body); });
  StoryLog log(story, 13);
  const auto opinion = ask_witness(config_of(mind, server.url()), log, 10s);
  CHECK(opinion.verdict == WitnessVerdict::ahead);
  CHECK(opinion.size == 20);
  log.grow_to(25);
  CHECK(ask_witness(config_of(mind, server.url()), log, 10s).verdict == WitnessVerdict::agrees);
}

TEST_CASE("a witness that names another size each time is left alone after three further tries") {
  const LogStory story;
  const Mind mind(story);
  StoryLog log(story, 30);
  std::atomic<int> size = 1;
  const ScriptedServer server(
      [&](const std::string&) { return http_answer(409, tlog::format_size(static_cast<unsigned>(size++))); });
  const auto opinion = ask_witness(config_of(mind, server.url()), log, 10s);
  CHECK(opinion.verdict == WitnessVerdict::unavailable);
  CHECK(opinion.detail == "it names another size each time (409)");
  CHECK(server.request_count() == 4);
}

TEST_CASE("a silent witness is waited for no longer than was said") {
  const LogStory story;
  const Mind mind(story);
  StoryLog log(story, 13);
  const ScriptedServer server([](const std::string&) { return ScriptedServer::silence; });
  const auto begun = std::chrono::steady_clock::now();
  const auto opinion = ask_witness(config_of(mind, server.url()), log, 150ms);
  CHECK(opinion.verdict == WitnessVerdict::unavailable);
  CHECK(opinion.detail == "receive: no answer in time");
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  // Nobody listens there.
  const auto refused = ask_witness(config_of(mind, "http://127.0.0.1:1"), log, 5s);
  CHECK(refused.verdict == WitnessVerdict::unavailable);
  CHECK(refused.detail.starts_with("connect: "));
  const auto nowhere = ask_witness(config_of(mind, "http://no-such-host.invalid"), log, 5s);
  CHECK(nowhere.verdict == WitnessVerdict::unavailable);
  CHECK(nowhere.detail.starts_with("resolve: "));
}

TEST_CASE("each newer checkpoint is sent once it is rung for, and no other") {
  const LogStory story;
  Mind mind(story);
  const ScriptedServer server([&](const std::string& body) { return mind.answer(body); });
  StoryLog log(story, 3);
  WitnessClients clients({config_of(mind, server.url())}, log, {.interval = 20ms, .http = {}});
  REQUIRE(eventually([&] { return log.cosigned().size() == 1; }));
  clients.ring();  // nothing new
  std::this_thread::sleep_for(100ms);
  CHECK(server.request_count() == 1);
  for (const std::uint64_t size : {5U, 9U, 16U}) {
    log.grow_to(size);
    clients.ring();
    REQUIRE(eventually([&] { return log.cosigned().back().checkpoint.size == size; }));
  }
  // What comes in between is not owed to anyone.
  for (std::uint64_t size = 17; size <= 40; ++size) {
    log.grow_to(size);
    clients.ring();
  }
  REQUIRE(eventually([&] { return log.cosigned().back().checkpoint.size == 40; }));
  CHECK(server.request_count() < 28);
  const auto standing = clients.standings().at(0);
  CHECK(standing.name == kWitnessName);
  CHECK(standing.url == server.url());
  CHECK(standing.verdict == WitnessVerdict::agrees);
  CHECK(standing.cosigned_size == 40);
  CHECK(standing.cosigned_at.value > 1'700'000'000'000'000);
  CHECK(standing.failures == 0);
  CHECK(standing.reason.empty());
}

TEST_CASE("a witness that is away is asked again, later each time, and catches up when it is back") {
  const LogStory story;
  Mind mind(story);
  std::atomic<bool> away = true;
  const ScriptedServer server(
      [&](const std::string& body) { return away ? http_answer(503, "") : mind.answer(body); });
  StoryLog log(story, 13);
  WitnessClients clients({config_of(mind, server.url())}, log,
                         {.interval = 1ms, .retry_first = 10ms, .retry_longest = 40ms, .http = {}});
  REQUIRE(eventually([&] { return clients.standings()[0].failures >= 4; }));
  CHECK(clients.standings()[0].verdict == WitnessVerdict::unavailable);
  CHECK(clients.standings()[0].reason == "an unexpected status (503)");
  CHECK(clients.standings()[0].cosigned_size == 0);
  away = false;
  REQUIRE(eventually([&] { return clients.standings()[0].cosigned_size == 13; }));
  CHECK(clients.standings()[0].failures == 0);
  CHECK(log.conflicts().empty());
}

TEST_CASE("a conflict is called out once and ends the asking; other witnesses go on") {
  const LogStory story;
  Mind forked(story), ahead(story), honest(story);
  forked.seen = {8, LogStory::root(story.fork, 8)};
  ahead.seen = {20, LogStory::root(story.hashes, 20)};
  const ScriptedServer first([&](const std::string& body) { return forked.answer(body); });
  const ScriptedServer second([&](const std::string& body) { return ahead.answer(body); });
  const ScriptedServer third([&](const std::string& body) { return honest.answer(body); });
  StoryLog log(story, 13);
  WitnessClients clients(
      {config_of(forked, first.url()), config_of(ahead, second.url()), config_of(honest, third.url())}, log,
      {.interval = 1ms, .retry_first = 1ms, .http = {}});
  REQUIRE(eventually([&] { return log.conflicts().size() == 2 && log.cosigned().size() == 1; }));
  const std::size_t asked = first.request_count();
  log.grow_to(14);
  clients.ring();
  REQUIRE(eventually([&] { return clients.standings()[2].cosigned_size == 14; }));
  CHECK(first.request_count() == asked);
  CHECK(log.conflicts().size() == 2);
  CHECK(log.conflicts()[0].first == kWitnessName);
  CHECK(clients.standings()[0].verdict == WitnessVerdict::conflict);
  CHECK(clients.standings()[1].verdict == WitnessVerdict::ahead);
  CHECK(clients.standings()[1].reason == "it has cosigned 20 entries of this log, which holds 13");
}

TEST_CASE("the end cuts what a silent witness keeps waiting") {
  const LogStory story;
  const Mind mind(story);
  const ScriptedServer server([](const std::string&) { return ScriptedServer::silence; });
  StoryLog log(story, 13);
  WitnessClients clients({config_of(mind, server.url()), config_of(mind, "http://127.0.0.1:1")}, log);
  REQUIRE(eventually([&] { return server.request_count() == 1 && clients.standings()[1].asked; }));
  const auto begun = std::chrono::steady_clock::now();
  clients.stop();
  CHECK(std::chrono::steady_clock::now() - begun < 1s);
  CHECK_FALSE(clients.standings()[0].asked);
  clients.ring();
}

TEST_CASE("what Sunlight's witness signed counts as its cosignature") {
  const auto folder = vectors::folder("sunlight-witness");
  if (folder.empty()) return;
  const auto data = folder / "cmd/skylight/testdata/witness";
  const auto keys = vectors::read_json(data / "witness.v0.json").at("verifier_keys").as_array();
  auto cosigned = tlog::parse_checkpoint(
      vectors::read(data / "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/checkpoint"));
  REQUIRE(cosigned);
  const std::string key(keys.at(0).as_string());
  std::string lines;
  for (const auto& signature : cosigned->note.signatures) lines += signature.line();
  // A log that holds just this checkpoint.
  struct Sunlight final : WitnessedLog {
    tlog::SignedCheckpoint newest() override { return checkpoint; }
    tlog::TreeResult<std::vector<Digest>> consistency(std::uint64_t, std::uint64_t) override { return {}; }
    void add_cosignatures(const tlog::SignedCheckpoint&,
                          std::span<const tlog::NoteSignature> given) override {
      cosignatures.assign(given.begin(), given.end());
    }
    void conflict(std::string, std::string) override {}
    tlog::SignedCheckpoint checkpoint;
    std::vector<tlog::NoteSignature> cosignatures;
  } log;
  log.checkpoint = *cosigned;
  const ScriptedServer server([&](const std::string&) { return http_answer(200, lines); });
  const auto config = WitnessConfig::parse(key + " " + server.url());
  REQUIRE(config);
  CHECK(ask_witness(*config, log, 10s).verdict == WitnessVerdict::agrees);
  REQUIRE(log.cosignatures.size() == 1);
  CHECK(log.cosignatures[0].name == config->key.name);
}
