// The answers to every GET of the API but health, metrics, texts and documents: one function a route. Each
// makes one snapshot, answers from it alone, and says at which position it stood (`Ledger-Position`).
//
// Common answers: 400 `bad_query` / `bad_cursor` for a query not in the path's list, 403 `role_forbidden`,
// 404 `not_found` for what does not exist or is not the caller's to know of, 406 `not_acceptable`. Reads that
// look back (`at_position`, `as_of`; moment.hpp) say the position that they looked from, and refuse one
// beyond the log with 404 `beyond_log`.
#pragma once

#include <cstddef>

#include "replay/estimator.hpp"
#include "replay/stage_index.hpp"
#include "server/api/context.hpp"
#include "server/http/message.hpp"
#include "server/read/answer_cache.hpp"
#include "server/read/body_cache.hpp"

namespace ledger::server {

/// One a server. Every function may be called from any thread at once.
class Reads {
 public:
  /// `cache_bytes` bounds the memory for rendered filings and subjects.
  explicit Reads(std::size_t cache_bytes = std::size_t{16} << 20) : cache_(cache_bytes) {}

  /// Reads what statistics are computed from, so that the first who asks does not wait for it: about a second
  /// for a million events. Once, when the ledger is open.
  void warm(const store::Engine& engine, const projections::ReadModels& models);

  // Who am I, and who may act.
  [[nodiscard]] http::Response me(const ReadContext& context) const;  ///< GET /v1/me; any token
  [[nodiscard]] http::Response access_grants(
      const ReadContext& context) const;  ///< GET /v1/access/grants; admin

  // Subjects; ids[0] is the subject.
  /// GET /v1/subjects; staff, a filer sees the own one
  [[nodiscard]] http::Response subjects(const ReadContext& context) const;
  [[nodiscard]] http::Response subject(const ReadContext& context);                 ///< GET /v1/subjects/{id}
  [[nodiscard]] http::Response subject_products(const ReadContext& context) const;  ///< GET .../{id}/products
  [[nodiscard]] http::Response subject_timeline(const ReadContext& context) const;  ///< GET .../{id}/timeline
  [[nodiscard]] http::Response subject_events(const ReadContext& context) const;    ///< GET .../{id}/events

  // Filings; ids[0] is the filing.
  /// GET /v1/filings; staff, a filer sees the own ones
  [[nodiscard]] http::Response filings(const ReadContext& context) const;
  [[nodiscard]] http::Response filing(const ReadContext& context);                 ///< GET /v1/filings/{id}
  [[nodiscard]] http::Response filing_timeline(const ReadContext& context) const;  ///< GET .../{id}/timeline
  [[nodiscard]] http::Response filing_events(const ReadContext& context) const;    ///< GET .../{id}/events
  [[nodiscard]] http::Response filing_diff(const ReadContext& context) const;      ///< GET .../{id}/diff
  [[nodiscard]] http::Response filing_bundle(const ReadContext& context) const;    ///< GET .../{id}/bundle
  [[nodiscard]] http::Response drafts(const ReadContext& context) const;           ///< GET /v1/drafts; filer
  [[nodiscard]] http::Response review_queue(
      const ReadContext& context) const;  ///< GET /v1/review-queue; staff

  /// GET /v1/calendars; public
  [[nodiscard]] http::Response calendars(const ReadContext& context) const;

  // The public list.
  [[nodiscard]] http::Response announcements(
      const ReadContext& context) const;  ///< GET /v1/announcements; public
  [[nodiscard]] http::Response number(
      const ReadContext& context) const;  ///< GET /v1/numbers/{number}; public
  [[nodiscard]] http::Response counts(
      const ReadContext& context) const;  ///< GET /v1/statistics/counts; public

  // Statistics (docs/statistics.md). The public is answered as of the last announcement, in cells of 30 ended
  // stays or more; staff as of any position.
  [[nodiscard]] http::Response durations(
      const ReadContext& context);  ///< GET /v1/statistics/durations; public
  [[nodiscard]] http::Response durations_svg(
      const ReadContext& context);  ///< GET /v1/statistics/durations.svg; public

  // Waiting times (docs/estimation.md).
  [[nodiscard]] http::Response filing_estimate(const ReadContext& context);  ///< GET .../{id}/estimate
  /// GET /v1/estimates; public, as of the last announcement
  [[nodiscard]] http::Response estimates(const ReadContext& context);

  // Events.
  [[nodiscard]] http::Response events(const ReadContext& context) const;  ///< GET /v1/events; auditor
  /// GET /v1/events/{position}; by role, public for public ones
  [[nodiscard]] http::Response event(const ReadContext& context) const;

  // Proofs. What lies beyond the log is 404 `beyond_log` with the current `size`.
  /// GET /v1/events/{position}/proof; by role, like the event: tlog-proof text, or JSON
  [[nodiscard]] http::Response proof(const ReadContext& context) const;
  [[nodiscard]] http::Response consistency(
      const ReadContext& context) const;  ///< GET /v1/consistency; public
  [[nodiscard]] http::Response log_checkpoint(
      const ReadContext& context) const;  ///< GET /log/checkpoint; public
  /// GET /log/tile/...; hashes public, entries for auditors
  [[nodiscard]] http::Response log_tile(const ReadContext& context) const;

 private:
  /// Bytes of rendered statistics: a few of the largest, that of a whole stage of 100,000 filings.
  static constexpr std::size_t kStatisticsBytes = std::size_t{48} << 20;

  [[nodiscard]] http::Response durations_as(const ReadContext& context, bool drawn);

  AnswerCache cache_;
  replay::StageIndex stages_;
  replay::Estimator estimator_{stages_};
  BodyCache bodies_{kStatisticsBytes};
};

}  // namespace ledger::server
