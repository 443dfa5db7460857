// The answers to every GET of the API but health, metrics, texts and documents: one function a route. Each makes
// one snapshot, answers from it alone, and says at which position it stood (`Ledger-Position`). All of them may be
// called from any thread at once.
//
// Common answers: 400 `bad_query` / `bad_cursor` for a query not in the path's list, 403 `role_forbidden`, 404
// `not_found` for what does not exist or is not the caller's to know of, 406 `not_acceptable`.
#pragma once

#include "server/api/context.hpp"
#include "server/http/message.hpp"

namespace ledger::server::reads {

// Who am I, and who may act.
http::Response me(const ReadContext& context);             ///< GET /v1/me; any token
http::Response access_grants(const ReadContext& context);  ///< GET /v1/access/grants; admin

// Subjects; ids[0] is the subject.
http::Response subjects(const ReadContext& context);          ///< GET /v1/subjects; staff, filer: the own one
http::Response subject(const ReadContext& context);           ///< GET /v1/subjects/{id}
http::Response subject_products(const ReadContext& context);  ///< GET /v1/subjects/{id}/products
http::Response subject_timeline(const ReadContext& context);  ///< GET /v1/subjects/{id}/timeline
http::Response subject_events(const ReadContext& context);    ///< GET /v1/subjects/{id}/events

// Filings; ids[0] is the filing.
http::Response filings(const ReadContext& context);          ///< GET /v1/filings; staff, filer: the own ones
http::Response filing(const ReadContext& context);           ///< GET /v1/filings/{id}
http::Response filing_timeline(const ReadContext& context);  ///< GET /v1/filings/{id}/timeline
http::Response filing_events(const ReadContext& context);    ///< GET /v1/filings/{id}/events
http::Response drafts(const ReadContext& context);           ///< GET /v1/drafts; filer
http::Response review_queue(const ReadContext& context);     ///< GET /v1/review-queue; staff

// The public list.
http::Response announcements(const ReadContext& context);  ///< GET /v1/announcements; public
http::Response number(const ReadContext& context);         ///< GET /v1/numbers/{text}; public

// Events.
http::Response events(const ReadContext& context);  ///< GET /v1/events; auditor
http::Response event(const ReadContext& context);   ///< GET /v1/events/{text}; by role, public for public ones

}  // namespace ledger::server::reads
