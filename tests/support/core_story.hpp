// The steps that most stories of the core begin with.
#pragma once

#include <catch2/catch.hpp>

#include "tests/support/memory_ledger.hpp"

namespace ledger::test {

/// A ledger with its staff and one registered subject; steps that are not under test must succeed.
struct Story {
  MemoryLedger ledger;
  Person initial = ledger.staff(Role::initial_reviewer);
  Person reviewer = ledger.staff(Role::reviewer);
  Person registrar = ledger.staff(Role::registrar);
  Person supervisor = ledger.staff(Role::supervisor);
  Person nobody;
  Uuid subject = register_subject(1);
  Person filer = ledger.filer_of(subject);

  Uuid register_subject(unsigned n) {
    return must(
        RegisterSubject{
            "示例科技有限公司", credit_code(n), "110108", {"王五", "13700000000", "w@example.cn"}},
        Person{});
  }
  Uuid must(const Command& command, const Person& person) {
    const auto decision = ledger.run(command, person);
    if (!decision) {
      FAIL("refused: " << decision.error().code << " " << decision.error().state << " "
                       << (decision.error().errors.empty() ? "" : decision.error().errors[0].pointer));
    }
    return decision->id;
  }
  /// The refusal's code, or "ok".
  std::string ask(const Command& command, const Person& person) {
    const auto decision = ledger.run(command, person);
    return decision ? "ok" : std::string(decision.error().code);
  }
  /// `pointer code` of every field error, in order.
  std::vector<std::string> errors(const Command& command, const Person& person) {
    const auto decision = ledger.run(command, person);
    std::vector<std::string> out;
    if (decision) return {"ok"};
    for (const FieldError& error : decision.error().errors) out.push_back(error.pointer + " " + error.code);
    return out;
  }

  void qualify() { qualify(subject, filer); }
  void qualify(const Uuid& id, const Person& by) {
    must(SubmitSubject{id, subject_form(ledger, id)}, by);
    must(ApproveSubject{id}, initial);
  }
  struct Tree {
    Uuid product, path, feature;
  };
  Tree plant(const std::string& name = "示例应用") {
    Tree tree;
    tree.product = must(AddProduct{subject, name, ProductForm::app}, filer);
    tree.path = must(AddAccessPath{tree.product, {"首页", "推荐"}}, filer);
    tree.feature = must(AddFeature{tree.product, tree.path, "推荐流", "按兴趣排序"}, filer);
    return tree;
  }
  Uuid submitted(const std::vector<Uuid>& features) {
    const Uuid filing = must(CreateFiling{subject, filing_form(ledger, subject, features)}, filer);
    must(SubmitFiling{filing, true}, filer);
    return filing;
  }
  Uuid approved(const std::vector<Uuid>& features) {
    const Uuid filing = submitted(features);
    must(StartReview{filing}, reviewer);
    must(ApproveFiling{filing}, reviewer);
    return filing;
  }
  Uuid published(const std::vector<Uuid>& features) {
    const Uuid filing = approved(features);
    must(AssignNumber{filing}, registrar);
    must(PublishFiling{filing, Series::algorithm, 1, Date::of(ledger.now)}, registrar);
    return filing;
  }
  std::string state_of(const Uuid& filing) { return std::string(code_of(ledger.filing(filing)->status)); }
  static std::vector<GivenReason> reasons(const char* field = "/details/model") {
    return {{"mechanism_vague", field, "请补充流程图"}};
  }
};

}  // namespace ledger::test
