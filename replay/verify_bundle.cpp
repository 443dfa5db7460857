#include "replay/verify_bundle.hpp"

#include <algorithm>
#include <set>

#include "events/codec/entry_codec.hpp"
#include "events/tlog/checkpoint.hpp"
#include "events/tlog/tree.hpp"
#include "replay/bundle_streams.hpp"

namespace ledger::replay {
namespace {

using Problem = std::optional<BundleProblem>;

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::string pointer_to(std::string_view list, std::size_t index) {
  return "/" + std::string(list) + "/" + std::to_string(index);
}

/// The checks, one function each; every one may rely on those before it.
class Verification {
 public:
  Verification(std::string_view text, const Bundle& bundle, const BundleTrust& trust,
               std::span<const BundleFile> files, BundleReport& report)
      : text_(text), bundle_(bundle), trust_(trust), files_(files), report_(report) {}

  void run() {
    using Check = Problem (Verification::*)();
    for (const Check check : {&Verification::canonical, &Verification::checkpoint, &Verification::inclusion,
                              &Verification::streams, &Verification::disclosures, &Verification::documents,
                              &Verification::files}) {
      report_.problem = (this->*check)();
      if (report_.problem) return;
    }
  }

 private:
  void holds(std::string what) { report_.checks.push_back(std::move(what)); }

  Problem canonical() {
    const std::string again = encode(bundle_);
    if (again != text_) {
      const auto differ = std::ranges::mismatch(again, text_).in1 - again.begin();
      return BundleProblem{"", "not the canonical form, from byte " + std::to_string(differ) + " on"};
    }
    holds("the text is the one canonical form of the bundle");
    return std::nullopt;
  }

  Problem checkpoint() {
    const auto signed_one = tlog::parse_checkpoint(bundle_.head.checkpoint);
    if (!signed_one) return BundleProblem{"/checkpoint", signed_one.error().message()};
    const tlog::Checkpoint& checkpoint = signed_one->checkpoint;
    if (checkpoint.origin != bundle_.head.origin) {
      return BundleProblem{"/checkpoint", "is another log's than the bundle's origin"};
    }
    const auto signers = tlog::verify_checkpoint(*signed_one, trust_.log, trust_.witnesses);
    if (!signers) return BundleProblem{"/checkpoint", signers.error().message()};
    std::set<crypto::PublicKey> witnesses;  // a key under two names is one witness
    for (const tlog::VerifiedSignature& signature : signers->witnesses) {
      witnesses.insert(trust_.witnesses[signature.key].key);
    }
    report_.size = checkpoint.size;
    report_.root = checkpoint.root;
    report_.witnesses = witnesses.size();
    if (witnesses.size() < trust_.witnesses_min) {
      return BundleProblem{
          "/checkpoint", "cosigned by " + counted(witnesses.size(), "trusted witness", "trusted witnesses") +
                             ", not by " + std::to_string(trust_.witnesses_min)};
    }
    holds("the checkpoint of " + checkpoint.origin + " at size " + std::to_string(checkpoint.size) +
          " is signed by the log" +
          (witnesses.empty() ? ""
                             : " and " + counted(witnesses.size(), "trusted witness", "trusted witnesses")));
    return std::nullopt;
  }

  Problem inclusion() {
    std::uint16_t schema = 0;
    for (std::size_t i = 0; i < bundle_.entries.size(); ++i) {
      const BundleEntry& item = bundle_.entries[i];
      const std::string where = pointer_to("entries", i);
      if (item.position >= report_.size) {
        return BundleProblem{where + "/position", "lies beyond the checkpoint's size"};
      }
      if (!tlog::verify_inclusion(item.position, report_.size, tlog::leaf_hash(item.entry), item.proof,
                                  report_.root)) {
        return BundleProblem{where, "is not what the log holds at position " + std::to_string(item.position) +
                                        ": the proof does not lead to the checkpoint's root"};
      }
      auto decoded = codec::decode_entry(item.entry);
      if (!decoded) {
        return BundleProblem{where + "/entry",
                             "does not decode: " + std::string(codec::name_of(decoded.error()))};
      }
      if (decoded->event.header.position.value != item.position) {
        return BundleProblem{where + "/entry", "says that it stands at another position"};
      }
      schema = std::max(schema, decoded->event.header.schema);
      entries_.push_back(std::move(*decoded));
    }
    if (schema != bundle_.head.schema) {
      return BundleProblem{"/schema", "is not the highest schema of the entries"};
    }
    holds(counted(entries_.size(), "entry is", "entries are") +
          " in the log under that checkpoint, as signed");
    return std::nullopt;
  }

  Problem streams() {
    BundleStreams streams(bundle_.head);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (auto broken = streams.take(entries_[i].event)) {
        return BundleProblem{pointer_to("entries", i) + "/entry", std::move(*broken)};
      }
    }
    if (auto broken = streams.finish()) return BundleProblem{"/entries", std::move(*broken)};
    report_.state = code_of(streams.filing().status);
    report_.number = streams.filing().number;
    report_.last_position = streams.filing().position;
    holds("the filing's stream is whole from its first event to version " +
          std::to_string(streams.filing().version) + (bundle_.head.subject ? ", its subject's too" : "") +
          (streams.products() == 0 ? "" : ", and " + counted(streams.products(), "product's", "products'")));
    holds("every event may follow the one before it and was appended by a role that may");
    return std::nullopt;
  }

  /// The entry at a position, or null.
  codec::DecodedEntry* entry_at(std::uint64_t position) {
    const auto found = std::ranges::lower_bound(bundle_.entries, position, {}, &BundleEntry::position);
    if (found == bundle_.entries.end() || found->position != position) return nullptr;
    return &entries_[static_cast<std::size_t>(found - bundle_.entries.begin())];
  }

  Problem disclosures() {
    for (std::size_t i = 0; i < bundle_.disclosures.size(); ++i) {
      const BundleDisclosure& item = bundle_.disclosures[i];
      const std::string where = pointer_to("disclosures", i);
      codec::DecodedEntry* entry = entry_at(item.position);
      if (entry == nullptr) return BundleProblem{where + "/position", "names no entry of the bundle"};
      const auto& rows = entry->parts.commitments;
      const auto row = std::ranges::lower_bound(rows, item.field, {}, &codec::CommitmentRow::field);
      if (row == rows.end() || row->field != item.field) {
        return BundleProblem{where + "/field", "is none that the entry commits to"};
      }
      if (crypto::commit(bundle_.head.origin, entry->event.header.event_id, item.field, item.salt,
                         item.value) != row->digest) {
        return BundleProblem{where, "does not open the commitment to field " + std::to_string(item.field) +
                                        " in the entry at position " + std::to_string(item.position)};
      }
      if (private_field_pointer(entry->event.payload, item.field) != item.name) {
        return BundleProblem{where + "/name", "is not that field's"};
      }
      codec::set_private(entry->event.payload, item.field, item.value);
    }
    holds(counted(bundle_.disclosures.size(), "disclosed value opens its commitment",
                  "disclosed values open their commitments"));
    return std::nullopt;
  }

  Problem documents() {
    std::vector<BundleDocument> named;
    for (const codec::DecodedEntry& entry : entries_)
      std::ranges::move(documents_named(entry.event), std::back_inserter(named));
    if (named != bundle_.documents) {
      const auto differ = std::ranges::mismatch(named, bundle_.documents).in2 - bundle_.documents.begin();
      return BundleProblem{pointer_to("documents", static_cast<std::size_t>(differ)),
                           "does not follow from the entries and what is disclosed"};
    }
    holds(counted(named.size(), "document is named", "documents are named") + " by the entries");
    return std::nullopt;
  }

  Problem files() {
    for (const BundleFile& file : files_) {
      if (std::ranges::find(bundle_.documents, file.digest, &BundleDocument::digest) ==
          bundle_.documents.end()) {
        return BundleProblem{file.name,
                             "is none of the bundle's documents: its digest is " + file.digest.text()};
      }
    }
    if (!files_.empty()) {
      holds(counted(files_.size(), "file given is one", "files given are each one") + " of these documents");
    }
    return std::nullopt;
  }

  std::string_view text_;
  const Bundle& bundle_;
  const BundleTrust& trust_;
  std::span<const BundleFile> files_;
  BundleReport& report_;
  std::vector<codec::DecodedEntry> entries_;
};

}  // namespace

std::expected<BundleReport, BundleError> verify_bundle(std::string_view text, const BundleTrust& trust,
                                                       std::span<const BundleFile> files) {
  const auto bundle = parse_bundle(text);
  if (!bundle) return std::unexpected(bundle.error());
  BundleReport report;
  report.origin = bundle->head.origin;
  report.filing = bundle->head.filing;
  report.subject = bundle->head.subject;
  report.entries = bundle->entries.size();
  report.disclosures = bundle->disclosures.size();
  report.documents = bundle->documents.size();
  Verification(text, *bundle, trust, files, report).run();
  return report;
}

}  // namespace ledger::replay
