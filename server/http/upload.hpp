// Private to server/http: a body sink and the strand that keeps its calls in order on the worker threads.
#pragma once

#include <memory>
#include <utility>

#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include "server/http/connection.hpp"

namespace ledger::http {

struct Connection::Upload {
  Upload(std::unique_ptr<BodySink> body_sink, net::thread_pool& workers)
      : sink(std::move(body_sink)), strand(workers.get_executor()) {}

  /// On the strand. Does nothing when the sink had its last call.
  void abort() {
    if (const auto last = std::exchange(sink, nullptr)) last->abort();
  }

  std::unique_ptr<BodySink> sink;  // only on the strand, once posted to
  net::strand<net::thread_pool::executor_type> strand;
};

}  // namespace ledger::http
