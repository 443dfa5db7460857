// What witness and log send each other, from anywhere: requests that read are written again to the same
// bytes, and only the right one is cosigned; answers of any status are judged without failing.
#include "events/tlog/witness_message.hpp"
#include "tests/fuzz/tlog_fuzz.hpp"

using namespace ledger;

namespace {

/// From one entry to two.
const tlog::AddCheckpoint& good() {
  static const tlog::AddCheckpoint made = [] {
    const crypto::SigningKey keys[] = {fuzz::fixed_key()};
    const Digest leaf = tlog::leaf_hash({});
    return tlog::AddCheckpoint{.old_size = 1,
                               .proof = {leaf},
                               .checkpoint = tlog::sign_checkpoint(
                                   {std::string(fuzz::kOrigin), 2, tlog::node_hash(leaf, leaf)}, keys)};
  }();
  return made;
}

void read_anything(std::string_view text) {
  for (const unsigned status : {200U, 400U, 409U, 422U, 500U}) {
    const auto reply = tlog::read_reply(good(), status, text, fuzz::witness_keys());
    if (const auto* from = std::get_if<tlog::witness_reply::SendFrom>(&reply)) fuzz::require(from->size <= 2);
  }
  if (const auto lines = tlog::parse_cosignatures(text))
    fuzz::require(tlog::format_cosignatures(*lines) == text);
  if (const auto size = tlog::parse_size(text)) fuzz::require(tlog::format_size(*size) == text);

  const auto request = tlog::parse_add_checkpoint(text);
  if (!request) return fuzz::require_line(request.error(), text);
  fuzz::require(request->text() == text);
  if (tlog::judge_checkpoint(*request, {1, tlog::leaf_hash({})}, fuzz::log_keys()) ==
      tlog::WitnessStatus::cosigned) {
    fuzz::require(request->checkpoint.checkpoint == good().checkpoint.checkpoint);
    fuzz::require(request->proof == good().proof && request->old_size == 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run(good().text(), data, size, read_anything);
}
