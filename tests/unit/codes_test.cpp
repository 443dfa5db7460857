#include "events/core/codes.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "events/core/filing_number.hpp"
#include "schema/codes.hpp"

namespace schema = ledger::schema;
using ledger::AlgorithmRole;
using ledger::AlgorithmType;
using ledger::all_values;
using ledger::DisplayChannel;
using ledger::from_code;
using ledger::from_number;
using ledger::ProductForm;
using ledger::Role;
using ledger::Series;

namespace {

/// The enumeration and the data name the same words under the same numbers, and neither has one more.
template <class E>
void require_agreement(std::span<const schema::CodeEntry> list) {
  REQUIRE(list.size() == all_values<E>().size());
  for (const E value : all_values<E>()) {
    const auto* entry = schema::find_code(list, code_of(value));
    REQUIRE(entry != nullptr);
    REQUIRE(entry->number == static_cast<unsigned>(value));
    REQUIRE(schema::find_number(list, entry->number) == entry);
    REQUIRE_FALSE(entry->zh.empty());
    REQUIRE_FALSE(entry->en.empty());
  }
}

template <class E>
void require_round_trip() {
  unsigned number = 0;
  for (const E value : all_values<E>()) {
    REQUIRE(static_cast<unsigned>(value) == ++number);
    REQUIRE_FALSE(code_of(value).empty());
    REQUIRE(from_code<E>(code_of(value)) == value);
    REQUIRE(from_number<E>(number) == value);
    REQUIRE_FALSE(from_code<E>(std::string(code_of(value)) + " "));
  }
  REQUIRE_FALSE(from_number<E>(0));
  REQUIRE_FALSE(from_number<E>(number + 1));
  REQUIRE_FALSE(from_number<E>(257));
  for (const char* bad : {"", "APP", "unknown", "1"}) REQUIRE_FALSE(from_code<E>(bad));
  REQUIRE(code_of(static_cast<E>(0)).empty());
  REQUIRE(code_of(static_cast<E>(number + 1)).empty());
}

}  // namespace

TEST_CASE("the enumerations of the core and the code lists agree") {
  require_agreement<AlgorithmType>(schema::algorithm_types());
  require_agreement<AlgorithmRole>(schema::algorithm_roles());
  require_agreement<ProductForm>(schema::product_forms());
  require_agreement<DisplayChannel>(schema::display_channels());
  require_agreement<Series>(schema::announcement_series());
}

TEST_CASE("every enumerator reads back from its code and its number, and nothing else does") {
  require_round_trip<AlgorithmType>();
  require_round_trip<AlgorithmRole>();
  require_round_trip<ProductForm>();
  require_round_trip<DisplayChannel>();
  require_round_trip<Series>();
  require_round_trip<Role>();
}

TEST_CASE("algorithm types have the numbers that stand in filing numbers, and roles their plain words") {
  REQUIRE(code_of(AlgorithmType::generation_synthesis) == "generation_synthesis");
  REQUIRE(static_cast<int>(AlgorithmType::personalized_push) == 2);
  REQUIRE(static_cast<int>(AlgorithmType::dispatch_decision) == 6);
  REQUIRE(code_of(Role::operator_) == "operator");
  REQUIRE(code_of(Role::public_) == "public");
  REQUIRE(from_code<Role>("initial_reviewer") == Role::initial_reviewer);
}

TEST_CASE("the wording of the official lists leads to a type, also where two types share it") {
  const auto types = schema::algorithm_types();
  REQUIRE(schema::find_list_name(types, "个性化推送类")->code == "personalized_push");
  REQUIRE(schema::has_list_name(*schema::find_number(types, 4), "检索过滤类"));
  REQUIRE(schema::has_list_name(*schema::find_number(types, 5), "检索过滤类"));
  REQUIRE_FALSE(schema::has_list_name(*schema::find_number(types, 5), "调度决策类"));
  REQUIRE(schema::find_list_name(types, "") == nullptr);
  REQUIRE(schema::find_number(types, 0) == nullptr);
  REQUIRE(schema::find_number(types, 7) == nullptr);
  REQUIRE(schema::find_code(types, "Personalized_push") == nullptr);
  REQUIRE(schema::find_list_name(schema::algorithm_roles(), "服务技术支持者")->code == "technical_supporter");
}

TEST_CASE("regions are sorted, and as many as the ministry's list of 2025 counts") {
  std::size_t provinces = 0;
  std::size_t prefectures = 0;
  std::size_t counties = 0;
  std::string_view previous;
  for (const auto& region : schema::regions()) {
    REQUIRE(previous < region.code);
    previous = region.code;
    REQUIRE(schema::find_region(region.code)->zh == region.zh);
    if (region.abolished != 0 || region.code == "441901" || region.code == "442001") continue;
    if (region.code.ends_with("0000")) {
      ++provinces;
    } else if (region.code.ends_with("00")) {
      ++prefectures;
    } else {
      ++counties;
    }
  }
  REQUIRE(provinces == 34);
  REQUIRE(prefectures == 333);
  REQUIRE(counties == 2845);
}

TEST_CASE("a region is found by its six digits only, abolished or not") {
  REQUIRE(schema::find_region("110108")->zh == "海淀区");
  REQUIRE(schema::find_region("110108")->abolished == 0);
  REQUIRE(schema::find_region("500112")->abolished == 2025);
  REQUIRE(schema::is_known_region("441901"));
  REQUIRE(schema::is_known_region("442001"));
  for (const char* bad : {"406301", "", "11010", "1101080", "110199", "11010a", "000000", "999999"}) {
    REQUIRE_FALSE(schema::find_region(bad));
    REQUIRE_FALSE(schema::is_known_region(bad));
  }
}

TEST_CASE("the rejection reasons are the fourteen of the design, each explained in both languages") {
  const char* codes[] = {"inconsistent_materials", "missing_attachment", "unsigned",
                         "wrong_template",         "subject_mismatch",   "identity_mismatch",
                         "type_misclassified",     "mechanism_vague",    "several_algorithms",
                         "conflicting_figures",    "output_not_marked",  "rights_unproven",
                         "third_party_unproven",   "copied_text"};
  REQUIRE(schema::rejection_reasons().size() == std::size(codes));
  for (const char* code : codes) {
    const auto* reason = schema::find_rejection_reason(code);
    REQUIRE(reason != nullptr);
    for (const auto text : {reason->zh, reason->en, reason->zh_explanation, reason->en_explanation}) {
      REQUIRE_FALSE(text.empty());
    }
  }
  REQUIRE(schema::find_rejection_reason("vague") == nullptr);
}

TEST_CASE("every refusal is found by its code, and has a 4xx or 5xx status and two titles") {
  std::string_view previous;
  for (const auto& refusal : schema::refusals()) {
    REQUIRE(previous < refusal.code);
    previous = refusal.code;
    REQUIRE(refusal.status >= 400);
    REQUIRE(refusal.status <= 599);
    REQUIRE_FALSE(refusal.zh.empty());
    REQUIRE_FALSE(refusal.en.empty());
    REQUIRE(schema::find_refusal(refusal.code) == &refusal);
  }
  REQUIRE(schema::find_refusal("") == nullptr);
  REQUIRE(schema::find_refusal("not_foun") == nullptr);
  REQUIRE(schema::find_refusal("zzz") == nullptr);
}

TEST_CASE("the statuses that the design fixes are those of the table") {
  const std::pair<const char*, int> fixed[] = {{"bad_json", 400},
                                               {"bad_query", 400},
                                               {"bad_cursor", 400},
                                               {"token_missing", 401},
                                               {"token_unknown", 401},
                                               {"role_forbidden", 403},
                                               {"not_found", 404},
                                               {"number_unknown", 404},
                                               {"illegal_transition", 409},
                                               {"credit_code_taken", 409},
                                               {"serial_exhausted", 409},
                                               {"idempotency_erased", 409},
                                               {"version_mismatch", 412},
                                               {"body_too_large", 413},
                                               {"media_type_unsupported", 415},
                                               {"document_unknown", 422},
                                               {"idempotency_mismatch", 422},
                                               {"precondition_required", 428},
                                               {"too_many_requests", 429},
                                               {"header_too_large", 431},
                                               {"queue_full", 503},
                                               {"clock_untrusted", 503},
                                               {"storage_full", 507},
                                               {"credit_code_invalid", 422}};
  for (const auto& [code, status] : fixed) {
    INFO(code);
    const auto* refusal = schema::find_refusal(code);
    REQUIRE(refusal != nullptr);
    REQUIRE(refusal->status == status);
  }
}

TEST_CASE("each fault of a number is a refusal of its own") {
  using ledger::NumberFault;
  for (const auto fault :
       {NumberFault::length, NumberFault::check_digit, NumberFault::region, NumberFault::type}) {
    REQUIRE(schema::find_refusal(code_of(fault)) != nullptr);
    REQUIRE(schema::find_refusal(code_of(fault))->status == 422);
  }
}
