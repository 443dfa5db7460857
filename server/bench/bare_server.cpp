#include "server/bench/bare_server.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "events/store/lmdb.hpp"

namespace ledger::bench {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;
using Socket = net::basic_stream_socket<tcp, net::io_context::executor_type>;

/// What becomes of a request's body; `done` may be called on any thread.
using Work = std::function<void(std::string body, std::function<void()> done)>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Socket socket, std::shared_ptr<const std::string> answer, const Work* work)
      : socket_(std::move(socket)), answer_(std::move(answer)), work_(work) {}

  void read() {
    request_ = {};
    http::async_read(
        socket_, buffer_, request_, [self = shared_from_this()](beast::error_code error, std::size_t) {
          if (error) return;
          if (self->work_ == nullptr || !*self->work_) return self->write();
          (*self->work_)(std::move(self->request_.body()),
                         [self] { net::post(self->socket_.get_executor(), [self] { self->write(); }); });
        });
  }

 private:
  void write() {
    response_ = {http::status::ok, 11};
    response_.set(http::field::content_type, "application/json");
    response_.body() = *answer_;
    response_.prepare_payload();
    http::async_write(socket_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error) self->read();
    });
  }

  Socket socket_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
  std::shared_ptr<const std::string> answer_;
  const Work* work_;
};

/// Group commit of rows, and nothing else.
class Committer {
 public:
  Committer(const std::filesystem::path& directory, std::size_t entry_bytes) : entry_(entry_bytes) {
    log_ = must(store::Environment::open({.path = directory / "log"}));
    views_ = must(store::Environment::open({.path = directory / "views", .no_sync = true}));
    log_rows_ = must(log_->open_databases({"entries", "sealed"}));
    view_rows_ = must(views_->open_databases({"streams"}));
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  void add(std::string body, std::function<void()> done) {
    {
      const std::scoped_lock lock(mutex_);
      queue_.push_back({std::move(body), std::move(done)});
    }
    bell_.notify_one();
  }

 private:
  struct Item {
    std::string body;
    std::function<void()> done;
  };

  template <typename T>
  static T must(store::StoreResult<T> result) {
    if (!result) throw std::runtime_error("bench: " + result.error().message());
    return std::move(*result);
  }
  static void must(const store::StoreResult<void>& result) {
    if (!result) throw std::runtime_error("bench: " + result.error().message());
  }

  void run(const std::stop_token& stop) {
    std::vector<Item> batch;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        if (!bell_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
        batch.swap(queue_);
      }
      auto log = must(log_->write());
      auto views = must(views_->write());
      for (const Item& item : batch) {
        std::uint8_t position[8];
        put_be(position_, position);
        const Bytes key = std::as_bytes(std::span(position));
        must(log.put_append(log_rows_[0], key, entry_));
        must(log.put_append(log_rows_[1], key, bytes_of(item.body)));
        // 64 streams, as the product has: a state row and a version row in one neighbourhood.
        std::uint8_t stream[26] = {};
        put_be(position_ % 64, stream + 1);
        must(views.put(view_rows_[0], std::as_bytes(std::span(stream, 18)), Bytes(entry_).first(256)));
        stream[17] = 1;
        put_be(position_, stream + 18);
        must(views.put(view_rows_[0], std::as_bytes(std::span(stream)), key));
        ++position_;
      }
      must(std::move(log).commit());
      must(std::move(views).commit());
      for (Item& item : batch) item.done();
      batch.clear();
    }
  }

  std::vector<std::byte> entry_;
  std::unique_ptr<store::Environment> log_, views_;
  std::vector<store::Database> log_rows_, view_rows_;
  std::uint64_t position_ = 0;
  std::mutex mutex_;
  std::condition_variable_any bell_;
  std::vector<Item> queue_;
  std::jthread thread_;
};

}  // namespace

struct BareServer::Impl {
  Impl(std::string body, unsigned threads) : answer(std::make_shared<const std::string>(std::move(body))) {
    for (unsigned i = 0; i < std::max(1U, threads); ++i)
      contexts.push_back(std::make_unique<net::io_context>(1));
    acceptor.emplace(*contexts[0], tcp::endpoint(net::ip::address_v4::loopback(), 0));
    accept();
    for (auto& context : contexts) {
      workers.emplace_back([&context = *context] {
        const auto guard = net::make_work_guard(context);
        context.run();
      });
    }
  }
  ~Impl() {
    for (auto& context : contexts) context->stop();
    workers.clear();
  }
  void accept() {
    net::io_context& target = *contexts[next++ % contexts.size()];
    acceptor->async_accept(target.get_executor(), [this](beast::error_code error, Socket socket) {
      if (error) return;
      socket.set_option(tcp::no_delay(true));
      std::make_shared<Session>(std::move(socket), answer, &work)->read();
      accept();
    });
  }

  std::shared_ptr<const std::string> answer;
  std::vector<std::unique_ptr<net::io_context>> contexts;
  std::optional<net::basic_socket_acceptor<tcp, net::io_context::executor_type>> acceptor;
  std::size_t next = 0;
  std::unique_ptr<Committer> committer;
  Work work;
  std::vector<std::jthread> workers;
};

BareServer::BareServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BareServer::~BareServer() = default;

std::unique_ptr<BareServer> BareServer::answering(std::string body, unsigned threads) {
  return std::unique_ptr<BareServer>(new BareServer(std::make_unique<Impl>(std::move(body), threads)));
}

std::unique_ptr<BareServer> BareServer::committing(const std::filesystem::path& directory,
                                                   std::size_t entry_bytes, std::string answer,
                                                   unsigned threads) {
  auto impl = std::make_unique<Impl>(std::move(answer), threads);
  impl->committer = std::make_unique<Committer>(directory, entry_bytes);
  impl->work = [committer = impl->committer.get()](std::string body, std::function<void()> done) {
    committer->add(std::move(body), std::move(done));
  };
  return std::unique_ptr<BareServer>(new BareServer(std::move(impl)));
}

std::uint16_t BareServer::port() const {
  return impl_->acceptor->local_endpoint().port();
}

}  // namespace ledger::bench
