// GET answers of the transparency log: checkpoint, tiles, entries (c2sp.org/tlog-tiles), proofs, evidence.
#include <array>

#include "events/store/engine.hpp"
#include "events/tlog/hash_rows.hpp"
#include "events/tlog/proof.hpp"
#include "server/read/answer.hpp"
#include "server/read/bundle.hpp"
#include "server/read/event_page.hpp"
#include "server/read/moment.hpp"
#include "server/read/position.hpp"
#include "server/read/reads.hpp"

namespace ledger::server {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kBytes = "application/octet-stream";
/// What never changes. Entries are for those who showed a token, so no shared cache may keep them.
constexpr std::string_view kForEver = "public, max-age=604800, immutable";
constexpr std::string_view kForEverOwn = "private, max-age=604800, immutable";

/// What a log that was checked at start cannot lack: the file was changed under us.
template <typename T>
T must(std::optional<T> read) {
  if (!read) throw store::StoreDamage({0, "the log misses a hash or an entry"});
  return std::move(*read);
}

template <typename T>
T must(tlog::TreeResult<T> made) {
  if (!made) throw store::StoreDamage({0, "the log misses a hash"});
  return std::move(*made);
}

std::string bundle_of(const store::EntryReader& log, const tlog::Tile& tile) {
  std::vector<std::byte> bundle;
  const std::uint64_t first = tile.index * tlog::kTileWidth;
  for (std::uint64_t at = first; at < first + tile.width; ++at) {
    if (!tlog::append_entry(bundle, must(log.entry(at))))
      throw store::StoreDamage({0, "an entry is too long for a bundle"});
  }
  return std::string(text_of(bundle));
}

void write_hashes(projections::JsonWriter& json, std::string_view name, std::span<const Digest> hashes) {
  json.key(name).begin_array();
  for (const Digest& hash : hashes) json.value(tlog::hash_text(hash));
  json.end_array();
}

/// The checkpoint that a proof of `position` leads to: of the size asked for; else the newest that a witness
/// cosigned, where it covers the event; else the newest.
std::optional<std::string> checkpoint_for(const store::Engine& engine, std::uint64_t position,
                                          std::optional<std::uint64_t> size) {
  if (size) return engine.checkpoint_at(*size);
  if (const auto cosigned = engine.cosigned_checkpoint(); cosigned && cosigned->size() > position)
    return cosigned->text;
  return engine.checkpoint()->text;
}

}  // namespace

http::Response Reads::log_checkpoint(const ReadContext& context) const {
  if (const auto refusal = QueryReader(context.request).done()) return problem(context.language, *refusal);
  const store::CheckpointPtr newest = context.engine.checkpoint();
  return answer(http::Body(std::shared_ptr<const std::string>(newest, &newest->text)), newest->size() - 1,
                std::nullopt, kText, "no-store");
}

http::Response Reads::log_tile(const ReadContext& context) const {
  if (const auto refusal = QueryReader(context.request).done()) return problem(context.language, *refusal);
  const auto tile = tlog::Tile::parse("tile/" + context.text);
  if (!tile) return not_found(context);
  const bool entries = tile->kind == tlog::Tile::Kind::entries;
  if (entries && !context.grant) return problem(context.language, "token_missing");
  if (entries && !context.is(Role::auditor)) return role_forbidden(context);
  const std::uint64_t size = context.engine.size();
  if (!tlog::holds(*tile, size)) return beyond_log(context, size);
  const store::EntryReader log = context.engine.read_log();
  std::string bytes =
      entries ? bundle_of(log, *tile) : std::string(text_of(must(tlog::tile_bytes(log, *tile))));
  http::Response response =
      answer(http::Body(std::move(bytes)), size - 1, std::nullopt, kBytes, entries ? kForEverOwn : kForEver);
  if (entries) response.headers.add("Vary", "Authorization");
  return response;
}

http::Response Reads::proof(const ReadContext& context) const {
  constexpr std::array<std::string_view, 2> kOffers = {"text/plain", kJson};
  QueryReader query(context.request);
  const auto size = query.number("size", 1, kPositionMax);
  const auto position = read_position(context.text);
  if (position && size && *size <= *position) query.wrong("size", "is a log that does not hold the event");
  if (const auto refusal = query.done()) return problem(context.language, *refusal);
  const auto offer = negotiate(context.request, kOffers);
  if (!offer) return problem(context.language, "not_acceptable");
  if (!position) return problem(context.language, "bad_id");

  // The published size first: what a snapshot sees beyond it has no checkpoint yet.
  if (const std::uint64_t now = context.engine.size(); *position >= now || (size && *size > now))
    return beyond_log(context, now);
  const store::Snapshot snapshot = context.engine.snapshot();
  const auto read = snapshot.event(*position, false);
  if (!read) return not_found(context);
  const Reader reader = reader_of(context);
  const Sight sight = sight_of_event(reader, read->event, owner_of(snapshot, read->event.header.stream));
  if (sight == Sight::none) return not_found(context);

  const auto text = checkpoint_for(context.engine, *position, size);
  auto checkpoint = text ? tlog::parse_checkpoint(*text) : std::unexpected(tlog::FormatError{});
  if (!checkpoint) return problem(context.language, "signing_stopped");
  const store::EntryReader log = context.engine.read_log();
  const tlog::RowHashReader hashes(log);
  tlog::TlogProof proof{.extra = {}, .index = *position, .path = {}, .checkpoint = std::move(*checkpoint)};
  const std::uint64_t of = proof.checkpoint.checkpoint.size;
  proof.path = must(tlog::inclusion_path(hashes, *position, of));
  http::Body body;
  if (*offer == 0) {
    body = http::Body(proof.text());
  } else {
    std::string out;
    projections::JsonWriter json(out);
    json.begin_object().member("index", *position).member("size", of);
    json.member("leaf_hash", tlog::hash_text(must(hashes.read(0, *position))));
    write_hashes(json, "hashes", proof.path);
    json.member("root_hash", tlog::hash_text(proof.checkpoint.checkpoint.root));
    json.member("checkpoint", proof.checkpoint.text()).end_object();
    body = http::Body(std::move(out));
  }
  const bool everybody = sight == Sight::public_ && reader.anonymous();
  http::Response response = answer(std::move(body), snapshot.size() - 1, std::nullopt,
                                   *offer == 0 ? kText : kJson, everybody ? kRevalidate : kNoStore);
  response.headers.add("Vary", "Accept, Authorization");
  return response;
}

http::Response Reads::filing_bundle(const ReadContext& context) const {
  if (auto refusal = refuse(context, QueryReader(context.request))) return std::move(*refusal);
  const store::Engine& engine = context.engine;
  const store::CheckpointPtr checkpoint = engine.checkpoint();
  const std::uint64_t size = checkpoint->size();
  BundleSources sources{
      .snapshot = [&engine] { return engine.snapshot(); },
      .record_key = [&engine](const Uuid& record) { return engine.record_key(record); },
      .inclusion_path = [&engine, size](std::uint64_t position) -> std::optional<std::vector<Digest>> {
        const store::EntryReader log = engine.read_log();
        auto path = tlog::inclusion_path(tlog::RowHashReader(log), position, size);
        if (!path) return std::nullopt;
        return std::move(*path);
      },
      .origin = engine.origin(),
      .checkpoint = checkpoint->text,
      .size = size};
  auto bundle = collect_bundle(std::move(sources), context.ids[0], reader_of(context));
  if (!bundle) {
    return bundle.error() == BundleRefusal::not_found ? not_found(context)
                                                      : problem(context.language, "bundle_too_large");
  }
  http::Response response = answer(http::Body::stream(std::move(*bundle)), size - 1);
  response.headers.add("Content-Disposition",
                       "attachment; filename=\"" + context.ids[0].text() + ".bundle.json\"");
  return response;
}

http::Response Reads::consistency(const ReadContext& context) const {
  QueryReader query(context.request);
  const auto from = query.number("from", 1, kPositionMax);
  const auto asked = query.number("to", 1, kPositionMax);
  if (!context.request.query_value("from")) query.wrong("from", "is missing");
  if (from && asked && *from > *asked) query.wrong("from", "is above to");
  if (auto refusal = refuse(context, query)) return std::move(*refusal);
  const std::uint64_t size = context.engine.size();
  const std::uint64_t to = asked.value_or(size);
  if (to > size || *from > size) return beyond_log(context, size);
  const store::EntryReader log = context.engine.read_log();
  const auto path = must(tlog::consistency_path(tlog::RowHashReader(log), *from, to));
  std::string out;
  projections::JsonWriter json(out);
  json.begin_object().member("from", *from).member("to", to);
  write_hashes(json, "hashes", path);
  json.end_object();
  return answer(http::Body(std::move(out)), size - 1, std::nullopt, kJson, asked ? kForEver : kRevalidate);
}

}  // namespace ledger::server
