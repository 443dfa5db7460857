// A witness behind a real listener: what it cosigns, what it refuses and how, and the ledger's client against
// it.
#include "server/witness/witness_server.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include <catch2/catch.hpp>

#include "server/http/server.hpp"
#include "server/witness/http_client.hpp"
#include "server/witness/witness_client.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/witness_story.hpp"
#include "tests/vectors/shared_vectors.hpp"

using namespace ledger;
using namespace ledger::witness;
using namespace std::chrono_literals;
using ledger::test::eventually;
using ledger::test::kWitnessName;
using ledger::test::LogStory;
using ledger::test::StoryLog;
using ledger::test::TempDir;

namespace {

constexpr std::uint64_t kTime = 1'800'000'000;

/// A witness that listens on a port of its own.
class Served {
 public:
  explicit Served(std::vector<crypto::VerifierKey> log_keys,
                  const crypto::SigningKey& key = crypto::SigningKey::generate(),
                  std::string_view name = kWitnessName) {
    REQUIRE(WitnessStore::create(directory_ / "w", name, key));
    auto store = WitnessStore::open(directory_ / "w", name);
    REQUIRE(store);
    store_ = std::move(*store);
    vkey_ = tlog::cosigner_key(name, key.public_key());
    app_ = std::make_unique<WitnessServer>(
        *store_, WitnessOptions{.name = std::string(name),
                                .log_keys = std::move(log_keys),
                                .now = [] { return kTime; },
                                .on_notice =
                                    [this](WitnessOptions::Level level, const std::string& line) {
                                      const std::scoped_lock lock(mutex_);
                                      if (level == WitnessOptions::Level::alarm) alarms_.push_back(line);
                                    },
                                .on_broken = {}});
    http::Options transport;
    transport.listen = "127.0.0.1:0";
    transport.io_threads = transport.worker_threads = 1;
    auto server = http::Server::listen(std::move(transport), *app_);
    REQUIRE(server);
    server_ = std::move(*server);
    url_ = UrlPrefix::parse("http://" + server_->address()).value();
    thread_ = std::thread([this] { server_->run(); });
  }
  ~Served() {
    server_->stop(0ms);
    thread_.join();
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  HttpAnswer post(const std::string& body) {
    auto answer = client_.post(url_, "/add-checkpoint", "text/plain", body);
    REQUIRE(answer);
    return std::move(*answer);
  }
  HttpAnswer post(const tlog::AddCheckpoint& request) { return post(request.text()); }
  HttpAnswer get(const std::string& path) {
    auto answer = client_.get(url_, path);
    REQUIRE(answer);
    return std::move(*answer);
  }
  [[nodiscard]] WitnessConfig config() const { return {vkey_, url_}; }
  [[nodiscard]] const crypto::VerifierKey& vkey() const { return vkey_; }
  [[nodiscard]] std::vector<std::string> alarms() const {
    const std::scoped_lock lock(mutex_);
    return alarms_;
  }

 private:
  TempDir directory_;
  std::unique_ptr<WitnessStore> store_;
  crypto::VerifierKey vkey_;
  mutable std::mutex mutex_;
  std::vector<std::string> alarms_;
  std::unique_ptr<WitnessServer> app_;
  std::unique_ptr<http::Server> server_;
  UrlPrefix url_;
  HttpClient client_;
  std::thread thread_;
};

crypto::SigningKey key_of(const boost::json::value& keys, const char* member) {
  const auto seed = vectors::unhex(vectors::member(keys, member));
  return crypto::SigningKey::from_seed(crypto::SecretKey(std::span<const std::uint8_t, 32>(
      reinterpret_cast<const std::uint8_t*>(seed.data()), crypto::SecretKey::kSize)));
}

}  // namespace

TEST_CASE("a witness cosigns growth and serves the latest that it cosigned") {
  const LogStory story;
  Served witness({story.vkey()});
  const std::string place = "/" + tlog::origin_hash(story.origin) + "/checkpoint";
  CHECK(witness.get(place).status == 404);
  CHECK(witness.get("/healthz").body == "ok\n");

  const auto first = witness.post(story.request(0, 6));
  CHECK(first.status == 200);
  CHECK(first.content_type.starts_with("text/plain"));
  const auto grown = witness.post(story.request(6, 13));
  CHECK(grown.status == 200);
  const std::vector logs{story.vkey()}, witnesses{witness.vkey()};
  const auto reply = tlog::read_reply(story.request(6, 13), 200, grown.body, witnesses);
  REQUIRE(std::holds_alternative<tlog::witness_reply::Cosigned>(reply));

  const auto served = witness.get(place);
  CHECK(served.status == 200);
  const auto checkpoint = tlog::parse_checkpoint(served.body);
  REQUIRE(checkpoint);
  CHECK(checkpoint->checkpoint == story.checkpoint(13).checkpoint);
  const auto signers = tlog::verify_checkpoint(*checkpoint, logs, witnesses);
  REQUIRE(signers);
  CHECK(signers->log.size() == 1);
  REQUIRE(signers->witnesses.size() == 1);
  CHECK(signers->witnesses[0].time == kTime);
  CHECK(served.body == story.checkpoint(13).text() + grown.body);
  CHECK(witness.post(story.request(13, 13)).status == 200);
  CHECK(witness.alarms().empty());
}

TEST_CASE("a witness refuses each bad request with the status that the protocol has for it") {
  const LogStory story;
  const LogStory stranger(story.origin), other("ledger.example/other", story.key);
  Served witness({story.vkey()});
  REQUIRE(witness.post(story.request(0, 6)).status == 200);
  const auto status = [&](const tlog::AddCheckpoint& request) { return witness.post(request).status; };

  CHECK(witness.post("").status == 400);
  CHECK(witness.post("old 6\n").body == "line 2: no empty line before the checkpoint\n");
  CHECK(witness.post("old 06" + story.request(6, 13).text().substr(5)).status == 400);
  CHECK(status(story.request(13, 7)) == 400);
  CHECK(status(stranger.request(6, 13)) == 403);
  auto spoiled = story.request(6, 13);
  spoiled.checkpoint.note.signatures[0].bytes[3] ^= std::byte{1};
  CHECK(status(spoiled) == 403);
  CHECK(status(other.request(0, 13)) == 404);

  const auto stale = witness.post(story.request(0, 13));
  CHECK(stale.status == 409);
  CHECK(stale.content_type == "text/x.tlog.size");
  CHECK(stale.body == "6\n");
  CHECK(witness.alarms().empty());

  CHECK(status(story.request_of(story.fork, 6, 13)) == 422);
  CHECK(status(story.request_of(story.fork, 6, 6)) == 422);
  auto unproved = story.request(6, 13);
  unproved.proof.pop_back();
  CHECK(status(unproved) == 422);
  // The evidence is in the alarm: the log's own signature under another history.
  REQUIRE(witness.alarms().size() == 3);
  CHECK(witness.alarms()[0].find(tlog::hash_text(LogStory::root(story.fork, 13))) != std::string::npos);
  CHECK(witness.alarms()[0].find(story.checkpoint(6).note.signatures[0].line().substr(0, 20)) !=
        std::string::npos);

  // Nothing of all that was remembered.
  CHECK(status(story.request(6, 13)) == 200);
  CHECK(witness.post(std::string(tlog::kAddCheckpointSizeMax + 1, 'x')).status == 413);
  CHECK(witness.get("/add-checkpoint").status == 405);
  CHECK(witness.get("/").status == 404);
  CHECK(witness.get("/" + std::string(64, '0') + "/checkpoint").status == 404);
  CHECK(witness.get("/../checkpoint").status == 404);
}

TEST_CASE("a witness keeps only signatures that it verified") {
  const LogStory story;
  Served witness({story.vkey()});
  auto request = story.request(0, 6);
  // Grease, and a line that claims to be the witness's own.
  request.checkpoint.note.signatures.push_back({"grease.example", 7, {std::byte{1}}});
  request.checkpoint.note.signatures.push_back(
      {std::string(kWitnessName), witness.vkey().id(), std::vector<std::byte>(72)});
  const auto answer = witness.post(request);
  REQUIRE(answer.status == 200);
  const auto served = witness.get("/" + tlog::origin_hash(story.origin) + "/checkpoint");
  CHECK(served.body == story.checkpoint(6).text() + answer.body);
}

TEST_CASE("two keys of one log count while they rotate") {
  const LogStory story, next(story.origin);
  Served witness({story.vkey(), next.vkey()});
  CHECK(witness.post(story.request(0, 6)).status == 200);
  auto both = story.request(6, 13);
  both.checkpoint.note.signatures.push_back(next.checkpoint(13).note.signatures[0]);
  CHECK(witness.post(both).status == 200);
  CHECK(witness.post(next.request(13, 20)).status == 200);
  const LogStory third(story.origin);
  CHECK(witness.post(third.request(20, 21)).status == 403);
}

TEST_CASE("requests beyond the queue are told to come back, and so are those that wait at the end") {
  const TempDir root;
  const LogStory story;
  REQUIRE(WitnessStore::create(root / "w", kWitnessName));
  const auto store = WitnessStore::open(root / "w", kWitnessName);
  REQUIRE(store);
  std::promise<void> entered, release;
  std::atomic<int> calls = 0;
  auto app = std::make_unique<WitnessServer>(**store, WitnessOptions{.name = std::string(kWitnessName),
                                                                     .log_keys = {story.vkey()},
                                                                     .queue_max = 2,
                                                                     .now =
                                                                         [&] {
                                                                           if (calls++ == 0) {
                                                                             entered.set_value();
                                                                             release.get_future().wait();
                                                                           }
                                                                           return kTime;
                                                                         },
                                                                     .on_notice = {},
                                                                     .on_broken = {}});
  std::mutex mutex;
  std::vector<unsigned> statuses;
  const auto ask = [&](const std::string& body) {
    http::Request request;
    request.method = http::Method::post;
    request.path = {"add-checkpoint"};
    request.body = body;
    app->handle(std::move(request), http::Reply::to([&](const http::Response& response) {
                  const std::scoped_lock lock(mutex);
                  statuses.push_back(response.status);
                }));
  };
  ask(story.request(0, 6).text());
  entered.get_future().wait();
  for (int i = 0; i < 3; ++i) ask(story.request(0, 6).text());
  {
    const std::scoped_lock lock(mutex);
    CHECK(statuses == std::vector<unsigned>{503});
  }
  std::thread ending([&] { app.reset(); });
  std::this_thread::sleep_for(20ms);
  release.set_value();
  ending.join();
  REQUIRE(statuses.size() == 4);
  CHECK(statuses[1] == 200);
  // What waited was either still judged or sent away; never dropped.
  for (const unsigned status : {statuses[2], statuses[3]}) CHECK((status == 409 || status == 503));
}

TEST_CASE("a witness whose store cannot be believed signs nothing more, and says so") {
  const TempDir root;
  const LogStory story, sound("ledger.example/sound");
  REQUIRE(WitnessStore::create(root / "w", kWitnessName));
  {
    auto environment = store::Environment::open({.path = root / "w/witness/state", .map_size = 16u << 20});
    REQUIRE(environment);
    const auto databases = (*environment)->open_databases({"logs"});
    REQUIRE(databases);
    auto txn = (*environment)->write();
    REQUIRE(txn);
    const Digest row = crypto::sha256(bytes_of(story.origin));
    REQUIRE(txn->put(databases->front(), bytes_of(row.bytes), bytes_of("cut")));
    REQUIRE(std::move(*txn).commit());
  }
  const auto store = WitnessStore::open(root / "w", kWitnessName);
  REQUIRE(store);
  std::atomic<int> broken = 0;
  WitnessServer app(**store, {.name = std::string(kWitnessName),
                              .log_keys = {story.vkey(), sound.vkey()},
                              .now = {},
                              .on_notice = {},
                              .on_broken = [&] { ++broken; }});
  const auto ask = [&](http::Method method, const char* path, std::string body) {
    http::Request request;
    request.method = method;
    request.path = {path};
    request.body = std::move(body);
    std::promise<unsigned> status;
    app.handle(std::move(request),
               http::Reply::to([&](const http::Response& response) { status.set_value(response.status); }));
    return status.get_future().get();
  };
  CHECK(ask(http::Method::get, "healthz", "") == 200);
  CHECK(ask(http::Method::post, "add-checkpoint", sound.request(0, 6).text()) == 200);
  CHECK(ask(http::Method::post, "add-checkpoint", story.request(0, 6).text()) == 503);
  CHECK(broken == 1);
  CHECK(ask(http::Method::post, "add-checkpoint", sound.request(6, 13).text()) == 503);
  CHECK(ask(http::Method::get, "healthz", "") == 503);
  CHECK((*store)->seen(sound.origin).size == 6);
}

TEST_CASE("the ledger's client and the witness understand each other") {
  const LogStory story;
  Served first({story.vkey()}), second({story.vkey()});
  StoryLog log(story, 3);
  {
    WitnessClients clients({first.config(), second.config()}, log, {.interval = 1ms, .http = {}});
    for (const std::uint64_t size : {3U, 8U, 13U, 31U}) {
      log.grow_to(size);
      clients.ring();
      REQUIRE(eventually([&] {
        const auto standings = clients.standings();
        return standings[0].cosigned_size == size && standings[1].cosigned_size == size;
      }));
    }
  }
  CHECK(log.conflicts().empty());
  CHECK(ask_witness(first.config(), log, 5s).verdict == WitnessVerdict::agrees);
  // A ledger that was put back to an older state, and one whose history is another.
  log.grow_to(20);
  CHECK(ask_witness(first.config(), log, 5s).verdict == WitnessVerdict::ahead);
  LogStory forked(story.origin, story.key);
  std::swap(forked.hashes, forked.fork);
  StoryLog other(forked, 35);
  CHECK(ask_witness(first.config(), other, 5s).verdict == WitnessVerdict::conflict);
  const LogStory unknown("ledger.example/unknown");
  StoryLog unknown_log(unknown, 5);
  CHECK(ask_witness(first.config(), unknown_log, 5s).verdict == WitnessVerdict::unknown_log);
}

TEST_CASE("the model's request gets the model's answer, byte for byte, over HTTP") {
  const auto folder = vectors::folder("derived-own");
  if (folder.empty()) return;
  const auto keys = vectors::read_json(folder / "keys.json");
  const LogStory model(vectors::member(keys, "log_name"), key_of(keys, "log_ed25519_seed_hex"));
  CHECK(model.vkey().text() == vectors::member(keys, "log_vkey"));
  Served witness({model.vkey()}, key_of(keys, "witness_ed25519_seed_hex"),
                 vectors::member(keys, "witness_name"));
  CHECK(witness.vkey().text() == vectors::member(keys, "witness_vkey"));
  REQUIRE(witness.post(model.request(0, 6)).status == 200);
  const std::string request = vectors::read(folder / "add-checkpoint-request-6-to-13.txt");
  const auto answer = witness.post(request);
  CHECK(answer.status == 200);
  CHECK(answer.body == vectors::read(folder / "add-checkpoint-response.txt"));
  CHECK(witness.get("/" + vectors::member(keys, "monitoring_origin_hash") + "/checkpoint").body ==
        vectors::read(folder / "checkpoint-13-cosigned.txt"));
  // Once more: the witness has moved on.
  const auto again = witness.post(request);
  CHECK(again.status == 409);
  CHECK(again.body == "13\n");
}

TEST_CASE("Sunlight's checkpoints are read, and refused for their unknown signature") {
  const auto folder = vectors::folder("sunlight-witness");
  if (folder.empty()) return;
  const std::string hash = "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706";
  const std::string text = vectors::read(folder / "cmd/skylight/testdata/witness" / hash / "checkpoint");
  const auto checkpoint = tlog::parse_checkpoint(text);
  REQUIRE(checkpoint);
  const LogStory namesake(checkpoint->checkpoint.origin);
  Served witness({namesake.vkey()});
  CHECK(witness.post("old 0\n\n" + text).status == 403);
  CHECK(witness.get("/" + hash + "/checkpoint").status == 404);
  Served stranger({LogStory("ledger.example/else").vkey()});
  CHECK(stranger.post("old 0\n\n" + text).status == 404);
}
