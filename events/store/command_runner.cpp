#include "events/store/command_runner.hpp"

#include <algorithm>

#include "events/codec/entry_codec.hpp"
#include "events/crypto/token.hpp"
#include "events/crypto/webhook.hpp"

namespace ledger::store {
namespace {

std::unexpected<Refusal> refuse(std::string_view code, std::string detail = {}) {
  return std::unexpected(Refusal{.code = code, .errors = {}, .state = {}, .detail = std::move(detail)});
}

std::string word(const SubjectState& state) {
  return std::string(code_of(state.status));
}
std::string word(const FilingState& state) {
  return std::string(code_of(state.status));
}
std::string word(const ProductState& state) {
  return state.removed ? "removed" : "present";
}

/// What a grant, a webhook, or the ledger stream, is after an event of its own.
std::string word_on_ledger(EventType type) {
  if (type == type_number<AccessGranted>() || type == type_number<WebhookRegistered>()) return "active";
  if (type == type_number<CalendarPublished>()) return "published";
  if (type == type_number<AccessRevoked>()) return "revoked";
  if (type == type_number<WebhookRemoved>()) return "removed";
  return "present";
}

}  // namespace

std::expected<CommandRunner::Caller, Refusal> CommandRunner::identify(const Submission& submission,
                                                                      TimestampUs now) {
  if (const auto* trusted = std::get_if<Trusted>(&submission.caller)) return Caller{{{}, trusted->role}, {}};
  const auto* granted = std::get_if<Granted>(&submission.caller);
  if (granted == nullptr) return Caller{{{}, Role::public_}, {}};
  const GrantState* grant = appender_.indexes().grant(granted->grant_id);
  if (grant == nullptr) return refuse("token_unknown");
  if (grant->revoked) return refuse("token_revoked");
  if (!grant->active(now)) return refuse("token_expired");
  return Caller{{grant->principal_id, grant->role}, grant->subject_id};
}

std::optional<Refusal> CommandRunner::check_version(const Submission& submission) {
  const bool needed = needs_expected_version(submission.command);
  if (!submission.expected) {
    if (needed) return refuse("precondition_required").error();
    return std::nullopt;
  }
  if (needed && submission.expected->any) return refuse("precondition_wildcard").error();
  const auto stream = addressed_stream(submission.command);
  std::uint64_t version = 0;
  if (stream) {
    Indexes& indexes = appender_.indexes();
    const auto of = [](const auto* state) { return state != nullptr ? state->version : 0; };
    switch (stream->kind) {
      case StreamKind::ledger: version = of(indexes.ledger()); break;
      case StreamKind::subject: version = of(indexes.subject(stream->id)); break;
      case StreamKind::product: version = of(indexes.product(stream->id)); break;
      case StreamKind::filing: version = of(indexes.filing(stream->id)); break;
    }
  }
  const bool matches = submission.expected->any ? version != 0
                                                : std::ranges::find(submission.expected->versions, version) !=
                                                      submission.expected->versions.end();
  if (matches) return std::nullopt;
  Refusal refusal = refuse("version_mismatch").error();
  refusal.current_version = version;
  return refusal;
}

std::expected<TimestampUs, Refusal> CommandRunner::date(const Submission& submission,
                                                        const ClockGuard::Reading& clock) {
  if (submission.at && std::holds_alternative<Trusted>(submission.caller)) {
    // A date that lies ahead would make the clock untrusted for everybody after.
    if (submission.at->value > clock.now.value) return refuse("clock_untrusted", "the given time lies ahead");
    return *submission.at;
  }
  if (clock.distrust) return refuse("clock_untrusted", *clock.distrust);
  return clock.now;
}

Outcome CommandRunner::run(const Submission& submission, const ClockGuard::Reading& clock) {
  appender_.begin_decision();
  const TimestampUs now = appender_.not_before(clock.now);
  auto caller = identify(submission, now);
  if (!caller) return std::unexpected(std::move(caller.error()));

  std::optional<Digest> key_tag;
  if (submission.idempotency_key) {
    const Uuid& principal = caller->actor.principal;
    key_tag = crypto::hmac_parts(
        stores_.master.idempotency_key(),
        {bytes_of("filing-ledger/key/v1"), bytes_of(principal.bytes), bytes_of(*submission.idempotency_key)});
    if (const auto first = appender_.lookup().command_position(principal, *key_tag)) {
      return repeat(submission, *first, now);
    }
  }

  Context context;
  context.actor = caller->actor;
  context.filer_subject = caller->subject;
  context.now = now;
  context.next_position = appender_.size();
  if (auto refusal = authorize(submission.command, appender_.lookup(), context)) {
    return std::unexpected(std::move(*refusal));
  }
  if (auto refusal = check_version(submission)) return std::unexpected(std::move(*refusal));
  if (const auto* adding = std::get_if<AddSigningKey>(&submission.command);
      adding != nullptr && !stores_.log->signer().missing({&adding->vkey, 1}).empty()) {
    return refuse("signing_key_unknown", "its private half is not among the ledger's key files");
  }
  const auto dated = date(submission, clock);
  if (!dated) return std::unexpected(dated.error());

  context.now = appender_.not_before(*dated);
  RandomPool& random = appender_.random();
  context.new_id = random.time_id(context.now);
  if (std::holds_alternative<GrantAccess>(submission.command) ||
      std::holds_alternative<RegisterSubject>(submission.command)) {
    context.new_grant_id = random.time_id(context.now);
    context.new_principal_id = random.id();
    context.token_epoch = kTokenEpoch;
    if (random.simulated()) {
      // A real token's digest would differ with the master key. Nobody holds a token that has this one.
      random.fill(context.new_token_digest.bytes);
    } else {
      context.new_token_digest =
          crypto::token_digest(crypto::make_token(stores_.master, {kTokenEpoch, context.new_grant_id}));
    }
  }
  auto decision = decide(submission.command, appender_.lookup(), context);
  if (!decision) return std::unexpected(std::move(decision.error()));

  const Provenance from{.actor = caller->actor,
                        .command_id = random.id(),
                        .correlation_id = submission.correlation_id,
                        .causation_id = submission.causation_id,
                        .trace = submission.trace,
                        .recorded_at = context.now,
                        .key_tag = key_tag,
                        .method = submission.method,
                        .path = submission.path,
                        .body = submission.body};
  auto staged = appender_.append(from, std::move(decision->events));
  if (!staged) return std::unexpected(std::move(staged.error()));
  Accepted accepted = describe(*staged);
  accepted.state = state_now(accepted.stream, staged->back());
  add_secrets(accepted, context.now, context.now);
  return accepted;
}

Accepted CommandRunner::describe(std::span<const StagedEvent> events) const {
  const StagedEvent& last = events.back();
  Accepted accepted;
  accepted.id = last.thing;
  accepted.stream = last.header.stream;
  accepted.version = last.header.version;
  accepted.position = last.header.position.value;
  for (const StagedEvent& event : events) {
    accepted.events.push_back({event.type, event.header.position.value});
    if (event.unchanged) accepted.warnings.emplace_back("unchanged");
    if (event.type == type_number<PersonalDataErased>() && event.header.step == 1) {
      // Every key is wrapped anew now: what a backup of the vault holds opens no more.
      accepted.warnings.emplace_back("vault_backups_void");
    }
    if (event.grant) {
      accepted.grant_id = event.grant;
      accepted.made_grant = true;
    }
    if (event.type == type_number<WebhookRegistered>()) accepted.made_webhook = true;
  }
  return accepted;
}

void CommandRunner::add_secrets(Accepted& accepted, TimestampUs made_at, TimestampUs now) const {
  if (now.value - made_at.value >= kTokenRepeatUs || appender_.random().simulated()) return;
  if (accepted.made_grant) {
    accepted.token = crypto::make_token(stores_.master, {kTokenEpoch, *accepted.grant_id});
  }
  if (accepted.made_webhook) {
    accepted.webhook_secret = crypto::webhook_secret(crypto::webhook_key(stores_.master, accepted.id));
  }
}

std::string CommandRunner::state_now(const StreamId& stream, const StagedEvent& last) {
  Indexes& indexes = appender_.indexes();
  switch (stream.kind) {
    case StreamKind::ledger: return word_on_ledger(last.type);
    case StreamKind::subject: return word(*indexes.subject(stream.id));
    case StreamKind::product: return word(*indexes.product(stream.id));
    case StreamKind::filing: return word(*indexes.filing(stream.id));
  }
  return {};
}

namespace {

/// Folds a stream up to a version and says what it is then.
template <typename State>
std::string folded(const StoreLookup& lookup, const StreamId& stream, std::uint64_t version) {
  State state;
  for (std::uint64_t at = 1; at <= version; ++at) {
    const auto position = lookup.position_of(stream, at);
    const OpenedEvent* event = position ? lookup.opened(*position) : nullptr;
    if (event == nullptr) throw StoreDamage({0, "a stream misses an event"});
    state = evolve(std::move(state), event->event);
  }
  return word(state);
}

}  // namespace

std::string CommandRunner::state_at(const StreamId& stream, std::uint64_t version, const StagedEvent& last) {
  const StoreLookup& lookup = appender_.lookup();
  if (stream.kind == StreamKind::ledger || !lookup.position_of(stream, version + 1))
    return state_now(stream, last);
  switch (stream.kind) {
    case StreamKind::ledger: break;
    case StreamKind::subject: return folded<SubjectState>(lookup, stream, version);
    case StreamKind::product: return folded<ProductState>(lookup, stream, version);
    case StreamKind::filing: return folded<FilingState>(lookup, stream, version);
  }
  return {};
}

Outcome CommandRunner::repeat(const Submission& submission, std::uint64_t first, TimestampUs now) {
  const StoreLookup& lookup = appender_.lookup();
  const OpenedEvent* begun = lookup.opened(first);
  if (begun == nullptr || !begun->event.header.request_tag)
    throw StoreDamage({0, "a command misses its event"});
  const EventHeader& header = begun->event.header;
  std::optional<crypto::SecretKey> key;
  if (!header.request_tag_from_record) {
    key = stores_.master.request_key();
  } else if (const auto record = appender_.record_key(begun->parts.records.at(0))) {
    key = crypto::record_request_key(*record);
  }
  if (!key) return refuse("idempotency_erased");
  const Digest tag = request_tag(*key, submission.method, submission.path, submission.body);
  if (!crypto::equal_in_constant_time(bytes_of(tag.bytes), bytes_of(header.request_tag->bytes))) {
    return refuse("idempotency_mismatch");
  }
  const std::uint16_t steps = header.steps;
  const TimestampUs recorded_at = header.recorded_at;
  std::vector<StagedEvent> events;
  for (std::uint64_t at = first; at < first + steps; ++at) {
    const OpenedEvent* event = lookup.opened(at);
    if (event == nullptr) throw StoreDamage({0, "a command misses its event"});
    events.push_back(staged_facts(event->event));
  }
  Accepted accepted = describe(events);
  accepted.repeated = true;
  accepted.state = state_at(accepted.stream, accepted.version, events.back());
  add_secrets(accepted, recorded_at, now);
  return accepted;
}

}  // namespace ledger::store
