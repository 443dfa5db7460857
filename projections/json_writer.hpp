// Writes JSON (RFC 8259) by appending to a text: no tree, no copies, commas placed by itself. Texts must be valid
// UTF-8, which everything in the ledger is; quotes, backslashes and control characters are escaped, everything
// else stands as it is. Nesting is the caller's: each begin has its end, each key its value. One thread at a time.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ledger::projections {

class JsonWriter {
 public:
  /// Appends to `out`, which outlives the writer.
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  /// A member's name; its value comes next.
  void key(std::string_view name) {
    separate();
    quote(name);
    out_ += ':';
    needs_comma_ = false;
  }

  void value(std::string_view text) {
    separate();
    quote(text);
    needs_comma_ = true;
  }
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool flag) { raw(flag ? "true" : "false"); }
  void value(std::nullptr_t) { raw("null"); }
  void value(std::integral auto number) {
    char digits[24];
    const auto written = std::to_chars(digits, digits + sizeof digits, number);
    raw({digits, written.ptr});
  }
  /// An absent value is null.
  template <typename T>
  void value(const std::optional<T>& maybe) {
    if (maybe) {
      value(*maybe);
    } else {
      value(nullptr);
    }
  }

  /// `key` and `value`.
  void member(std::string_view name, const auto& content) {
    key(name);
    value(content);
  }

  /// A value that is JSON already.
  void raw(std::string_view json) {
    separate();
    out_ += json;
    needs_comma_ = true;
  }

 private:
  void separate() {
    if (needs_comma_) out_ += ',';
  }
  void open(char bracket) {
    separate();
    out_ += bracket;
    needs_comma_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    needs_comma_ = true;
  }

  void quote(std::string_view text) {
    out_ += '"';
    std::size_t plain = 0;  // where what is not yet copied begins
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto c = static_cast<unsigned char>(text[i]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      out_ += text.substr(plain, i - plain);
      escape(c);
      plain = i + 1;
    }
    out_ += text.substr(plain);
    out_ += '"';
  }

  void escape(unsigned char c) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    out_ += '\\';
    switch (c) {
      case '"':
      case '\\': out_ += static_cast<char>(c); return;
      case '\b': out_ += 'b'; return;
      case '\f': out_ += 'f'; return;
      case '\n': out_ += 'n'; return;
      case '\r': out_ += 'r'; return;
      case '\t': out_ += 't'; return;
      default:
        out_ += "u00";
        out_ += kHex[c >> 4];
        out_ += kHex[c & 15];
    }
  }

  std::string& out_;
  bool needs_comma_ = false;
};

}  // namespace ledger::projections
