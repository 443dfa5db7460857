// Query parameters, read strictly: each at most once, none that the path does not know, each in its form. All
// mistakes of a request are told in one answer (400 `bad_query`, or `bad_cursor` where only a cursor is
// wrong).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/codes.hpp"
#include "events/core/refusal.hpp"
#include "events/core/types.hpp"

namespace ledger::http {
class Request;
}

namespace ledger::server {

inline constexpr std::size_t kLimitDefault = 100;
inline constexpr std::size_t kLimitMax = 1'000;
/// Characters of a search text: longer than any number or name that it could be part of.
inline constexpr std::size_t kQueryTextBytesMax = 512;

/// Reads the parameters of one request, which must outlive it. Ask for each that the path takes, then `done`.
/// One thread at a time.
class QueryReader {
 public:
  explicit QueryReader(const http::Request& request);

  /// The value as sent, at most `bytes_max` bytes of it; nullopt when absent or longer.
  std::optional<std::string_view> text(std::string_view name, std::size_t bytes_max = kQueryTextBytesMax);
  /// A decimal number without sign or leading zeros, within both bounds.
  std::optional<std::uint64_t> number(std::string_view name, std::uint64_t min, std::uint64_t max);
  std::optional<Uuid> uuid(std::string_view name);
  /// A day, `YYYY-MM-DD`.
  std::optional<Date> date(std::string_view name);
  /// Whether the request has this parameter at all, readable or not.
  [[nodiscard]] bool given(std::string_view name) const;
  /// `limit`: 1 to 1000, default 100 (DESIGN section 6).
  std::size_t limit();
  /// A code of one of the lists in events/core/codes.hpp.
  template <class E>
  std::optional<E> code(std::string_view name) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto found = from_code<E>(*value);
    if (!found) wrong(name, "is not one of its codes");
    return found;
  }
  /// An absent `cursor` is nullopt. What the text means is for its reader to say, with `bad_cursor`.
  std::optional<std::string_view> cursor();

  /// Notes that a value cannot be taken; `what` completes a sentence and never holds the value.
  void wrong(std::string_view name, std::string_view what);
  void bad_cursor() { bad_cursor_ = true; }

  /// The refusal, if anything was wrong: call it last, before the values are used.
  [[nodiscard]] std::optional<Refusal> done() const;

 private:
  const http::Request& request_;
  std::vector<std::string_view> asked_;
  std::string mistakes_;
  bool bad_cursor_ = false;
};

}  // namespace ledger::server
