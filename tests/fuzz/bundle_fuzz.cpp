// Bundles from anywhere: what reads is written again to the same meaning; what verifies is the bundle that
// was made. Only the checkpoint's signature lines of others are nobody's to check, and there are none here.
#include "tests/fuzz/tlog_fuzz.hpp"
#include "tests/support/bundle_example.hpp"

using namespace ledger;

namespace {

const replay::Bundle& good_bundle() {
  static const replay::Bundle made = test::bundle_of(test::example_log(), 7);
  return made;
}
const std::string& good() {
  static const std::string text = replay::encode(good_bundle());
  return text;
}

const replay::BundleTrust& trust() {
  static const replay::BundleTrust trusted = [] {
    replay::BundleTrust made;
    made.log = {test::example_vkey()};
    return made;
  }();
  return trusted;
}

void read_anything(std::string_view text) {
  const auto bundle = replay::parse_bundle(text);
  const auto report = replay::verify_bundle(text, trust());
  fuzz::require(bundle.has_value() == report.has_value());
  if (!bundle) return fuzz::require(!bundle.error().what.empty());
  const auto again = replay::parse_bundle(replay::encode(*bundle));
  fuzz::require(again.has_value() && *again == *bundle);
  fuzz::require(report->verified() == (text == good()));
  if (!report->verified()) fuzz::require(!report->problem->what.empty());
}

/// Bundles that parse and are signed, so that the search reaches the checks behind: of one entry, which is
/// the input or one of the good bundle's with a byte changed.
void verify_altered(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return;
  replay::Bundle bundle = good_bundle();
  auto& entry = bundle.entries[data[0] % bundle.entries.size()];
  if (data[1] % 2 == 0) {
    const Bytes input = std::as_bytes(std::span(data, size).subspan(2));
    entry.entry.assign(input.begin(), input.end());
  } else {
    entry.entry[data[2] % entry.entry.size()] ^= std::byte{data[1]};
  }
  // A log that signed this: its only entry.
  const crypto::SigningKey keys[] = {test::key_of(1)};
  bundle.entries = {entry};
  bundle.entries[0].position = 0;
  bundle.entries[0].proof.clear();
  const tlog::Checkpoint checkpoint{bundle.head.origin, 1, tlog::leaf_hash(bundle.entries[0].entry)};
  bundle.head.checkpoint = tlog::sign_checkpoint(checkpoint, keys).text();
  const auto report = replay::verify_bundle(replay::encode(bundle), trust());
  fuzz::require(report.has_value() && !report->verified());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  verify_altered(data, size);
  return fuzz::run(good(), data, size, read_anything);
}
