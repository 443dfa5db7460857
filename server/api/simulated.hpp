// What an answer says when the ledger's history is made up, in one place: the header `Ledger-Simulated:
// true`, and in every JSON object the member `"simulated":true`. Bytes that are proofs or entries, evidence
// bundles, events and streams stay as they are, and have the header alone.
#pragma once

#include <memory>

#include "server/http/handler.hpp"

namespace ledger::server {

/// Marks an answer.
void mark_simulated(http::Response& response);
/// A reply that marks what is given to it.
[[nodiscard]] http::Reply marking_simulated(http::Reply reply);
/// A sink whose answers are marked.
[[nodiscard]] std::unique_ptr<http::BodySink> marking_simulated(std::unique_ptr<http::BodySink> sink);

}  // namespace ledger::server
