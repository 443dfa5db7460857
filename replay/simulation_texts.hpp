// What people write in a made-up history: names, forms, reasons, documents. Plausible, and fictitious at a
// glance: every organization is called 示例, every domain ends with example.cn. Pure: the same numbers give
// the same texts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "events/core/commands.hpp"

namespace ledger::replay {

/// Who a made-up subject is; `number` is its place among all of them, `revision` rises with each change.
struct SimulatedSubject {
  std::uint32_t number = 0;
  std::uint64_t bits = 0;  ///< random: what it is called, where it sits
  std::uint32_t revision = 0;
};

/// A six-digit code of a county that is in use, four of ten times in a province where many such firms sit.
[[nodiscard]] std::string simulated_region(const SimulatedSubject& subject);
/// Unique to the number, and its check character is right.
[[nodiscard]] std::string simulated_credit_code(const SimulatedSubject& subject);
[[nodiscard]] std::string simulated_organization(const SimulatedSubject& subject);
[[nodiscard]] RegisterSubject simulated_registration(const SimulatedSubject& subject);
[[nodiscard]] SubjectForm simulated_subject_form(const SimulatedSubject& subject,
                                                 const SubjectForm::Documents& documents);

/// Unique within a subject.
[[nodiscard]] std::string simulated_product(const SimulatedSubject& subject, unsigned product);
[[nodiscard]] std::vector<std::string> simulated_path(unsigned product, unsigned path);
[[nodiscard]] std::string simulated_feature(unsigned product, unsigned path, unsigned feature);

struct SimulatedFiling {
  std::uint32_t number = 0;
  std::uint64_t bits = 0;
  std::uint32_t revision = 0;  ///< another one, other contents
  AlgorithmType type{};
  AlgorithmRole role{};
  Date launched_on;
};
/// Without `complete`, the parts that a first draft lacks are missing.
[[nodiscard]] FilingForm simulated_filing_form(const SimulatedFiling& filing, bool complete,
                                               const FilingForm::Documents& documents,
                                               FilingForm::Scope scope);

/// One to three reasons of a rejection, without a repetition.
[[nodiscard]] std::vector<GivenReason> simulated_subject_reasons(std::uint64_t bits);
[[nodiscard]] std::vector<GivenReason> simulated_filing_reasons(std::uint64_t bits);
/// All reasons that these choose from, for a test that none is unknown.
[[nodiscard]] std::vector<GivenReason> all_simulated_reasons(bool of_filings);

}  // namespace ledger::replay
