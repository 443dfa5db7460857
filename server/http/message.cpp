#include "server/http/message.hpp"

#include <algorithm>

#include "server/http/handler.hpp"

namespace ledger::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_text_any_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || kMarks.find(c) != kMarks.npos;
  });
}

// RFC 9110 section 5.5, obs-text included; CR, LF and NUL are what response splitting is made of.
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

class FunctionProducer final : public ChunkProducer {
 public:
  explicit FunctionProducer(std::move_only_function<Chunk()> next) : next_(std::move(next)) {}
  Chunk next() override { return next_(); }

 private:
  std::move_only_function<Chunk()> next_;
};

class FunctionExchange final : public detail::Exchange {
 public:
  explicit FunctionExchange(std::move_only_function<void(Response)> answer) : answer_(std::move(answer)) {}
  void answer(std::uint64_t /*serial*/, Response&& response) override { answer_(std::move(response)); }
  void dropped(std::uint64_t /*serial*/) override {
    Response response;
    response.status = 500;
    response.body = Body("reply_dropped");
    answer_(std::move(response));
  }
  void wake(std::uint64_t /*serial*/) override {}

 private:
  std::move_only_function<void(Response)> answer_;
};

}  // namespace

bool Request::same_name(std::string_view a, std::string_view b) {
  return same_text_any_case(a, b);
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const Field& field : fields_) {
    if (same_name(part(field.name), name)) return part(field.value);
  }
  return std::nullopt;
}

std::size_t Request::header_count(std::string_view name) const {
  std::size_t count = 0;
  each_header(name, [&](std::string_view) { ++count; });
  return count;
}

const std::string* Request::query_value(std::string_view name) const {
  for (const QueryParameter& parameter : query) {
    if (parameter.name == name) return &parameter.value;
  }
  return nullptr;
}

void Headers::add(std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_field_value(value)) {
    broken_ = true;
    return;
  }
  text_.reserve(text_.size() + name.size() + value.size() + 4);
  text_.append(name).append(": ").append(value).append("\r\n");
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (std::string_view rest = text_; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    const std::size_t colon = line.find(':');
    if (same_text_any_case(line.substr(0, colon), name)) return line.substr(colon + 2);
  }
  return std::nullopt;
}

Body Body::stream(std::shared_ptr<ChunkProducer> producer, std::optional<std::uint64_t> length) {
  Body body;
  body.value_ = Stream{std::move(producer), length};
  return body;
}

Body Body::stream(std::move_only_function<Chunk()> next, std::optional<std::uint64_t> length) {
  return stream(std::make_shared<FunctionProducer>(std::move(next)), length);
}

Body Body::upgrade(std::shared_ptr<MessageProducer> producer) {
  Body body;
  body.value_ = std::move(producer);
  return body;
}

std::string_view Body::text() const {
  if (const auto* own = std::get_if<std::string>(&value_)) return *own;
  if (const auto* shared = std::get_if<std::shared_ptr<const std::string>>(&value_)) {
    return *shared == nullptr ? std::string_view() : std::string_view(**shared);
  }
  return {};
}

std::optional<std::uint64_t> Body::size() const {
  if (const Stream* stream = as_stream()) return stream->length;
  return text().size();
}

Response Response::upgrade(std::shared_ptr<MessageProducer> producer) {
  Response response;
  response.status = 101;
  response.body = Body::upgrade(std::move(producer));
  return response;
}

void Wake::operator()() const {
  if (exchange_ != nullptr) exchange_->wake(serial_);
}

Reply Reply::to(std::move_only_function<void(Response)> answer) {
  return {std::make_shared<FunctionExchange>(std::move(answer)), 0};
}

Reply& Reply::operator=(Reply&& other) noexcept {
  if (this != &other) {
    Reply old(std::move(*this));  // answers 500 if it was never called
    exchange_ = std::move(other.exchange_);
    serial_ = other.serial_;
  }
  return *this;
}

Reply::~Reply() {
  if (exchange_ != nullptr) exchange_->dropped(serial_);
}

void Reply::operator()(Response response) {
  // Taken out first: whatever the answer sets off, this Reply counts as called.
  if (const auto exchange = std::exchange(exchange_, nullptr)) exchange->answer(serial_, std::move(response));
}

}  // namespace ledger::http
