#include "events/codec/json_reader.hpp"

#include <cmath>
#include <unordered_set>
#include <utility>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>

#include "events/core/limits.hpp"
#include "events/core/text.hpp"

namespace ledger::codec {
namespace {

namespace json = boost::json;

/// 2^63 and more is no integer of ours, however it is written.
constexpr double kIntegerDoubleMax = 9'223'372'036'854'775'808.0;

/// Builds the value, as json::parser does, and refuses what that one lets pass: repeated keys and numbers
/// that no double holds.
class StrictHandler {
 public:
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  StrictHandler() { stack_.reset(); }

  json::value release() { return stack_.release(); }
  [[nodiscard]] const std::optional<FieldError>& fault() const { return fault_; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    open_.push_back({true, 0, {}, {}});
    return true;
  }
  bool on_object_end(std::size_t count, json::error_code&) {
    stack_.push_object(count);
    return close();
  }
  bool on_array_begin(json::error_code&) {
    open_.push_back({false, 0, {}, {}});
    return true;
  }
  bool on_array_end(std::size_t count, json::error_code&) {
    stack_.push_array(count);
    return close();
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    partial_key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view rest, std::size_t, json::error_code& error) {
    stack_.push_key(rest);
    partial_key_.append(rest.data(), rest.size());
    Level& level = open_.back();
    level.member = std::exchange(partial_key_, {});
    if (level.members.insert(level.member).second) return true;
    return refuse({pointer(), "duplicate_key", "the object has this member twice"}, error);
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view rest, std::size_t, json::error_code&) {
    stack_.push_string(rest);
    return next();
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    stack_.push_int64(number);
    return next();
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    stack_.push_uint64(number);
    return next();
  }
  bool on_double(double number, json::string_view, json::error_code& error) {
    if (!std::isfinite(number)) {
      return refuse({pointer(), "bad_json", "a number too large for a double (RFC 8259 section 6)"}, error);
    }
    stack_.push_double(number);
    return next();
  }
  bool on_bool(bool value, json::error_code&) {
    stack_.push_bool(value);
    return next();
  }
  bool on_null(json::error_code&) {
    stack_.push_null();
    return next();
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  struct Level {
    bool is_object;
    std::size_t index;
    std::string member;
    std::unordered_set<std::string> members;
  };

  bool close() {
    open_.pop_back();
    return next();
  }

  bool next() {
    if (!open_.empty()) ++open_.back().index;
    return true;
  }

  [[nodiscard]] std::string pointer() const {
    std::string at;
    for (const Level& level : open_) {
      at = level.is_object ? child_pointer(at, level.member) : child_pointer(at, level.index);
    }
    return at;
  }

  bool refuse(FieldError fault, json::error_code& error) {
    fault_ = std::move(fault);
    error = json::error::exception;  // any error stops the parser; `fault_` says which it was
    return false;
  }

  json::value_stack stack_;
  std::vector<Level> open_;
  std::string partial_key_;
  std::optional<FieldError> fault_;
};

/// Whether `text` ends in the escape of a high surrogate, for which a low one had to follow: the parser calls
/// that a syntax error like any other.
bool ends_in_high_surrogate(std::string_view text) {
  constexpr std::size_t kEscape = 6;  // \uD8xx to \uDBxx
  if (text.size() < kEscape) return false;
  const std::string_view escape = text.substr(text.size() - kEscape);
  if (!escape.starts_with("\\u") || (escape[2] | 0x20) != 'd') return false;
  if (std::string_view("89abAB").find(escape[3]) == std::string_view::npos) return false;
  const std::string_view before = text.substr(0, text.size() - kEscape);
  const std::size_t last_other = before.find_last_not_of('\\');
  return (before.size() - (last_other == std::string_view::npos ? 0 : last_other + 1)) % 2 == 0;
}

FieldError document_error(const json::error_code& error, std::string_view text, std::size_t offset) {
  const std::string at = " at byte " + std::to_string(offset);
  if (error == json::error::too_deep) {
    return {"", "too_deep", "nested deeper than " + std::to_string(limits::kJsonDepthMax) + " levels" + at};
  }
  if (error == json::error::illegal_leading_surrogate || error == json::error::illegal_trailing_surrogate ||
      error == json::error::expected_utf16_escape || ends_in_high_surrogate(text.substr(0, offset))) {
    return {"", "lone_surrogate", "an escaped surrogate without its other half" + at};
  }
  return {"", "bad_json", error.message() + at};
}

}  // namespace

JsonDocument::JsonDocument(json::value value) : root_(std::make_unique<json::value>(std::move(value))) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

std::expected<JsonDocument, FieldError> parse_json(std::string_view text) {
  if (!is_utf8(text))
    return std::unexpected(FieldError{"", "invalid_utf8", "the text is not UTF-8 (RFC 3629)"});
  json::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  json::basic_parser<StrictHandler> parser(options);
  json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read < text.size()) error = json::error::extra_data;
  if (!error && !parser.done()) error = json::error::incomplete;
  if (parser.handler().fault()) return std::unexpected(*parser.handler().fault());
  if (error) return std::unexpected(document_error(error, text, read));
  return JsonDocument(parser.handler().release());
}

std::string child_pointer(std::string_view pointer, std::string_view member) {
  std::string out(pointer);
  out += '/';
  for (const char c : member) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string child_pointer(std::string_view pointer, std::size_t index) {
  return std::string(pointer) + '/' + std::to_string(index);
}

ObjectReader::ObjectReader(const json::value& value, std::string pointer, std::vector<FieldError>& errors,
                           Origin origin)
    : object_(value.if_object()), pointer_(std::move(pointer)), errors_(&errors), origin_(origin) {
  if (object_ == nullptr) {
    wrong_ = true;
    add(pointer_, "wrong_type", "must be an object");
    return;
  }
  read_.resize(object_->size());
}

void ObjectReader::add(std::string pointer, std::string_view code, std::string_view detail) {
  if (errors_->size() < limits::kFieldErrorsMax) {
    errors_->push_back({std::move(pointer), std::string(code), std::string(detail)});
  }
}

void ObjectReader::fail(std::string_view name, std::string_view code, std::string_view detail) {
  add(child_pointer(pointer_, name), code, detail);
}

bool ObjectReader::has(std::string_view name) const {
  if (object_ == nullptr) return false;
  const auto member = object_->find(name);
  return member != object_->end() && !member->value().is_null();
}

const json::value* ObjectReader::take(std::string_view name, Need need) {
  if (wrong_) return nullptr;  // its own error says enough
  const auto member = object_->find(name);
  if (member != object_->end()) {
    read_[static_cast<std::size_t>(member - object_->begin())] = true;
    if (!member->value().is_null()) return &member->value();
  }
  if (need == Need::required) fail(name, "required", "must be there");
  return nullptr;
}

const json::value* ObjectReader::raw(std::string_view name) {
  return take(name, Need::optional);
}

std::optional<std::string_view> ObjectReader::string_at(std::string_view name, Need need) {
  const json::value* value = take(name, need);
  if (value == nullptr) return std::nullopt;
  const json::string* text = value->if_string();
  if (text == nullptr) return fail(name, "wrong_type", "must be a string"), std::nullopt;
  return std::string_view(text->data(), text->size());
}

std::optional<std::string_view> ObjectReader::code_text(std::string_view name, Need need) {
  return string_at(name, need);
}

void ObjectReader::not_in_list(std::string_view name) {
  fail(name, "not_in_list", "must be one of the listed codes");
}

bool ObjectReader::check_text(std::string_view text, const TextRule& rule, const std::string& pointer) {
  if (origin_ == Origin::stored) return true;
  const std::size_t characters = count_characters(text);
  if (characters > rule.max) {
    return add(pointer, "too_long", "at most " + std::to_string(rule.max) + " characters"), false;
  }
  if (characters < rule.min) {
    return add(pointer, "too_short", "at least " + std::to_string(rule.min) + " characters"), false;
  }
  if (has_forbidden_character(text, rule.lines ? Lines::several : Lines::one)) {
    return add(pointer, "control_character", "holds a control, invisible or unassigned character"), false;
  }
  return true;
}

bool ObjectReader::text(std::string_view name, const TextRule& rule, std::string& out, Need need) {
  const auto value = string_at(name, need);
  if (!value || !check_text(*value, rule, child_pointer(pointer_, name))) return false;
  out = *value;
  return true;
}

bool ObjectReader::integer(std::string_view name, const IntegerRule& rule, std::uint64_t& out, Need need) {
  const json::value* value = take(name, need);
  if (value == nullptr) return false;
  const double* real = value->if_double();
  const bool huge = real != nullptr && std::fabs(*real) >= kIntegerDoubleMax;
  if (!value->is_number() || (real != nullptr && !huge)) {
    return fail(name, "wrong_type", "must be an integer"), false;
  }
  const std::int64_t* number = value->if_int64();
  const std::uint64_t* large = value->if_uint64();
  const bool negative = number != nullptr && *number < 0;
  const std::uint64_t magnitude =
      large != nullptr ? *large : (number != nullptr ? static_cast<std::uint64_t>(*number) : 0);
  if (huge || negative || magnitude < rule.min || magnitude > rule.max) {
    return fail(name, "out_of_range", "from " + std::to_string(rule.min) + " to " + std::to_string(rule.max)),
           false;
  }
  out = magnitude;
  return true;
}

bool ObjectReader::boolean(std::string_view name, bool& out, Need need) {
  const json::value* value = take(name, need);
  if (value == nullptr) return false;
  if (!value->is_bool()) return fail(name, "wrong_type", "must be true or false"), false;
  out = value->get_bool();
  return true;
}

bool ObjectReader::uuid(std::string_view name, Uuid& out, Need need) {
  const auto text = string_at(name, need);
  if (!text) return false;
  const auto id = Uuid::parse(*text);
  if (!id) return fail(name, "bad_format", "must be a UUID of 36 characters"), false;
  out = *id;
  return true;
}

bool ObjectReader::digest(std::string_view name, Digest& out, Need need) {
  const auto text = string_at(name, need);
  if (!text) return false;
  const auto digest = Digest::parse(*text);
  if (!digest) return fail(name, "bad_format", "must be sha256: and 64 lower-case hexadecimal digits"), false;
  out = *digest;
  return true;
}

bool ObjectReader::date(std::string_view name, Date& out, Need need) {
  const auto text = string_at(name, need);
  if (!text) return false;
  const auto date = Date::parse(*text);
  if (!date) return fail(name, "bad_format", "must be a day YYYY-MM-DD"), false;
  out = *date;
  return true;
}

bool ObjectReader::timestamp(std::string_view name, TimestampUs& out, Need need) {
  const auto text = string_at(name, need);
  if (!text) return false;
  const auto at = TimestampUs::parse(*text);
  if (!at) return fail(name, "bad_format", "must be a time of RFC 3339 with at most six decimals"), false;
  out = *at;
  return true;
}

bool ObjectReader::choice(std::string_view name, std::initializer_list<std::string_view> list,
                          std::string& out, Need need) {
  const auto text = code_text(name, need);
  if (!text) return false;
  for (const std::string_view code : list) {
    if (*text == code) {
      out = code;
      return true;
    }
  }
  return not_in_list(name), false;
}

namespace {

/// Reads into a fresh value and keeps it only when it was there and right.
template <class T, class Read>
bool keep_if_read(std::optional<T>& out, Read read) {
  T value{};
  if (!read(value)) return false;
  out = std::move(value);
  return true;
}

}  // namespace

bool ObjectReader::text(std::string_view name, const TextRule& rule, std::optional<std::string>& out) {
  return keep_if_read(out, [&](auto& value) { return text(name, rule, value, Need::optional); });
}
bool ObjectReader::integer(std::string_view name, const IntegerRule& rule,
                           std::optional<std::uint64_t>& out) {
  return keep_if_read(out, [&](auto& value) { return integer(name, rule, value, Need::optional); });
}
bool ObjectReader::boolean(std::string_view name, std::optional<bool>& out) {
  return keep_if_read(out, [&](auto& value) { return boolean(name, value, Need::optional); });
}
bool ObjectReader::uuid(std::string_view name, std::optional<Uuid>& out) {
  return keep_if_read(out, [&](auto& value) { return uuid(name, value, Need::optional); });
}
bool ObjectReader::digest(std::string_view name, std::optional<Digest>& out) {
  return keep_if_read(out, [&](auto& value) { return digest(name, value, Need::optional); });
}
bool ObjectReader::date(std::string_view name, std::optional<Date>& out) {
  return keep_if_read(out, [&](auto& value) { return date(name, value, Need::optional); });
}
bool ObjectReader::timestamp(std::string_view name, std::optional<TimestampUs>& out) {
  return keep_if_read(out, [&](auto& value) { return timestamp(name, value, Need::optional); });
}
bool ObjectReader::uuids(std::string_view name, std::size_t max, std::optional<std::vector<Uuid>>& out) {
  return keep_if_read(out, [&](auto& value) { return uuids(name, max, value, Need::optional); });
}

const json::array* ObjectReader::array_at(std::string_view name, std::size_t max, Need need) {
  const json::value* value = take(name, need);
  if (value == nullptr) return nullptr;
  const json::array* array = value->if_array();
  if (array == nullptr) return fail(name, "wrong_type", "must be an array"), nullptr;
  if (array->size() > max && origin_ == Origin::received) {
    return fail(name, "too_many_items", "at most " + std::to_string(max) + " elements"), nullptr;
  }
  return array;
}

template <class T, class Convert>
bool ObjectReader::list(std::string_view name, std::size_t max, std::vector<T>& out, Need need,
                        Convert convert) {
  const json::array* array = array_at(name, max, need);
  if (array == nullptr) return false;
  const std::string pointer = child_pointer(pointer_, name);
  std::vector<T> values;
  values.reserve(array->size());
  bool right = true;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string at = child_pointer(pointer, i);
    const json::string* text = (*array)[i].if_string();
    if (text == nullptr) {
      add(at, "wrong_type", "must be a string");
      right = false;
    } else if (std::optional<T> value = convert(std::string_view(text->data(), text->size()), at)) {
      values.push_back(std::move(*value));
    } else {
      right = false;
    }
  }
  if (right) out = std::move(values);
  return right;
}

bool ObjectReader::uuids(std::string_view name, std::size_t max, std::vector<Uuid>& out, Need need) {
  return list(name, max, out, need, [&](std::string_view text, const std::string& at) {
    auto id = Uuid::parse(text);
    if (!id) add(at, "bad_format", "must be a UUID of 36 characters");
    return id;
  });
}

bool ObjectReader::dates(std::string_view name, std::size_t max, std::vector<Date>& out, Need need) {
  return list(name, max, out, need, [&](std::string_view text, const std::string& at) {
    auto date = Date::parse(text);
    if (!date) add(at, "bad_format", "must be a day YYYY-MM-DD");
    return date;
  });
}

bool ObjectReader::texts(std::string_view name, std::size_t max, const TextRule& rule,
                         std::vector<std::string>& out, Need need) {
  return list(name, max, out, need, [&](std::string_view text, const std::string& at) {
    return check_text(text, rule, at) ? std::optional(std::string(text)) : std::nullopt;
  });
}

std::optional<ObjectReader> ObjectReader::object(std::string_view name, Need need) {
  const json::value* value = take(name, need);
  if (value == nullptr) return std::nullopt;
  return ObjectReader(*value, child_pointer(pointer_, name), *errors_, origin_);
}

std::vector<ObjectReader> ObjectReader::objects(std::string_view name, std::size_t max, Need need) {
  std::vector<ObjectReader> readers;
  const json::array* array = array_at(name, max, need);
  if (array == nullptr) return readers;
  const std::string pointer = child_pointer(pointer_, name);
  readers.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    readers.emplace_back((*array)[i], child_pointer(pointer, i), *errors_, origin_);
  }
  return readers;
}

void ObjectReader::finish() {
  if (object_ == nullptr) return;
  std::size_t index = 0;
  for (const auto& member : *object_) {
    if (!read_[index++]) {
      fail({member.key().data(), member.key().size()}, "unknown_field", "no such member here");
    }
  }
}

}  // namespace ledger::codec
