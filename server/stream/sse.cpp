#include "server/stream/sse.hpp"

#include <charconv>

#include "projections/json_writer.hpp"
#include "server/stream/frame_names.hpp"

namespace ledger::server {
namespace {

/// What a frame takes beside its event: names, line ends, digits.
constexpr std::size_t kFrameBytes = 96;

class SseProducer final : public http::ChunkProducer {
 public:
  explicit SseProducer(std::shared_ptr<Subscription> subscription) : subscription_(std::move(subscription)) {}

  void start(http::Wake wake) override { subscription_->start(std::move(wake)); }

  [[nodiscard]] http::Chunk next() override {
    if (ended_) return http::Chunk::end();
    return chunk_of(subscription_->next());
  }

  [[nodiscard]] std::optional<http::Chunk> next_at_hand() override {
    if (ended_) return http::Chunk::end();
    const auto batch = subscription_->next_at_hand();
    if (!batch) return std::nullopt;
    return chunk_of(*batch);
  }

 private:
  [[nodiscard]] http::Chunk chunk_of(const Batch& batch) {
    if (batch.then == Batch::Then::wait) return http::Chunk::later();
    ended_ = batch.then == Batch::Then::end;
    if (ended_ && batch.frames.empty()) return http::Chunk::end();
    std::size_t bytes = 0;
    for (const Frame& frame : batch.frames) bytes += kFrameBytes + (frame.event ? frame.event->size() : 0);
    std::string text;
    text.reserve(bytes);
    for (const Frame& frame : batch.frames) append_sse(text, frame);
    return http::Chunk::data(std::move(text));
  }

  const std::shared_ptr<Subscription> subscription_;
  bool ended_ = false;
};

void append_number(std::string& out, std::uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

void append_sse(std::string& out, const Frame& frame) {
  if (frame.kind == Frame::Kind::heartbeat) {
    out += ":\n\n";
    return;
  }
  if (frame.kind != Frame::Kind::event) {
    out += "event: ";
    out += name_of(frame.kind);
    out += '\n';
  }
  if (frame.position) {
    out += "id: ";
    append_number(out, *frame.position);
    out += '\n';
  }
  out += "data: ";
  if (frame.event) {
    out += *frame.event;
  } else {
    projections::JsonWriter json(out);
    json.begin_object().member("position", frame.position);
    if (!frame.code.empty()) json.member("code", frame.code);
    json.end_object();
  }
  out += "\n\n";
}

std::shared_ptr<http::ChunkProducer> sse_producer(std::shared_ptr<Subscription> subscription) {
  return std::make_shared<SseProducer>(std::move(subscription));
}

}  // namespace ledger::server
