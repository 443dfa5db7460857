#include "tests/support/served_ledger.hpp"

#include <array>
#include <stdexcept>

namespace ledger::test {

std::string credit_code(int n) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  std::string code = "91110108MA0000000";
  for (std::size_t at = code.size(); n > 0; n /= 10) code[--at] = static_cast<char>('0' + n % 10);
  int weight = 1;
  int sum = 0;
  for (const char c : code) {
    sum += static_cast<int>(kAlphabet.find(c)) * weight;
    weight = weight * 3 % 31;
  }
  return code + kAlphabet[static_cast<std::size_t>((31 - sum % 31) % 31)];
}

std::vector<std::string> Answer::errors() const {
  std::vector<std::string> out;
  const boost::json::object* object = json.if_object();
  const boost::json::value* list = object != nullptr ? object->if_contains("errors") : nullptr;
  if (list == nullptr) return out;
  for (const boost::json::value& error : list->as_array()) {
    const boost::json::object& item = error.as_object();
    out.push_back(std::string(item.at("pointer").as_string()) + " " +
                  std::string(item.at("code").as_string()));
  }
  return out;
}

ServedLedger::ServedLedger(server::Options options, bool closed) {
  const auto created = store::Engine::create({.data = dir_ / "data",
                                              .master_key = {},
                                              .origin = "ledger.example/test",
                                              .number_prefix = "演示备",
                                              .at = {}});
  if (!created) throw std::runtime_error(created.error().detail);
  admin_ = created->admin_token;
  app_ = std::make_unique<server::App>(std::move(options));
  http::Options transport;
  transport.listen = "127.0.0.1:0";
  transport.io_threads = 2;
  // Lets a test be a client from anywhere.
  transport.trusted_proxies = {"127.0.0.1"};
  auto listening = http::Server::listen(std::move(transport), *app_);
  if (!listening) throw std::runtime_error(listening.error().text);
  server_ = std::move(*listening);
  app_->set_transport([server = server_.get()] { return server->counters(); });
  if (!closed) open();
  thread_ = std::thread([this] { server_->run(); });
}

ServedLedger::~ServedLedger() {
  app_->drain();
  server_->stop(std::chrono::seconds(5));
  thread_.join();
  if (engine_) engine_->close();
}

void ServedLedger::open() {
  store::EngineOptions options;
  options.data = dir_ / "data";
  options.ledger_map_bytes = std::uint64_t{1} << 30;
  options.views_map_bytes = std::uint64_t{1} << 30;
  options.on_published = [this] { app_->published(); };
  auto engine = store::Engine::open(std::move(options), models_.all());
  if (!engine) throw std::runtime_error(engine.error().detail);
  engine_ = std::move(*engine);
  app_->set_engine(*engine_, models_);
}

Answer ServedLedger::call(const Ask& ask) const {
  std::string request = ask.method + " " + ask.path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n";
  if (!ask.token.empty()) request += "Authorization: Bearer " + ask.token + "\r\n";
  request += ask.headers;
  if (ask.body) {
    if (!ask.type.empty()) request += "Content-Type: " + ask.type + "\r\n";
    request += "Content-Length: " + std::to_string(ask.body->size()) + "\r\n";
  }
  request += "\r\n";
  if (ask.body) request += *ask.body;
  http::test::RawClient client(server_->port());
  client.send(request);
  auto response = client.read(ask.method == "HEAD");
  if (!response) throw std::runtime_error("no answer to " + ask.method + " " + ask.path);
  Answer answer{std::move(*response), {}};
  if (answer.raw.header("content-type").find("json") != std::string::npos) {
    boost::json::error_code error;
    answer.json = boost::json::parse(answer.raw.body, error);
  }
  return answer;
}

Answer ServedLedger::get(std::string path, std::string token, std::string headers) const {
  return call(
      {.method = "GET", .path = std::move(path), .token = std::move(token), .headers = std::move(headers)});
}

Answer ServedLedger::post(std::string path, std::string token, std::string body, std::string headers) const {
  return call({.method = "POST",
               .path = std::move(path),
               .token = std::move(token),
               .body = std::move(body),
               .headers = std::move(headers)});
}

Answer ServedLedger::upload(std::string token, std::string content) const {
  return call({.method = "PUT",
               .path = "/v1/documents",
               .token = std::move(token),
               .body = std::move(content),
               .type = "application/pdf"});
}

std::string ServedLedger::grant(std::string_view principal, std::string_view role) const {
  std::string body = R"({"principal":")";
  body += principal;
  body += R"(","role":")";
  body += role;
  body += "\"}";
  const Answer made = post("/v1/access/grants", admin_, body);
  if (made.status() != 201) throw std::runtime_error("no grant: " + made.raw.body);
  return made.text("token");
}

ServedLedger::Registered ServedLedger::registered(int n) const {
  const Answer made =
      post("/v1/subjects", {},
           R"({"organization_name":"示例科技有限公司","credit_code":")" + credit_code(n) +
               R"(","region":"110108","contact":{"name":"王五","phone":"1","email":"w@example.cn"}})");
  if (made.status() != 201) throw std::runtime_error("not registered: " + made.raw.body);
  return {made.text("id"), made.text("token")};
}

std::string ServedLedger::subject_form(const Registered& subject, int n) const {
  const std::string letter = upload(subject.token, "letter").text("digest");
  const std::string statement = upload(subject.token, "statement").text("digest");
  return R"({"organization_name":"示例科技有限公司","credit_code":")" + credit_code(n) +
         R"(","region":"110108","website_name":"示例网","website_domain":"example.cn","daily_visits":120000,)"
         R"("basic_information":{"kind":"enterprise","registered_address":"示例路1号","industry":"软件"},)"
         R"("certificate":{"kind":"business_license","number":"1"},)"
         R"("legal_representative":{"name":"张三丰","id_number":"1","phone":"1","email":"z@example.cn"},)"
         R"("safety_officer":{"name":"李四","position":"算法安全责任人","phone":"1","email":"l@example.cn"},)"
         R"("documents":{"commitment_letter":")" +
         letter + R"(","responsibility_statement":")" + statement + R"("},"confirmed":true})";
}

ServedLedger::Registered ServedLedger::qualified(int n, const std::string& initial_reviewer) const {
  Registered subject = registered(n);
  const Answer submitted =
      post("/v1/subjects/" + subject.id + "/submit", subject.token, subject_form(subject, n));
  if (submitted.status() != 200) throw std::runtime_error("not submitted: " + submitted.raw.body);
  const Answer approved = post("/v1/subjects/" + subject.id + "/approve", initial_reviewer, "{}",
                               "If-Match: " + submitted.raw.header("etag") + "\r\n");
  if (approved.status() != 200) throw std::runtime_error("not approved: " + approved.raw.body);
  return subject;
}

}  // namespace ledger::test
