// What a route hands to the function that answers a read. The router has done the common part by then: the
// path is known, ids are parsed, the query decodes, the token (if one came) is verified.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "events/core/states.hpp"
#include "server/api/problem.hpp"
#include "server/http/message.hpp"

namespace ledger::store {
class Engine;
}
namespace ledger::projections {
class ReadModels;
}

namespace ledger::server {

/// One read on its way to an answer. Lives for one call of one thread; nothing of it may be kept.
struct ReadContext {
  const store::Engine& engine;
  /// All projections of this server (projections/read_models.hpp).
  const projections::ReadModels& models;
  const http::Request& request;
  /// Who asks; nullopt without a token. Active as of now. Routes that need a token never see nullopt.
  std::optional<GrantState> grant;
  /// The `{id}` captures of the path, in order; `ids[0]` is the first. Unused ones are nil.
  std::array<Uuid, 3> ids;
  /// The one capture that is no id, decoded: a number, a position, a digest. Empty where the path has none.
  std::string text;
  Language language = Language::en;
  /// The wall clock when the request came in.
  TimestampUs now;

  /// The day in Asia/Shanghai that the request came in on: the only "today" that an answer knows.
  [[nodiscard]] Date today() const { return Date::of(now); }
  /// Whether the caller acts in this role.
  [[nodiscard]] bool is(Role role) const { return grant && grant->role == role; }
  /// Whether the caller is the filer that this subject's grant belongs to.
  [[nodiscard]] bool owns(const Uuid& subject) const {
    return grant && grant->role == Role::filer && grant->subject_id == subject;
  }
};

/// The answers that both sides share, in the language of the request.
[[nodiscard]] http::Response not_found(const ReadContext& context);
[[nodiscard]] http::Response role_forbidden(const ReadContext& context);

}  // namespace ledger::server
