#include "server/api/simulated.hpp"

#include <string>
#include <utility>

namespace ledger::server {
namespace {

constexpr std::string_view kMember = "\"simulated\":true";

class MarkingSink final : public http::BodySink {
 public:
  explicit MarkingSink(std::unique_ptr<http::BodySink> sink) : sink_(std::move(sink)) {}
  std::optional<http::Response> write(std::string_view piece) override {
    auto refusal = sink_->write(piece);
    if (refusal) mark_simulated(*refusal);
    return refusal;
  }
  void finish(http::Request&& request, http::Reply reply) override {
    sink_->finish(std::move(request), marking_simulated(std::move(reply)));
  }
  void abort() noexcept override { sink_->abort(); }

 private:
  std::unique_ptr<http::BodySink> sink_;
};

bool is_json(std::string_view type) {
  return type == "application/json" || type == "application/problem+json";
}

}  // namespace

void mark_simulated(http::Response& response) {
  response.headers.add("Ledger-Simulated", "true");
  const std::string_view text = response.body.text();
  if (!is_json(response.content_type) || text.size() < 2 || text.front() != '{') return;
  if (text.substr(1).starts_with(kMember)) return;  // a kept body that was marked when it was made
  std::string marked;
  marked.reserve(text.size() + kMember.size() + 2);
  marked += '{';
  marked += kMember;
  if (text[1] != '}') marked += ',';
  marked += text.substr(1);
  response.body = http::Body(std::move(marked));
}

http::Reply marking_simulated(http::Reply reply) {
  return http::Reply::to([reply = std::move(reply)](http::Response response) mutable {
    mark_simulated(response);
    reply(std::move(response));
  });
}

std::unique_ptr<http::BodySink> marking_simulated(std::unique_ptr<http::BodySink> sink) {
  return std::make_unique<MarkingSink>(std::move(sink));
}

}  // namespace ledger::server
