// HTTP messages as the transport hands them up and takes them down. Nothing here knows filings, sockets or
// Boost.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ledger::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };

/// One `name=value` of the query, percent-decoded, `+` read as a space (as browsers write forms).
struct QueryParameter {
  std::string name;
  std::string value;
};

/// One received request. It owns all its text, so it may move to any thread and outlive its connection.
/// While `Handler::admit` looks at it, `body` is still empty.
class Request {
 public:
  Method method = Method::other;
  /// The decoded path segments: `/v1/filings/a%2Fb` is {"v1", "filings", "a/b"}, `/` is {}, `/v1/` is {"v1",
  /// ""}. Always valid UTF-8 without NUL; a target that breaks this was refused by the transport.
  std::vector<std::string> path;
  /// In the order received, repeated names kept. Empty when `query_malformed`.
  std::vector<QueryParameter> query;
  /// True when the query has a bad escape, NUL or invalid UTF-8: answer 400.
  bool query_malformed = false;
  /// The body as received (chunking undone); stays empty when a BodySink took it.
  std::string body;
  /// The address of the client as text without port; behind a trusted proxy, the address that the proxy
  /// names.
  std::string remote;
  /// Unique within this process and very probably across restarts: 15 lower-case hexadecimal characters.
  std::string id;

  /// The method as received (case-sensitive token), also for `Method::other`.
  [[nodiscard]] std::string_view method_text() const { return part(method_); }
  /// The request target as received, query included. May hold secrets (`?ticket=`): never log it.
  [[nodiscard]] std::string_view target() const { return part(target_); }
  /// The path as received: the target up to `?`, still percent-encoded.
  [[nodiscard]] std::string_view raw_path() const { return target().substr(0, target().find('?')); }
  /// 11 for HTTP/1.1, 10 for HTTP/1.0.
  [[nodiscard]] unsigned version() const { return version_; }

  /// The first header of that name (any case), trimmed; nullopt when absent.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  /// How many header lines carry that name (any case).
  [[nodiscard]] std::size_t header_count(std::string_view name) const;
  /// Calls `visit(value)` for each header line of that name, in the order received.
  template <typename Visit>
  void each_header(std::string_view name, Visit&& visit) const {
    for (const Field& field : fields_) {
      if (same_name(part(field.name), name)) visit(part(field.value));
    }
  }
  /// The value of the first query parameter of that name; null when absent.
  [[nodiscard]] const std::string* query_value(std::string_view name) const;

 private:
  friend class RequestParser;
  struct Part {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Field {
    Part name;
    Part value;
  };
  [[nodiscard]] std::string_view part(Part at) const {
    return std::string_view(head_).substr(at.begin, at.size);
  }
  static bool same_name(std::string_view a, std::string_view b);

  std::string head_;  // the head as received; parts are offsets, so that moving a Request keeps them right
  std::vector<Field> fields_;
  Part method_;
  Part target_;
  unsigned version_ = 11;
};

/// The header lines of a response, kept as the bytes that will be sent.
class Headers {
 public:
  /// Appends one line. `name` must be a token and `value` free of control characters (tab allowed); a line
  /// that breaks this is not added, and the transport then answers 500 instead: no response splitting.
  /// Content-Length, Transfer-Encoding, Connection, Content-Type and Date belong to the transport.
  void add(std::string_view name, std::string_view value);
  /// The first value of that name (any case); nullopt when absent.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  /// All lines, each ended by CR LF.
  [[nodiscard]] std::string_view text() const { return text_; }
  /// True when a line was refused by `add`.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  std::string text_;
  bool broken_ = false;
};

/// What a producer gives when asked for its next piece.
struct Chunk {
  enum class Kind : std::uint8_t {
    data,    ///< `bytes` to send (an empty one is skipped)
    end,     ///< the body is complete
    later,   ///< nothing yet: ask again after the Wake was called
    failed,  ///< the rest cannot be had: the connection is cut, so that the client sees an incomplete body
  };
  Kind kind = Kind::end;
  std::string bytes;

  static Chunk data(std::string bytes) { return {Kind::data, std::move(bytes)}; }
  static Chunk end() { return {Kind::end, {}}; }
  static Chunk later() { return {Kind::later, {}}; }
  static Chunk failed() { return {Kind::failed, {}}; }
};

namespace detail {
/// What stands behind Reply and Wake: the connection, or a test's stand-in.
class Exchange;
}  // namespace detail

/// Rings a producer's connection. Copyable, callable from any thread, any number of times, also too late.
class Wake {
 public:
  Wake() = default;
  Wake(std::shared_ptr<detail::Exchange> exchange, std::uint64_t serial)
      : exchange_(std::move(exchange)), serial_(serial) {}
  void operator()() const;

 private:
  std::shared_ptr<detail::Exchange> exchange_;
  std::uint64_t serial_ = 0;
};

/// Gives a body piece by piece. The next piece is asked only after the previous one went to the socket, so a
/// slow reader costs one piece of memory. Calls come one at a time, on a worker thread: blocking file or
/// store reads are fine.
class ChunkProducer {
 public:
  virtual ~ChunkProducer() = default;
  /// Called once before the first `next`. Only producers that say `later` need it; a call of `wake` during
  /// `next` is not lost. The Wake keeps the connection's memory, not its socket: drop it when done.
  virtual void start(Wake /*wake*/) {}
  /// The next piece, ideally 16 to 64 KiB.
  [[nodiscard]] virtual Chunk next() = 0;
  /// In place of `next`, where the next piece lies ready: called on an io thread, so it must neither block
  /// nor read a file or store. nullopt, where that is not sure: then `next` is called on a worker. Not before
  /// the first `next`.
  [[nodiscard]] virtual std::optional<Chunk> next_at_hand() { return std::nullopt; }
};

class MessageProducer;  // server/http/websocket.hpp

/// A response body: none, owned text, shared text (a cached answer is sent without a copy), a producer, or
/// what a WebSocket will say once the connection has become one.
class Body {
 public:
  struct Stream {
    std::shared_ptr<ChunkProducer> producer;
    std::optional<std::uint64_t> length;  // known: sent as Content-Length; else chunked
  };
  Body() = default;
  Body(std::string text) : value_(std::move(text)) {}
  Body(const char* text) : value_(std::string(text)) {}
  Body(std::shared_ptr<const std::string> text) : value_(std::move(text)) {}
  /// With `length`, the producer must give exactly that many bytes; otherwise the connection is cut.
  static Body stream(std::shared_ptr<ChunkProducer> producer,
                     std::optional<std::uint64_t> length = std::nullopt);
  /// The same for a function: called on a worker thread until it gives `end` or `failed`; never `later`.
  static Body stream(std::move_only_function<Chunk()> next,
                     std::optional<std::uint64_t> length = std::nullopt);

  /// See Response::upgrade.
  static Body upgrade(std::shared_ptr<MessageProducer> producer);

  /// The text; empty for a stream. Valid while the Body lives and is not moved.
  [[nodiscard]] std::string_view text() const;
  /// Null when the body is text.
  [[nodiscard]] const Stream* as_stream() const { return std::get_if<Stream>(&value_); }
  /// Null when the body is no upgrade.
  [[nodiscard]] const std::shared_ptr<MessageProducer>* as_upgrade() const {
    return std::get_if<std::shared_ptr<MessageProducer>>(&value_);
  }
  /// Bytes; nullopt for a stream of unknown length.
  [[nodiscard]] std::optional<std::uint64_t> size() const;

 private:
  std::variant<std::monostate, std::string, std::shared_ptr<const std::string>, Stream,
               std::shared_ptr<MessageProducer>>
      value_;
};

/// One response. 1xx is the transport's own (101: see `upgrade`); 204 and 304 are sent without a body.
struct Response {
  unsigned status = 200;
  std::string content_type;  // empty: no Content-Type line
  Headers headers;
  Body body;
  bool close = false;  // true: `Connection: close`, the connection ends after this answer
  /// How long the client may take for each 4 KiB of the answer; zero: Options::write_timeout.
  std::chrono::milliseconds write_timeout{0};
  /// The application's own mark; comes back in RequestSummary::tag.
  std::uint32_t tag = 0;

  /// The connection becomes a WebSocket (101; `headers` are sent with it) and the producer gives its
  /// messages. A request that cannot become one is refused instead, the producer unused: 426 unless it
  /// asks_for_websocket in version 13, 400 for a bad key. The exchange ends with the close.
  static Response upgrade(std::shared_ptr<MessageProducer> producer);
};

}  // namespace ledger::http
