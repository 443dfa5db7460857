// Writes JSON (RFC 8259) by appending to a text: no tree, no copies, commas placed by itself. Texts must be
// valid UTF-8, which everything in the ledger is; quotes, backslashes and control characters are escaped,
// everything else stands as it is. Nesting is the caller's: each begin has its end, each key its value. One
// thread at a time. Every call answers the writer, so that calls may be chained.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/core/form_text.hpp"

namespace ledger::projections {

class JsonWriter {
 public:
  /// Appends to `out`, which outlives the writer.
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  /// A member's name; its value comes next.
  JsonWriter& key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    needs_comma_ = false;
    return *this;
  }

  JsonWriter& value(std::string_view text) {
    separate();
    append_json_string(out_, text);
    needs_comma_ = true;
    return *this;
  }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(std::same_as<bool> auto flag) { return raw(flag ? "true" : "false"); }
  JsonWriter& value(std::nullptr_t) { return raw("null"); }
  JsonWriter& value(std::integral auto number) requires(!std::same_as<decltype(number), bool>) {
    char digits[24];
    const auto written = std::to_chars(digits, digits + sizeof digits, number);
    return raw({digits, written.ptr});
  }
  /// An absent value is null.
  template <typename T>
  JsonWriter& value(const std::optional<T>& maybe) {
    return maybe ? value(*maybe) : value(nullptr);
  }
  /// A value that is JSON already.
  JsonWriter& raw(std::string_view json) {
    separate();
    out_ += json;
    needs_comma_ = true;
    return *this;
  }

  /// `key` and `value`.
  JsonWriter& member(std::string_view name, const auto& content) { return key(name).value(content); }
  /// `key` and `raw`.
  JsonWriter& member_raw(std::string_view name, std::string_view json) { return key(name).raw(json); }

 private:
  void separate() {
    if (needs_comma_) out_ += ',';
  }
  JsonWriter& open(char bracket) {
    separate();
    out_ += bracket;
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    needs_comma_ = true;
    return *this;
  }

  std::string& out_;
  bool needs_comma_ = false;
};

}  // namespace ledger::projections
