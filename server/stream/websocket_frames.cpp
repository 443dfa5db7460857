#include "server/stream/websocket_frames.hpp"

#include "projections/json_writer.hpp"
#include "server/stream/frame_names.hpp"

namespace ledger::server {

std::string websocket_message(const Frame& frame) {
  constexpr std::size_t kRoom = 96;
  std::string out;
  out.reserve(kRoom + (frame.event ? frame.event->size() : 0));
  projections::JsonWriter json(out);
  json.begin_object().member("kind", name_of(frame.kind)).member("position", frame.position);
  if (frame.event) json.member_raw("event", *frame.event);
  if (!frame.code.empty()) json.member("code", frame.code);
  json.end_object();
  return out;
}

}  // namespace ledger::server
