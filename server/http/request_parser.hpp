// The distrustful reader of HTTP/1.1 requests: Beast's grammar, and before it the screening that Beast 1.81
// lacks. No sockets, no clock: bytes in, a Request or a refusal out, so that it can be fuzzed alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/message.hpp"

namespace ledger::http {

/// Why a request is refused; `code` and `detail` as in Problem.
struct Refusal {
  unsigned status = 400;
  std::string_view code;
  std::string_view detail;
};

struct ParserLimits {
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t header_fields_max = 128;
  std::size_t target_bytes_max = 8 * 1024;
};

/// Reads one request after another of one connection. Threads: one at a time.
///
/// Refused as ambiguous or malformed (STYLE rule 9, RFC 9112 sections 2.2, 3.2, 5.2, 6): a missing or
/// repeated Host, several Content-Length lines or a list of lengths, Transfer-Encoding with Content-Length,
/// anything but exactly `chunked`, chunked in HTTP/1.0, folded lines, bare CR or LF, white space before a
/// colon, control characters, targets not in origin form.
class RequestParser {
 public:
  enum class Progress : std::uint8_t { incomplete, complete, refused };

  explicit RequestParser(ParserLimits limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Forgets everything and waits for the next head.
  void reset();
  /// Looks for a whole head at the front of `received`, which holds all bytes since `reset` (it is re-read
  /// from where the last call stopped). complete: `head_bytes()` of them are used up. refused: see
  /// `refusal()`.
  [[nodiscard]] Progress parse_head(std::string_view received);
  [[nodiscard]] std::size_t head_bytes() const { return head_bytes_; }
  /// The reason after `refused`; its status is never 0.
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }
  /// The head as a Request (once; without body, remote and id). After a refusal: as far as it is trustworthy,
  /// else `method_text()` is empty.
  [[nodiscard]] Request take_request() { return std::move(request_); }

  /// The rest holds after a complete head.
  [[nodiscard]] bool has_body() const;
  /// The announced length; nullopt for chunked.
  [[nodiscard]] std::optional<std::uint64_t> content_length() const;
  [[nodiscard]] bool expects_continue() const;
  /// What the client wants of the connection after this exchange.
  [[nodiscard]] bool keep_alive() const;

  /// Reads body bytes from `received` and appends the decoded ones to `out`; `used` tells how many were
  /// consumed (the unused ones must be given again, with more behind them). Refuses beyond `body_bytes_max`
  /// decoded bytes.
  [[nodiscard]] Progress parse_body(std::string_view received, std::string& out, std::uint64_t body_bytes_max,
                                    std::size_t& used);
  /// Decoded body bytes so far.
  [[nodiscard]] std::uint64_t body_bytes() const;

 private:
  class Grammar;  // derives from Beast's parser
  [[nodiscard]] Progress refuse(unsigned status, std::string_view code, std::string_view detail);
  [[nodiscard]] Progress scan_lines(std::string_view received);
  [[nodiscard]] Progress read_head(std::string_view head);
  [[nodiscard]] Progress screen();
  [[nodiscard]] Progress over_limit(std::string_view received);

  const ParserLimits limits_;
  std::unique_ptr<Grammar> grammar_;
  Request request_;
  Refusal refusal_;
  std::size_t head_begin_ = 0;  // after an ignored leading empty line
  std::size_t line_begin_ = 0;
  std::size_t scanned_ = 0;
  std::size_t head_bytes_ = 0;
  bool body_stalled_ = false;  // the grammar asked for more of the same chunk line
};

}  // namespace ledger::http
