// Every path that the server answers, in one table: method, pattern, who may come in, and what answers. The
// path of a request is matched on its decoded segments; nothing else in the server looks at paths.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/commands.hpp"
#include "events/core/refusal.hpp"
#include "server/api/context.hpp"
#include "server/http/message.hpp"

namespace boost::json {
class value;
}

namespace ledger::server {

class Reads;

/// The ids that a path captured, in order.
using Ids = std::array<Uuid, 3>;

/// Reads the body of one command. What is wrong goes to `errors`; the command then holds what was right.
using ReadCommand = Command (*)(const Ids& ids, const boost::json::value& body,
                                std::vector<FieldError>& errors);
/// Answers one read.
using AnswerRead = http::Response (*)(Reads& reads, const ReadContext& context);

/// Who may come in at all; what a role may do is for `authorize` and the reads to say.
enum class Entrance : std::uint8_t {
  open,     ///< anyone, at any time: health, metrics, texts
  public_,  ///< anyone; a token that is given must be good
  token,    ///< holders of a token
};

/// What answers a route that neither is a command nor reads the ledger's views.
enum class Special : std::uint8_t {
  none,
  health,
  ready,
  metrics,
  page,
  openapi,
  asyncapi,
  schema,
  problem,
  upload,
  download,
  stream,
  ticket,
  webhooks,
  resume_webhook,
  rebuild,
};

struct Route {
  http::Method method = http::Method::get;
  std::string_view pattern;  ///< e.g. `/v1/filings/{id}/submit`; lives for ever
  Entrance entrance = Entrance::token;
  ReadCommand command = nullptr;
  AnswerRead read = nullptr;
  Special special = Special::none;
  bool body_optional = false;  ///< an empty body counts as `{}`
  bool slow = false;           ///< a read that takes too long for an io thread
  /// Where what a command makes is found: this and its id. Empty: below the path asked for; unset: makes
  /// nothing.
  std::optional<std::string_view> made_under;
  bool made_is_listed = false;  ///< what is made has no path of its own: it is found at `made_under` itself
};

/// The table. `index` below counts in it.
[[nodiscard]] std::span<const Route> routes();

/// What a path led to.
struct Match {
  bool known = false;            ///< some method answers this path
  const Route* route = nullptr;  ///< null: not with this method
  std::size_t index = 0;         ///< of `route` in routes()
  std::string_view pattern;      ///< when known
  std::string allow;          ///< when known and not with this method, or asked for OPTIONS: the `Allow` list
  bool ids_fine = true;       ///< false: a segment that should be an id is none
  bool anyone_reads = false;  ///< GET is open or public: CORS
  Ids ids{};
  std::string_view text;  ///< the capture that is no id; of `{path*}` the rest of the path as received
};

/// Looks up decoded segments. HEAD is answered by GET routes. The views in the answer live as long as the
/// request.
[[nodiscard]] Match match(const http::Request& request);

/// The same as text, for logs and metrics: `GET`, `POST`, ...
[[nodiscard]] std::string_view name_of(http::Method method);

}  // namespace ledger::server
