#include "server/api/documents.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "events/codec/entry_codec.hpp"
#include "events/codec/form_json.hpp"
#include "events/crypto/primitives.hpp"
#include "events/store/documents.hpp"
#include "events/store/engine.hpp"
#include "projections/json_writer.hpp"
#include "server/api/metrics.hpp"
#include "server/api/negotiation.hpp"

namespace ledger::server {
namespace {

/// How many positions of a stream are asked for at once.
constexpr std::size_t kPositionsAtOnce = 256;

/// Staff who work on cases; auditors and admins see commitments only (DESIGN section 6).
bool works_on_cases(Role role) {
  return role == Role::initial_reviewer || role == Role::reviewer || role == Role::registrar ||
         role == Role::supervisor;
}

http::Response refuse(Language language, const store::DocumentFault& fault) {
  switch (fault.kind) {
    case store::DocumentFailure::full: return problem(language, "storage_full");
    case store::DocumentFailure::too_large: return problem(language, "document_too_large");
    case store::DocumentFailure::unknown: return problem(language, "not_found");
    case store::DocumentFailure::damaged:
    case store::DocumentFailure::io: break;
  }
  return problem(language, "internal_error");
}

/// The digests that a subject's entries and current drafts name. Reads every submission of the subject.
std::unordered_set<std::string> named_digests(const store::Snapshot& snapshot, const Uuid& subject) {
  std::unordered_set<std::string> named;
  const auto add = [&](const std::optional<Digest>& digest) {
    if (digest) named.insert(digest->hex());
  };
  const auto add_stream = [&](const StreamId& stream) {
    std::uint64_t version = 0;
    for (;;) {
      const auto positions = snapshot.stream_positions(stream, version, kPositionsAtOnce);
      for (const std::uint64_t position : positions) {
        ++version;
        const auto entry = snapshot.entry(position);
        const auto header =
            entry ? codec::decode_header(*entry) : std::unexpected(codec::CodecError::malformed);
        if (!header) continue;
        if (header->type != type_number<SubjectSubmitted>() &&
            header->type != type_number<SubjectChangeSubmitted>() &&
            header->type != type_number<FilingSubmitted>() &&
            header->type != type_number<ChangeSubmitted>()) {
          continue;
        }
        const auto read = snapshot.event(position, /*open_private=*/true);
        if (!read) continue;
        for (const codec::PrivateValue& value : codec::private_values(read->event.payload)) {
          add(Digest::parse(value.value));
        }
      }
      if (positions.size() < kPositionsAtOnce) return;
    }
  };
  add_stream({StreamKind::subject, subject});
  for (const FilingState& filing : snapshot.lookup().filings_of(subject)) {
    add_stream({StreamKind::filing, filing.id});
    if (filing.status == FilingStatus::discarded || !filing.draft_position) continue;
    const auto form = snapshot.lookup().filing_form(*filing.draft_position);
    if (!form || !form->basic || !form->basic->documents) continue;
    add(form->basic->documents->self_assessment_report);
    add(form->basic->documents->public_disclosure);
  }
  return named;
}

/// The file names behind those digests.
std::unordered_set<std::string> named_files(const store::Snapshot& snapshot, const Uuid& subject,
                                            const crypto::SecretKey& key) {
  std::unordered_set<std::string> names;
  for (const std::string& hex : named_digests(snapshot, subject)) {
    if (const auto digest = Digest::parse("sha256:" + hex)) {
      names.insert(store::DocumentStore::keyed_name(key, *digest));
    }
  }
  return names;
}

/// Grows with every event of the subject and of its filings.
std::uint64_t versions_of(const store::Snapshot& snapshot, const Uuid& subject) {
  std::uint64_t sum = snapshot.stream_version({StreamKind::subject, subject});
  for (const FilingState& filing : snapshot.lookup().filings_of(subject)) sum += filing.version;
  return sum;
}

}  // namespace

struct Documents::Shared {
  store::Engine& engine;
  const Options& options;
  Metrics& metrics;

  /// Held while a quota is compared and the document that passed it is made durable: two uploads never share
  /// the same last bytes.
  std::mutex finishing;

  std::mutex mutex;                                // of what follows
  std::unordered_map<Uuid, std::uint64_t> taking;  // bytes of a subject's uploads on their way
  std::size_t claims = 0;                          // commands on their way that may name documents

  [[nodiscard]] std::uint64_t quota_of(const Uuid& subject) const {
    const auto state = engine.snapshot().lookup().subject(subject);
    const bool qualified = state && state->status == SubjectStatus::qualified;
    return qualified ? options.unreferenced_bytes_max : options.unreferenced_bytes_unqualified_max;
  }

  bool take(const Uuid& subject, std::uint64_t bytes, std::uint64_t max) {
    const std::scoped_lock lock(mutex);
    std::uint64_t& taken = taking[subject];
    if (bytes > max || taken > max - bytes) return false;
    taken += bytes;
    return true;
  }
  void give_back(const Uuid& subject, std::uint64_t bytes) {
    const std::scoped_lock lock(mutex);
    const auto at = taking.find(subject);
    if (at == taking.end()) return;
    at->second -= std::min(at->second, bytes);
    if (at->second == 0) taking.erase(at);
  }

  /// Whether `bytes` more of unreferenced documents fit. The common case looks at the directory only.
  [[nodiscard]] store::DocumentResult<bool> fits(const Uuid& subject, const crypto::SecretKey& key,
                                                 std::uint64_t bytes, std::uint64_t quota) const {
    const auto files = engine.documents().list(subject);
    if (!files) return std::unexpected(files.error());
    std::uint64_t held = bytes;
    for (const store::DocumentListing& file : *files) held += file.size;
    if (held <= quota) return true;
    const store::Snapshot snapshot = engine.snapshot();
    const auto named = named_files(snapshot, subject, key);
    for (const store::DocumentListing& file : *files) {
      if (named.contains(file.name)) held -= file.size;
    }
    return held <= quota;
  }
};

/// One upload on its way.
class Documents::Upload final : public http::BodySink {
 public:
  Upload(std::shared_ptr<Shared> shared, Language language, const Uuid& subject, std::uint32_t mark)
      : shared_(std::move(shared)), language_(language), subject_(subject), mark_(mark) {}
  ~Upload() override { shared_->give_back(subject_, taken_); }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  std::optional<http::Response> write(std::string_view piece) override {
    if (!writer_) {
      if (auto refused = begin()) return marked(*std::move(refused));
    }
    if (!shared_->take(subject_, piece.size(), quota_)) return marked(problem(language_, "quota_exceeded"));
    taken_ += piece.size();
    digest_.update(bytes_of(piece));
    if (const auto written = writer_->write(bytes_of(piece)); !written) {
      return marked(refuse(language_, written.error()));
    }
    return std::nullopt;
  }

  void finish(http::Request&& /*request*/, http::Reply reply) override { reply(marked(finished())); }

  void abort() noexcept override { writer_.reset(); }

 private:
  std::optional<http::Response> begin() {
    key_ = shared_->engine.document_key(subject_);
    if (!key_) return problem(language_, "record_erased");
    quota_ = shared_->quota_of(subject_);
    auto writer = shared_->engine.documents().begin(subject_, *key_, shared_->options.document_bytes_max);
    if (!writer) return refuse(language_, writer.error());
    writer_.emplace(std::move(*writer));
    return std::nullopt;
  }

  http::Response finished() {
    if (!writer_ || writer_->size() == 0) return problem(language_, "document_empty");
    const Digest digest = digest_.finish();
    const std::scoped_lock lock(shared_->finishing);
    // The same content again costs nothing: whoever repeats an upload is not refused for it.
    const auto there = shared_->engine.documents().stat(subject_, *key_, digest);
    if (!there) return refuse(language_, there.error());
    if (!there->has_value()) {
      const auto fits = shared_->fits(subject_, *key_, writer_->size(), quota_);
      if (!fits) return refuse(language_, fits.error());
      if (!*fits) return problem(language_, "quota_exceeded");
    }
    const auto stored = writer_->finish();
    if (!stored) return refuse(language_, stored.error());
    // Erased while it was on its way: nobody could open it, and whoever erased did not see it.
    if (!shared_->engine.document_key(subject_)) {
      (void)shared_->engine.documents().remove_all(subject_);
      return problem(language_, "record_erased");
    }
    shared_->metrics.document_stored(stored->size);

    http::Response response;
    response.status = 201;
    response.content_type = "application/json";
    response.headers.add("Location", "/v1/documents/" + stored->digest.text());
    response.headers.add("Cache-Control", "private, no-store");
    std::string text;
    projections::JsonWriter json(text);
    json.begin_object().member("digest", stored->digest.text()).member("size", stored->size).end_object();
    response.body = http::Body(std::move(text));
    return response;
  }

  http::Response marked(http::Response response) const {
    response.tag = mark_;
    return response;
  }

  std::shared_ptr<Shared> shared_;
  const Language language_;
  const Uuid subject_;
  const std::uint32_t mark_;
  std::optional<crypto::SecretKey> key_;
  std::optional<store::DocumentWriter> writer_;
  crypto::Sha256 digest_;
  std::uint64_t quota_ = 0;
  std::uint64_t taken_ = 0;
};

Documents::Documents(store::Engine& engine, const Options& options, Metrics& metrics)
    : shared_(new Shared{.engine = engine,
                         .options = options,
                         .metrics = metrics,
                         .finishing = {},
                         .mutex = {},
                         .taking = {}}) {}

Documents::~Documents() = default;

std::optional<http::Response> Documents::refuse_upload(Language language, const GrantState& grant,
                                                       std::optional<std::uint64_t> announced_bytes) const {
  if (grant.role != Role::filer || !grant.subject_id) return problem(language, "role_forbidden");
  const auto subject = shared_->engine.snapshot().lookup().subject(*grant.subject_id);
  if (!subject) return problem(language, "not_found");
  if (subject->status == SubjectStatus::closed || subject->status == SubjectStatus::lapsed) {
    return problem(language, Refusal{.code = "subject_closed",
                                     .errors = {},
                                     .state = std::string(code_of(subject->status)),
                                     .detail = {}});
  }
  if (announced_bytes && *announced_bytes == 0) return problem(language, "document_empty");
  if (announced_bytes && *announced_bytes > shared_->options.document_bytes_max) {
    return problem(language, "document_too_large");
  }
  return std::nullopt;
}

std::unique_ptr<http::BodySink> Documents::receive(Language language, const GrantState& grant,
                                                   std::uint32_t mark) {
  return std::make_unique<Upload>(shared_, language, *grant.subject_id, mark);
}

http::Response Documents::download(const http::Request& request, std::string_view text, Language language,
                                   const std::optional<GrantState>& grant) const {
  const auto digest = Digest::parse(text);
  if (!digest) return problem(language, "bad_id");

  struct Source {
    Uuid subject;
    bool published;
  };
  std::vector<Source> sources;
  if (grant && grant->role == Role::filer && grant->subject_id)
    sources.push_back({*grant->subject_id, false});
  const bool on_cases = grant && works_on_cases(grant->role);
  for (const store::NamedDocument& use : shared_->engine.snapshot().documents_named(*digest)) {
    if (use.published || on_cases) sources.push_back({use.subject, use.published});
  }
  for (const Source& source : sources) {
    const auto key = shared_->engine.document_key(source.subject);
    if (!key) continue;
    auto opened = shared_->engine.documents().read(source.subject, *key, *digest);
    if (!opened) {
      if (opened.error().kind == store::DocumentFailure::unknown) continue;
      return refuse(language, opened.error());
    }
    http::Response response;
    response.content_type = "application/octet-stream";
    response.headers.add("Content-Disposition", "attachment; filename=\"" + digest->hex() + "\"");
    response.headers.add("X-Content-Type-Options", "nosniff");
    response.headers.add("Content-Security-Policy", "sandbox");
    response.headers.add("Cache-Control", source.published ? "public, max-age=300" : "private, no-store");
    const std::string etag = '"' + digest->text() + '"';
    response.headers.add("ETag", etag);
    if (none_match_fails(request, etag)) {
      response.status = 304;
      return response;
    }
    auto reader = std::make_shared<store::DocumentReader>(std::move(*opened));
    const std::uint64_t size = reader->size();
    std::uint32_t epoch = shared_->engine.key_epoch();
    // Between the key and the epoch an erasure may have come: then nothing is sent at all.
    if (!shared_->engine.document_key(source.subject)) continue;
    response.body = http::Body::stream(
        [reader, epoch, subject = source.subject, shared = shared_]() mutable -> http::Chunk {
          // What was erased meanwhile is sent no further, however slowly it is read.
          if (const std::uint32_t now = shared->engine.key_epoch(); now != epoch) {
            if (!shared->engine.document_key(subject)) return http::Chunk::failed();
            epoch = now;
          }
          const auto chunk = reader->next();
          if (!chunk) return http::Chunk::failed();
          if (chunk->empty()) return http::Chunk::end();
          return http::Chunk::data(std::string(text_of(*chunk)));
        },
        size);
    return response;
  }
  return problem(language, "not_found");
}

std::size_t Documents::sweep(TimestampUs now, const std::function<bool()>& stop) {
  const auto age = std::chrono::duration_cast<std::chrono::microseconds>(shared_->options.unreferenced_age);
  const TimestampUs not_after{now.value - age.count()};
  store::DocumentStore& documents = shared_->engine.documents();
  const auto subjects = documents.subjects();
  if (!subjects) return 0;
  std::size_t removed = 0;
  for (const Uuid& subject : *subjects) {
    if (stop()) break;
    const auto files = documents.list(subject);
    if (!files) continue;
    const bool any_old =
        std::ranges::any_of(*files, [&](const auto& file) { return file.modified_at <= not_after; });
    if (!any_old) continue;
    const auto key = shared_->engine.document_key(subject);
    if (!key) continue;  // erased: whoever erased removes the files
    std::unordered_set<std::string> named;
    std::uint64_t before = 0;
    {
      const store::Snapshot snapshot = shared_->engine.snapshot();
      before = versions_of(snapshot, subject);
      named = named_files(snapshot, subject, *key);
    }
    // Decisions that may name one of them wait outside, for the length of a few unlinks only.
    const std::scoped_lock lock(shared_->mutex);
    if (shared_->claims > 0 || versions_of(shared_->engine.snapshot(), subject) != before) {
      continue;  // the next sweep looks again
    }
    for (const store::DocumentListing& file : *files) {
      if (file.modified_at > not_after || named.contains(file.name)) continue;
      const auto gone = documents.remove(subject, file.name, not_after);
      if (gone && *gone) ++removed;
    }
  }
  if (removed > 0) shared_->metrics.documents_swept(removed);
  return removed;
}

void Documents::enter() {
  const std::scoped_lock lock(shared_->mutex);
  ++shared_->claims;
}

void Documents::leave() {
  const std::scoped_lock lock(shared_->mutex);
  --shared_->claims;
}

bool Documents::names_documents(const Command& command) {
  return std::holds_alternative<SubmitSubject>(command) || std::holds_alternative<ChangeSubject>(command) ||
         std::holds_alternative<SubmitFiling>(command) || std::holds_alternative<SubmitChange>(command);
}

}  // namespace ledger::server
