#include "tests/support/core_story.hpp"

using namespace ledger;
using namespace ledger::test;
using Strings = std::vector<std::string>;

TEST_CASE("the same display name is the same principal") {
  Story s;
  const auto a = s.must(GrantAccess{"赵六", Role::reviewer, {}, {}}, s.ledger.admin());
  const auto b = s.must(GrantAccess{"赵六", Role::registrar, {}, {}}, s.ledger.admin());
  REQUIRE(s.ledger.grant(a)->principal_id == s.ledger.grant(b)->principal_id);
  const auto c =
      s.must(GrantAccess{s.ledger.grant(a)->principal_id.text(), Role::auditor, {}, {}}, s.ledger.admin());
  REQUIRE(s.ledger.grant(c)->principal_id == s.ledger.grant(a)->principal_id);
}

TEST_CASE("an admin principal holds no decision role") {
  Story s;
  s.must(GrantAccess{"赵六", Role::reviewer, {}, {}}, s.ledger.admin());
  REQUIRE(s.ask(GrantAccess{"赵六", Role::admin, {}, {}}, s.ledger.admin()) == "role_conflict");
  s.must(GrantAccess{"钱七", Role::admin, {}, {}}, s.ledger.admin());
  for (const Role role : {Role::initial_reviewer, Role::reviewer, Role::registrar, Role::supervisor}) {
    REQUIRE(s.ask(GrantAccess{"钱七", role, {}, {}}, s.ledger.admin()) == "role_conflict");
  }
  REQUIRE(s.ask(GrantAccess{"钱七", Role::auditor, {}, {}}, s.ledger.admin()) == "ok");
}

TEST_CASE("a grant is checked field by field") {
  Story s;
  REQUIRE(s.errors(GrantAccess{"x", Role::filer, {}, {}}, s.ledger.admin()) ==
          Strings{"/subject_id required"});
  REQUIRE(s.errors(GrantAccess{"x", Role::auditor, s.subject, {}}, s.ledger.admin()) ==
          Strings{"/subject_id out_of_range"});
  REQUIRE(s.errors(GrantAccess{"x", Role::operator_, {}, TimestampUs{1}}, s.ledger.admin()) ==
          Strings{"/role not_in_list", "/expires_at out_of_range"});
  REQUIRE(s.ask(GrantAccess{"x", Role::auditor, {}, {}}, s.reviewer) == "role_forbidden");
}

TEST_CASE("a grant is revoked once") {
  Story s;
  const auto grant = s.must(GrantAccess{"赵六", Role::reviewer, {}, {}}, s.ledger.admin());
  s.must(RevokeAccess{grant}, s.ledger.admin());
  REQUIRE(s.ledger.grant(grant)->revoked);
  REQUIRE(s.ask(RevokeAccess{grant}, s.ledger.admin()) == "illegal_transition");
  REQUIRE(s.ask(RevokeAccess{s.ledger.fresh()}, s.ledger.admin()) == "not_found");
}
