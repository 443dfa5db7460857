// Bundles of a real ledger: who gets which disclosures, and that each verifies.
#include <map>

#include "events/store/directory.hpp"
#include "events/store/vault.hpp"
#include "events/tlog/checkpoint.hpp"
#include "replay/verify_bundle.hpp"
#include "server/read/bundle.hpp"
#include "tests/support/engine_story.hpp"
#include "tests/support/memory_hashes.hpp"

using namespace ledger;
using namespace ledger::test;
using server::BundleRefusal;
using server::Reader;

namespace {

/// A ledger with one published filing, its tree and record keys read beside the engine.
struct BundleStory : EngineStory {
  Uuid filing = whole_life(1);
  Uuid subject = engine->snapshot().lookup().filing(filing)->subject_id;
  store::Granted filer{engine->snapshot().lookup().subject(subject)->filer_grant};
  Uuid other_product = must(AddProduct{subject, "另一产品", ProductForm::website}, filer).id;
  tlog::MemoryHashes hashes;
  std::map<Uuid, crypto::SecretKey> keys;
  crypto::SigningKey signing = *crypto::SigningKey::load(data() / "signing.key");

  /// Reads what the engine does not give out.
  void read_log(bool destroy_keys = false) {
    std::vector<Uuid> records;
    {
      const store::Snapshot snapshot = engine->snapshot();
      for (std::uint64_t at = hashes.range().size(); at < snapshot.size(); ++at) {
        hashes.append(tlog::leaf_hash(*snapshot.entry(at)));
      }
      for (std::uint64_t at = 0; at < snapshot.size(); ++at) {
        std::ranges::copy(snapshot.event(at, false)->parts.records, std::back_inserter(records));
      }
    }
    engine.reset();  // a vault is open once in a process
    {
      const store::DataDirectory directory{data()};
      const auto master = crypto::MasterKey::load(directory.default_master_key());
      const auto vault = store::Vault::open({.directory = directory.vault(),
                                             .epoch_file = directory.default_master_key(),
                                             .read_only = !destroy_keys},
                                            *master);
      REQUIRE(vault);
      if (destroy_keys) REQUIRE((*vault)->destroy(records));
      for (const Uuid& record : records) {
        if (const auto key = (*vault)->find(record); key && *key) keys.insert({record, **key});
      }
    }
    open();
  }

  [[nodiscard]] server::BundleSources sources(std::uint64_t size) const {
    const crypto::SigningKey keys_of_log[] = {signing};
    const auto checkpoint =
        tlog::sign_checkpoint({engine->origin(), size, tlog::root_at(hashes, size).value()}, keys_of_log);
    return {.snapshot = [this] { return engine->snapshot(); },
            .record_key = [this](const Uuid& record) -> std::optional<crypto::SecretKey> {
              const auto found = keys.find(record);
              if (found == keys.end()) return std::nullopt;
              return found->second;
            },
            .inclusion_path = [this, size](std::uint64_t position) -> std::optional<std::vector<Digest>> {
              return tlog::inclusion_path(hashes, position, size).value();
            },
            .origin = engine->origin(),
            .checkpoint = checkpoint.text(),
            .size = size};
  }

  /// The whole text for a reader; nullopt where it is refused.
  [[nodiscard]] std::optional<std::string> text_for(const Reader& reader, const Uuid& id,
                                                    std::uint64_t size) const {
    const auto producer = server::collect_bundle(sources(size), id, reader);
    if (!producer) {
      CHECK(producer.error() == BundleRefusal::not_found);
      return std::nullopt;
    }
    std::string text;
    while (true) {
      auto chunk = (*producer)->next();
      if (chunk.kind == http::Chunk::Kind::end) return text;
      REQUIRE(chunk.kind == http::Chunk::Kind::data);
      text += chunk.bytes;
    }
  }
  [[nodiscard]] replay::Bundle verified(const std::string& text) const {
    replay::BundleTrust trust;
    trust.log = {*crypto::VerifierKey::parse(created.vkey)};
    const auto report = replay::verify_bundle(text, trust);
    REQUIRE(report);
    INFO((report->problem ? report->problem->where + ": " + report->problem->what : ""));
    CHECK(report->verified());
    return *replay::parse_bundle(text);
  }
  [[nodiscard]] replay::Bundle bundle_for(const Reader& reader) const {
    const auto text = text_for(reader, filing, engine->size());
    REQUIRE(text);
    return verified(*text);
  }
  [[nodiscard]] Reader own() const { return {Role::filer, subject}; }

  /// Positions of a stream's events in the bundle, against all that it has.
  [[nodiscard]] bool holds_whole(const replay::Bundle& bundle, const StreamId& stream) const {
    const store::Snapshot snapshot = engine->snapshot();
    for (const std::uint64_t position : snapshot.stream_positions(stream, 0, 1'000)) {
      if (std::ranges::find(bundle.entries, position, &replay::BundleEntry::position) ==
          bundle.entries.end()) {
        return false;
      }
    }
    return true;
  }
  /// `position field` of everything private that the filing's, subject's and named product's streams hold.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint32_t>> commitments(const replay::Bundle& bundle,
                                                                                 bool first_drafts) const {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> out;
    const store::Snapshot snapshot = engine->snapshot();
    for (const replay::BundleEntry& entry : bundle.entries) {
      const auto read = snapshot.event(entry.position, false);
      const auto* draft = std::get_if<DraftSaved>(&read->event.payload);
      if (!first_drafts && draft != nullptr && draft->attempt == 1) continue;
      for (const auto& row : read->parts.commitments) out.emplace_back(entry.position, row.field);
    }
    return out;
  }
  static std::vector<std::pair<std::uint64_t, std::uint32_t>> disclosed(const replay::Bundle& bundle) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> out;
    for (const auto& item : bundle.disclosures) out.emplace_back(item.position, item.field);
    return out;
  }
};

}  // namespace

TEST_CASE("the own filer's bundle opens everything, drafts included") {
  BundleStory story;
  story.read_log();
  const replay::Bundle bundle = story.bundle_for(story.own());
  CHECK(bundle.head.subject == story.subject);
  CHECK(bundle.entries.front().position == 0);
  CHECK(story.holds_whole(bundle, {StreamKind::filing, story.filing}));
  CHECK(story.holds_whole(bundle, {StreamKind::subject, story.subject}));
  CHECK_FALSE(story.holds_whole(bundle, {StreamKind::product, story.other_product}));
  CHECK(BundleStory::disclosed(bundle) == story.commitments(bundle, true));
  CHECK(std::ranges::count(bundle.documents, "/public_disclosure", &replay::BundleDocument::name) == 2);
  CHECK(bundle.documents.size() == 10);
}

TEST_CASE("a reviewer's bundle opens everything but what was written before the first submission") {
  BundleStory story;
  story.read_log();
  for (const Role role : {Role::initial_reviewer, Role::reviewer}) {
    const replay::Bundle bundle = story.bundle_for({role, {}});
    CHECK(story.holds_whole(bundle, {StreamKind::filing, story.filing}));
    CHECK(BundleStory::disclosed(bundle) == story.commitments(bundle, false));
    CHECK_FALSE(story.holds_whole(bundle, {StreamKind::product, story.other_product}));
  }
}

TEST_CASE("an auditor's bundle opens nothing and does not tell which products the scope names") {
  BundleStory story;
  story.read_log();
  for (const Role role : {Role::auditor, Role::registrar, Role::supervisor, Role::admin}) {
    const auto text = story.text_for({role, {}}, story.filing, story.engine->size());
    REQUIRE(text);
    const replay::Bundle bundle = story.verified(*text);
    CHECK(bundle.disclosures.empty());
    CHECK(bundle.documents.size() == 2);
    CHECK(story.holds_whole(bundle, {StreamKind::product, story.other_product}));
    for (const std::string& secret : kPrivateTexts) CHECK(text->find(secret) == std::string::npos);
  }
}

TEST_CASE("a bundle is for nobody whom the filing is not for") {
  BundleStory story;
  const Uuid draft = story.must(CreateFiling{story.subject, EngineStory::draft_form()}, story.filer).id;
  story.read_log();
  const std::uint64_t size = story.engine->size();
  CHECK_FALSE(story.text_for({}, story.filing, size));
  CHECK_FALSE(story.text_for({Role::filer, draft}, story.filing, size));
  CHECK_FALSE(story.text_for(story.own(), story.subject, size));
  // Nobody but its filer knows of a filing before its first submission.
  for (const Role role : {Role::reviewer, Role::auditor, Role::admin}) {
    CHECK_FALSE(story.text_for({role, {}}, draft, size));
  }
  const auto own = story.text_for(story.own(), draft, size);
  REQUIRE(own);
  CHECK(story.verified(*own).disclosures.size() > 0);
}

TEST_CASE("only what the checkpoint covers is in the bundle") {
  BundleStory story;
  story.read_log();
  const std::uint64_t first =
      story.engine->snapshot().stream_positions({StreamKind::filing, story.filing}, 0, 1).front();
  for (std::uint64_t size = 1; size <= story.engine->size(); ++size) {
    CAPTURE(size);
    const auto text = story.text_for(story.own(), story.filing, size);
    REQUIRE(text.has_value() == (size > first));
    if (text) CHECK(story.verified(*text).entries.back().position < size);
  }
}

TEST_CASE("what was erased is not disclosed, and the bundle still verifies") {
  BundleStory story;
  story.read_log(true);
  REQUIRE(story.keys.empty());
  const replay::Bundle bundle = story.bundle_for(story.own());
  CHECK(bundle.disclosures.empty());
  CHECK(bundle.documents.size() == 2);
  // The scope is gone too, so all products are there.
  CHECK(story.holds_whole(bundle, {StreamKind::product, story.other_product}));
}

TEST_CASE("an official record's bundle has no subject") {
  BundleStory story;
  ImportRecord record;
  record.row.list = "algo";
  record.row.row = 1;
  record.row.digits = "110108100000102260017";
  record.row.source_number = record.row.public_record.number = "网信算备110108100000102260017号";
  record.row.public_record.algorithm_name = "示例算法";
  record.row.public_record.status = "published";
  const Uuid id = story.must(record, store::Trusted{}).id;
  story.read_log();
  const auto text = story.text_for({Role::auditor, {}}, id, story.engine->size());
  REQUIRE(text);
  const replay::Bundle bundle = story.verified(*text);
  CHECK_FALSE(bundle.head.subject);
  CHECK(bundle.entries.size() == 2);
  CHECK_FALSE(story.text_for(story.own(), id, story.engine->size()));
}

TEST_CASE("a long bundle comes in pieces, and one that cannot be read to its end fails") {
  BundleStory story;
  FilingForm form = EngineStory::draft_form(std::string(4'000, 'x'));
  for (int i = 0; i < 40; ++i) {
    form.purpose = "版本" + std::to_string(i);
    story.must(CreateFiling{story.subject, form}, story.filer);
  }
  const Uuid id = story.must(CreateFiling{story.subject, form}, story.filer).id;
  for (int i = 0; i < 40; ++i) {
    form.purpose = "再版" + std::to_string(i);
    story.must(SaveDraft{id, form}, story.filer);
  }
  story.read_log();
  auto producer = server::collect_bundle(story.sources(story.engine->size()), id, story.own());
  REQUIRE(producer);
  std::string text;
  std::size_t pieces = 0;
  for (auto chunk = (*producer)->next(); chunk.kind == http::Chunk::Kind::data; chunk = (*producer)->next()) {
    ++pieces;
    CHECK(chunk.bytes.size() < 200'000);
    text += chunk.bytes;
  }
  CHECK(pieces > 4);
  CHECK(story.verified(text).disclosures.size() > 40);

  auto sources = story.sources(story.engine->size());
  sources.inclusion_path = [](std::uint64_t) -> std::optional<std::vector<Digest>> { return std::nullopt; };
  producer = server::collect_bundle(std::move(sources), id, story.own());
  REQUIRE(producer);
  CHECK((*producer)->next().kind == http::Chunk::Kind::failed);
  CHECK((*producer)->next().kind == http::Chunk::Kind::end);
}

TEST_CASE("a bundle that no verifier would take is not begun") {
  BundleStory story;
  story.read_log();
  for (const Reader& reader : {story.own(), Reader{Role::reviewer, {}}, Reader{Role::auditor, {}}}) {
    auto sources = story.sources(story.engine->size());
    sources.bytes_max = story.text_for(reader, story.filing, sources.size)->size() - 1;
    const auto refused = server::collect_bundle(sources, story.filing, reader);
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == BundleRefusal::too_large);
    sources.bytes_max *= 2;
    CHECK(server::collect_bundle(sources, story.filing, reader));
  }
}
