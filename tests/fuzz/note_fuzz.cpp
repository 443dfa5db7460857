// Signed notes from anywhere: what reads is written again to the same bytes, and a signature verifies only
// where nothing signed was changed.
#include "events/tlog/note.hpp"
#include "tests/fuzz/tlog_fuzz.hpp"

using namespace ledger;

namespace {

void read_anything(std::string_view text) {
  const auto note = tlog::parse_note(text);
  if (!note) return fuzz::require_line(note.error(), text);
  fuzz::require(tlog::format_note(*note) == text);
  fuzz::require(tlog::is_note_text(note->text));
  if (tlog::verify_note(*note, fuzz::log_keys())) fuzz::require(note->text == fuzz::checkpoint().note.text);
  if (tlog::verify_note(*note, fuzz::witness_keys()))
    fuzz::require(note->text == fuzz::checkpoint().note.text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run(fuzz::checkpoint().text(), data, size, read_anything);
}
