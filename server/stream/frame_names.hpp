// What frames are called, on every transport.
#pragma once

#include <string_view>

#include "server/stream/subscription.hpp"

namespace ledger::server {

[[nodiscard]] constexpr std::string_view name_of(Frame::Kind kind) {
  switch (kind) {
    case Frame::Kind::event: return "event";
    case Frame::Kind::caught_up: return "caught_up";
    case Frame::Kind::checkpoint: return "checkpoint";
    case Frame::Kind::heartbeat: return "heartbeat";
    case Frame::Kind::error: return "error";
  }
  return {};
}

}  // namespace ledger::server
