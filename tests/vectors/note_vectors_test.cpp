// Notes, checkpoints, cosignatures, proofs and witness messages that others made: ours are the same bytes,
// and theirs verify with ours.
#include "events/crypto/base64.hpp"
#include "events/crypto/primitives.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/cosignature.hpp"
#include "events/tlog/note.hpp"
#include "events/tlog/proof.hpp"
#include "events/tlog/tile.hpp"
#include "events/tlog/tree.hpp"
#include "events/tlog/witness_message.hpp"
#include "tests/support/memory_hashes.hpp"
#include "tests/vectors/shared_vectors.hpp"

using namespace ledger;
using namespace ledger::tlog;

namespace {

crypto::SigningKey key_of(const boost::json::value& keys, const char* member) {
  const auto seed = vectors::unhex(vectors::member(keys, member));
  REQUIRE(seed.size() == crypto::SecretKey::kSize);
  return crypto::SigningKey::from_seed(crypto::SecretKey(std::span<const std::uint8_t, 32>(
      reinterpret_cast<const std::uint8_t*>(seed.data()), crypto::SecretKey::kSize)));
}

crypto::VerifierKey vkey(std::string_view text) {
  const auto key = crypto::VerifierKey::parse(text);
  INFO(text);
  REQUIRE(key);
  return *key;
}

SignedCheckpoint checkpoint_in(const std::filesystem::path& path) {
  INFO(path);
  const std::string text = vectors::read(path);
  const auto checkpoint = parse_checkpoint(text);
  REQUIRE(checkpoint);
  CHECK(checkpoint->text() == text);
  return *checkpoint;
}

/// The model's log: event-0 to event-12.
struct DerivedLog {
  explicit DerivedLog(const std::filesystem::path& folder)
      : keys(vectors::read_json(folder / "keys.json")),
        log_key(key_of(keys, "log_ed25519_seed_hex")),
        witness_key(key_of(keys, "witness_ed25519_seed_hex")),
        log(vkey(vectors::member(keys, "log_vkey"))),
        witness(vkey(vectors::member(keys, "witness_vkey"))),
        origin(vectors::member(keys, "log_name")) {
    for (int i = 0; i < 13; ++i) {
      const std::string entry = "event-" + std::to_string(i);
      REQUIRE(append_entry(bundle, bytes_of(entry)));
      hashes.append(leaf_hash(bytes_of(entry)));
      rows.append(leaf_hash(bytes_of(entry)));
    }
    const crypto::SigningKey signing[] = {log_key};
    checkpoint = sign_checkpoint({.origin = origin, .size = 13, .root = hashes.range().root()}, signing);
    cosigned = checkpoint;
    cosigned.note.signatures.push_back(cosign(vectors::member(keys, "witness_name"), witness_key,
                                              keys.at("cosignature_time").to_number<std::uint64_t>(),
                                              checkpoint.note.text));
  }
  boost::json::value keys;
  crypto::SigningKey log_key, witness_key;
  crypto::VerifierKey log, witness;
  std::string origin;
  MemoryHashes hashes;
  MemoryRows rows;
  std::vector<std::byte> bundle;
  SignedCheckpoint checkpoint, cosigned;
};

}  // namespace

TEST_CASE("what the independent model signed we sign to the same bytes") {
  const auto folder = vectors::folder("derived-own");
  if (folder.empty()) return;
  const DerivedLog log(folder);
  CHECK(log.checkpoint.text() == vectors::read(folder / "checkpoint-13.txt"));
  CHECK(log.cosigned.text() == vectors::read(folder / "checkpoint-13-cosigned.txt"));
  CHECK(log.log.key == log.log_key.public_key());
  CHECK(cosigner_key(vectors::member(log.keys, "witness_name"), log.witness_key.public_key()).text() ==
        vectors::member(log.keys, "witness_vkey"));
  CHECK(origin_hash(log.origin) == vectors::member(log.keys, "monitoring_origin_hash"));

  const auto tile = tile_bytes(log.rows, Tile{.width = 13});
  REQUIRE(tile);
  CHECK(text_of(*tile) == vectors::read(folder / "tile-0-000.p-13.bin"));
  CHECK(text_of(log.bundle) == vectors::read(folder / "entries-bundle-000.p-13.bin"));
}

TEST_CASE("the model's receipt is ours, and proves its entry only") {
  const auto folder = vectors::folder("derived-own");
  if (folder.empty()) return;
  const DerivedLog log(folder);
  const std::string text = vectors::read(folder / "entry-9.tlog-proof");
  const TlogProof ours{
      .extra = {}, .index = 9, .path = inclusion_path(log.hashes, 9, 13).value(), .checkpoint = log.cosigned};
  CHECK(ours.text() == text);
  const auto parsed = parse_proof(text);
  REQUIRE(parsed);
  CHECK(*parsed == ours);
  const std::vector logs{log.log};
  const std::vector witnesses{log.witness};
  const auto signers = verify_proof(*parsed, leaf_hash(bytes_of("event-9")), logs, witnesses);
  REQUIRE(signers);
  CHECK(signers->log.size() == 1);
  REQUIRE(signers->witnesses.size() == 1);
  CHECK(signers->witnesses[0].time == 1'800'000'000);
  const auto other = verify_proof(*parsed, leaf_hash(bytes_of("event-8")), logs, witnesses);
  REQUIRE_FALSE(other);
  CHECK(other.error().reason == ProofRefusal::Reason::wrong_path);
}

TEST_CASE("the model's add-checkpoint request and answer are ours") {
  const auto folder = vectors::folder("derived-own");
  if (folder.empty()) return;
  const DerivedLog log(folder);
  const AddCheckpoint ours{
      .old_size = 6, .proof = consistency_path(log.hashes, 6, 13).value(), .checkpoint = log.checkpoint};
  const std::string text = vectors::read(folder / "add-checkpoint-request-6-to-13.txt");
  CHECK(ours.text() == text);
  const auto parsed = parse_add_checkpoint(text);
  REQUIRE(parsed);
  CHECK(*parsed == ours);
  const std::vector logs{log.log};
  const std::vector witnesses{log.witness};
  CHECK(judge_checkpoint(*parsed, {6, root_at(log.hashes, 6).value()}, logs) == WitnessStatus::cosigned);

  const std::string answer = vectors::read(folder / "add-checkpoint-response.txt");
  CHECK(format_cosignatures(std::span(log.cosigned.note.signatures).subspan(1)) == answer);
  const auto reply = read_reply(ours, 200, answer, witnesses);
  REQUIRE(std::holds_alternative<witness_reply::Cosigned>(reply));
  CHECK(std::get<witness_reply::Cosigned>(reply).signatures ==
        std::vector{log.cosigned.note.signatures.at(1)});
}

TEST_CASE("Sunlight's witnesses and mirror verify with their keys") {
  const auto folder = vectors::folder("sunlight-witness");
  if (folder.empty()) return;
  const auto data = folder / "cmd/skylight/testdata";
  const std::string hash = "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706";
  struct Cosigned {
    std::filesystem::path keys, checkpoint;
  };
  const Cosigned cases[] = {
      {data / "witness/witness.v0.json", data / "witness" / hash / "checkpoint"},
      {data / "witness2/witness.v0.json",
       data / "witness2/88ad7a28caeb0b2aa890fdf0304c2fcaf59fca2ee140134ff8c1300bac493482/checkpoint"},
      {data / "witness/mirror/mirror.v0.json", data / "witness/mirror" / hash / "checkpoint"}};
  for (const Cosigned& one : cases) {
    const auto key = vkey(vectors::read_json(one.keys).at("verifier_keys").as_array().at(0).as_string());
    CHECK(key.type == crypto::kCosignatureType);
    SignedCheckpoint checkpoint = checkpoint_in(one.checkpoint);
    CHECK(checkpoint.checkpoint.size == 300);
    CHECK(origin_hash(checkpoint.checkpoint.origin) == one.checkpoint.parent_path().filename());
    const std::vector keys{key};
    const auto verified = verify_note(checkpoint.note, keys);
    REQUIRE(verified);
    REQUIRE(verified->size() == 1);
    CHECK(verified->front().time == 1'767'139'200);
    // The log's own signature is of a kind we do not know: no checkpoint of it counts as signed by its log.
    CHECK(verify_checkpoint(checkpoint, {}, keys).error().reason == NoteRefusal::Reason::no_known_signer);
    checkpoint.note.text.insert(checkpoint.note.text.find("300"), "1");
    CHECK(verify_note(checkpoint.note, keys).error().reason == NoteRefusal::Reason::bad_signature);
  }
  checkpoint_in(data / "tree/checkpoint");
  CHECK_FALSE(parse_checkpoint(vectors::read(data / "witness/checkpoint")));
  CHECK_FALSE(parse_checkpoint(vectors::read(data / "witness/mirror/checkpoint")));
}

TEST_CASE("an ML-DSA cosignature is passed over and its key not taken") {
  const auto folder = vectors::folder("transparency-dev-formats");
  if (folder.empty()) return;
  const auto vector = vectors::read_json(folder / "mldsa44-subtree-cosignature.json");
  CHECK_FALSE(crypto::VerifierKey::parse(vectors::member(vector, "vkey")));
  const std::string line = vectors::member(vector, "sigline");
  const auto signatures = parse_cosignatures(line);
  REQUIRE(signatures);
  const auto signature = signatures->begin();
  CHECK(signature->bytes.size() == 8 + 2420);
  CHECK(signature->line() == line);

  const crypto::SigningKey key = crypto::SigningKey::generate();
  const crypto::SigningKey keys[] = {key};
  SignedCheckpoint checkpoint = sign_checkpoint({"example.com/log", 13, empty_root()}, keys);
  checkpoint.note.signatures.insert(checkpoint.note.signatures.begin(), *signature);
  const auto parsed = parse_checkpoint(checkpoint.text());
  REQUIRE(parsed);
  const std::vector known{crypto::VerifierKey{"example.com/log", crypto::kEd25519Type, key.public_key()}};
  const auto signers = verify_checkpoint(*parsed, known, {});
  REQUIRE(signers);
  REQUIRE(signers->log.size() == 1);
  CHECK(signers->log.front().signature == 1);
}

TEST_CASE("the example of Go's note package verifies") {
  const std::string text =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n\n"
      "— PeterNeumann "
      "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
  const std::vector keys{vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")};
  const auto note = parse_note(text);
  REQUIRE(note);
  CHECK(format_note(*note) == text);
  CHECK(verify_note(*note, keys).has_value());
}
