#include "server/stream/stream_api.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>

#include "events/store/clock.hpp"
#include "projections/json_writer.hpp"
#include "server/read/answer.hpp"
#include "server/read/query.hpp"
#include "server/stream/sse.hpp"
#include "server/stream/websocket_stream.hpp"

namespace ledger::server {
namespace {

constexpr std::string_view kEventStream = "text/event-stream";
constexpr std::uint32_t kRetryAfterSeconds = 10;
/// A reader may be as slow as it likes; one that takes nothing at all for so long has left without a word.
constexpr std::chrono::hours kStalledMax{1};

Refusal refusal(std::string_view code, std::string detail) {
  return {.code = code, .errors = {}, .state = {}, .detail = std::move(detail)};
}

}  // namespace

StreamApi::StreamApi(const Options& options)
    : open_streams_(options.public_streams_per_address), openings_(options.stream_rate) {
  shared_.clock = options.clock ? options.clock : store::system_now;
  shared_.heartbeat = options.stream_heartbeat;
}

StreamApi::~StreamApi() {
  shared_.bell.before_round(nullptr);
}

void StreamApi::open(const store::Engine& engine) {
  engine_.store(&engine, std::memory_order_release);
  shared_.bell.before_round([this](std::uint64_t rung) { prepare(rung); });
}

/// Before the live streams are woken: what they are about to ask, once for all.
void StreamApi::prepare(std::uint64_t rung) noexcept {
  try {
    const bool granted = open_streams_.figures().granted_streams != 0;
    shared_.newest.take_in(*engine_.load(std::memory_order_acquire), shared_.rendered, rung, granted);
  } catch (const std::exception&) {
    // Each stream that needs it meets the fault by itself, and tells.
    shared_.newest.forget();
  }
}

void StreamApi::drain() {
  shared_.draining.store(true);
  shared_.bell.before_round(nullptr);
  shared_.bell.ring();
}

std::expected<GrantState, Refusal> StreamApi::grant_of(std::string_view ticket) {
  const TimestampUs now = shared_.clock();
  const auto grant_id = tickets_.use(ticket, now);
  const store::Engine& engine = *engine_.load(std::memory_order_acquire);
  const auto grant = grant_id ? engine.snapshot().lookup().grant(*grant_id) : Found<GrantState>();
  if (!grant) return std::unexpected(refusal("ticket_unknown", "The ticket is unknown, used or expired."));
  if (grant->revoked) return std::unexpected(refusal("token_revoked", ""));
  if (!grant->active(std::max(now, engine.last_recorded()))) {
    return std::unexpected(refusal("token_expired", ""));
  }
  return *grant;
}

std::expected<StreamApi::Asked, Refusal> StreamApi::read(const Call& call) {
  Asked asked{.grant = call.grant, .filter = {}, .start = {}};
  QueryReader query(call.request);
  asked.filter = read_stream_filter(query);
  asked.start = read_stream_start(query, call.request);
  const auto ticket = query.text("ticket");
  if (ticket && call.grant) query.wrong("ticket", "stands in place of a token");
  if (auto refused = query.done()) return std::unexpected(*std::move(refused));
  // Not the published size: an answer just read may stand at a position that is published this moment.
  const std::uint64_t size = engine_.load(std::memory_order_acquire)->snapshot().size();
  if (asked.start.head) asked.start.next = size;
  if (asked.start.next > size) {
    return std::unexpected(refusal("bad_cursor", "The cursor lies beyond the end of the log."));
  }
  // Last of all, since it is used up by this.
  if (ticket) {
    auto grant = grant_of(*ticket);
    if (!grant) return std::unexpected(std::move(grant.error()));
    asked.grant = *std::move(grant);
  }
  return asked;
}

std::expected<std::shared_ptr<Subscription>, http::Response> StreamApi::subscribe(const Call& call) {
  if (shared_.draining.load()) return std::unexpected(problem(call.language, "shutting_down"));
  auto asked = read(call);
  if (!asked) return std::unexpected(problem(call.language, asked.error()));
  const bool is_public = !asked->grant;
  if (is_public) {
    const auto verdict = openings_.take(call.request.remote, http::RateLimiter::Clock::now());
    if (!verdict.allowed) return std::unexpected(too_many_requests(call.language, verdict.retry_after_s));
  }
  auto place = open_streams_.enter(is_public, call.request.remote);
  if (!place) return std::unexpected(too_many_requests(call.language, kRetryAfterSeconds));
  Reader reader;
  if (asked->grant) reader = {asked->grant->role, asked->grant->subject_id};
  return std::make_shared<Subscription>(*engine_.load(std::memory_order_acquire), shared_,
                                        Subscription::Begin{.start = asked->start,
                                                            .filter = std::move(asked->filter),
                                                            .reader = reader,
                                                            .grant = std::move(asked->grant),
                                                            .place = std::move(place)});
}

http::Response StreamApi::sse(const Call& call) {
  constexpr std::array kOffers = {kEventStream};
  if (!negotiate(call.request, kOffers)) return problem(call.language, "not_acceptable");
  auto subscription = subscribe(call);
  if (!subscription) return std::move(subscription.error());
  http::Response response;
  response.content_type = kEventStream;
  response.headers.add("Cache-Control", "no-store");
  // Some proxies hold back what is not a whole answer, unless they are told (nginx).
  response.headers.add("X-Accel-Buffering", "no");
  response.write_timeout = kStalledMax;
  response.body = http::Body::stream(sse_producer(*std::move(subscription)));
  return response;
}

http::Response StreamApi::websocket(const Call& call) {
  auto subscription = subscribe(call);
  if (!subscription) return std::move(subscription.error());
  return http::Response::upgrade(websocket_producer(*std::move(subscription)));
}

http::Response StreamApi::ticket(const Call& call) {
  if (!call.request.body.empty() && call.request.body != "{}") {
    return problem(call.language, refusal("bad_request", "This path takes no body."));
  }
  const auto ticket = tickets_.make(call.grant->grant_id, shared_.clock());
  if (!ticket) return too_many_requests(call.language, kRetryAfterSeconds);
  std::string text;
  projections::JsonWriter(text)
      .begin_object()
      .member("ticket", ticket->text)
      .member("expires_at", ticket->expires_at.text())
      .end_object();
  http::Response response;
  response.status = 201;
  response.content_type = kJson;
  response.headers.add("Cache-Control", "no-store");
  response.body = http::Body(std::move(text));
  return response;
}

std::vector<Metrics::Reading> StreamApi::readings() const {
  const OpenStreams::Figures open = open_streams_.figures();
  const std::string name = "ledger_streams_open";
  const std::string help = "Streams that are open, by whether their reader showed a token";
  return {{name, help, {{"reader", "public"}}, static_cast<double>(open.public_streams)},
          {name, help, {{"reader", "granted"}}, static_cast<double>(open.granted_streams)}};
}

}  // namespace ledger::server
