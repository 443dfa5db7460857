#include "events/core/filing_number.hpp"
#include "tests/support/core_story.hpp"

using namespace ledger;
using namespace ledger::test;
using Strings = std::vector<std::string>;

namespace {
struct Qualified : Story {
  Tree tree;
  Qualified() {
    qualify();
    tree = plant();
  }
};
}  // namespace

TEST_CASE("a draft may miss everything, a submission nothing") {
  Qualified s;
  const Uuid filing = s.must(CreateFiling{s.subject, {}}, s.filer);
  REQUIRE(s.state_of(filing) == "draft");
  REQUIRE(s.errors(SubmitFiling{filing, false}, s.filer) ==
          Strings{"/algorithm_name required", "/role required", "/purpose required",
                  "/basic/algorithm_type required", "/basic/application_field required",
                  "/basic/launched_on required", "/basic/documents/self_assessment_report required",
                  "/basic/documents/public_disclosure required", "/details/data required",
                  "/details/model required", "/details/strategy required",
                  "/details/risk_and_prevention required", "/scope scope_empty",
                  "/declared declaration_missing"});
}

TEST_CASE("a subject that is not qualified saves no draft") {
  Story s;
  REQUIRE(s.ask(CreateFiling{s.subject, {}}, s.filer) == "subject_not_qualified");
}

TEST_CASE("a provider names features, a technical supporter its service and no product") {
  Qualified s;
  FilingForm form = filing_form(s.ledger, s.subject, {});
  const Uuid filing = s.must(CreateFiling{s.subject, form}, s.filer);
  REQUIRE(s.errors(SubmitFiling{filing, true}, s.filer) == Strings{"/scope scope_empty"});
  form.scope->technical_service = "模型接口";
  s.must(SaveDraft{filing, form}, s.filer);
  REQUIRE(s.errors(SubmitFiling{filing, true}, s.filer) ==
          Strings{"/scope/technical_service technical_service_forbidden", "/scope scope_empty"});
  form.role = AlgorithmRole::technical_supporter;
  form.scope->features = std::vector<Uuid>{s.tree.feature};
  form.scope->technical_service.reset();
  s.must(SaveDraft{filing, form}, s.filer);
  REQUIRE(s.errors(SubmitFiling{filing, true}, s.filer) ==
          Strings{"/scope scope_forbidden", "/scope/technical_service technical_service_missing"});
  form.scope->features->clear();
  form.scope->technical_service = "模型接口";
  s.must(SaveDraft{filing, form}, s.filer);
  REQUIRE(s.ask(SubmitFiling{filing, true}, s.filer) == "ok");
}

TEST_CASE("a scope resolves products and paths to their features, once, and freezes them") {
  Qualified s;
  const Uuid second = s.must(AddFeature{s.tree.product, s.tree.path, "热榜", {}}, s.filer);
  FilingForm form = filing_form(s.ledger, s.subject, {s.tree.feature});
  form.scope->products = std::vector<Uuid>{s.tree.product};
  form.scope->access_paths = std::vector<Uuid>{s.tree.path};
  const Uuid filing = s.must(CreateFiling{s.subject, form}, s.filer);
  s.must(SubmitFiling{filing, true}, s.filer);
  const auto position = *s.ledger.filing(filing)->submission_position;
  REQUIRE(s.ledger.frozen_scope(position)->resolved == std::vector<Uuid>{s.tree.feature, second});
  s.must(AddFeature{s.tree.product, s.tree.path, "第三个", {}}, s.filer);
  REQUIRE(s.ledger.frozen_scope(position)->resolved.size() == 2);
}

TEST_CASE("a draft may name unknown ids, its submission points at each") {
  Qualified s;
  FilingForm form = filing_form(s.ledger, s.subject, {s.tree.feature, s.ledger.fresh()});
  form.scope->products = std::vector<Uuid>{s.ledger.fresh()};
  const Uuid filing = s.must(CreateFiling{s.subject, form}, s.filer);
  REQUIRE(s.errors(SubmitFiling{filing, true}, s.filer) ==
          Strings{"/scope/products/0 scope_unknown", "/scope/features/1 scope_unknown"});
}

TEST_CASE("a filing goes through two rejections to its number") {
  Qualified s;
  const Uuid filing = s.submitted({s.tree.feature});
  for (unsigned round = 1; round <= 2; ++round) {
    s.must(StartReview{filing}, s.reviewer);
    s.must(RejectFiling{filing, Story::reasons()}, s.reviewer);
    REQUIRE(s.ledger.filing(filing)->rejections == round);
    s.must(SaveDraft{filing, filing_form(s.ledger, s.subject, {s.tree.feature})}, s.filer);
    REQUIRE(s.state_of(filing) == "draft");
    s.must(SubmitFiling{filing, true}, s.filer);
    REQUIRE(s.ledger.filing(filing)->attempt == round + 1);
    REQUIRE_FALSE(std::get<FilingSubmitted>(s.ledger.log.back().payload).unchanged);
  }
  s.must(StartReview{filing}, s.reviewer);
  s.must(ApproveFiling{filing}, s.reviewer);
  s.must(AssignNumber{filing}, s.registrar);
  const FilingState state = *s.ledger.filing(filing);
  REQUIRE(state.status == FilingStatus::numbered);
  REQUIRE(examine_number(state.digits, [](std::string_view) { return true; }).empty());
  const auto parts = decode_number(state.digits);
  REQUIRE(parts->region == "110108");
  REQUIRE(parts->subject_number == 1'000'001);
  REQUIRE(parts->type == 2);
  REQUIRE(parts->serial == 1);
  REQUIRE(state.number == "演示备" + state.digits + "号");
}

TEST_CASE("an unchanged resubmission is accepted and told") {
  Qualified s;
  const FilingForm form = filing_form(s.ledger, s.subject, {s.tree.feature});
  const Uuid filing = s.must(CreateFiling{s.subject, form}, s.filer);
  s.must(SubmitFiling{filing, true}, s.filer);
  s.must(StartReview{filing}, s.reviewer);
  s.must(RejectFiling{filing, Story::reasons()}, s.reviewer);
  REQUIRE(s.ask(SubmitFiling{filing, true}, s.filer) == "illegal_transition");
  s.must(SaveDraft{filing, form}, s.filer);
  s.must(SubmitFiling{filing, true}, s.filer);
  REQUIRE(std::get<FilingSubmitted>(s.ledger.log.back().payload).unchanged);
}

TEST_CASE("a withdrawn filing is submitted again from its last form") {
  Qualified s;
  const Uuid filing = s.submitted({s.tree.feature});
  s.must(WithdrawFiling{filing}, s.filer);
  REQUIRE(s.state_of(filing) == "draft");
  REQUIRE(s.ask(SubmitFiling{filing, true}, s.filer) == "ok");
  REQUIRE(std::get<FilingSubmitted>(s.ledger.log.back().payload).unchanged);
  REQUIRE(s.ledger.filing(filing)->attempt == 2);
  s.must(StartReview{filing}, s.reviewer);
  REQUIRE(s.ask(WithdrawFiling{filing}, s.filer) == "illegal_transition");
}

TEST_CASE("only the reviewer who started decides, another takes over") {
  Qualified s;
  const Person other = s.ledger.staff(Role::reviewer);
  const Uuid filing = s.submitted({s.tree.feature});
  REQUIRE(s.ask(ApproveFiling{filing}, s.reviewer) == "illegal_transition");
  s.must(StartReview{filing}, s.reviewer);
  REQUIRE(s.ask(ApproveFiling{filing}, other) == "not_reviewer_of_case");
  s.must(StartReview{filing}, other);
  REQUIRE(s.ask(ApproveFiling{filing}, s.reviewer) == "not_reviewer_of_case");
  REQUIRE(s.ask(ApproveFiling{filing}, other) == "ok");
}

TEST_CASE("four eyes: initial reviewer, reviewer and registrar are three people") {
  Qualified s;
  const auto also = [&](const Person& person, Role role) {
    s.must(GrantAccess{person.principal.text(), role, {}, {}}, s.ledger.admin());
    return Person{person.principal, role, {}};
  };
  const Uuid filing = s.submitted({s.tree.feature});
  REQUIRE(s.ask(StartReview{filing}, also(s.initial, Role::reviewer)) == "four_eyes");
  s.must(StartReview{filing}, s.reviewer);
  s.must(ApproveFiling{filing}, s.reviewer);
  REQUIRE(s.ask(AssignNumber{filing}, also(s.reviewer, Role::registrar)) == "four_eyes");
  s.must(AssignNumber{filing}, s.registrar);
  REQUIRE(s.ask(PublishFiling{filing, Series::algorithm, 1, Date::of(s.ledger.now)},
                also(s.reviewer, Role::registrar)) == "four_eyes");
}

TEST_CASE("nobody decides on a subject that they file for") {
  Qualified s;
  const Uuid filing = s.submitted({s.tree.feature});
  s.must(GrantAccess{s.reviewer.principal.text(), Role::filer, s.subject, {}}, s.ledger.admin());
  REQUIRE(s.ask(StartReview{filing}, s.reviewer) == "own_case");
}

TEST_CASE("serials count per subject and type without gaps") {
  Qualified s;
  for (unsigned n = 1; n <= 3; ++n) {
    const Uuid filing = s.approved({s.tree.feature});
    s.must(AssignNumber{filing}, s.registrar);
    REQUIRE(decode_number(s.ledger.filing(filing)->digits)->serial == n);
  }
  FilingForm form = filing_form(s.ledger, s.subject, {s.tree.feature});
  form.basic->algorithm_type = AlgorithmType::dispatch_decision;
  const Uuid filing = s.must(CreateFiling{s.subject, form}, s.filer);
  s.must(SubmitFiling{filing, true}, s.filer);
  s.must(StartReview{filing}, s.reviewer);
  s.must(ApproveFiling{filing}, s.reviewer);
  s.must(AssignNumber{filing}, s.registrar);
  REQUIRE(decode_number(s.ledger.filing(filing)->digits)->serial == 1);
}

TEST_CASE("a publication carries the whole public record and nothing before the number's day") {
  Qualified s;
  const Uuid filing = s.approved({s.tree.feature});
  s.must(AssignNumber{filing}, s.registrar);
  const Date today = Date::of(s.ledger.now);
  REQUIRE(s.errors(PublishFiling{filing, Series::algorithm, 1, Date{today.days - 1}}, s.registrar) ==
          Strings{"/announced_on date_before_number"});
  s.must(PublishFiling{filing, Series::algorithm, 3, today}, s.registrar);
  const PublicRecord record = *s.ledger.filing(filing)->public_record;
  REQUIRE(record.number == s.ledger.filing(filing)->number);
  REQUIRE(record.products == "示例应用（APP）");
  REQUIRE(record.organization_name == "示例科技有限公司");
  REQUIRE(record.batch == 3u);
  REQUIRE(record.status == "published");
}

TEST_CASE("a published filing carries one open change and keeps number and type") {
  Qualified s;
  const Uuid filing = s.published({s.tree.feature});
  const std::string number = s.ledger.filing(filing)->number;
  FilingForm form = filing_form(s.ledger, s.subject, {s.tree.feature});
  form.algorithm_name = "新名称算法";
  const Date today = Date::of(s.ledger.now);
  REQUIRE(s.ask(ApproveChange{filing}, s.reviewer) == "no_open_change");
  s.must(SubmitChange{filing, form, today}, s.filer);
  REQUIRE(s.ask(SubmitChange{filing, form, today}, s.filer) == "change_open");
  REQUIRE(s.state_of(filing) == "published");
  s.must(WithdrawChange{filing}, s.filer);
  s.must(SubmitChange{filing, form, today}, s.filer);
  s.must(RejectChange{filing, Story::reasons("/algorithm_name")}, s.reviewer);
  s.must(SubmitChange{filing, form, today}, s.filer);
  s.must(ApproveChange{filing}, s.reviewer);
  REQUIRE(s.ledger.filing(filing)->public_record->algorithm_name == "新名称算法");
  REQUIRE(s.ledger.filing(filing)->number == number);
  form.basic->algorithm_type = AlgorithmType::content_filtering;
  REQUIRE(s.errors(SubmitChange{filing, form, Date{today.days + 1}}, s.filer) ==
          Strings{"/form/basic/algorithm_type type_fixed", "/changed_on date_in_future"});
}

TEST_CASE("cancellation: by request through a reviewer, ex officio by a supervisor") {
  Qualified s;
  const Uuid filing = s.published({s.tree.feature});
  REQUIRE(s.ask(CancelFiling{filing, {}, {}, {}}, s.reviewer) == "cancellation_not_requested");
  s.must(RequestCancellation{filing, Date::of(s.ledger.now), "下线"}, s.filer);
  REQUIRE(s.ask(RequestCancellation{filing, {}, {}}, s.filer) == "cancellation_open");
  s.must(RejectCancellation{filing, Story::reasons("/purpose")}, s.reviewer);
  s.must(RequestCancellation{filing, Date::of(s.ledger.now), {}}, s.filer);
  s.must(CancelFiling{filing, {}, {}, {}}, s.reviewer);
  REQUIRE(s.state_of(filing) == "cancelled");
  REQUIRE(s.ledger.filing(filing)->public_record->status == "cancelled");

  const Uuid other = s.approved({s.tree.feature});
  REQUIRE(s.errors(CancelFiling{other, {}, {}, {}}, s.supervisor) == Strings{"/ground required"});
  s.must(CancelFiling{other, "停止服务", {}, {}}, s.supervisor);
  REQUIRE_FALSE(s.ledger.filing(other)->public_record);
}

TEST_CASE("a revocation states its ground and ends the filing") {
  Qualified s;
  const Uuid filing = s.published({s.tree.feature});
  REQUIRE(s.ask(RevokeFiling{filing, "", {}}, s.supervisor) == "fields_invalid");
  s.must(RevokeFiling{filing, "隐瞒有关情况", "内部说明"}, s.supervisor);
  REQUIRE(s.state_of(filing) == "revoked");
  REQUIRE(s.ask(RevokeFiling{filing, "x", {}}, s.supervisor) == "illegal_transition");
}

TEST_CASE("a correction keeps number and status and changes what it names") {
  Qualified s;
  const Uuid filing = s.published({s.tree.feature});
  RecordCorrection correction;
  correction.organization_name = "更正后的名称";
  s.must(CorrectAnnouncement{filing, correction, "笔误"}, s.registrar);
  const PublicRecord record = *s.ledger.filing(filing)->public_record;
  REQUIRE(record.organization_name == "更正后的名称");
  REQUIRE(record.algorithm_name == "示例推荐算法");
  REQUIRE(record.status == "published");
}

TEST_CASE("an imported number announced twice is one record") {
  Story s;
  const Person op{s.ledger.fresh(), Role::operator_, {}};
  RecordImported row;
  row.digits = "330110807992101250019";
  row.public_record.number = "网信算备330110807992101250019号";
  const Uuid first = s.must(ImportRecord{row}, op);
  const Uuid second = s.must(ImportRecord{row}, op);
  REQUIRE(first == second);
  REQUIRE(s.ledger.filing(first)->version == 2);
  s.must(CancelFiling{first, "注销公告", {}, Date::parse("2025-07-14")}, op);
  s.must(ImportRecord{row}, op);
  REQUIRE(s.state_of(first) == "cancelled");
}

TEST_CASE("a decision that needs erased text is refused, not guessed") {
  Qualified s;
  const Uuid filing =
      s.must(CreateFiling{s.subject, filing_form(s.ledger, s.subject, {s.tree.feature})}, s.filer);
  s.ledger.erased.insert(s.ledger.log.size() - 1);
  REQUIRE(s.ask(SubmitFiling{filing, true}, s.filer) == "record_erased");
}

TEST_CASE("the gate refuses what decide would never make") {
  Qualified s;
  const Uuid filing = s.submitted({s.tree.feature});
  const StreamId stream{StreamKind::filing, filing};
  const auto rule = [&](Payload payload, const Person& person, std::uint64_t version = 3) {
    const auto violation = s.ledger.judge(stream, std::move(payload), person, version);
    return violation ? std::string(violation->rule) : "admissible";
  };
  REQUIRE(rule(ReviewStarted{1}, s.reviewer) == "admissible");
  REQUIRE(rule(ReviewStarted{1}, s.reviewer, 4) == "version");
  REQUIRE(rule(ReviewStarted{2}, s.reviewer) == "attempt");
  REQUIRE(rule(ReviewStarted{1}, s.filer) == "role");
  REQUIRE(rule(ReviewStarted{1}, {s.initial.principal, Role::reviewer, {}}) == "four_eyes");
  REQUIRE(rule(FilingApproved{1, 0}, s.reviewer) == "transition");
  REQUIRE(rule(SubjectApproved{1, 1'000'002}, s.initial) == "stream");
  REQUIRE(rule(FilingWithdrawn{1}, {s.ledger.fresh(), Role::filer, {}}) == "own_subject");
  s.must(StartReview{filing}, s.reviewer);
  REQUIRE(rule(FilingRejected{1, {}}, s.reviewer, 4) == "reasons");
  REQUIRE(rule(FilingApproved{1, 0}, s.reviewer, 4) == "submission");
  s.must(ApproveFiling{filing}, s.reviewer);
  NumberAssigned number{
      "演示备", "110108100000102260012", "110108", 1'000'001, AlgorithmType::personalized_push, 26, 1};
  REQUIRE(rule(number, s.registrar, 5) == "check_digit");
}

TEST_CASE("a correction needs four eyes as a publication does, and nobody corrects the own filing") {
  Qualified s;
  const Uuid filing = s.published({s.tree.feature});
  RecordCorrection correction;
  correction.remark = "更正";
  s.must(GrantAccess{s.reviewer.principal.text(), Role::registrar, {}, {}}, s.ledger.admin());
  REQUIRE(s.ask(CorrectAnnouncement{filing, correction, {}}, {s.reviewer.principal, Role::registrar, {}}) ==
          "four_eyes");
  s.must(GrantAccess{s.registrar.principal.text(), Role::filer, s.subject, {}}, s.ledger.admin());
  REQUIRE(s.ask(CorrectAnnouncement{filing, correction, {}}, s.registrar) == "own_case");
}

TEST_CASE("a reason may point at the whole form, and blanks are no answer") {
  Qualified s;
  FilingForm form = filing_form(s.ledger, s.subject, {s.tree.feature});
  form.algorithm_name = " \u3000\t";
  const Uuid filing = s.must(CreateFiling{s.subject, form}, s.filer);
  REQUIRE(s.errors(SubmitFiling{filing, true}, s.filer) == Strings{"/algorithm_name required"});
  form.algorithm_name = "两个算法";
  s.must(SaveDraft{filing, form}, s.filer);
  s.must(SubmitFiling{filing, true}, s.filer);
  s.must(StartReview{filing}, s.reviewer);
  REQUIRE(s.ask(RejectFiling{filing, {{"several_algorithms", "", {}}}}, s.reviewer) == "ok");
}
