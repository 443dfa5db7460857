// add-checkpoint: what a witness decides and what a log makes of the answer.
#include <algorithm>

#include <catch2/catch.hpp>

#include "events/tlog/cosignature.hpp"
#include "events/tlog/tree.hpp"
#include "events/tlog/witness_message.hpp"
#include "tests/support/memory_hashes.hpp"

using namespace ledger;
using namespace ledger::tlog;

namespace {

constexpr std::string_view kOrigin = "ledger.example.cn/2026";
constexpr std::string_view kWitnessName = "witness.example/w1";

struct Story {
  Story() {
    for (int i = 0; i < 20; ++i) hashes.append(leaf_hash(bytes_of(std::to_string(i))));
  }
  [[nodiscard]] Digest root(std::uint64_t size) const { return root_at(hashes, size).value(); }
  /// The request that takes a witness from one size to another.
  [[nodiscard]] AddCheckpoint request(std::uint64_t from, std::uint64_t to) const {
    const crypto::SigningKey keys[] = {log};
    AddCheckpoint made{.old_size = from,
                       .proof = {},
                       .checkpoint = sign_checkpoint({std::string(kOrigin), to, root(to)}, keys)};
    if (from > 0 && from <= to) made.proof = consistency_path(hashes, from, to).value();
    return made;
  }
  [[nodiscard]] WitnessStatus judge(const AddCheckpoint& request, std::uint64_t seen) const {
    return judge_checkpoint(request, {seen, root(seen)}, log_keys);
  }
  /// What the witness answers with a 200.
  [[nodiscard]] std::string answer(const AddCheckpoint& request) const {
    const NoteSignature made = cosign(kWitnessName, witness, 1'800'000'000, request.checkpoint.note.text);
    return format_cosignatures({&made, 1});
  }
  MemoryHashes hashes;
  crypto::SigningKey log = crypto::SigningKey::generate();
  crypto::SigningKey witness = crypto::SigningKey::generate();
  std::vector<crypto::VerifierKey> log_keys{
      {.name = std::string(kOrigin), .type = crypto::kEd25519Type, .key = log.public_key()}};
  std::vector<crypto::VerifierKey> witness_keys{cosigner_key(kWitnessName, witness.public_key())};
};

template <typename T>
bool is(const WitnessReply& reply) {
  return std::holds_alternative<T>(reply);
}

}  // namespace

TEST_CASE("a request is read and written to the same bytes, and refused at its line") {
  const Story story;
  const std::string good = story.request(6, 13).text();
  const auto parsed = parse_add_checkpoint(good);
  REQUIRE(parsed);
  CHECK(*parsed == story.request(6, 13));
  CHECK(*parse_add_checkpoint(story.request(0, 13).text()) == story.request(0, 13));
  const auto line = [](const std::string& text) {
    const auto read = parse_add_checkpoint(text);
    return read ? 0 : read.error().line;
  };
  const auto with = [&](std::string_view what, std::string_view by) {
    std::string text = good;
    return text.replace(text.find(what), what.size(), by);
  };
  CHECK(line("") == 1);
  CHECK(line("old 6") == 1);
  CHECK(line(with("old 6", "old 06")) == 1);
  CHECK(line(with("old 6", "old  6")) == 1);
  CHECK(line(with("old 6", "old -6")) == 1);
  CHECK(line(with("old 6", "old 9223372036854775808")) == 1);
  CHECK(line(with("old 6", "new 6")) == 1);
  CHECK(line(with("old 6\n", "old 6\n\n")) == 4);  // the proof taken for a checkpoint of another form
  CHECK(line(with("old 6\n", "old 6\nAAAA\n")) == 2);
  CHECK(line(with("\n13\n", "\n013\n")) == 8);
  CHECK(line(with("\n\n—", "\nextension\n\n—")) == 10);
  CHECK(line("old 6\n") == 2);
  CHECK(line(std::string(kAddCheckpointSizeMax + 1, 'x')) == 1);
  AddCheckpoint longest = story.request(6, 13);
  longest.proof.assign(63, Digest{});
  CHECK(parse_add_checkpoint(longest.text()));
  longest.proof.emplace_back();
  CHECK(line(longest.text()) == 65);
}

TEST_CASE("a witness cosigns what grew from what it has seen, and nothing else") {
  const Story story;
  CHECK(story.judge(story.request(0, 0), 0) == WitnessStatus::cosigned);
  CHECK(story.judge(story.request(0, 13), 0) == WitnessStatus::cosigned);
  CHECK(story.judge(story.request(6, 13), 6) == WitnessStatus::cosigned);
  CHECK(story.judge(story.request(8, 13), 8) == WitnessStatus::cosigned);
  CHECK(story.judge(story.request(13, 13), 13) == WitnessStatus::cosigned);
  // Rollback and stale sizes.
  CHECK(story.judge(story.request(0, 13), 6) == WitnessStatus::stale);
  CHECK(story.judge(story.request(6, 13), 0) == WitnessStatus::stale);
  CHECK(story.judge(story.request(6, 8), 13) == WitnessStatus::stale);
  CHECK(story.judge(story.request(13, 6), 13) == WitnessStatus::malformed);
  // Another history.
  CHECK(judge_checkpoint(story.request(6, 13), {6, story.root(7)}, story.log_keys) ==
        WitnessStatus::inconsistent);
  CHECK(judge_checkpoint(story.request(13, 13), {13, story.root(12)}, story.log_keys) ==
        WitnessStatus::inconsistent);
  AddCheckpoint changed = story.request(6, 13);
  changed.proof.pop_back();
  CHECK(story.judge(changed, 6) == WitnessStatus::inconsistent);
  changed = story.request(0, 13);
  changed.proof.push_back(story.root(1));
  CHECK(story.judge(changed, 0) == WitnessStatus::inconsistent);
  changed = story.request(13, 13);
  changed.proof.push_back(story.root(1));
  CHECK(story.judge(changed, 13) == WitnessStatus::inconsistent);
  const crypto::SigningKey keys[] = {story.log};
  changed.proof.clear();
  changed.old_size = 0;
  changed.checkpoint = sign_checkpoint({std::string(kOrigin), 0, story.root(1)}, keys);
  CHECK(story.judge(changed, 0) == WitnessStatus::inconsistent);
}

TEST_CASE("a witness asks for the log's signature before it looks at sizes") {
  const Story story;
  CHECK(judge_checkpoint(story.request(6, 13), {6, story.root(6)}, {}) == WitnessStatus::unknown_origin);
  const std::vector others{
      crypto::VerifierKey{std::string(kOrigin), crypto::kEd25519Type, story.witness.public_key()}};
  CHECK(judge_checkpoint(story.request(6, 13), {6, story.root(6)}, others) == WitnessStatus::untrusted);
  AddCheckpoint changed = story.request(13, 6);
  changed.checkpoint.note.signatures[0].bytes[0] ^= std::byte{1};
  CHECK(story.judge(changed, 13) == WitnessStatus::untrusted);
}

TEST_CASE("a log takes verified cosignatures of the witnesses it knows") {
  const Story story;
  const AddCheckpoint sent = story.request(6, 13);
  const std::string answer = story.answer(sent);
  const auto cosigned = read_reply(sent, 200, answer, story.witness_keys);
  REQUIRE(is<witness_reply::Cosigned>(cosigned));
  SignedCheckpoint checkpoint = sent.checkpoint;
  for (const auto& line : std::get<witness_reply::Cosigned>(cosigned).signatures) {
    checkpoint.note.signatures.push_back(line);
  }
  CHECK(verify_checkpoint(checkpoint, story.log_keys, story.witness_keys).value().witnesses.size() == 1);
  // Grease: lines of unknown keys are dropped.
  const std::string grease = NoteSignature{"grease.example", 7, {std::byte{1}}}.line();
  const auto greased = read_reply(sent, 200, grease + answer + grease, story.witness_keys);
  REQUIRE(is<witness_reply::Cosigned>(greased));
  CHECK(std::get<witness_reply::Cosigned>(greased).signatures.size() == 1);
  CHECK(is<witness_reply::Unavailable>(read_reply(sent, 200, grease, story.witness_keys)));
  CHECK(is<witness_reply::Unavailable>(read_reply(sent, 200, answer, {})));
  CHECK(is<witness_reply::Unavailable>(read_reply(sent, 200, "", story.witness_keys)));
  CHECK(is<witness_reply::Unavailable>(read_reply(sent, 200, answer + "x", story.witness_keys)));
  CHECK(is<witness_reply::Unavailable>(
      read_reply(sent, 200, answer.substr(0, answer.size() - 1), story.witness_keys)));
  // A cosignature of another checkpoint.
  CHECK(is<witness_reply::Unavailable>(
      read_reply(sent, 200, story.answer(story.request(6, 12)), story.witness_keys)));
}

TEST_CASE("a log knows a stale witness from one that holds another history") {
  const Story story;
  const AddCheckpoint sent = story.request(6, 13);
  const auto reply = [&](unsigned status, std::string_view body) {
    return read_reply(sent, status, body, story.witness_keys);
  };
  CHECK(std::get<witness_reply::SendFrom>(reply(409, "8\n")).size == 8);
  CHECK(std::get<witness_reply::SendFrom>(reply(409, "0\n")).size == 0);
  // A cosignature whose answer was lost: sending again from there tells.
  CHECK(std::get<witness_reply::SendFrom>(reply(409, "13\n")).size == 13);
  const AddCheckpoint again = story.request(13, 13);
  CHECK(is<witness_reply::Conflict>(read_reply(again, 409, "13\n", story.witness_keys)));
  CHECK(is<witness_reply::Cosigned>(read_reply(again, 200, story.answer(again), story.witness_keys)));
  CHECK(std::get<witness_reply::Ahead>(reply(409, "14\n")).size == 14);
  CHECK(is<witness_reply::Conflict>(reply(422, "")));
  for (const unsigned status : {400U, 403U, 404U}) {
    CHECK(std::get<witness_reply::Refused>(reply(status, "")).status == static_cast<WitnessStatus>(status));
  }
  for (const unsigned status : {0U, 100U, 201U, 301U, 429U, 500U, 503U}) {
    CHECK(is<witness_reply::Unavailable>(reply(status, "8\n")));
  }
  for (const std::string_view body :
       {"", "8", "08\n", "8\n\n", "8\n9\n", "-1\n", "9223372036854775808\n", "6\n"}) {
    INFO(body);
    CHECK(is<witness_reply::Unavailable>(reply(409, body)));
  }
  CHECK(format_size(13) == "13\n");
}
