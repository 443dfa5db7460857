#include "server/api/app.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <mutex>
#include <thread>

#include <boost/json/value.hpp>

#include "events/codec/json_reader.hpp"
#include "events/core/limits.hpp"
#include "events/crypto/primitives.hpp"
#include "events/store/engine.hpp"
#include "projections/json_writer.hpp"
#include "projections/read_models.hpp"
#include "schema/released.hpp"
#include "server/api/access_log.hpp"
#include "server/api/built_in.hpp"
#include "server/api/command_answer.hpp"
#include "server/api/cors.hpp"
#include "server/api/documents.hpp"
#include "server/api/metrics.hpp"
#include "server/api/negotiation.hpp"
#include "server/api/rebuild.hpp"
#include "server/api/routes.hpp"
#include "server/api/simulated.hpp"
#include "server/api/slow_reads.hpp"
#include "server/api/webhooks.hpp"
#include "server/http/websocket.hpp"
#include "server/read/reads.hpp"
#include "server/stream/stream_api.hpp"

namespace ledger::server {
namespace {

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kTextType = "text/plain; charset=utf-8";

TimestampUs system_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

/// The mark on a response: its route and who asked, for the access log and the metrics.
struct Mark {
  static constexpr std::uint32_t kNoRoute = 0;
  std::uint32_t route = kNoRoute;  // index in routes() + 1
  std::optional<Role> role;

  [[nodiscard]] std::uint32_t packed() const {
    return (route << 8) | (role ? static_cast<std::uint32_t>(*role) : 0);
  }
  static Mark unpacked(std::uint32_t tag) { return {tag >> 8, from_number<Role>(tag & 0xff)}; }
};

std::optional<std::uint64_t> announced_bytes(const http::Request& request) {
  const auto text = request.header("Content-Length");
  if (!text) return std::nullopt;
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), bytes);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return bytes;
}

/// The table's code for a refusal of the transport.
std::string_view code_of_transport(std::string_view code) {
  struct Pair {
    std::string_view transport, ours;
  };
  static constexpr std::array<Pair, 17> kPairs = {{
      {"request_malformed", "bad_request"},
      {"request_ambiguous", "ambiguous_request"},
      {"target_malformed", "bad_request"},
      {"method_malformed", "bad_request"},
      {"body_malformed", "bad_request"},
      {"request_timeout", "request_timeout"},
      {"body_too_large", "body_too_large"},
      {"target_too_long", "uri_too_long"},
      {"expectation_unknown", "expectation_failed"},
      {"header_too_large", "header_too_large"},
      {"reply_dropped", "internal_error"},
      {"response_broken", "internal_error"},
      {"connections_exhausted", "connections_exhausted"},
      {"version_unsupported", "http_version_unsupported"},
      {"upgrade_required", "upgrade_required"},
      {"websocket_version_unsupported", "upgrade_required"},
      {"websocket_key_malformed", "bad_request"},
  }};
  for (const Pair& pair : kPairs) {
    if (pair.transport == code) return pair.ours;
  }
  return "internal_error";
}

http::Response plain(unsigned status, std::string_view type, std::string text) {
  http::Response response;
  response.status = status;
  response.content_type = type;
  response.headers.add("Cache-Control", "no-store");
  response.body = http::Body(std::move(text));
  return response;
}

}  // namespace

/// One request on its way through the routes.
struct Call {
  const http::Request& request;
  Match found;
  Language language;
  std::string_view cors_origin;
  std::optional<GrantState> grant;

  [[nodiscard]] Mark mark() const {
    Mark mark;
    if (found.route != nullptr) mark.route = static_cast<std::uint32_t>(found.index) + 1;
    if (grant) {
      mark.role = grant->role;
    } else if (found.route != nullptr && found.route->entrance != Entrance::token) {
      mark.role = Role::public_;
    }
    return mark;
  }
  /// The last touch on every answer: the mark, and CORS where anyone may read.
  [[nodiscard]] http::Response finished(http::Response response) const {
    response.tag = mark().packed();
    const bool get = request.method == http::Method::get || request.method == http::Method::head;
    if (found.anyone_reads && get) allow_reading(response.headers, cors_origin);
    return response;
  }
  [[nodiscard]] http::Response refused(std::string_view code, std::string detail = {}) const {
    ProblemParts parts;
    parts.detail = std::move(detail);
    return server::problem(language, code, std::move(parts));
  }
};

struct App::Impl {
  explicit Impl(Options given)
      : options(std::move(given)),
        registrations(options.registration_rate),
        streams(options),
        metrics_only(*this) {}

  /// Answers what a scraper or an orchestrator asks, and nothing else.
  class MetricsOnly final : public http::Handler {
   public:
    explicit MetricsOnly(Impl& impl) : impl_(impl) {}
    void handle(http::Request&& request, http::Reply reply) override {
      if (impl_.simulated.load()) reply = marking_simulated(std::move(reply));
      Call call{request, match(request), language_of(request), {}, {}};
      const Special special = call.found.route != nullptr ? call.found.route->special : Special::none;
      if (special == Special::metrics || special == Special::health || special == Special::ready) {
        return reply(impl_.texts(call));
      }
      reply(call.refused("not_found"));
    }
    [[nodiscard]] http::Response problem(const http::Problem& problem) override {
      return impl_.transport_problem(problem);
    }
    void fault(std::string_view what) override { write_fault(impl_.options.log, what); }

   private:
    Impl& impl_;
  };

  [[nodiscard]] std::vector<Metrics::Reading> overdue_readings(const store::Engine& open) const;
  [[nodiscard]] TimestampUs now() const { return options.clock ? options.clock() : system_now(); }

  [[nodiscard]] std::optional<http::Response> refuse_head(Call& call, bool whole);
  [[nodiscard]] std::optional<http::Response> authenticate(Call& call);
  [[nodiscard]] http::Response options_of(const Call& call) const;
  [[nodiscard]] http::Response texts(const Call& call);
  [[nodiscard]] http::Response readiness(const Call& call) const;
  [[nodiscard]] http::Response transport_problem(const http::Problem& problem) const;
  void command(Call& call, http::Request& request, http::Reply reply);
  [[nodiscard]] http::Response stream(const Call& call);
  [[nodiscard]] http::Admission admit(const http::Request& head);
  [[nodiscard]] Call call_of(const http::Request& request, std::optional<GrantState> grant = {}) const;
  [[nodiscard]] ReadContext context_of(const Call& call) const;
  void read_slowly(const Call& call, http::Request&& request, http::Reply reply);
  [[nodiscard]] http::Response refuse_fields(const Call& call, const Command& command,
                                             std::vector<FieldError> errors) const;
  void sweep_now_and_then(const std::stop_token& stop);

  const Options options;
  Metrics metrics;
  http::RateLimiter registrations;
  Reads reads;
  StreamApi streams;
  MetricsOnly metrics_only;

  std::atomic<std::uint64_t> progress_done{0};
  std::atomic<std::uint64_t> progress_total{0};
  std::atomic<bool> draining{false};
  std::function<http::Counters()> transport;                     // set before the first scrape, under `mutex`
  std::function<std::vector<Metrics::Reading>()> more_readings;  // likewise
  std::mutex mutex;
  std::condition_variable_any bell;

  // Set once, before `engine` is published.
  const projections::ReadModels* models = nullptr;
  std::unique_ptr<Documents> documents;
  std::atomic<webhook::Deliveries*> deliveries{nullptr};
  std::atomic<store::Engine*> engine{nullptr};
  std::atomic<bool> simulated{false};  ///< the ledger's history is made up
  std::jthread sweeper;
  SlowReads slow_reads, slow_public_reads;  // last: what they run uses all of the above
};

// What is refused before the body matters
// ------------------------------------------------------------------------

std::optional<http::Response> App::Impl::authenticate(Call& call) {
  const Route& route = *call.found.route;
  if (route.entrance == Entrance::open) return std::nullopt;
  const Credentials credentials = credentials_of(call.request);
  if (credentials.kind != Credentials::Kind::bearer) {
    // Credentials for somebody else, a proxy's for example, are no matter where none are needed.
    if (route.entrance == Entrance::public_) return std::nullopt;
    return call.refused("token_missing");
  }
  auto grant = engine.load(std::memory_order_acquire)->authenticate(credentials.token);
  if (!grant) return server::problem(call.language, grant.error());
  call.grant = std::move(*grant);
  return std::nullopt;
}

/// `whole`: the body is here, or there is none; then an absent one is judged too.
std::optional<http::Response> App::Impl::refuse_head(Call& call, bool whole) {
  if (!call.found.known) return call.refused("not_found");
  if (call.found.route == nullptr) {
    http::Response response = call.refused("method_not_allowed");
    response.headers.add("Allow", call.found.allow);
    return response;
  }
  const Route& route = *call.found.route;
  if (route.entrance == Entrance::open) return std::nullopt;
  if (engine.load(std::memory_order_acquire) == nullptr) return call.refused("starting");
  const bool registration = route.command != nullptr && route.entrance == Entrance::public_;
  if (registration && !options.registration_open) return call.refused("registration_closed");
  if (auto refused = authenticate(call)) return refused;
  if (!call.found.ids_fine) return call.refused("bad_id", "an id in the path is no UUID");
  if (call.request.query_malformed) return call.refused("bad_query", "the query cannot be decoded");
  const bool takes_query = route.read != nullptr || route.special == Special::stream;
  if (!takes_query && !call.request.query.empty()) {
    return call.refused("bad_query", "this path takes no query parameters");
  }
  if (route.command == nullptr) return std::nullopt;

  const auto encoding = call.request.header("Content-Encoding");
  if (encoding && *encoding != "identity")
    return call.refused("media_type_unsupported", "no content coding is taken");
  const auto type = call.request.header("Content-Type");
  const bool typed_right = type && call.request.header_count("Content-Type") == 1 && is_json_type(*type);
  const bool bodiless = whole && call.request.body.empty();
  if (bodiless ? type.has_value() && !typed_right : !typed_right) {
    return call.refused("media_type_unsupported", "the body must be application/json");
  }
  return std::nullopt;
}

http::Response App::Impl::options_of(const Call& call) const {
  http::Response response;
  response.status = 204;
  std::string allow = call.found.allow;
  response.headers.add("Allow", allow);
  if (call.found.anyone_reads) allow_asking(response.headers, options.cors_origin);
  return response;
}

// Texts that need no ledger
// --------------------------------------------------------------------------------------

http::Response App::Impl::readiness(const Call& call) const {
  const store::Engine* open = engine.load(std::memory_order_acquire);
  if (draining.load()) return call.refused("shutting_down");
  std::string text;
  projections::JsonWriter json(text);
  if (open == nullptr) {
    json.begin_object().member("status", "starting");
    json.key("progress").begin_object();
    json.member("done", progress_done.load()).member("total", progress_total.load());
    json.end_object().end_object();
    http::Response response = plain(503, kJsonType, std::move(text));
    response.headers.add("Retry-After", "1");
    return response;
  }
  json.begin_object().member("status", "ready").member("events", open->size());
  json.member("writable", open->metrics().writable).end_object();
  return plain(200, kJsonType, std::move(text));
}

std::vector<Metrics::Reading> App::Impl::overdue_readings(const store::Engine& open) const {
  const store::Snapshot snapshot = open.snapshot();
  const auto calendar = models->calendars.calendar(snapshot.views());
  const Date today = Date::of(now());
  std::vector<Metrics::Reading> readings;
  for (const auto stage : {projections::QueueStage::initial, projections::QueueStage::review}) {
    const std::uint64_t overdue = models->review_queue.overdue(snapshot.views(), stage, *calendar, today);
    readings.push_back({.name = "ledger_review_overdue",
                        .help = "Cases of the review queue behind their statutory due date, up to 10000",
                        .labels = {{"stage", std::string(projections::code_of(stage))}},
                        .value = static_cast<double>(overdue)});
  }
  return readings;
}

http::Response App::Impl::texts(const Call& call) {
  switch (call.found.route->special) {
    case Special::health: return plain(200, kTextType, "ok\n");
    case Special::ready: return readiness(call);
    case Special::metrics: {
      Metrics::Readings readings;
      readings.engine = engine.load(std::memory_order_acquire);
      {
        const std::scoped_lock lock(mutex);
        readings.transport_known = static_cast<bool>(transport);
        if (transport) readings.transport = transport();
        if (more_readings) readings.more = more_readings();
      }
      std::ranges::move(streams.readings(), std::back_inserter(readings.more));
      if (readings.engine != nullptr) {
        std::ranges::move(overdue_readings(*readings.engine), std::back_inserter(readings.more));
      }
      return plain(200, kMetricsContentType, metrics.text(readings));
    }
    case Special::page: return status_page_answer(call.request);
    case Special::openapi: return openapi_answer(call.request);
    case Special::asyncapi: return asyncapi_answer(call.request);
    case Special::schema: {
      int number = 0;
      const std::string_view text = call.found.text;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      const bool whole = error == std::errc{} && end == text.data() + text.size();
      const auto schema = whole && text[0] != '0' ? released_schema(number) : std::nullopt;
      if (!schema) return call.refused("not_found");
      http::Response response = plain(200, kTextType, std::string(*schema));
      return response;
    }
    case Special::problem: {
      auto text = problem_text(call.found.text);
      return text ? plain(200, kTextType, std::move(*text)) : call.refused("not_found");
    }
    case Special::none:
    case Special::upload:
    case Special::download:
    case Special::stream:
    case Special::ticket:
    case Special::webhooks:
    case Special::resume_webhook:
    case Special::rebuild: break;
  }
  return call.refused("not_found");
}

http::Response App::Impl::transport_problem(const http::Problem& problem) const {
  ProblemParts parts;
  parts.detail = problem.detail;
  parts.status = problem.status;
  const Language language = problem.request != nullptr ? language_of(*problem.request) : Language::en;
  http::Response response = server::problem(language, code_of_transport(problem.code), std::move(parts));
  if (problem.request == nullptr) return response;
  // The route is known even where its body was refused.
  const Match found = match(*problem.request);
  Mark mark;
  if (found.route != nullptr) mark.route = static_cast<std::uint32_t>(found.index) + 1;
  response.tag = mark.packed();
  return response;
}

// Commands
// -------------------------------------------------------------------------------------------------------

/// What was read of the command is shown to the ledger too, so that one answer names all errors: those of the
/// body and those that only a decision finds. Who may not do this at all, or names what does not exist, is
/// told only that.
http::Response App::Impl::refuse_fields(const Call& call, const Command& command,
                                        std::vector<FieldError> errors) const {
  const store::Snapshot snapshot = engine.load(std::memory_order_acquire)->snapshot();
  Context context;
  context.now = now();
  context.actor.role = Role::public_;
  if (call.grant) {
    context.actor.principal = call.grant->principal_id;
    context.actor.role = call.grant->role;
    context.filer_subject = call.grant->subject_id;
  }
  // A body whose subject_id could not be read names nothing: there is no subject to ask about.
  const auto* create = std::get_if<CreateFiling>(&command);
  const bool names_nothing = create != nullptr && create->subject_id.is_nil();
  if (const auto refusal = authorize(command, snapshot.lookup(), context);
      refusal && !(names_nothing && refusal->code == "not_found")) {
    return server::problem(call.language, *refusal);
  }
  if (names_nothing) return server::problem(call.language, std::move(errors));
  const auto decision = decide(command, snapshot.lookup(), context);
  if (!decision) merge_errors(errors, decision.error().errors);
  return server::problem(call.language, std::move(errors));
}

void App::Impl::command(Call& call, http::Request& request, http::Reply reply) {
  const Route& route = *call.found.route;
  const auto answer = [&](http::Response response) { reply(call.finished(std::move(response))); };

  if (route.entrance == Entrance::public_) {
    const auto verdict = registrations.take(request.remote, http::RateLimiter::Clock::now());
    if (!verdict.allowed) return answer(too_many_requests(call.language, verdict.retry_after_s));
  }
  const auto expected = if_match_of(request);
  if (!expected) return answer(call.refused(expected.error(), "If-Match must be * or a list of entity tags"));
  auto key = idempotency_key_of(request);
  if (!key) {
    return answer(call.refused(key.error(), "1 to 255 printable ASCII characters, in one header line"));
  }

  const bool bare = request.body.empty() && route.body_optional;
  const auto document = codec::parse_json(bare ? std::string_view("{}") : std::string_view(request.body));
  if (!document) {
    ProblemParts parts;
    parts.detail = document.error().detail;
    const std::string code = document.error().code;
    parts.errors.push_back(document.error());
    return answer(server::problem(call.language, code, std::move(parts)));
  }
  std::vector<FieldError> errors;
  Command command = route.command(call.found.ids, document->root(), errors);
  if (const auto* hook = std::get_if<RegisterWebhook>(&command);
      hook != nullptr && !options.webhook_http && hook->url.starts_with("http://")) {
    errors.push_back({"/url", "bad_format", "this server delivers to https:// alone"});
  }
  if (!errors.empty()) return answer(refuse_fields(call, command, std::move(errors)));

  AnswerShape shape;
  shape.language = call.language;
  shape.mark = call.mark().packed();
  shape.made_is_listed = route.made_is_listed;
  if (route.made_under) {
    shape.made_under =
        route.made_under->empty() ? std::string(request.raw_path()) : std::string(*route.made_under);
  }
  const bool claims = Documents::names_documents(command);
  if (claims) documents->enter();

  store::Submission submission{.command = std::move(command),
                               .caller = store::Anonymous{},
                               .method = std::string(request.method_text()),
                               .path = std::string(request.raw_path()),
                               .body = std::move(request.body),
                               .idempotency_key = std::move(*key),
                               .expected = *expected,
                               .trace = trace_of(request),
                               .correlation_id = crypto::random_id(),
                               .causation_id = {},
                               .at = {}};
  // A registration is nobody's act: its token, if one came, only had to be good.
  if (call.grant && route.entrance == Entrance::token) {
    submission.caller = store::Granted{call.grant->grant_id};
  }
  engine.load(std::memory_order_acquire)
      ->submit(std::move(submission), [this, shape = std::move(shape), reply = std::move(reply),
                                       claims](store::Outcome outcome) mutable {
        if (claims) documents->leave();
        if (!outcome && outcome.error().code == "internal_error")
          write_fault(options.log, outcome.error().detail);
        reply(answer_of(shape, outcome));
      });
}

Call App::Impl::call_of(const http::Request& request, std::optional<GrantState> grant) const {
  return {request, match(request), language_of(request), options.cors_origin, std::move(grant)};
}

ReadContext App::Impl::context_of(const Call& call) const {
  return {.engine = *engine.load(std::memory_order_acquire),
          .models = *models,
          .request = call.request,
          .grant = call.grant,
          .ids = call.found.ids,
          .text = std::string(call.found.text),
          .language = call.language,
          .now = now()};
}

void App::Impl::read_slowly(const Call& call, http::Request&& request, http::Reply reply) {
  // The request moves, and with it the text that its match views.
  struct Slow {
    http::Request request;
    std::optional<GrantState> grant;
    http::Reply reply;
  };
  auto slow = std::make_shared<Slow>(std::move(request), call.grant, std::move(reply));
  // Anybody may ask for the public ones: they make nobody with a token wait.
  SlowReads& thread = call.found.route->entrance == Entrance::public_ ? slow_public_reads : slow_reads;
  const bool taken = thread.take([this, slow] {
    const Call again = call_of(slow->request, slow->grant);
    try {
      slow->reply(again.finished(again.found.route->read(reads, context_of(again))));
    } catch (const std::exception& failed) {
      write_fault(options.log, failed.what());
      slow->reply(again.finished(again.refused("internal_error")));
    }
  });
  if (taken) return;
  const Call again = call_of(slow->request, slow->grant);
  slow->reply(again.finished(again.refused("queue_full")));
}

http::Response App::Impl::stream(const Call& call) {
  const StreamApi::Call asked{call.request, call.language, call.grant};
  return http::asks_for_websocket(call.request) ? streams.websocket(asked) : streams.sse(asked);
}

// Handler
// --------------------------------------------------------------------------------------------------------

http::Admission App::admit(const http::Request& head) {
  http::Admission admission = impl_->admit(head);
  if (impl_->simulated.load()) {
    if (admission.refusal) mark_simulated(*admission.refusal);
    if (admission.sink) admission.sink = marking_simulated(std::move(admission.sink));
  }
  return admission;
}

http::Admission App::Impl::admit(const http::Request& head) {
  Call call = call_of(head);
  const Route* route = call.found.route;
  if (route != nullptr && route->special == Special::upload) {
    auto refused = refuse_head(call, /*whole=*/false);
    if (!refused) {
      refused = documents->refuse_upload(call.language, *call.grant, announced_bytes(head));
    }
    if (refused) return http::Admission::refuse(call.finished(*std::move(refused)));
    // One piece more than the limit, so that the sink says in its own words what is too large.
    constexpr std::uint64_t kPieceBytes = 64 * 1024;
    return http::Admission::into(documents->receive(call.language, *call.grant, call.mark().packed()),
                                 options.document_bytes_max + kPieceBytes);
  }
  // A small body is read before it is refused: the connection then stays usable.
  const auto bytes = announced_bytes(head);
  const bool small = bytes && *bytes <= limits::kJsonBytesMax && !head.header("Expect");
  if (!small) {
    if (auto refused = refuse_head(call, /*whole=*/false)) {
      return http::Admission::refuse(call.finished(*std::move(refused)));
    }
  }
  return http::Admission::collect(limits::kJsonBytesMax);
}

void App::handle(http::Request&& request, http::Reply reply) {
  if (impl_->simulated.load()) reply = marking_simulated(std::move(reply));
  Call call = impl_->call_of(request);
  if (request.method == http::Method::options && call.found.known) {
    return reply(call.finished(impl_->options_of(call)));
  }
  if (auto refused = impl_->refuse_head(call, /*whole=*/true)) {
    return reply(call.finished(*std::move(refused)));
  }
  const Route& route = *call.found.route;
  if (route.command != nullptr) return impl_->command(call, request, std::move(reply));
  if (route.read != nullptr && route.slow)
    return impl_->read_slowly(call, std::move(request), std::move(reply));
  if (route.read != nullptr) return reply(call.finished(route.read(impl_->reads, impl_->context_of(call))));
  switch (route.special) {
    case Special::webhooks:
      return reply(call.finished(list_webhooks(impl_->context_of(call), impl_->deliveries.load())));
    case Special::resume_webhook:
      return reply(call.finished(resume_webhook(impl_->context_of(call), impl_->deliveries.load())));
    case Special::rebuild:
      return reply(call.finished(route.method == http::Method::post
                                     ? start_rebuild(impl_->context_of(call), *impl_->engine.load())
                                     : show_rebuild(impl_->context_of(call))));
    case Special::upload: {
      // Only an upload without any body comes here; the others went into a sink.
      auto refused = impl_->documents->refuse_upload(call.language, *call.grant, 0);
      return reply(call.finished(refused ? *std::move(refused) : call.refused("document_empty")));
    }
    case Special::download:
      return reply(
          call.finished(impl_->documents->download(request, call.found.text, call.language, call.grant)));
    case Special::stream: return reply(call.finished(impl_->stream(call)));
    case Special::ticket:
      return reply(call.finished(impl_->streams.ticket({request, call.language, call.grant})));
    case Special::metrics:
      if (!impl_->options.metrics_here) return reply(call.finished(call.refused("not_found")));
      break;
    default: break;
  }
  reply(call.finished(impl_->texts(call)));
}

http::Response App::problem(const http::Problem& problem) {
  http::Response response = impl_->transport_problem(problem);
  if (impl_->simulated.load()) mark_simulated(response);
  return response;
}

void App::done(const http::RequestSummary& summary) {
  const Mark mark = Mark::unpacked(summary.tag);
  const bool routed = mark.route != Mark::kNoRoute && mark.route <= routes().size();
  impl_->metrics.request(routed ? mark.route - 1 : routes().size(), summary.status, summary.duration_us);
  if (!impl_->options.access_log) return;
  const std::string_view route = routed ? routes()[mark.route - 1].pattern : std::string_view("-");
  write_line(impl_->options.access_log, access_line(summary, route, mark.role, impl_->now()));
}

void App::fault(std::string_view what) {
  write_fault(impl_->options.log, what);
}

// Life
// -----------------------------------------------------------------------------------------------------------

App::App(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

App::~App() {
  drain();
}

void App::set_progress(std::uint64_t done, std::uint64_t total) {
  impl_->progress_total.store(total);
  impl_->progress_done.store(done);
}

void App::set_engine(store::Engine& engine, const projections::ReadModels& models) {
  impl_->models = &models;
  impl_->documents = std::make_unique<Documents>(engine, impl_->options, impl_->metrics);
  impl_->streams.open(engine);
  impl_->simulated.store(engine.snapshot().lookup().ledger().simulated);
  impl_->engine.store(&engine, std::memory_order_release);
  (void)impl_->slow_reads.take([impl = impl_.get(), &engine, &models] {
    try {
      impl->reads.warm(engine, models);
    } catch (const std::exception& failed) {
      write_fault(impl->options.log, failed.what());
    }
  });
  if (impl_->options.sweep_interval.count() > 0) {
    impl_->sweeper =
        std::jthread([impl = impl_.get()](const std::stop_token& stop) { impl->sweep_now_and_then(stop); });
  }
}

void App::set_transport(std::function<http::Counters()> counters) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->transport = std::move(counters);
}

void App::set_readings(std::function<std::vector<Metrics::Reading>()> readings) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->more_readings = std::move(readings);
}

void App::set_webhooks(webhook::Deliveries& deliveries) {
  impl_->deliveries.store(&deliveries);
}

void App::Impl::sweep_now_and_then(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  while (!bell.wait_for(lock, stop, options.sweep_interval, [&] { return stop.stop_requested(); })) {
    if (stop.stop_requested()) return;
    lock.unlock();
    try {
      documents->sweep(now(), [&] { return stop.stop_requested(); });
    } catch (const std::exception& failed) {
      // What cannot be read is told where it is asked for; housekeeping only tries again.
      write_fault(options.log, failed.what());
    }
    lock.lock();
  }
}

void App::drain() {
  impl_->draining.store(true);
  impl_->streams.drain();
  impl_->sweeper.request_stop();
  if (impl_->sweeper.joinable()) impl_->sweeper.join();
}

void App::published() noexcept {
  impl_->streams.ring();
}

std::size_t App::sweep_documents() {
  return impl_->documents ? impl_->documents->sweep(impl_->now(), [] { return false; }) : 0;
}

http::Handler& App::metrics_handler() {
  return impl_->metrics_only;
}

}  // namespace ledger::server
