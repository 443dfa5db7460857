#include "server/bench/bench_ledger.hpp"

#include <stdexcept>

#include "events/core/credit_code.hpp"
#include "events/store/documents.hpp"

namespace ledger::bench {

BenchLedger::BenchLedger(const std::filesystem::path& directory,
                         const std::function<void(store::EngineOptions&)>& change) {
  const auto created = store::Engine::create({.data = directory / "data",
                                              .master_key = {},
                                              .origin = "bench.example/ledger",
                                              .number_prefix = "演示备",
                                              .at = {}});
  if (!created) throw std::runtime_error("bench: " + created.error().detail);
  store::EngineOptions options;
  options.data = directory / "data";
  if (change) change(options);
  auto opened = store::Engine::open(std::move(options), models.all());
  if (!opened) throw std::runtime_error("bench: " + opened.error().detail);
  engine = std::move(*opened);

  const store::Granted admin{engine->authenticate(created->admin_token)->grant_id};
  const auto initial = must(GrantAccess{"bench initial reviewer", Role::initial_reviewer, {}, {}}, admin);
  std::string code = "91110108MA0000001";
  code += *credit_code_check_character(code);
  const auto registered =
      must(RegisterSubject{"示例科技有限公司", code, "110108", {"联系人", "13700000000", "c@example.cn"}},
           store::Anonymous{});
  subject = registered.id;
  filer = {*registered.grant_id};
  filer_token = *registered.token;

  const auto upload = [&](std::string_view content) {
    auto writer = engine->documents().begin(subject, *engine->document_key(subject), 1U << 20);
    if (!writer || !writer->write(bytes_of(content))) throw std::runtime_error("bench: document");
    const auto stored = writer->finish();
    if (!stored) throw std::runtime_error("bench: document");
    return stored->digest;
  };
  SubjectForm form;
  form.organization_name = "示例科技有限公司";
  form.credit_code = code;
  form.region = "110108";
  form.website_name = "示例网";
  form.website_domain = "example.cn";
  form.daily_visits = 120'000;
  form.basic_information = {"enterprise", "北京市海淀区示例路1号", "软件和信息技术服务业"};
  form.certificate = {"business_license", code};
  form.legal_representative = {"代表人", "110101199001010011", {}, "13800000000", "r@example.cn"};
  form.safety_officer = {"负责人", {}, "算法安全责任人", "13900000000", "o@example.cn"};
  form.documents = {upload("letter"), upload("statement")};
  form.confirmed = true;
  must(SubmitSubject{subject, form}, filer);
  must(ApproveSubject{subject}, store::Granted{*initial.grant_id});
}

store::Accepted BenchLedger::must(Command command,
                                  std::variant<store::Anonymous, store::Trusted, store::Granted> caller) {
  store::Submission submission;
  submission.command = std::move(command);
  submission.caller = caller;
  if (needs_expected_version(submission.command)) {
    const auto stream = addressed_stream(submission.command);
    submission.expected = store::ExpectedVersion{false, {engine->snapshot().stream_version(*stream)}};
  }
  auto outcome = engine->execute(std::move(submission));
  if (!outcome) throw std::runtime_error("bench: refused, " + std::string(outcome.error().code));
  return std::move(*outcome);
}

std::string BenchLedger::auditor_token() {
  const auto granted = must(GrantAccess{"bench auditor", Role::auditor, {}, {}}, store::Trusted{});
  return granted.token.value();
}

std::vector<Uuid> BenchLedger::drafts(std::size_t count) {
  std::vector<Uuid> filings;
  filings.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    filings.push_back(must(CreateFiling{subject, kilobyte_form()}, filer).id);
  }
  return filings;
}

FilingForm BenchLedger::kilobyte_form() {
  FilingForm form;
  form.algorithm_name = "示例推荐算法";
  form.role = AlgorithmRole::provider;
  form.purpose = "应用于资讯推荐场景，通过用户的历史行为数据为用户推荐可能感兴趣的内容。";
  std::string details;
  while (details.size() < 190) details += "用户行为数据与内容特征的说明。";
  form.details = FilingForm::Details{details, details, details, details};
  return form;
}

}  // namespace ledger::bench
