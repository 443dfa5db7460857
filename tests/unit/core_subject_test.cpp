#include "tests/support/core_story.hpp"

using namespace ledger;
using namespace ledger::test;
using Strings = std::vector<std::string>;

TEST_CASE("a registration is one event and grants its filer") {
  Story s;
  const SubjectState state = *s.ledger.subject(s.subject);
  REQUIRE(state.status == SubjectStatus::registered);
  REQUIRE(state.version == 1);
  REQUIRE(s.ledger.grant(state.filer_grant)->subject_id == s.subject);
  REQUIRE(s.ledger.grant(state.filer_grant)->role == Role::filer);
}

TEST_CASE("a registration names every field that is wrong") {
  Story s;
  REQUIRE(s.errors(RegisterSubject{"", "91110108MA01EXAMPL", "000000", {}}, s.nobody) ==
          Strings{"/credit_code credit_code_invalid", "/region region_unknown", "/organization_name required",
                  "/contact/name required", "/contact/phone required", "/contact/email required"});
}

TEST_CASE("a credit code is unique among live subjects and free again after closing") {
  Story s;
  const RegisterSubject again{"别家", credit_code(1), "110108", {"a", "b", "c"}};
  REQUIRE(s.ask(again, s.nobody) == "credit_code_taken");
  s.must(CloseSubject{s.subject, "撤销"}, s.ledger.admin());
  REQUIRE(s.ask(again, s.nobody) == "ok");
}

TEST_CASE("a submission needs every field, both documents and the confirmation") {
  Story s;
  const auto errors = s.errors(SubmitSubject{s.subject, {}}, s.filer);
  REQUIRE(errors.size() == 22);
  REQUIRE(std::ranges::count(errors, "/documents/commitment_letter required") == 1);
  REQUIRE(std::ranges::count(errors, "/documents/responsibility_statement required") == 1);
  REQUIRE(std::ranges::count(errors, "/confirmed confirmation_missing") == 1);

  SubjectForm form = subject_form(s.ledger, s.subject);
  form.documents->commitment_letter = Digest{};
  REQUIRE(s.errors(SubmitSubject{s.subject, form}, s.filer) ==
          Strings{"/documents/commitment_letter document_unknown"});
}

TEST_CASE("a document of another subject is unknown") {
  Story s;
  const Uuid other = s.register_subject(2);
  SubjectForm form = subject_form(s.ledger, s.subject);
  form.documents->commitment_letter = s.ledger.upload(other);
  REQUIRE(s.errors(SubmitSubject{s.subject, form}, s.filer) ==
          Strings{"/documents/commitment_letter document_unknown"});
}

TEST_CASE("a rejected subject is submitted again and an unchanged form is told") {
  Story s;
  const SubjectForm form = subject_form(s.ledger, s.subject);
  s.must(SubmitSubject{s.subject, form}, s.filer);
  REQUIRE(s.ask(SubmitSubject{s.subject, form}, s.filer) == "illegal_transition");
  s.must(RejectSubject{s.subject, {{"unsigned", "/documents/commitment_letter", {}}}}, s.initial);
  REQUIRE(s.ledger.subject(s.subject)->rejections == 1);
  s.must(SubmitSubject{s.subject, form}, s.filer);
  REQUIRE(std::get<SubjectSubmitted>(s.ledger.log.back().payload).unchanged);
  REQUIRE(s.ledger.subject(s.subject)->attempt == 2);
}

TEST_CASE("a rejection gives known reasons that point into the form") {
  Story s;
  s.must(SubmitSubject{s.subject, subject_form(s.ledger, s.subject)}, s.filer);
  REQUIRE(s.errors(RejectSubject{s.subject, {}}, s.initial) == Strings{"/reasons reasons_missing"});
  REQUIRE(s.errors(RejectSubject{s.subject, {{"because", "documents", {}}, {"unsigned", "/confirmed", {}}}},
                   s.initial) ==
          Strings{"/reasons/0/code reason_unknown", "/reasons/0/field pointer_unknown"});
}

TEST_CASE("approval gives subject numbers that count up from 1000001 and skip imported ones") {
  Story s;
  s.qualify();
  REQUIRE(s.ledger.subject(s.subject)->subject_number == 1'000'001);
  RecordImported row;
  row.digits = "110108100000202260011";
  row.public_record.number = "网信算备110108100000202260011号";
  s.must(ImportRecord{row}, {s.ledger.fresh(), Role::operator_, {}});
  const Uuid other = s.register_subject(2);
  s.qualify(other, s.ledger.filer_of(other));
  REQUIRE(s.ledger.subject(other)->subject_number == 1'000'003);
}

TEST_CASE("only the initial reviewer decides on a subject, and never on the own one") {
  Story s;
  s.must(SubmitSubject{s.subject, subject_form(s.ledger, s.subject)}, s.filer);
  for (const Person& person : {s.reviewer, s.registrar, s.supervisor, s.ledger.admin(), s.filer, s.nobody}) {
    REQUIRE(s.ask(ApproveSubject{s.subject}, person) == "role_forbidden");
  }
  s.must(GrantAccess{s.initial.principal.text(), Role::filer, s.subject, {}}, s.ledger.admin());
  REQUIRE(s.ask(ApproveSubject{s.subject}, s.initial) == "own_case");
}

TEST_CASE("another subject's filer sees nothing there") {
  Story s;
  const Uuid other = s.register_subject(2);
  REQUIRE(s.ask(SubmitSubject{s.subject, {}}, s.ledger.filer_of(other)) == "not_found");
  REQUIRE(s.ask(SubmitSubject{s.ledger.fresh(), {}}, s.filer) == "not_found");
}

TEST_CASE("a qualified subject changes one thing at a time, approved by the initial reviewer") {
  Story s;
  s.qualify();
  SubjectForm form = subject_form(s.ledger, s.subject);
  form.organization_name = "新名称有限公司";
  REQUIRE(s.ask(ApproveSubjectChange{s.subject}, s.initial) == "no_open_change");
  s.must(ChangeSubject{s.subject, form}, s.filer);
  REQUIRE(s.ask(ChangeSubject{s.subject, form}, s.filer) == "change_open");
  REQUIRE(s.ledger.subject(s.subject)->organization_name == "示例科技有限公司");
  s.must(ApproveSubjectChange{s.subject}, s.initial);
  REQUIRE(s.ledger.subject(s.subject)->organization_name == "新名称有限公司");
  s.must(ChangeSubject{s.subject, form}, s.filer);
  s.must(RejectSubjectChange{s.subject, {{"subject_mismatch", "/website_domain", {}}}}, s.initial);
  REQUIRE_FALSE(s.ledger.subject(s.subject)->change_position);
}

TEST_CASE("an unused registration lapses by the system alone, a subject in use is not closed") {
  Story s;
  REQUIRE(s.ask(LapseSubject{s.subject}, s.ledger.admin()) == "role_forbidden");
  const Uuid unused = s.register_subject(2);
  const Person system{s.ledger.fresh(), Role::system, {}};
  s.must(LapseSubject{unused}, system);
  REQUIRE(s.ask(SubmitSubject{unused, {}}, s.ledger.filer_of(unused)) == "illegal_transition");
  s.qualify();
  REQUIRE(s.ask(LapseSubject{s.subject}, system) == "illegal_transition");
  const auto tree = s.plant();
  s.submitted({tree.feature});
  REQUIRE(s.ask(CloseSubject{s.subject, {}}, s.ledger.admin()) == "subject_in_use");
}

TEST_CASE("a hold is placed once and lifted once") {
  Story s;
  REQUIRE(s.ask(LiftHold{s.subject, {}}, s.ledger.admin()) == "no_hold");
  s.must(PlaceHold{s.subject, "诉讼"}, s.ledger.admin());
  REQUIRE(s.ask(PlaceHold{s.subject, {}}, s.ledger.admin()) == "hold_placed");
  s.must(LiftHold{s.subject, {}}, s.ledger.admin());
}
