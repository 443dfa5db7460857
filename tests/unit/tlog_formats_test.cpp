// Tiles, notes, checkpoints, cosignatures and proofs as text: what is refused, and at which line.
#include <algorithm>

#include <catch2/catch.hpp>

#include "events/crypto/base64.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/cosignature.hpp"
#include "events/tlog/note.hpp"
#include "events/tlog/proof.hpp"
#include "events/tlog/tile.hpp"
#include "events/tlog/tree.hpp"
#include "tests/support/memory_hashes.hpp"

using namespace ledger;
using namespace ledger::tlog;

namespace {

constexpr std::string_view kOrigin = "ledger.example.cn/2026";

crypto::SigningKey seeded(std::uint8_t octet) {
  crypto::SecretKey seed;
  std::ranges::fill(seed.octets(), octet);
  return crypto::SigningKey::from_seed(seed);
}
const crypto::SigningKey kLog = seeded(7);
const crypto::SigningKey kNewLog = seeded(8);
const crypto::SigningKey kWitness = seeded(9);

crypto::VerifierKey log_key(const crypto::SigningKey& key = kLog, std::string_view name = kOrigin) {
  return {.name = std::string(name), .type = crypto::kEd25519Type, .key = key.public_key()};
}

SignedCheckpoint signed_checkpoint(std::uint64_t size = 5, Digest root = empty_root()) {
  const crypto::SigningKey keys[] = {kLog};
  return sign_checkpoint({std::string(kOrigin), size, root}, keys);
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

std::string signature_lines(std::size_t count) {
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) {
    lines +=
        NoteSignature{.name = "a", .key_id = static_cast<std::uint32_t>(i), .bytes = {std::byte{1}}}.line();
  }
  return lines;
}

std::size_t bad_line(std::string_view note) {
  const auto parsed = parse_note(note);
  return parsed ? 0 : parsed.error().line;
}

}  // namespace

TEST_CASE("tile names have one form") {
  const Tile tiles[] = {{},
                        {.level = 63, .index = 1'234'067, .width = 1},
                        {.level = 7, .index = 999, .width = 255},
                        {.index = kNumberMax},
                        {.kind = Tile::Kind::entries, .index = 1000},
                        {.kind = Tile::Kind::entries, .index = 273, .width = 112}};
  for (const Tile& tile : tiles) CHECK(Tile::parse(tile.path()) == tile);
  CHECK(tiles[0].path() == "tile/0/000");
  CHECK(tiles[1].path() == "tile/63/x001/x234/067.p/1");
  CHECK(tiles[4].path() == "tile/entries/x001/000");
  CHECK(tiles[5].path() == "tile/entries/273.p/112");
  for (const std::string_view path : {"",
                                      "tile",
                                      "tile/",
                                      "tile/0",
                                      "tile/0/",
                                      "tile/0/0",
                                      "tile/0/00",
                                      "tile/0/0000",
                                      "tile/00/000",
                                      "tile/64/000",
                                      "tile/-1/000",
                                      "tile/+1/000",
                                      "tile/x/000",
                                      "tile/0/000/",
                                      "tile/0/000 ",
                                      " tile/0/000",
                                      "/tile/0/000",
                                      "tile//000",
                                      "tile/0/x000/000",
                                      "tile/0/x001",
                                      "tile/0/x001/",
                                      "tile/0/x001/x234",
                                      "tile/0/001/234",
                                      "tile/0/x001/23",
                                      "tile/0/x001/2345",
                                      "tile/0/x01/234",
                                      "tile/0/X001/234",
                                      "tile/0/000.p",
                                      "tile/0/000.p/",
                                      "tile/0/000.p/0",
                                      "tile/0/000.p/256",
                                      "tile/0/000.p/01",
                                      "tile/0/000.p/1/",
                                      "tile/0/000.p/-1",
                                      "tile/0/000.p/1.p/1",
                                      "tile/0/000.q/1",
                                      "tile/0/x001.p/5/234",
                                      "tile/entries",
                                      "tile/entries/",
                                      "tile/entries/0/000",
                                      "tile/Entries/000",
                                      "tile/data/000",
                                      "tile/0/x009/x223/x372/x036/x854/x775/808",
                                      "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999"}) {
    INFO(path);
    CHECK_FALSE(Tile::parse(path));
  }
}

TEST_CASE("widths follow the size") {
  CHECK(full_tiles(0, 70'000) == 273);
  CHECK(partial_width(0, 70'000) == 112);
  CHECK(full_tiles(1, 70'000) == 1);
  CHECK(partial_width(1, 70'000) == 17);
  CHECK(full_tiles(2, 70'000) == 0);
  CHECK(partial_width(2, 70'000) == 1);
  CHECK(partial_width(3, 70'000) == 0);
  CHECK(partial_width(63, kNumberMax) == 0);
  CHECK(partial_width(7, kNumberMax) == 127);
  CHECK(new_tiles(0, 0).empty());
  CHECK(new_tiles(70'000, 70'000).empty());
  CHECK(new_tiles(0, 256) == std::vector<Tile>{{}, {.level = 1, .width = 1}});
  CHECK(new_tiles(255, 258) == std::vector<Tile>{{}, {.index = 1, .width = 2}, {.level = 1, .width = 1}});
  CHECK(new_tiles(0, 70'000).size() == 273 + 1 + 1 + 1 + 1);
  CHECK(holds({.level = 1, .index = 1, .width = 17}, 70'000));
  CHECK_FALSE(holds({.level = 1, .index = 1, .width = 18}, 70'000));
  CHECK_FALSE(holds({.level = 1, .index = 1}, 70'000));
  CHECK(holds({.level = 1, .index = 0, .width = 200}, 70'000));
  CHECK_FALSE(holds({.level = 63, .index = 0, .width = 1}, kNumberMax));
}

TEST_CASE("a bundle splits into exactly its entries") {
  std::vector<std::byte> bundle;
  const std::string longest(kBundledEntryMax, 'x');
  REQUIRE(append_entry(bundle, bytes_of("")));
  REQUIRE(append_entry(bundle, bytes_of(longest)));
  REQUIRE(append_entry(bundle, bytes_of("abc")));
  const std::size_t size = bundle.size();
  CHECK_FALSE(append_entry(bundle, bytes_of(longest + "x")));
  CHECK(bundle.size() == size);
  const auto entries = split_entries(bundle, 3);
  REQUIRE(entries);
  CHECK(text_of(entries->at(0)).empty());
  CHECK(text_of(entries->at(1)) == longest);
  CHECK(text_of(entries->at(2)) == "abc");
  CHECK(split_entries({}, 0)->empty());
  CHECK(split_entries(bundle, 2).error().entry == 2);  // bytes too many
  CHECK(split_entries(bundle, 4).error().entry == 3);  // none left
  CHECK(split_entries(Bytes(bundle).first(size - 1), 3).error().entry == 2);
  CHECK(split_entries(Bytes(bundle).first(size - 4), 3).error().entry == 2);
  CHECK(split_entries(Bytes(bundle).first(1), 3).error().entry == 0);
}

TEST_CASE("a note is read and written to the same bytes, the last empty line separating") {
  for (const std::string text :
       {"one line\n", "two\nlines\n", "an\n\nempty line\n", "\n", "\n\n", "中文 — 甲\n"}) {
    const Note note{text, {sign_note("甲.example/log", kLog, text)}};
    const auto parsed = parse_note(format_note(note));
    REQUIRE(parsed);
    CHECK(*parsed == note);
    CHECK(format_note(*parsed) == format_note(note));
    const std::vector keys{log_key(kLog, "甲.example/log")};
    CHECK(verify_note(*parsed, keys).value().size() == 1);
  }
}

TEST_CASE("a malformed note is refused at its line") {
  const std::string text = "a\nb\n";
  const std::string good = text + "\n" + signature_lines(1);
  REQUIRE(bad_line(good) == 0);
  CHECK(bad_line("") == 1);
  CHECK(bad_line("a\nb\n") == 3);                   // no separator
  CHECK(bad_line("\n" + signature_lines(1)) == 3);  // no text: not even a newline
  CHECK(bad_line(text + "\n") == 4);                // no signature
  CHECK(bad_line(text + "\n\n") == 5);
  CHECK(bad_line(good + "\n") == 6);                      // an empty line at the end separates nothing
  CHECK(bad_line(good.substr(0, good.size() - 1)) == 4);  // no newline at the end
  CHECK(bad_line(good + "x") == 5);
  CHECK(bad_line(good + "x\n") == 5);
  CHECK(bad_line(replaced(good, "b", "\t")) == 2);
  CHECK(bad_line(replaced(good, "b", "\r")) == 2);
  CHECK(bad_line(replaced(good, "b", std::string_view("\0", 1))) == 2);
  CHECK(bad_line(replaced(good, "b", "\xff")) == 2);
  CHECK(bad_line(replaced(good, "b\n", "\xe2\x80\n")) == 2);  // a newline within a character
  CHECK(bad_line(replaced(good, "— a ", "- a ")) == 4);
  CHECK(bad_line(replaced(good, "— a ", "—a ")) == 4);
  CHECK(bad_line(replaced(good, "— a ", "—  ")) == 4);  // no name
  CHECK(bad_line(replaced(good, "— a ", "— a+b ")) == 4);
  CHECK(bad_line(replaced(good, "— a ", "— a\u3000b ")) == 4);
  CHECK(bad_line(replaced(good, "— a ", "— a  ")) == 4);  // a blank too many
  CHECK(bad_line(replaced(good, "— a ", "— a")) == 4);
  CHECK(bad_line(text + "\n— a AAAAAA==\n") == 4);  // a key id alone
  CHECK(bad_line(text + "\n— a AAAAAAE\n") == 4);   // no padding
  CHECK(bad_line(text + "\n— a AAAAAAF=\n") == 4);  // stray bits
  CHECK(bad_line(text + "\n— a AAAAAAE= \n") == 4);
  CHECK(bad_line(text + "\n— a AAAA-AE=\n") == 4);
  CHECK(bad_line(text + "\n— a AAAAAAE=\n") == 0);
  CHECK(bad_line(std::string(kNoteSizeMax, 'x') + good) == 1);
  const auto error = parse_note(replaced(good, "b", "\t")).error();
  CHECK(error.message() == "line 2: a control character");
}

TEST_CASE("a note takes a hundred signatures and no more") {
  CHECK(bad_line("a\n\n" + signature_lines(16)) == 0);
  CHECK(parse_note("a\n\n" + signature_lines(100)).value().signatures.size() == 100);
  CHECK(bad_line("a\n\n" + signature_lines(101)) == 103);
}

TEST_CASE("unknown signers are passed over, a known one that does not verify refuses the note") {
  using Reason = NoteRefusal::Reason;
  const std::string text = "a note\n";
  const std::vector keys{log_key()};
  const NoteSignature good = sign_note(kOrigin, kLog, text);
  NoteSignature bad = good;
  bad.bytes.back() ^= std::byte{1};
  NoteSignature short_one = good;
  short_one.bytes.pop_back();
  NoteSignature other_name = bad;
  other_name.name = "someone.else";
  NoteSignature other_id = bad;
  other_id.key_id ^= 1;
  const auto verify = [&](std::vector<NoteSignature> signatures) {
    return verify_note({text, std::move(signatures)}, keys);
  };
  CHECK(verify({good}).value().front().signature == 0);
  CHECK(verify({other_name, other_id, good}).value().front().signature == 2);
  CHECK(verify({good, good}).value().size() == 1);  // one key counts once
  CHECK(verify({bad}).error().reason == Reason::bad_signature);
  CHECK(verify({good, bad}).error().reason == Reason::bad_signature);
  CHECK(verify({good, bad}).error().line == 4);
  CHECK(verify({short_one}).error().reason == Reason::bad_signature);
  CHECK(verify({other_name, other_id}).error().reason == Reason::no_known_signer);
  CHECK(verify({other_name}).error().message() == "line 3: no known key has signed");
  CHECK(verify_note({text, {good}}, {}).error().reason == Reason::no_known_signer);
  CHECK(verify_note({"another note\n", {good}}, keys).error().reason == Reason::bad_signature);
  // The same public key as a cosigner is another key.
  const std::vector cosigner{cosigner_key(kOrigin, kLog.public_key())};
  CHECK(verify_note({text, {good}}, cosigner).error().reason == Reason::no_known_signer);
}

TEST_CASE("what no note can hold is not signed") {
  CHECK_THROWS_AS(sign_note("a b", kLog, "text\n"), std::invalid_argument);
  CHECK_THROWS_AS(sign_note("", kLog, "text\n"), std::invalid_argument);
  CHECK_THROWS_AS(sign_note("a", kLog, "no newline"), std::invalid_argument);
  CHECK_THROWS_AS(sign_note("a", kLog, "a\ttab\n"), std::invalid_argument);
  CHECK_THROWS_AS(cosign("a", kLog, kNumberMax + 1, "text\n"), std::invalid_argument);
  CHECK_THROWS_AS(cosign("a+b", kLog, 1, "text\n"), std::invalid_argument);
  CHECK_THROWS_AS(cosign("a", kLog, 1, ""), std::invalid_argument);
  const crypto::SigningKey keys[] = {kLog};
  CHECK_THROWS_AS(sign_checkpoint({"two words", 1, {}}, keys), std::invalid_argument);
  CHECK_THROWS_AS(sign_checkpoint({"a", kNumberMax + 1, {}}, keys), std::invalid_argument);
  CHECK_THROWS_AS(sign_checkpoint({"a", 1, {}}, {}), std::invalid_argument);
}

TEST_CASE("a checkpoint's body is three lines in one form") {
  const std::string root = hash_text(empty_root());
  const std::string good = "origin\n12\n" + root + "\n";
  REQUIRE(parse_checkpoint_body(good));
  CHECK(checkpoint_body(*parse_checkpoint_body(good)) == good);
  CHECK(parse_checkpoint_body("o\n0\n" + root + "\n").value().size == 0);
  CHECK(parse_checkpoint_body("o\n9223372036854775807\n" + root + "\n").value().size == kNumberMax);
  const auto line = [](const std::string& body) {
    const auto parsed = parse_checkpoint_body(body);
    return parsed ? 0 : parsed.error().line;
  };
  CHECK(line("") == 1);
  CHECK(line("\n12\n" + root + "\n") == 1);
  CHECK(line("origin") == 1);
  CHECK(line("ori\tgin\n12\n" + root + "\n") == 1);
  CHECK(line("ori\xffgin\n12\n" + root + "\n") == 1);
  for (const std::string size : {"", "012", "00", "-1", "+1", "1 ", " 1", "0x1", "1e3", "9223372036854775808",
                                 "18446744073709551616", "１"}) {
    INFO(size);
    CHECK(line("origin\n" + size + "\n" + root + "\n") == 2);
  }
  CHECK(line("origin\n12") == 2);
  CHECK(line("origin\n12\n") == 3);
  CHECK(line("origin\n12\n" + root) == 3);
  CHECK(line("origin\n12\n\n") == 3);
  CHECK(line("origin\n12\n" + root + " \n") == 3);
  CHECK(line("origin\n12\n" + root.substr(0, 40) + "\n") == 3);
  CHECK(line("origin\n12\n" + replaced(root, "=", "A") + "\n") == 3);    // 33 bytes
  CHECK(line("origin\n12\n" + replaced(root, "U=", "V=") + "\n") == 3);  // stray bits
  CHECK(line(good + "extension\n") == 4);
  CHECK(line(good + "\n") == 4);
  CHECK(line(good + "x") == 4);
}

TEST_CASE("a checkpoint is the log's when a key of the origin's name has signed") {
  using Reason = NoteRefusal::Reason;
  SignedCheckpoint checkpoint = signed_checkpoint();
  const auto parsed = parse_checkpoint(checkpoint.text());
  REQUIRE(parsed);
  CHECK(*parsed == checkpoint);
  const std::vector keys{log_key(kNewLog), log_key()};
  const auto signers = verify_checkpoint(checkpoint, keys, {});
  REQUIRE(signers);
  REQUIRE(signers->log.size() == 1);
  CHECK(signers->log[0].key == 1);
  CHECK(verify_checkpoint(checkpoint, {}, {}).error().reason == Reason::no_known_signer);
  // A key of another name says nothing of this log, even where it has signed.
  SignedCheckpoint foreign = checkpoint;
  foreign.note.signatures = {sign_note("other.example", kLog, foreign.note.text)};
  const std::vector others{log_key(kLog, "other.example")};
  CHECK(verify_checkpoint(foreign, others, {}).error().reason == Reason::no_known_signer);
  // Nor does a cosigner's signature alone make it one.
  const std::vector witnesses{cosigner_key("witness.example/w1", kWitness.public_key())};
  SignedCheckpoint unsigned_one = checkpoint;
  unsigned_one.note.signatures = {
      cosign("witness.example/w1", kWitness, 1'800'000'000, checkpoint.note.text)};
  CHECK(verify_checkpoint(unsigned_one, keys, witnesses).error().reason == Reason::no_known_signer);
  checkpoint.note.signatures.push_back(unsigned_one.note.signatures[0]);
  const auto both = verify_checkpoint(checkpoint, keys, witnesses);
  REQUIRE(both);
  REQUIRE(both->witnesses.size() == 1);
  CHECK(both->witnesses[0].key == 0);
  CHECK(both->witnesses[0].signature == 1);
  CHECK(both->witnesses[0].time == 1'800'000'000);
}

TEST_CASE("while keys rotate both sign, and either is enough") {
  const crypto::SigningKey keys[] = {kLog, kNewLog};
  const SignedCheckpoint checkpoint = sign_checkpoint({std::string(kOrigin), 5, {}}, keys);
  CHECK(checkpoint.note.signatures.size() == 2);
  for (const auto& key : {log_key(), log_key(kNewLog)}) {
    const std::vector known{key};
    CHECK(verify_checkpoint(checkpoint, known, {}).value().log.size() == 1);
  }
}

TEST_CASE("a cosignature holds for its time, key and body only") {
  const std::string body = checkpoint_body({std::string(kOrigin), 5, empty_root()});
  const NoteSignature made = cosign("w", kWitness, 1'800'000'000, body);
  CHECK(made.bytes.size() == 72);
  CHECK(made.key_id == cosigner_key("w", kWitness.public_key()).id());
  CHECK(crypto::VerifierKey::parse(cosigner_key("w", kWitness.public_key()).text()).value().type ==
        crypto::kCosignatureType);
  const auto verify = [&](Bytes bytes) { return verify_cosignature(kWitness.public_key(), body, bytes); };
  CHECK(verify(made.bytes) == 1'800'000'000);
  for (std::size_t i = 0; i < made.bytes.size(); ++i) {
    auto changed = made.bytes;
    changed[i] ^= std::byte{0x10};
    CHECK_FALSE(verify(changed));
  }
  CHECK_FALSE(verify(Bytes(made.bytes).first(71)));
  CHECK_FALSE(verify({}));
  CHECK_FALSE(verify_cosignature(kLog.public_key(), body, made.bytes));
  CHECK_FALSE(verify_cosignature(kWitness.public_key(), body + "x\n", made.bytes));
  CHECK(cosigned_message(7, "b\n") == "cosignature/v1\ntime 7\nb\n");
  // A time above 2^63-1 is refused even when signed.
  const std::string message = cosigned_message(kNumberMax + 1, body);
  const crypto::Signature forged = kWitness.sign(bytes_of(message));
  std::vector<std::byte> bytes(8);
  bytes[0] = std::byte{0x80};
  bytes.insert(bytes.end(), bytes_of(forged).begin(), bytes_of(forged).end());
  CHECK_FALSE(verify(bytes));
}

TEST_CASE("a proof is read and written to the same bytes, and refused at its line") {
  MemoryHashes hashes;
  for (int i = 0; i < 5; ++i) hashes.append(leaf_hash(bytes_of(std::to_string(i))));
  TlogProof proof{.extra = {},
                  .index = 2,
                  .path = inclusion_path(hashes, 2, 5).value(),
                  .checkpoint = signed_checkpoint(5, hashes.range().root())};
  REQUIRE(proof.path.size() == 3);
  const std::string good = proof.text();
  REQUIRE(parse_proof(good));
  CHECK(*parse_proof(good) == proof);
  CHECK(proof.checkpoint_line() == 7);
  const auto line = [](const std::string& text) {
    const auto parsed = parse_proof(text);
    return parsed ? 0 : parsed.error().line;
  };
  CHECK(line("") == 1);
  CHECK(line(replaced(good, "@v1", "@v2")) == 1);
  CHECK(line(" " + good) == 1);
  CHECK(line(replaced(good, "index 2", "index 02")) == 2);
  CHECK(line(replaced(good, "index 2", "index -2")) == 2);
  CHECK(line(replaced(good, "index 2", "index")) == 2);
  CHECK(line(replaced(good, "index 2", "Index 2")) == 2);
  CHECK(line(replaced(good, "index 2", "index 9223372036854775808")) == 2);
  CHECK(line(replaced(good, "index 2", "extra \nindex 2")) == 2);
  CHECK(line(replaced(good, "index 2", "extra A\nindex 2")) == 2);
  CHECK(line(replaced(good, "index 2", "extra AAAA\nextra AAAA\nindex 2")) == 3);
  CHECK(line(replaced(good, "index 2\n", "index 2\nAAAA\n")) == 3);
  CHECK(line(replaced(good, "index 2\n", "index 2\n\n")) == 5);  // then the hashes are the checkpoint
  CHECK(line(replaced(good, "\n\n" + std::string(kOrigin), "\n" + std::string(kOrigin))) == 6);
  CHECK(line(replaced(good, "\n5\n", "\n05\n")) == 8);
  CHECK(line(good.substr(0, good.find("\n\n") + 1)) == 6);
  CHECK(line(good.substr(0, good.size() - 1)) == 11);
  CHECK(line(good + "\n") == 13);

  proof.extra = std::vector<std::byte>{std::byte{1}, std::byte{2}};
  CHECK(*parse_proof(proof.text()) == proof);
  CHECK(proof.checkpoint_line() == 8);
  proof.path.assign(63, empty_root());
  CHECK(parse_proof(proof.text()));
  proof.path.push_back(empty_root());
  CHECK(line(proof.text()) == 67);
}

TEST_CASE("a proof proves one entry of one log at one place") {
  using Reason = ProofRefusal::Reason;
  MemoryHashes hashes;
  for (int i = 0; i < 5; ++i) hashes.append(leaf_hash(bytes_of(std::to_string(i))));
  const TlogProof good{.extra = {},
                       .index = 2,
                       .path = inclusion_path(hashes, 2, 5).value(),
                       .checkpoint = signed_checkpoint(5, hashes.range().root())};
  const Digest leaf = leaf_hash(bytes_of("2"));
  const std::vector keys{log_key()};
  const auto refused = [&](const TlogProof& proof, const Digest& of) {
    const auto result = verify_proof(proof, of, keys, {});
    REQUIRE_FALSE(result);
    return result.error();
  };
  CHECK(verify_proof(good, leaf, keys, {}));
  CHECK(refused(good, leaf_hash(bytes_of("3"))).reason == Reason::wrong_path);
  TlogProof changed = good;
  changed.index = 3;
  CHECK(refused(changed, leaf).reason == Reason::wrong_path);
  CHECK(refused(changed, leaf).line == 3);
  changed.index = 5;
  CHECK(refused(changed, leaf).reason == Reason::beyond_tree);
  CHECK(refused(changed, leaf).line == 2);
  changed = good;
  changed.checkpoint.note.signatures[0].bytes[5] ^= std::byte{1};
  CHECK(refused(changed, leaf).reason == Reason::bad_signature);
  CHECK(refused(changed, leaf).line == 11);
  changed.checkpoint.note.signatures[0].name = "x";
  CHECK(refused(changed, leaf).reason == Reason::no_known_signer);
  CHECK(refused(changed, leaf).message() == "line 11: no known key of the log has signed");
}
