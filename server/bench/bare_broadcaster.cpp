#include "server/bench/bare_broadcaster.hpp"

#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

namespace ledger::bench {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using tcp = net::ip::tcp;
using Socket = net::basic_stream_socket<tcp, net::io_context::executor_type>;
using Frame = std::shared_ptr<const std::string>;

class Listener : public std::enable_shared_from_this<Listener> {
 public:
  explicit Listener(Socket socket) : socket_(std::move(socket)) {}

  void greet(const Frame& greeting, std::vector<std::shared_ptr<Listener>>& listeners) {
    net::async_read_until(socket_, net::dynamic_buffer(head_), "\r\n\r\n",
                          [self = shared_from_this(), greeting, &listeners](error_code error, std::size_t) {
                            if (error) return;
                            self->send(greeting);
                            listeners.push_back(self);
                          });
  }

  void send(const Frame& frame) {
    waiting_.push_back(frame);
    if (waiting_.size() == 1) write();
  }

 private:
  void write() {
    net::async_write(socket_, net::buffer(*waiting_.front()),
                     [self = shared_from_this()](error_code error, std::size_t) {
                       if (error) return;
                       self->waiting_.pop_front();
                       if (!self->waiting_.empty()) self->write();
                     });
  }

  Socket socket_;
  std::string head_;
  std::deque<Frame> waiting_;
};

/// One loop with the listeners that are its own.
struct Loop {
  net::io_context context{1};
  std::vector<std::shared_ptr<Listener>> listeners;  // the loop's thread
};

}  // namespace

struct BareBroadcaster::Impl {
  Impl(std::string text, unsigned threads) : greeting(std::make_shared<const std::string>(std::move(text))) {
    for (unsigned i = 0; i < threads; ++i) loops.push_back(std::make_unique<Loop>());
    acceptor.emplace(loops[0]->context, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    accept();
    for (auto& loop : loops) {
      workers.emplace_back([&context = loop->context] {
        const auto guard = net::make_work_guard(context);
        context.run();
      });
    }
  }
  ~Impl() {
    for (auto& loop : loops) loop->context.stop();
    workers.clear();
  }

  void accept() {
    Loop& loop = *loops[next++ % loops.size()];
    acceptor->async_accept(loop.context.get_executor(), [this, &loop](error_code error, Socket socket) {
      if (error) return;
      socket.set_option(tcp::no_delay(true));
      auto listener = std::make_shared<Listener>(std::move(socket));
      net::post(loop.context, [this, &loop, listener] { listener->greet(greeting, loop.listeners); });
      accept();
    });
  }

  Frame greeting;
  std::vector<std::unique_ptr<Loop>> loops;
  std::optional<net::basic_socket_acceptor<tcp, net::io_context::executor_type>> acceptor;
  std::size_t next = 0;
  std::vector<std::jthread> workers;
};

BareBroadcaster::BareBroadcaster(std::string greeting, unsigned threads)
    : impl_(std::make_unique<Impl>(std::move(greeting), threads)) {}
BareBroadcaster::~BareBroadcaster() = default;

std::uint16_t BareBroadcaster::port() const {
  return impl_->acceptor->local_endpoint().port();
}

void BareBroadcaster::send(std::string text) {
  const auto frame = std::make_shared<const std::string>(std::move(text));
  for (auto& loop : impl_->loops) {
    net::post(loop->context, [&loop = *loop, frame] {
      for (const auto& listener : loop.listeners) listener->send(frame);
    });
  }
}

}  // namespace ledger::bench
