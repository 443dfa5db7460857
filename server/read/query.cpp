#include "server/read/query.hpp"

#include <algorithm>
#include <charconv>

#include "server/http/message.hpp"

namespace ledger::server {
namespace {

constexpr std::size_t kCursorBytesMax = 1'024;

/// A name that may be told back: what is not a plain word was nobody's typing error.
bool plain(std::string_view name) {
  return !name.empty() && name.size() <= 32 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

void add(std::string& mistakes, std::string_view name, std::string_view what) {
  if (!mistakes.empty()) mistakes += "; ";
  mistakes += plain(name) ? name : std::string_view("a parameter");
  mistakes += ' ';
  mistakes += what;
}

}  // namespace

QueryReader::QueryReader(const http::Request& request) : request_(request) {}

std::optional<std::string_view> QueryReader::text(std::string_view name, std::size_t bytes_max) {
  asked_.push_back(name);
  const std::string* value = request_.query_value(name);
  if (value == nullptr) return std::nullopt;
  if (value->size() > bytes_max) {
    wrong(name, "is too long");
    return std::nullopt;
  }
  return *value;
}

std::optional<std::uint64_t> QueryReader::number(std::string_view name, std::uint64_t min,
                                                 std::uint64_t max) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  const bool padded = value->size() > 1 && value->front() == '0';
  if (value->empty() || error != std::errc{} || end != value->data() + value->size() || padded ||
      number < min || number > max) {
    wrong(name, "must be a number from " + std::to_string(min) + " to " + std::to_string(max));
    return std::nullopt;
  }
  return number;
}

std::optional<Uuid> QueryReader::uuid(std::string_view name) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  const auto id = Uuid::parse(*value);
  if (!id) wrong(name, "must be an id");
  return id;
}

std::optional<Date> QueryReader::date(std::string_view name) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  const auto day = Date::parse(*value);
  if (!day) wrong(name, "must be a date, YYYY-MM-DD");
  return day;
}

bool QueryReader::given(std::string_view name) const {
  return request_.query_value(name) != nullptr;
}

std::size_t QueryReader::limit() {
  return static_cast<std::size_t>(number("limit", 1, kLimitMax).value_or(kLimitDefault));
}

std::optional<std::string_view> QueryReader::cursor() {
  asked_.push_back("cursor");
  const std::string* value = request_.query_value("cursor");
  if (value == nullptr) return std::nullopt;
  if (value->empty() || value->size() > kCursorBytesMax) {
    bad_cursor();
    return std::nullopt;
  }
  return *value;
}

void QueryReader::wrong(std::string_view name, std::string_view what) {
  add(mistakes_, name, what);
}

std::optional<Refusal> QueryReader::done() const {
  std::string mistakes = mistakes_;
  if (request_.query_malformed) add(mistakes, "query", "is malformed");
  const auto& query = request_.query;
  for (std::size_t i = 0; i < query.size(); ++i) {
    const auto same = [&](const http::QueryParameter& other) { return other.name == query[i].name; };
    if (std::any_of(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(i), same)) {
      add(mistakes, query[i].name, "is given twice");
    } else if (std::ranges::find(asked_, query[i].name) == asked_.end()) {
      add(mistakes, query[i].name, "is unknown here");
    }
    if (mistakes.size() > 1'000) break;
  }
  if (!mistakes.empty())
    return Refusal{.code = "bad_query", .errors = {}, .state = {}, .detail = std::move(mistakes)};
  if (bad_cursor_) {
    return Refusal{
        .code = "bad_cursor", .errors = {}, .state = {}, .detail = "The cursor is not one of ours."};
  }
  return std::nullopt;
}

}  // namespace ledger::server
