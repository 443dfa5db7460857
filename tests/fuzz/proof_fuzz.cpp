// Receipts from anywhere: what reads is written again to the same bytes; a proof that verifies is the one
// that was made.
#include "events/tlog/proof.hpp"
#include "tests/fuzz/tlog_fuzz.hpp"

using namespace ledger;

namespace {

const tlog::TlogProof& good() {
  static const tlog::TlogProof made = [] {
    const crypto::SigningKey keys[] = {fuzz::fixed_key()};
    const Digest leaf = tlog::leaf_hash({});
    tlog::TlogProof out{.extra = std::vector<std::byte>(3), .index = 1, .path = {leaf}, .checkpoint = {}};
    out.checkpoint =
        tlog::sign_checkpoint({std::string(fuzz::kOrigin), 2, tlog::node_hash(leaf, leaf)}, keys);
    return out;
  }();
  return made;
}

void read_anything(std::string_view text) {
  const auto proof = tlog::parse_proof(text);
  if (!proof) return fuzz::require_line(proof.error(), text);
  fuzz::require(proof->text() == text);
  if (tlog::verify_proof(*proof, tlog::leaf_hash({}), fuzz::log_keys(), fuzz::witness_keys())) {
    fuzz::require(proof->path == good().path && proof->checkpoint.checkpoint == good().checkpoint.checkpoint);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run(good().text(), data, size, read_anything);
}
