#include "server/stream/websocket_stream.hpp"

#include <string>
#include <utility>

#include "server/stream/websocket_frames.hpp"

namespace ledger::server {
namespace {

class WebSocketProducer final : public http::MessageProducer {
 public:
  explicit WebSocketProducer(std::shared_ptr<Subscription> subscription)
      : subscription_(std::move(subscription)) {}

  void start(http::Wake wake) override { subscription_->start(std::move(wake)); }

  [[nodiscard]] http::Messages next() override {
    if (ended_) return goodbye();
    return messages_of(subscription_->next());
  }

  [[nodiscard]] std::optional<http::Messages> next_at_hand() override {
    if (ended_) return goodbye();
    const auto batch = subscription_->next_at_hand();
    if (!batch) return std::nullopt;
    return messages_of(*batch);
  }

 private:
  [[nodiscard]] http::Messages messages_of(const Batch& batch) {
    if (batch.then == Batch::Then::wait) return http::Messages::later();
    if (batch.then == Batch::Then::end) {
      ended_ = true;
      if (!batch.frames.empty() && batch.frames.back().kind == Frame::Kind::error) {
        code_ = batch.frames.back().code;
      }
      if (batch.frames.empty()) return goodbye();
    }
    auto text = std::make_shared<std::string>();
    for (const Frame& frame : batch.frames) http::append_text_frame(*text, websocket_message(frame));
    return http::Messages::data({http::Message::frames(std::move(text))});
  }

  [[nodiscard]] http::Messages goodbye() const {
    const auto code = code_.empty() ? http::CloseCode::going_away : http::CloseCode::policy;
    return http::Messages::end(static_cast<std::uint16_t>(code), std::string(code_));
  }

  const std::shared_ptr<Subscription> subscription_;
  bool ended_ = false;
  std::string_view code_;  // a literal, as Frame::code is
};

}  // namespace

std::shared_ptr<http::MessageProducer> websocket_producer(std::shared_ptr<Subscription> subscription) {
  return std::make_shared<WebSocketProducer>(std::move(subscription));
}

}  // namespace ledger::server
