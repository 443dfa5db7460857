#include "server/http/request_parser.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "server/http/target.hpp"

namespace ledger::http {
namespace {

namespace beast_http = boost::beast::http;
using BeastText = boost::beast::string_view;
using ErrorCode = boost::beast::error_code;

std::string_view std_view(BeastText text) {
  return {text.data(), text.size()};
}

Method method_of(beast_http::verb verb) {
  switch (verb) {
    case beast_http::verb::get: return Method::get;
    case beast_http::verb::head: return Method::head;
    case beast_http::verb::post: return Method::post;
    case beast_http::verb::put: return Method::put;
    case beast_http::verb::patch: return Method::patch;
    case beast_http::verb::delete_: return Method::del;
    case beast_http::verb::options: return Method::options;
    default: return Method::other;
  }
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// uri-host [ ":" port ] (RFC 9110 section 7.2), as far as characters go: no list, no user, no path.
bool is_host(std::string_view text) {
  constexpr std::string_view kMarks = "-._~%!$&'()*+;=:[]";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != kMarks.npos;
  });
}

// `... HTTP/x.y` with another x.y than ours, as opposed to a line that is no request line at all.
bool names_other_version(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  if (line.size() < 9) return false;
  const std::string_view last = line.substr(line.size() - 9);
  return last.starts_with(" HTTP/") && all_digits(last.substr(6, 1)) && last[7] == '.' &&
         all_digits(last.substr(8));
}

// What the screening needs to know of the fields, counted while Beast reads them.
struct FieldFacts {
  unsigned version = 0;
  std::size_t fields = 0;
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t codings = 0;
  std::size_t expectations = 0;
  bool host_valid = true;
  bool length_plain = true;
  bool coding_chunked = true;
  bool expectation_known = true;
};

}  // namespace

class RequestParser::Grammar {
 public:
  class Fields final : public beast_http::basic_parser<true> {
   public:
    Fields(Request& request, FieldFacts& facts) : request_(request), facts_(facts) {
      // Both limits are kept by us: the whole head is at hand when the grammar begins.
      header_limit(std::numeric_limits<std::uint32_t>::max());
      body_limit(boost::none);
    }
    std::string* out = nullptr;
    std::uint64_t body_bytes = 0;
    std::uint64_t body_bytes_max = 0;
    bool too_large = false;

   private:
    Request::Part part_of(BeastText text) const {
      if (text.empty()) return {};
      return {static_cast<std::uint32_t>(text.data() - request_.head_.data()),
              static_cast<std::uint32_t>(text.size())};
    }
    void on_request_impl(beast_http::verb verb, BeastText method, BeastText target, int version,
                         ErrorCode&) override {
      request_.method = method_of(verb);
      request_.method_ = part_of(method);
      request_.target_ = part_of(target);
      request_.version_ = facts_.version = static_cast<unsigned>(version);
    }
    void on_response_impl(int, BeastText, int, ErrorCode&) override {}
    void on_field_impl(beast_http::field name, BeastText text, BeastText value, ErrorCode&) override {
      if (head_done_) return;  // trailer fields are read and dropped (RFC 9110 section 6.5.1)
      ++facts_.fields;
      request_.fields_.push_back({part_of(text), part_of(value)});
      switch (name) {
        case beast_http::field::host:
          ++facts_.hosts;
          facts_.host_valid = is_host(std_view(value));
          break;
        case beast_http::field::content_length:
          ++facts_.lengths;
          facts_.length_plain = all_digits(std_view(value));
          break;
        case beast_http::field::transfer_encoding:
          ++facts_.codings;
          facts_.coding_chunked = boost::beast::iequals(value, "chunked");
          break;
        case beast_http::field::expect:
          ++facts_.expectations;
          facts_.expectation_known = boost::beast::iequals(value, "100-continue");
          break;
        default: break;
      }
    }
    void on_header_impl(ErrorCode&) override { head_done_ = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
    std::size_t on_body_impl(BeastText body, ErrorCode& error) override { return take(body, error); }
    void on_chunk_header_impl(std::uint64_t size, BeastText, ErrorCode& error) override {
      if (size > body_bytes_max - body_bytes) fail(error);
    }
    std::size_t on_chunk_body_impl(std::uint64_t, BeastText body, ErrorCode& error) override {
      return take(body, error);
    }
    void on_finish_impl(ErrorCode&) override {}

    std::size_t take(BeastText body, ErrorCode& error) {
      if (body.size() > body_bytes_max - body_bytes) {
        fail(error);
        return 0;
      }
      body_bytes += body.size();
      out->append(body.data(), body.size());
      return body.size();
    }
    void fail(ErrorCode& error) {
      too_large = true;
      error = beast_http::error::body_limit;
    }

    Request& request_;
    FieldFacts& facts_;
    bool head_done_ = false;
  };

  explicit Grammar(Request& request) : request_(request) { restart(); }
  void restart() {
    facts = {};
    fields.emplace(request_, facts);  // a Beast parser reads one message
  }

  FieldFacts facts;
  std::optional<Fields> fields;

 private:
  Request& request_;
};

RequestParser::RequestParser(ParserLimits limits)
    : limits_(limits), grammar_(std::make_unique<Grammar>(request_)) {}
RequestParser::~RequestParser() = default;

void RequestParser::reset() {
  request_ = Request();
  grammar_->restart();
  refusal_ = {};
  head_begin_ = line_begin_ = scanned_ = head_bytes_ = 0;
  body_stalled_ = false;
}

RequestParser::Progress RequestParser::refuse(unsigned status, std::string_view code,
                                              std::string_view detail) {
  refusal_ = {status, code, detail};
  return Progress::refused;
}

RequestParser::Progress RequestParser::parse_head(std::string_view received) {
  const Progress lines = scan_lines(received);
  if (lines == Progress::refused) {
    // What was read so far is not worth quoting.
    request_ = Request();
    return lines;
  }
  const std::size_t seen = lines == Progress::complete ? head_bytes_ : received.size();
  if (seen > limits_.header_bytes_max) return over_limit(received.substr(0, seen));
  if (lines == Progress::incomplete) return lines;
  return read_head(received.substr(head_begin_, head_bytes_ - head_begin_));
}

// Finds the empty line that ends the head, and refuses on the way what Beast would join, skip or not see.
RequestParser::Progress RequestParser::scan_lines(std::string_view received) {
  constexpr std::string_view kCode = "request_malformed";
  while (scanned_ < received.size()) {
    const void* found = std::memchr(received.data() + scanned_, '\n', received.size() - scanned_);
    if (found == nullptr) {
      scanned_ = received.size();
      break;
    }
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - received.data());
    const std::string_view line = received.substr(line_begin_, end - line_begin_);
    if (!line.ends_with('\r') || line.find('\r') != line.size() - 1) {
      return refuse(400, kCode, "A line of the head does not end with exactly CR LF.");
    }
    scanned_ = end + 1;
    const bool first = line_begin_ == head_begin_;
    if (line.size() == 1) {
      line_begin_ = scanned_;
      if (!first) {
        head_bytes_ = scanned_;
        return Progress::complete;
      }
      // RFC 9112 section 2.2: one empty line before the request line is forgiven.
      if (head_begin_ != 0) return refuse(400, kCode, "Empty lines stand before the request line.");
      head_begin_ = scanned_;
      continue;
    }
    if (!first && (line.front() == ' ' || line.front() == '\t')) {
      return refuse(400, "request_ambiguous", "A header line is folded.");
    }
    line_begin_ = scanned_;
  }
  // A TLS greeting or other noise: no use in waiting for its end.
  if (received.size() > head_begin_) {
    const auto lead = static_cast<unsigned char>(received[head_begin_]);
    const bool maybe_empty_line = lead == '\r' && received.size() == head_begin_ + 1;
    if (!maybe_empty_line && (lead <= 0x20 || lead >= 0x7f))
      return refuse(400, kCode, "This is not an HTTP request.");
  }
  return Progress::incomplete;
}

RequestParser::Progress RequestParser::over_limit(std::string_view received) {
  request_ = Request();
  const std::size_t line_bytes = received.find('\r');
  if (line_bytes == received.npos || line_bytes > limits_.target_bytes_max) {
    return refuse(414, "target_too_long", "The request target is longer than the server reads.");
  }
  return refuse(431, "header_too_large", "The head of the request is larger than the server reads.");
}

RequestParser::Progress RequestParser::read_head(std::string_view head) {
  request_.head_.assign(head);
  request_.fields_.reserve(16);
  ErrorCode error;
  const std::size_t used = grammar_->fields->put({request_.head_.data(), request_.head_.size()}, error);
  if (!error && used == head.size() && grammar_->fields->is_header_done()) return screen();

  const bool other_version = error == beast_http::error::bad_version && names_other_version(head);
  request_ = Request();
  if (other_version) return refuse(505, "version_unsupported", "The server speaks HTTP/1.1 and HTTP/1.0.");
  if (error == beast_http::error::bad_target) {
    return refuse(400, "target_malformed", "The request target holds a character that none may hold.");
  }
  if (error == beast_http::error::bad_content_length || error == beast_http::error::multiple_content_length ||
      error == beast_http::error::bad_transfer_encoding) {
    return refuse(400, "request_ambiguous", "The length of the body is not stated unmistakably.");
  }
  return refuse(400, "request_malformed", "The head of the request is not HTTP/1.1.");
}

RequestParser::Progress RequestParser::screen() {
  const FieldFacts& facts = grammar_->facts;
  constexpr std::string_view kAmbiguous = "request_ambiguous";
  if (facts.hosts > 1 || (facts.hosts == 0 && request_.version_ >= 11) || !facts.host_valid) {
    return refuse(400, kAmbiguous, "A request carries exactly one valid Host header.");
  }
  if (facts.lengths > 1 || !facts.length_plain) {
    return refuse(400, kAmbiguous, "A request carries at most one Content-Length, a plain number.");
  }
  if (facts.codings > 1 || !facts.coding_chunked || (facts.codings == 1 && request_.version_ < 11) ||
      (facts.codings == 1 && facts.lengths != 0)) {
    return refuse(400, kAmbiguous,
                  "The only transfer coding read is chunked, in HTTP/1.1, without Content-Length.");
  }
  if (facts.fields > limits_.header_fields_max) {
    return refuse(431, "header_too_large", "The request has more header lines than the server reads.");
  }
  const std::string_view text = request_.target();
  if (text.size() > limits_.target_bytes_max) {
    return refuse(414, "target_too_long", "The request target is longer than the server reads.");
  }
  Target target;
  if (!text.starts_with('/') || !parse_target(text, target)) {
    return refuse(400, "target_malformed", "The request target is not a well-formed absolute path.");
  }
  request_.path = std::move(target.path);
  request_.query = std::move(target.query);
  request_.query_malformed = target.query_malformed;
  if (request_.version_ >= 11 && (facts.expectations > 1 || !facts.expectation_known)) {
    return refuse(417, "expectation_unknown", "The only expectation met is 100-continue.");
  }
  return Progress::complete;
}

bool RequestParser::has_body() const {
  return !grammar_->fields->is_done();
}

std::optional<std::uint64_t> RequestParser::content_length() const {
  const auto length = grammar_->fields->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

bool RequestParser::expects_continue() const {
  // HTTP/1.0 clients know no interim responses (RFC 9110 section 10.1.1).
  return grammar_->facts.expectations == 1 && grammar_->facts.version >= 11;
}

bool RequestParser::keep_alive() const {
  return grammar_->fields->keep_alive();
}

RequestParser::Progress RequestParser::parse_body(std::string_view received, std::string& out,
                                                  std::uint64_t body_bytes_max, std::size_t& used) {
  auto& fields = *grammar_->fields;
  fields.eager(true);
  fields.out = &out;
  fields.body_bytes_max = body_bytes_max;
  used = 0;
  ErrorCode error;
  // Beast may stop between a chunk's parts even though it reads eagerly; go on while it gets anywhere. Asked
  // again for the last chunk with fewer than 5 bytes (`0 CR LF CR LF`), Beast 1.81 asserts; no body ends in
  // fewer.
  while (!fields.is_done() && used < received.size() && (!body_stalled_ || received.size() - used >= 5)) {
    const std::size_t step = fields.put({received.data() + used, received.size() - used}, error);
    used += step;
    body_stalled_ = error == beast_http::error::need_more;
    if (body_stalled_) break;
    if (error) {
      if (fields.too_large)
        return refuse(413, "body_too_large", "The body is larger than this path accepts.");
      return refuse(400, "body_malformed", "The chunked body is malformed.");
    }
  }
  return fields.is_done() ? Progress::complete : Progress::incomplete;
}

std::uint64_t RequestParser::body_bytes() const {
  return grammar_->fields->body_bytes;
}

}  // namespace ledger::http
