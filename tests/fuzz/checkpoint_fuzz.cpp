// Checkpoints from anywhere: what reads is written again to the same bytes; only the one that was signed is
// the log's.
#include "tests/fuzz/tlog_fuzz.hpp"

using namespace ledger;

namespace {

void read_anything(std::string_view text) {
  const auto body = tlog::parse_checkpoint_body(text);
  if (body) {
    fuzz::require(tlog::checkpoint_body(*body) == text);
  } else {
    fuzz::require_line(body.error(), text);
  }
  const auto checkpoint = tlog::parse_checkpoint(text);
  if (!checkpoint) return fuzz::require_line(checkpoint.error(), text);
  fuzz::require(checkpoint->text() == text);
  fuzz::require(tlog::checkpoint_body(checkpoint->checkpoint) == checkpoint->note.text);
  const auto signers = tlog::verify_checkpoint(*checkpoint, fuzz::log_keys(), fuzz::witness_keys());
  if (signers) fuzz::require(checkpoint->checkpoint == fuzz::checkpoint().checkpoint);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run(fuzz::checkpoint().text(), data, size, read_anything);
}
