// Reading JSON that somebody sent, strictly: what RFC 8259 leaves open is refused (repeated keys, lone
// surrogates, unbounded nesting and numbers), and all field errors of a document are collected at once.
// Boost.JSON parses; the values that it does not refuse by itself are refused here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/codes.hpp"
#include "events/core/refusal.hpp"
#include "events/core/types.hpp"

namespace boost::json {
class array;
class object;
class value;
}  // namespace boost::json

namespace ledger::codec {

/// A parsed document. Move-only; references into it live as long as it does.
class JsonDocument {
 public:
  explicit JsonDocument(boost::json::value value);
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();
  [[nodiscard]] const boost::json::value& root() const { return *root_; }

 private:
  std::unique_ptr<boost::json::value> root_;
};

/// Parses one JSON text (RFC 8259) of valid UTF-8 and nothing after it; no byte order mark.
/// Errors are of the whole document, `code` one of: `invalid_utf8`, `bad_json` (also a number that no double
/// holds and a lone surrogate), `too_deep` (above limits::kJsonDepthMax), `duplicate_key` (with the pointer
/// of the second). The server answers them with 400. Length is the caller's business. Any thread.
[[nodiscard]] std::expected<JsonDocument, FieldError> parse_json(std::string_view text);

/// `pointer` with one more reference token, escaped as RFC 6901 section 3 says.
[[nodiscard]] std::string child_pointer(std::string_view pointer, std::string_view member);
[[nodiscard]] std::string child_pointer(std::string_view pointer, std::size_t index);

/// Bounds of a text, in Unicode code points, both inclusive. One-line texts hold no control, format or
/// separator characters that could hide or reorder what a reader sees; `lines` allows \n and \t.
struct TextRule {
  std::size_t min = 0;
  std::size_t max = 0;
  bool lines = false;
};

/// Bounds of an integer, both inclusive.
struct IntegerRule {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

/// Whether a member must be there. JSON null counts as not there.
enum class Need : bool { optional, required };

/// Whose text it is: `received` ones are held to every rule; `stored` ones were when they came in, and stay
/// readable when a limit shrinks later.
enum class Origin : bool { received, stored };

/// Reads the members of one object, each at most once, and collects what is wrong with them in `errors`, at
/// most limits::kFieldErrorsMax. Readers answer false or nullopt when a member is absent or wrong; `out` is
/// then unchanged. A value that is no object gives one `wrong_type` and behaves as an object without members,
/// of which none is missed. Codes: required, wrong_type, too_long, too_short, control_character, not_in_list,
/// bad_format, out_of_range, too_many_items, unknown_field. Not for sharing between threads; value and errors
/// must outlive the reader.
class ObjectReader {
 public:
  ObjectReader(const boost::json::value& value, std::string pointer, std::vector<FieldError>& errors,
               Origin origin = Origin::received);

  /// Whether the member is there and not null.
  [[nodiscard]] bool has(std::string_view name) const;

  bool text(std::string_view name, const TextRule& rule, std::string& out, Need need = Need::required);
  bool text(std::string_view name, const TextRule& rule, std::optional<std::string>& out);
  bool integer(std::string_view name, const IntegerRule& rule, std::uint64_t& out,
               Need need = Need::required);
  bool integer(std::string_view name, const IntegerRule& rule, std::optional<std::uint64_t>& out);
  bool boolean(std::string_view name, bool& out, Need need = Need::required);
  bool boolean(std::string_view name, std::optional<bool>& out);
  bool uuid(std::string_view name, Uuid& out, Need need = Need::required);
  bool uuid(std::string_view name, std::optional<Uuid>& out);
  bool digest(std::string_view name, Digest& out, Need need = Need::required);
  bool digest(std::string_view name, std::optional<Digest>& out);
  bool date(std::string_view name, Date& out, Need need = Need::required);
  bool date(std::string_view name, std::optional<Date>& out);
  bool timestamp(std::string_view name, TimestampUs& out, Need need = Need::required);
  bool timestamp(std::string_view name, std::optional<TimestampUs>& out);

  /// A code of one of the lists in events/core/codes.hpp.
  template <class E>
  bool code(std::string_view name, E& out, Need need = Need::required) {
    const auto text = code_text(name, need);
    if (!text) return false;
    const auto value = from_code<E>(*text);
    if (!value) return not_in_list(name), false;
    out = *value;
    return true;
  }
  template <class E>
  bool code(std::string_view name, std::optional<E>& out) {
    E value{};
    if (!code(name, value, Need::optional)) return false;
    out = value;
    return true;
  }
  /// A code of a list given as texts.
  bool choice(std::string_view name, std::initializer_list<std::string_view> list, std::string& out,
              Need need = Need::required);

  /// Lists of at most `max` elements; one wrong element leaves `out` unchanged. A required list may not be
  /// empty.
  bool uuids(std::string_view name, std::size_t max, std::vector<Uuid>& out, Need need = Need::required);
  bool uuids(std::string_view name, std::size_t max, std::optional<std::vector<Uuid>>& out);
  bool dates(std::string_view name, std::size_t max, std::vector<Date>& out, Need need = Need::required);
  bool texts(std::string_view name, std::size_t max, const TextRule& rule, std::vector<std::string>& out,
             Need need = Need::required);

  /// A nested object; nullopt when it is absent. A member that is no object gives a reader without members.
  [[nodiscard]] std::optional<ObjectReader> object(std::string_view name, Need need = Need::optional);
  /// Readers of the objects in a list of at most `max`.
  [[nodiscard]] std::vector<ObjectReader> objects(std::string_view name, std::size_t max,
                                                  Need need = Need::required);

  /// The member as it stands, marked as read; null when absent.
  [[nodiscard]] const boost::json::value* raw(std::string_view name);

  /// Adds `unknown_field` for each member that nobody asked for. Call it last, on every reader.
  void finish();

  /// Adds an error at this object's member, for checks that only the caller can make.
  void fail(std::string_view name, std::string_view code, std::string_view detail);
  [[nodiscard]] const std::string& pointer() const { return pointer_; }

 private:
  const boost::json::value* take(std::string_view name, Need need);
  std::optional<std::string_view> code_text(std::string_view name, Need need);
  std::optional<std::string_view> string_at(std::string_view name, Need need);
  void not_in_list(std::string_view name);
  void add(std::string pointer, std::string_view code, std::string_view detail);
  const boost::json::array* array_at(std::string_view name, std::size_t max, Need need);
  template <class T, class Convert>
  bool list(std::string_view name, std::size_t max, std::vector<T>& out, Need need, Convert convert);
  bool check_text(std::string_view text, const TextRule& rule, const std::string& pointer);

  const boost::json::object* object_ = nullptr;
  bool wrong_ = false;
  std::string pointer_;
  std::vector<FieldError>* errors_;
  Origin origin_;
  std::vector<bool> read_;
};

}  // namespace ledger::codec
