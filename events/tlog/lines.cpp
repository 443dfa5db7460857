#include "events/tlog/lines.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "events/crypto/base64.hpp"

namespace ledger::tlog {

std::string FormatError::message() const {
  return "line " + std::to_string(line) + ": " + reason;
}

std::optional<std::string_view> LineReader::next() {
  ++line_;
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return line;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;  // from_chars takes '-'
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

std::string hash_text(const Digest& hash) {
  return crypto::base64(bytes_of(hash.bytes));
}

std::optional<Digest> parse_hash(std::string_view text) {
  if (text.size() != 44) return std::nullopt;  // before decoding: a line may be long
  const auto bytes = crypto::base64_decode(text);
  Digest hash;
  if (!bytes || bytes->size() != hash.bytes.size()) return std::nullopt;
  std::memcpy(hash.bytes.data(), bytes->data(), bytes->size());
  return hash;
}

}  // namespace ledger::tlog
