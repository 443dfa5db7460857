#include "tests/support/core_story.hpp"

using namespace ledger;
using namespace ledger::test;
using Strings = std::vector<std::string>;

TEST_CASE("only a qualified subject adds products") {
  Story s;
  REQUIRE(s.ask(AddProduct{s.subject, "示例应用", ProductForm::app}, s.filer) == "subject_not_qualified");
  s.qualify();
  REQUIRE(s.ask(AddProduct{s.subject, "示例应用", ProductForm::app}, s.filer) == "ok");
  REQUIRE(s.ask(AddProduct{s.subject, "", ProductForm::app}, s.filer) == "fields_invalid");
}

TEST_CASE("the tree grows product, then path, then feature") {
  Story s;
  s.qualify();
  const auto tree = s.plant();
  REQUIRE(s.ask(AddAccessPath{s.ledger.fresh(), {"首页"}}, s.filer) == "not_found");
  REQUIRE(s.ask(AddFeature{tree.product, s.ledger.fresh(), "功能", {}}, s.filer) == "not_found");
  REQUIRE(s.errors(AddAccessPath{tree.product, {}}, s.filer) == Strings{"/steps required"});
  REQUIRE(s.errors(AddAccessPath{tree.product, {"首页", ""}}, s.filer) == Strings{"/steps/1 too_short"});
  REQUIRE(s.ledger.product(tree.product)->paths.at(0).features.at(0).id == tree.feature);
}

TEST_CASE("names are unique among siblings only") {
  Story s;
  s.qualify();
  const auto tree = s.plant();
  REQUIRE(s.ask(AddProduct{s.subject, "示例应用", ProductForm::website}, s.filer) == "name_taken");
  REQUIRE(s.ask(AddAccessPath{tree.product, {"首页", "推荐"}}, s.filer) == "name_taken");
  REQUIRE(s.ask(AddFeature{tree.product, tree.path, "推荐流", {}}, s.filer) == "name_taken");
  const Uuid other = s.must(AddAccessPath{tree.product, {"搜索"}}, s.filer);
  REQUIRE(s.ask(AddFeature{tree.product, other, "推荐流", {}}, s.filer) == "ok");
  s.must(RemoveFeature{tree.product, tree.path, tree.feature}, s.filer);
  REQUIRE(s.ask(AddFeature{tree.product, tree.path, "推荐流", {}}, s.filer) == "ok");
}

TEST_CASE("an entry keeps its own name when it is completed") {
  Story s;
  s.qualify();
  const auto tree = s.plant();
  REQUIRE(s.ask(UpdateProduct{tree.product, "示例应用", ProductForm::website}, s.filer) == "ok");
  REQUIRE(s.ask(UpdateAccessPath{tree.product, tree.path, {"首页", "推荐"}}, s.filer) == "ok");
  REQUIRE(s.ask(UpdateFeature{tree.product, tree.path, tree.feature, {}, "新的说明"}, s.filer) == "ok");
  const FeatureState feature = s.ledger.product(tree.product)->paths[0].features[0];
  REQUIRE(s.ledger.private_text(feature.position, field::kFeatureName) == "推荐流");
  REQUIRE(s.ledger.private_text(feature.position, field::kFeatureDescription) == "新的说明");
}

TEST_CASE("what a submitted scope names is changed or removed only through a change") {
  Story s;
  s.qualify();
  const auto tree = s.plant();
  const auto free = s.plant("另一个应用");
  const Uuid filing = s.submitted({tree.feature});
  const auto locked = [&](const Command& command) { return s.ask(command, s.filer) == "scope_locked"; };
  REQUIRE(locked(UpdateProduct{tree.product, "改名", {}}));
  REQUIRE(locked(RemoveProduct{tree.product}));
  REQUIRE(locked(UpdateAccessPath{tree.product, tree.path, {"别处"}}));
  REQUIRE(locked(RemoveAccessPath{tree.product, tree.path}));
  REQUIRE(locked(UpdateFeature{tree.product, tree.path, tree.feature, "改名", {}}));
  REQUIRE(locked(RemoveFeature{tree.product, tree.path, tree.feature}));
  REQUIRE(s.ask(AddFeature{tree.product, tree.path, "新功能", {}}, s.filer) == "ok");
  REQUIRE(s.ask(RemoveProduct{free.product}, s.filer) == "ok");
  s.must(WithdrawFiling{filing}, s.filer);
  REQUIRE(s.ask(RemoveFeature{tree.product, tree.path, tree.feature}, s.filer) == "ok");
}

TEST_CASE("a removed product is gone for every command") {
  Story s;
  s.qualify();
  const auto tree = s.plant();
  s.must(RemoveProduct{tree.product}, s.filer);
  REQUIRE(s.ask(AddAccessPath{tree.product, {"首页"}}, s.filer) == "not_found");
  REQUIRE(s.ask(RemoveProduct{tree.product}, s.filer) == "not_found");
}
