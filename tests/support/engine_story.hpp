// A real ledger in a temporary directory, and the steps that most stories of the engine begin with.
#pragma once

#include <atomic>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "events/core/credit_code.hpp"
#include "events/store/documents.hpp"
#include "events/store/engine.hpp"
#include "tests/support/temp_dir.hpp"

namespace ledger::test {

/// Private values that the stories use; none of them may be found in any file. (Product names become public
/// with the filing that names them.)
inline const std::vector<std::string> kPrivateTexts = {
    "王五联系人",         "13700000001", "wang@example.cn", "张三代表人", "李四负责人",
    "协同过滤与因子分解", "推荐流功能",  "机制说明不清",    "初审人员甲", "复审人员乙"};

inline std::string credit_code_of(unsigned n) {
  std::string code = "91110108MA";
  const std::string serial = std::to_string(n);
  code += std::string(7 - serial.size(), '0') + serial;
  return code + *credit_code_check_character(code);
}

struct EngineStory {
  TempDir dir;
  std::atomic<std::int64_t> now{1'790'000'000'000'000};
  store::Created created;
  store::EngineOptions options;
  std::vector<store::Projection*> projections;
  std::vector<std::string> notices;
  std::unique_ptr<store::Engine> engine;
  store::Granted admin;

  explicit EngineStory(bool opened = true) {
    auto made = store::Engine::create({.data = data(),
                                       .master_key = {},
                                       .origin = "ledger.test/story",
                                       .number_prefix = "演示备",
                                       .at = TimestampUs{now - 1'000'000}});
    if (!made) FAIL("create: " << made.error().detail);
    created = *made;
    options.data = data();
    options.ledger_map_bytes = options.views_map_bytes = std::uint64_t{1} << 30;
    options.clock = [this] { return TimestampUs{now.load()}; };
    options.on_notice = [this](std::string text) { notices.push_back(std::move(text)); };
    if (opened) open();
  }
  ~EngineStory() { engine.reset(); }

  [[nodiscard]] std::filesystem::path data() const { return dir / "data"; }
  void open() {
    auto opened = store::Engine::open(options, projections);
    if (!opened) FAIL("open: " << opened.error().detail);
    engine = std::move(*opened);
    const auto grant = engine->authenticate(created.admin_token);
    REQUIRE(grant);
    admin = {grant->grant_id};
  }
  void reopen() {
    engine.reset();
    open();
  }

  using Caller = std::variant<store::Anonymous, store::Trusted, store::Granted>;
  static store::Submission submission(Command command, Caller caller) {
    store::Submission given;
    given.command = std::move(command);
    given.caller = caller;
    return given;
  }
  store::Outcome ask(Command command, Caller caller) {
    auto given = submission(std::move(command), caller);
    // Decisions name the version that they read, like a careful client.
    if (needs_expected_version(given.command)) {
      const auto stream = addressed_stream(given.command);
      given.expected = store::ExpectedVersion{false, {engine->snapshot().stream_version(*stream)}};
    }
    return engine->execute(std::move(given));
  }
  store::Accepted must(Command command, Caller caller) {
    auto outcome = ask(std::move(command), caller);
    if (!outcome) {
      FAIL("refused: " << outcome.error().code << " " << outcome.error().state << " "
                       << outcome.error().detail
                       << (outcome.error().errors.empty() ? "" : outcome.error().errors[0].pointer));
    }
    return *outcome;
  }
  std::string code_of_ask(Command command, Caller caller) {
    auto outcome = ask(std::move(command), caller);
    return outcome ? "ok" : std::string(outcome.error().code);
  }

  store::Granted staff(Role role, std::string name) {
    return {*must(GrantAccess{std::move(name), role, {}, {}}, admin).grant_id};
  }
  struct Registered {
    Uuid subject;
    store::Granted filer;
  };
  static RegisterSubject registration(unsigned n) {
    return {"示例科技有限公司",
            credit_code_of(n),
            "110108",
            {kPrivateTexts[0], kPrivateTexts[1], kPrivateTexts[2]}};
  }
  Registered registered(unsigned n) {
    const auto accepted = must(registration(n), store::Anonymous{});
    return {accepted.id, {*accepted.grant_id}};
  }
  Digest upload(const Uuid& subject, const std::string& content) {
    auto writer = engine->documents().begin(subject, *engine->document_key(subject), 1 << 20);
    REQUIRE(writer);
    REQUIRE(writer->write(bytes_of(content)));
    const auto stored = writer->finish();
    REQUIRE(stored);
    return stored->digest;
  }
  SubjectForm subject_form(const Uuid& subject) {
    const SubjectState state = *engine->snapshot().lookup().subject(subject);
    SubjectForm form;
    form.organization_name = state.organization_name;
    form.credit_code = state.credit_code;
    form.region = state.region;
    form.website_name = "示例网";
    form.website_domain = "example.cn";
    form.daily_visits = 120'000;
    form.basic_information = {"enterprise", "北京市海淀区示例路1号", "软件和信息技术服务业"};
    form.certificate = {"business_license", state.credit_code};
    form.legal_representative = {
        kPrivateTexts[3], "110101199001010011", {}, "13800000000", "zhang@example.cn"};
    form.safety_officer = {kPrivateTexts[4], {}, "算法安全责任人", "13900000000", "li@example.cn"};
    form.documents = {upload(subject, "承诺书"), upload(subject, "基本情况")};
    form.confirmed = true;
    return form;
  }
  Registered qualified(unsigned n, const store::Granted& initial) {
    const Registered made = registered(n);
    must(SubmitSubject{made.subject, subject_form(made.subject)}, made.filer);
    must(ApproveSubject{made.subject}, initial);
    return made;
  }
  static FilingForm draft_form(std::string_view details = kPrivateTexts[5]) {
    FilingForm form;
    form.algorithm_name = "示例推荐算法";
    form.role = AlgorithmRole::provider;
    form.purpose = "应用于资讯推荐场景";
    form.details = FilingForm::Details{"用户行为数据", std::string(details), "排序策略", "人工复核"};
    return form;
  }
  FilingForm whole_form(const Uuid& subject, std::vector<Uuid> features) {
    FilingForm form = draft_form();
    form.basic = FilingForm::Basic{
        AlgorithmType::personalized_push, "资讯", Date::parse("2026-09-01"),
        FilingForm::Documents{upload(subject, "自评估报告"), upload(subject, "拟公示内容")}};
    form.scope = FilingForm::Scope{};
    form.scope->features = std::move(features);
    return form;
  }

  /// A whole life, from registration to publication and change, with a rejection on the way. Answers the
  /// filing.
  Uuid whole_life(unsigned n) {
    const store::Granted initial = staff(Role::initial_reviewer, kPrivateTexts[8]);
    const store::Granted reviewer = staff(Role::reviewer, kPrivateTexts[9]);
    const store::Granted registrar = staff(Role::registrar, "登记员");
    const Registered made = qualified(n, initial);
    const Uuid product = must(AddProduct{made.subject, "示例应用产品", ProductForm::app}, made.filer).id;
    const Uuid path = must(AddAccessPath{product, {"首页", "推荐"}}, made.filer).id;
    const Uuid feature = must(AddFeature{product, path, kPrivateTexts[6], "按兴趣排序"}, made.filer).id;
    const Uuid filing = must(CreateFiling{made.subject, draft_form()}, made.filer).id;
    must(SaveDraft{filing, whole_form(made.subject, {feature})}, made.filer);
    must(SubmitFiling{filing, true}, made.filer);
    must(StartReview{filing}, reviewer);
    must(RejectFiling{filing, {{"mechanism_vague", "/details/model", kPrivateTexts[7]}}}, reviewer);
    must(SaveDraft{filing, whole_form(made.subject, {feature})}, made.filer);
    must(SubmitFiling{filing, true}, made.filer);
    must(StartReview{filing}, reviewer);
    must(ApproveFiling{filing}, reviewer);
    must(AssignNumber{filing}, registrar);
    must(PublishFiling{filing, Series::algorithm, 1, Date::of(TimestampUs{now})}, registrar);
    must(SubmitChange{filing, whole_form(made.subject, {feature}), Date::of(TimestampUs{now})}, made.filer);
    must(ApproveChange{filing}, reviewer);
    return filing;
  }
};

/// The whole of a file.
inline std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace ledger::test
