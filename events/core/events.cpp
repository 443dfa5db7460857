#include "events/core/events.hpp"

#include <algorithm>

namespace ledger {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<Payload>> kNames = {
    "ledger.created",
    "access.granted",
    "access.revoked",
    "calendar.published",
    "subject.registered",
    "subject.submitted",
    "subject.approved",
    "subject.rejected",
    "subject.change_submitted",
    "subject.change_approved",
    "subject.change_rejected",
    "subject.lapsed",
    "subject.closed",
    "personal_data.erased",
    "hold.placed",
    "hold.lifted",
    "product.added",
    "product.updated",
    "product.removed",
    "access_path.added",
    "access_path.updated",
    "access_path.removed",
    "feature.added",
    "feature.updated",
    "feature.removed",
    "draft.saved",
    "draft.discarded",
    "filing.submitted",
    "filing.withdrawn",
    "review.started",
    "filing.rejected",
    "filing.approved",
    "number.assigned",
    "filing.published",
    "display.recorded",
    "change.submitted",
    "change.withdrawn",
    "change.rejected",
    "change.approved",
    "cancellation.requested",
    "cancellation.rejected",
    "filing.cancelled",
    "filing.revoked",
    "announcement.corrected",
    "record.imported",
    "webhook.registered",
    "webhook.removed",
    "signing_key.added",
    "signing_key.retired",
    "ledger.simulated",
};

constexpr std::array<std::string_view, 4> kKinds = {"ledger", "subject", "product", "filing"};

bool read_hex(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != out.size() * 2) return false;
  const auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::string StreamId::text() const {
  const std::string_view name = kKinds[static_cast<std::size_t>(kind) - 1];
  if (kind == StreamKind::ledger) return std::string(name);
  return std::string(name) + "/" + id.text();
}

std::optional<StreamId> StreamId::parse(std::string_view text) {
  if (text == kKinds[0]) return StreamId{};
  for (std::size_t i = 1; i < kKinds.size(); ++i) {
    if (!text.starts_with(kKinds[i]) || text.size() <= kKinds[i].size() || text[kKinds[i].size()] != '/')
      continue;
    const auto id = Uuid::parse(text.substr(kKinds[i].size() + 1));
    if (!id) return std::nullopt;
    return StreamId{static_cast<StreamKind>(i + 1), *id};
  }
  return std::nullopt;
}

std::string_view name_of(EventType type) {
  return type >= 1 && type <= kNames.size() ? kNames[type - 1] : std::string_view{};
}

std::optional<EventType> event_type_from(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<EventType>(found - kNames.begin() + 1);
}

bool is_public_type(EventType type) {
  return type == type_number<FilingPublished>() || type == type_number<ChangeApproved>() ||
         type == type_number<AnnouncementCorrected>() || type == type_number<FilingCancelled>() ||
         type == type_number<FilingRevoked>() || type == type_number<RecordImported>();
}

std::optional<TraceParent> TraceParent::parse(std::string_view text) {
  if (text.size() != 55 || !text.starts_with("00-") || text[35] != '-' || text[52] != '-')
    return std::nullopt;
  TraceParent trace;
  if (!read_hex(text.substr(3, 32), trace.trace_id) || !read_hex(text.substr(36, 16), trace.parent_id) ||
      !read_hex(text.substr(53, 2), std::span(&trace.flags, 1))) {
    return std::nullopt;
  }
  if (all_zero(trace.trace_id) || all_zero(trace.parent_id)) return std::nullopt;
  return trace;
}

}  // namespace ledger
