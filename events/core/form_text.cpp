#include "events/core/form_text.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ledger {
namespace {

void append_escape(std::string& out, unsigned char c) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '\\';
  switch (c) {
    case '"':
    case '\\': out += static_cast<char>(c); return;
    case '\b': out += 'b'; return;
    case '\f': out += 'f'; return;
    case '\n': out += 'n'; return;
    case '\r': out += 'r'; return;
    case '\t': out += 't'; return;
    default:
      out += "u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
  }
}

/// Controls, `"` and `\\` among eight bytes, looked at together: the high bit of the first such byte is set,
/// and none before it (those behind it may be wrong).
std::uint64_t specials(const char* eight) {
  static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101, kHigh = kOnes * 0x80;
  std::uint64_t word;
  std::memcpy(&word, eight, sizeof word);
  const auto below = [](std::uint64_t bytes, std::uint64_t limit) {
    return (bytes - kOnes * limit) & ~bytes & kHigh;
  };
  return below(word, 0x20) | below(word ^ kOnes * '"', 1) | below(word ^ kOnes * '\\', 1);
}

bool is_special(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

/// How many bytes of the text stand for themselves before the first that does not.
std::size_t plain_length(std::string_view text) {
  std::size_t i = 0;
  for (; text.size() - i >= 8; i += 8) {
    if (const std::uint64_t found = specials(text.data() + i); found != 0) {
      return i + static_cast<std::size_t>(std::countr_zero(found)) / 8;
    }
  }
  while (i < text.size() && !is_special(text[i])) ++i;
  return i;
}

/// Writes the members of one JSON object; the destructor closes it.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  ~ObjectText() { out_ += '}'; }
  ObjectText(const ObjectText&) = delete;
  ObjectText& operator=(const ObjectText&) = delete;

  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  void text_if(std::string_view name, const std::optional<std::string>& value) {
    if (value) text(name, *value);
  }
  void digest(std::string_view name, const std::optional<Digest>& value) {
    if (value) text(name, value->text());
  }
  void ids(std::string_view name, const std::optional<std::vector<Uuid>>& value) {
    if (value) key(name) += ids_text(*value);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void write(std::string& out, const FilingForm::Basic& basic) {
  ObjectText object(out);
  if (basic.algorithm_type) object.text("algorithm_type", code_of(*basic.algorithm_type));
  object.text_if("application_field", basic.application_field);
  if (basic.launched_on) object.text("launched_on", basic.launched_on->text());
  if (basic.documents) {
    ObjectText documents(object.key("documents"));
    documents.digest("self_assessment_report", basic.documents->self_assessment_report);
    documents.digest("public_disclosure", basic.documents->public_disclosure);
  }
}

void write(std::string& out, const FilingForm::Details& details) {
  ObjectText object(out);
  object.text_if("data", details.data);
  object.text_if("model", details.model);
  object.text_if("strategy", details.strategy);
  object.text_if("risk_and_prevention", details.risk_and_prevention);
}

void write(std::string& out, const FilingForm::Scope& scope) {
  ObjectText object(out);
  object.ids("products", scope.products);
  object.ids("access_paths", scope.access_paths);
  object.ids("features", scope.features);
  object.text_if("technical_service", scope.technical_service);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  std::size_t plain = plain_length(text);
  if (plain == text.size()) {
    // Nearly every text: one growth and one copy.
    const std::size_t at = out.size(), end = at + plain + 2;
    // Not by the size that it is told: libstdc++ 12 tells the capacity where it had to grow.
    out.resize_and_overwrite(end, [&](char* bytes, std::size_t) {
      bytes[at] = '"';
      std::ranges::copy(text, bytes + at + 1);
      bytes[end - 1] = '"';
      return end;
    });
    return;
  }
  out += '"';
  while (true) {
    out += text.substr(0, plain);
    if (plain == text.size()) break;
    append_escape(out, static_cast<unsigned char>(text[plain]));
    text.remove_prefix(plain + 1);
    plain = plain_length(text);
  }
  out += '"';
}

std::string ids_text(std::span<const Uuid> ids) {
  std::string out = "[";
  for (const Uuid& id : ids) {
    if (out.size() > 1) out += ',';
    append_json_string(out, id.text());
  }
  return out + "]";
}

std::string texts_text(std::span<const std::string> texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ',';
    append_json_string(out, text);
  }
  return out + "]";
}

std::string scope_text(const FilingForm::Scope& scope) {
  const auto list = [](const std::optional<std::vector<Uuid>>& ids) {
    return ids_text(ids ? std::span<const Uuid>(*ids) : std::span<const Uuid>());
  };
  return "{\"products\":" + list(scope.products) + ",\"access_paths\":" + list(scope.access_paths) +
         ",\"features\":" + list(scope.features) + "}";
}

std::string form_text(const FilingForm& form) {
  std::string out;
  {
    ObjectText object(out);
    object.text_if("algorithm_name", form.algorithm_name);
    if (form.role) object.text("role", code_of(*form.role));
    object.text_if("purpose", form.purpose);
    if (form.basic) write(object.key("basic"), *form.basic);
    if (form.details) write(object.key("details"), *form.details);
    if (form.scope) write(object.key("scope"), *form.scope);
  }
  return out;
}

}  // namespace ledger
