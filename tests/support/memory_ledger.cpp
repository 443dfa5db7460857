#include "tests/support/memory_ledger.hpp"

#include "events/core/credit_code.hpp"

namespace ledger::test {

std::string credit_code(unsigned n) {
  std::string code = "91110108MA";
  std::string serial = std::to_string(n);
  code += std::string(7 - serial.size(), '0') + serial;
  return code + *credit_code_check_character(code);
}

SubjectForm subject_form(MemoryLedger& ledger, const Uuid& subject) {
  const SubjectState state = *ledger.subject(subject);
  SubjectForm form;
  form.organization_name = state.organization_name;
  form.credit_code = state.credit_code;
  form.region = state.region;
  form.website_name = "示例网";
  form.website_domain = "example.cn";
  form.daily_visits = 120'000;
  form.basic_information = {"enterprise", "北京市海淀区示例路1号", "软件和信息技术服务业"};
  form.certificate = {"business_license", state.credit_code};
  form.legal_representative = {"张三", "110101199001010011", {}, "13800000000", "zhang@example.cn"};
  form.safety_officer = {"李四", {}, "算法安全责任人", "13900000000", "li@example.cn"};
  form.documents = {ledger.upload(subject), ledger.upload(subject)};
  form.confirmed = true;
  return form;
}

FilingForm filing_form(MemoryLedger& ledger, const Uuid& subject, std::vector<Uuid> features) {
  FilingForm form;
  form.algorithm_name = "示例推荐算法";
  form.role = AlgorithmRole::provider;
  form.purpose = "应用于资讯推荐场景";
  form.basic = FilingForm::Basic{AlgorithmType::personalized_push, "资讯", Date::parse("2026-09-01"),
                                 FilingForm::Documents{ledger.upload(subject), ledger.upload(subject)}};
  form.details = {"用户行为数据", "协同过滤", "排序策略", "人工复核"};
  form.scope = FilingForm::Scope{};
  form.scope->features = std::move(features);
  return form;
}

}  // namespace ledger::test
