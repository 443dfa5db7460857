#include "replay/bundle.hpp"

#include <catch2/catch.hpp>

#include "tests/support/bundle_example.hpp"

using namespace ledger;
using namespace ledger::test;
using replay::Bundle;

namespace {

const BundleLog& log_made() {
  static const BundleLog log = example_log();
  return log;
}

const Bundle& good() {
  static const Bundle bundle = bundle_of(log_made(), log_made().events.size());
  return bundle;
}

replay::BundleTrust trust() {
  replay::BundleTrust trusted;
  trusted.log = {example_vkey()};
  return trusted;
}

/// What is wrong with a text, as one line; empty when it verifies.
std::string wrong_with(std::string_view text, const replay::BundleTrust& trusted = trust(),
                       std::span<const replay::BundleFile> files = {}) {
  const auto report = replay::verify_bundle(text, trusted, files);
  if (!report) return "no bundle: " + report.error().message();
  return report->verified() ? "" : report->problem->where + ": " + report->problem->what;
}
std::string wrong_with(const Bundle& bundle) {
  return wrong_with(replay::encode(bundle));
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// The error's place and words for a text that is no bundle.
std::string refused(std::string_view text) {
  const auto bundle = replay::parse_bundle(text);
  REQUIRE_FALSE(bundle);
  return bundle.error().message();
}

}  // namespace

TEST_CASE("a bundle is written in one form and read back to itself") {
  const std::string text = replay::encode(good());
  CHECK(text.starts_with(R"({"format":"filing-ledger/bundle/v1","origin":"ledger.example.cn/bundles",)"
                         R"("filing":"01000000-0000-0000-0000-000000000003",)"
                         R"("subject":"01000000-0000-0000-0000-000000000001","schema":1,"checkpoint":")"));
  CHECK(text.ends_with("\"}]}\n"));
  CHECK(std::ranges::count(text, '\n') == 1);
  const auto again = replay::parse_bundle(text);
  REQUIRE(again);
  CHECK(*again == good());
  CHECK(replay::encode(*again) == text);
}

TEST_CASE("a bundle without disclosures, and one of an official record, keep their form") {
  BundleLog log;
  log.append({}, LedgerCreated{id_of(80), std::string(kBundleOrigin), "演示备", "vkey"}, Role::operator_);
  RecordImported imported;
  imported.public_record.number = "网信算备110108100000102260017号";
  log.append(kFilingStream, imported, Role::operator_);
  Bundle bundle = bundle_of(log, 2);
  bundle.head.subject.reset();
  const std::string text = replay::encode(bundle);
  CHECK(text.find(R"("subject":null)") != std::string::npos);
  CHECK(text.ends_with(R"("disclosures":[],"documents":[]})"
                       "\n"));
  CHECK(wrong_with(text).empty());
  bundle.head.subject = id_of(1);
  CHECK(wrong_with(bundle) == "/entries: no event of the filing's subject is there");
}

TEST_CASE("a whole bundle verifies and says what it shows") {
  const auto report = replay::verify_bundle(replay::encode(good()), trust());
  REQUIRE(report);
  INFO((report->problem ? report->problem->where + report->problem->what : ""));
  REQUIRE(report->verified());
  CHECK(report->origin == kBundleOrigin);
  CHECK(report->size == 14);
  CHECK(report->entries == 11);
  CHECK(report->disclosures == 6);
  CHECK(report->documents == 4);
  CHECK(report->state == "published");
  CHECK(report->number == "演示备110108100000102260017号");
  CHECK(report->last_position == 12);
  CHECK(report->checks.size() == 7);
  std::vector<std::string> names;
  for (const auto& document : good().documents) names.push_back(document.name);
  CHECK(names == std::vector<std::string>{"/information/documents/commitment_letter",
                                          "/information/documents/self_assessment_report",
                                          "/information/documents/public_disclosure", "/public_disclosure"});
}

TEST_CASE("a bundle verifies at every size that holds the filing") {
  for (std::uint64_t size = 7; size <= log_made().events.size(); ++size) {
    CAPTURE(size);
    CHECK(wrong_with(bundle_of(log_made(), size)).empty());
  }
}

TEST_CASE("a flipped bit anywhere is found") {
  const std::string text = replay::encode(bundle_of(log_made(), 9));
  REQUIRE(wrong_with(text).empty());
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    if (wrong_with(damaged).empty()) FAIL("byte " << at << ": " << damaged.substr(at, 40));
  }
}

TEST_CASE("a text that ends early, or goes on, is refused") {
  const std::string text = replay::encode(bundle_of(log_made(), 7));
  for (std::size_t size = 0; size < text.size(); ++size) {
    if (wrong_with(text.substr(0, size)).empty()) FAIL("the first " << size << " bytes");
  }
  CHECK(wrong_with(text.substr(0, text.size() - 1)) ==
        ": not the canonical form, from byte " + std::to_string(text.size() - 1) + " on");
  CHECK(wrong_with(text + "\n").starts_with(": not the canonical form"));
  CHECK(wrong_with(text + "{}").starts_with("no bundle: line 2, column 1: "));
}

TEST_CASE("a text that is no bundle is refused with its place") {
  const std::string text = replay::encode(good());
  CHECK(refused("") == "line 1, column 1: incomplete JSON");
  CHECK(refused("[\n 1,,") == "line 2, column 4: syntax error");
  CHECK(refused("[]") == "must be an object");
  CHECK(refused("\xff") == "the text is not UTF-8 (RFC 3629)");
  CHECK(refused("{}") == "/format: must be there");
  CHECK(refused(replaced(text, "bundle/v1", "bundle/v2")) == "/format: must be one of the listed codes");
  CHECK(refused(replaced(text, R"("schema":1)", R"("schema":1,"schema":1)")) ==
        "/schema: the object has this member twice");
  CHECK(refused(replaced(text, R"("schema":1)", R"("schema":1,"more":1)")) == "/more: no such member here");
  CHECK(refused(replaced(text, R"("schema":1)", R"("schema":65536)")).starts_with("/schema: from 1 to"));
  CHECK(refused(replaced(text, R"({"position":0,)", R"({"position":1e400,)"))
            .starts_with("/entries/0/position: a number too large"));
  CHECK(refused(replaced(text, R"({"position":0,)", R"({"position":18446744073709551616,)"))
            .starts_with("/entries/0/position: from 0 to"));
  CHECK(refused(replaced(text, R"({"position":0,)", R"({"position":-1,)"))
            .starts_with("/entries/0/position: from 0 to"));
  CHECK(refused(replaced(text, R"({"position":0,)", R"({"position":0.5,)"))
            .starts_with("/entries/0/position: must be an integer"));
  CHECK(refused(replaced(text, R"({"position":0,)", R"({"position":7,)"))
            .starts_with("/entries/1/position: the list must ascend"));
  CHECK(refused(replaced(text, R"("entry":")", R"("entry":"=)")) == "/entries/0/entry: not standard base64");
  CHECK(refused(replaced(text, R"("proof":[")", R"("proof":["A)"))
            .starts_with("/entries/0/proof: holds what is not 32 bytes"));
  CHECK(refused(replaced(text, R"("salt":")", R"("salt":"A)")).starts_with("/disclosures/0/salt: not 32"));
  CHECK(refused(replaced(text, R"("digest":"sha256:)", R"("digest":"sha512:)"))
            .starts_with("/documents/0/digest: must be sha256:"));  // in a value
  CHECK(refused(std::string(replay::kBundleBytesMax + 1, ' ')).find("which no bundle is") !=
        std::string::npos);
  Bundle many = good();
  many.entries[1].proof.resize(64);
  CHECK(refused(replay::encode(many)).starts_with("/entries/1/proof: more hashes"));
  many = good();
  many.entries[1].entry.resize(65'536);
  CHECK(refused(replay::encode(many)) == "/entries/1/entry: longer than any entry");
}

TEST_CASE("another form of the same bundle is not canonical") {
  const std::string text = replay::encode(good());
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {R"("schema":1)", R"("schema": 1)"},
           {R"("origin":)", "\n\"origin\":"},
           {"01000000-0000-0000-0000-000000000003", "01000000-0000-0000-0000-00000000000\\u0033"},
           {R"("subject":"01000000-0000-0000-0000-000000000001","schema":1)",
            R"("schema":1,"subject":"01000000-0000-0000-0000-000000000001")"}}) {
    CAPTURE(from);
    CHECK(wrong_with(replaced(text, from, to)).starts_with(": not the canonical form, from byte "));
  }
}

TEST_CASE("only the log's own signature makes a checkpoint") {
  const std::string text = replay::encode(good());
  replay::BundleTrust other;
  CHECK(wrong_with(text, other).starts_with("/checkpoint: "));
  other.log = {example_vkey(2)};
  CHECK(wrong_with(text, other).starts_with("/checkpoint: "));
  other.log = {example_vkey(1)};
  other.log[0].name = "ledger.example.cn/others";
  CHECK(wrong_with(text, other).starts_with("/checkpoint: "));
  other.log.push_back(example_vkey(1));
  CHECK(wrong_with(text, other).empty());
  Bundle bundle = good();
  bundle.head.origin = "ledger.example.cn/others";
  CHECK(wrong_with(bundle) == "/checkpoint: is another log's than the bundle's origin");
  bundle = good();
  bundle.head.checkpoint = "no note";
  CHECK(wrong_with(bundle).starts_with("/checkpoint: line "));
}

TEST_CASE("as many witnesses as were asked for must have cosigned") {
  Bundle bundle = good();
  auto checkpoint = tlog::parse_checkpoint(bundle.head.checkpoint).value();
  const std::string body = checkpoint.note.text;
  checkpoint.note.signatures.push_back(tlog::cosign("witness.example/1", key_of(5), 1'800'000'000, body));
  checkpoint.note.signatures.push_back(tlog::cosign("witness.example/2", key_of(5), 1'800'000'000, body));
  bundle.head.checkpoint = checkpoint.text();
  const std::string text = replay::encode(bundle);
  replay::BundleTrust trusted = trust();
  trusted.witnesses = {tlog::cosigner_key("witness.example/1", key_of(5).public_key()),
                       tlog::cosigner_key("witness.example/2", key_of(5).public_key())};
  trusted.witnesses_min = 1;
  const auto report = replay::verify_bundle(text, trusted);
  REQUIRE(report);
  CHECK(report->verified());
  CHECK(report->witnesses == 1);
  trusted.witnesses_min = 2;  // the same key under two names is one witness
  CHECK(wrong_with(text, trusted) == "/checkpoint: cosigned by 1 trusted witness, not by 2");
}

TEST_CASE("entries that are not the log's are found") {
  Bundle bundle = good();
  std::swap(bundle.entries[3].proof, bundle.entries[4].proof);
  CHECK(wrong_with(bundle).starts_with("/entries/3: is not what the log holds at position 4"));
  bundle = good();
  bundle.entries[2].entry.back() ^= std::byte{1};
  CHECK(wrong_with(bundle).starts_with("/entries/2: is not what the log holds at position 3"));
  bundle = good();
  bundle.entries.back().position = 1'000;
  CHECK(wrong_with(bundle) == "/entries/10/position: lies beyond the checkpoint's size");
  bundle = good();
  bundle.entries[4].proof.pop_back();
  CHECK(wrong_with(bundle).starts_with("/entries/4: is not what the log holds at position 5"));
  bundle = good();
  bundle.head.schema = 2;
  CHECK(wrong_with(bundle) == "/schema: is not the highest schema of the entries");
}

TEST_CASE("an entry left out of the middle of a stream is missed") {
  for (std::size_t left_out = 0; left_out < good().entries.size(); ++left_out) {
    CAPTURE(left_out);
    Bundle bundle = good();
    const std::uint64_t position = bundle.entries[left_out].position;
    std::erase_if(bundle.entries, [&](const auto& item) { return item.position == position; });
    std::erase_if(bundle.disclosures, [&](const auto& item) { return item.position == position; });
    std::erase_if(bundle.documents, [&](const auto& item) { return item.position == position; });
    // The end of a stream and a whole stream of a product can be left out: docs/bundle.md says so.
    const bool unseen = position == 12 || position == 5 || position == 4;
    CHECK(wrong_with(bundle).empty() == unseen);
  }
}

TEST_CASE("entries of others do not belong in a bundle") {
  Bundle bundle = good();
  const std::uint64_t size = log_made().events.size();
  bundle.entries.insert(bundle.entries.begin() + 6, log_made().entry(7, size));
  CHECK(wrong_with(bundle) == "/entries/6/entry: is of another filing");
  bundle = good();
  bundle.entries.push_back(log_made().entry(13, size));  // the ledger's own stream may stand in it
  CHECK(wrong_with(bundle).empty());
  bundle = good();
  bundle.head.subject = id_of(5);
  CHECK(wrong_with(bundle) == "/entries/1/entry: is of another subject");
  bundle = good();
  bundle.head.filing = id_of(4);
  CHECK(wrong_with(bundle) == "/entries/5/entry: is of another filing");
}

TEST_CASE("a step that the state machine does not know is found in a log that signs it") {
  const auto broken = [](StreamId stream, Payload payload, Role role) {
    BundleLog log = example_log();
    log.append(stream, std::move(payload), role);
    return wrong_with(bundle_of(log, log.events.size()));
  };
  CHECK(broken(kFilingStream, ReviewStarted{1}, Role::reviewer) ==
        "/entries/11/entry: review.started is not possible in the state before it");
  CHECK(broken(kFilingStream, DisplayRecorded{DisplayChannel::app, {}}, Role::reviewer) ==
        "/entries/11/entry: display.recorded is not for the role reviewer");
  CHECK(broken(kFilingStream, SubjectLapsed{}, Role::system) ==
        "/entries/11/entry: subject.lapsed belongs to another kind of stream");
  CHECK(broken(kProductStream, ProductAdded{id_of(1), ProductForm::app, {}}, Role::filer) ==
        "/entries/11/entry: product.added is not possible in the state before it");
  CHECK(broken(kFilingStream, ChangeApproved{1, 8, {}, {}}, Role::reviewer) ==
        "/entries/11/entry: approves another change than the open one");
  CHECK(broken(kFilingStream, DisplayRecorded{DisplayChannel::app, {}}, Role::filer).empty());
}

TEST_CASE("a disclosure opens its own commitment and no other") {
  const auto changed = [](auto change) {
    Bundle bundle = good();
    change(bundle.disclosures[5]);  // the details of the submission at position 8
    return wrong_with(bundle);
  };
  REQUIRE(good().disclosures[5].field == field::kDetailsModel);
  CHECK(changed([](auto& item) { item.value += "。"; }).starts_with("/disclosures/5: does not open"));
  CHECK(changed([](auto& item) { item.salt[0] ^= 1; }).starts_with("/disclosures/5: does not open"));
  CHECK(changed([](auto& item) { item.name = "/data"; }) == "/disclosures/5/name: is not that field's");
  Bundle bundle = good();
  bundle.disclosures[5].field = field::kDetailsData;
  CHECK(wrong_with(bundle) == "/disclosures/5/field: is none that the entry commits to");
  bundle = good();
  bundle.disclosures.back().position = 7;
  bundle.disclosures = {bundle.disclosures.back()};
  CHECK(wrong_with(bundle) == "/disclosures/0/position: names no entry of the bundle");
  bundle = good();
  std::swap(bundle.disclosures[5].value, bundle.disclosures[4].value);
  CHECK(wrong_with(bundle).starts_with("/disclosures/4: does not open"));
}

TEST_CASE("documents follow from the entries and what is disclosed") {
  Bundle bundle = good();
  bundle.documents.pop_back();
  CHECK(wrong_with(bundle) == "/documents/3: does not follow from the entries and what is disclosed");
  bundle = good();
  bundle.documents[1].digest.bytes[0] ^= 1;
  CHECK(wrong_with(bundle) == "/documents/1: does not follow from the entries and what is disclosed");
  bundle = good();
  std::erase_if(bundle.disclosures, [](const auto& item) { return item.position == 3; });
  CHECK(wrong_with(bundle) == "/documents/0: does not follow from the entries and what is disclosed");
}

TEST_CASE("files are recognised by their digests") {
  const std::string text = replay::encode(good());
  const std::vector<replay::BundleFile> known = {{"letter.pdf", crypto::sha256(bytes_of("letter"))},
                                                 {"public.pdf", crypto::sha256(bytes_of("disclosure"))}};
  CHECK(wrong_with(text, trust(), known).empty());
  const std::vector<replay::BundleFile> other = {{"other.pdf", crypto::sha256(bytes_of("other"))}};
  CHECK(wrong_with(text, trust(), other).starts_with("other.pdf: is none of the bundle's documents"));
}
