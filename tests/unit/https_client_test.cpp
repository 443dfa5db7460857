// https of the witness client: a peer is believed only with a certificate of a known authority for its name.
#include <arpa/inet.h>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "server/witness/http_client.hpp"
#include "tests/support/temp_dir.hpp"

using namespace ledger::witness;
using ledger::test::TempDir;

namespace {

template <typename T, void (*Free)(T*)>
struct Freed {
  void operator()(T* what) const { Free(what); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;

/// A certificate for `localhost`, its own authority.
Certificate certificate_of(EVP_PKEY* key) {
  Certificate made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key);
  X509_NAME* name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                             -1, -1, 0);
  X509_set_issuer_name(made.get(), name);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, const_cast<char*>("DNS:localhost"));
  X509_add_ext(made.get(), names, -1);
  X509_EXTENSION_free(names);
  X509_sign(made.get(), key, EVP_sha256());
  return made;
}

/// Shakes hands and answers `ok` until it is destroyed: with a length, or ended by the end of the connection,
/// which anyone could bring about.
class TlsServer {
 public:
  explicit TlsServer(bool with_length)
      : with_length_(with_length),
        key_(EVP_RSA_gen(2048)),
        certificate_(certificate_of(key_.get())),
        context_(SSL_CTX_new(TLS_server_method())),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SSL_CTX_use_certificate(context_.get(), certificate_.get());
    SSL_CTX_use_PrivateKey(context_.get(), key_.get());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(listener_, 4) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~TlsServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  void write_certificate(const std::string& path) const {
    std::FILE* file = std::fopen(path.c_str(), "w");
    REQUIRE(file != nullptr);
    PEM_write_X509(file, certificate_.get());
    std::fclose(file);
  }
  [[nodiscard]] UrlPrefix url(const std::string& host) const {
    return UrlPrefix::parse("https://" + host + ":" + std::to_string(port_)).value();
  }

 private:
  void run() {
    for (int peer; (peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      SSL* tls = SSL_new(context_.get());
      SSL_set_fd(tls, peer);
      char bytes[4096];
      if (SSL_accept(tls) == 1 && SSL_read(tls, bytes, sizeof bytes) > 0) {
        const std::string answer = with_length_ ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                                                : "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok";
        SSL_write(tls, answer.data(), static_cast<int>(answer.size()));
      }
      SSL_free(tls);  // without a goodbye
      ::close(peer);
    }
  }

  const bool with_length_;
  Key key_;
  Certificate certificate_;
  Context context_;
  const int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("https believes a certificate of a known authority for the name that was asked, and no other") {
  const TempDir root;
  const TlsServer server(true);
  const std::string authority = root / "ca.pem";
  server.write_certificate(authority);
  HttpLimits limits;
  limits.ca_file = authority;
  HttpClient knowing(limits), strange;
  const auto answer = knowing.get(server.url("localhost"), "/");
  if (!answer) FAIL(answer.error().message());
  CHECK(answer->status == 200);
  CHECK(answer->body == "ok");

  const auto refused = [](const auto& result) {
    REQUIRE_FALSE(result);
    return result.error().message();
  };
  CHECK(refused(strange.get(server.url("localhost"), "/")).starts_with("TLS handshake: "));
  CHECK(refused(knowing.get(server.url("127.0.0.1"), "/")).starts_with("TLS handshake: "));
  limits.ca_file = root / "absent.pem";
  HttpClient misled(limits);
  CHECK(refused(misled.get(server.url("localhost"), "/")).starts_with("load authorities: "));
  // Plain HTTP to it is no answer either.
  auto plain = server.url("localhost");
  plain.tls = false;
  CHECK_FALSE(knowing.get(plain, "/"));
}

TEST_CASE("an answer over https that may have been cut short is none") {
  const TempDir root;
  const TlsServer server(false);
  HttpLimits limits;
  limits.ca_file = root / "ca.pem";
  server.write_certificate(limits.ca_file);
  HttpClient client(limits);
  const auto answer = client.get(server.url("localhost"), "/");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().message().starts_with("receive: "));
}

TEST_CASE("a client that was stopped refuses at once") {
  HttpClient client;
  client.stop();
  const auto answer = client.get(UrlPrefix::parse("http://127.0.0.1:1").value(), "/");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().reason == "stopped");
  const auto named = client.get(UrlPrefix::parse("http://localhost:1").value(), "/");
  REQUIRE_FALSE(named);
  CHECK(named.error().reason == "stopped");
}
