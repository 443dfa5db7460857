// The two forms of the filing system as values. Every part is optional, since a draft may miss any of them;
// `decide` says what a submission needs. Texts are UTF-8, already checked by whoever read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "events/core/codes.hpp"
#include "events/core/types.hpp"

namespace ledger {

/// A filing form 备案信息 (DESIGN section 8). Absent and empty are different: an absent part was not sent.
struct FilingForm {
  struct Documents {
    std::optional<Digest> self_assessment_report;  ///< 算法安全自评估报告
    std::optional<Digest> public_disclosure;       ///< 拟公示内容
    bool operator==(const Documents&) const = default;
  };
  struct Basic {
    std::optional<AlgorithmType> algorithm_type;
    std::optional<std::string> application_field;
    std::optional<Date> launched_on;
    std::optional<Documents> documents;
    bool operator==(const Basic&) const = default;
  };
  struct Details {
    std::optional<std::string> data, model, strategy, risk_and_prevention;
    bool operator==(const Details&) const = default;
  };
  /// A product selects all its features, an access path all features under it, a feature itself.
  struct Scope {
    std::optional<std::vector<Uuid>> products, access_paths, features;
    std::optional<std::string> technical_service;
    bool operator==(const Scope&) const = default;
  };
  std::optional<std::string> algorithm_name;
  std::optional<AlgorithmRole> role;
  std::optional<std::string> purpose;
  std::optional<Basic> basic;
  std::optional<Details> details;
  std::optional<Scope> scope;
  bool operator==(const FilingForm&) const = default;
};

/// A subject form 算法主体信息 (DESIGN section 8).
struct SubjectForm {
  struct BasicInformation {
    std::optional<std::string> kind, registered_address, industry;
    bool operator==(const BasicInformation&) const = default;
  };
  struct Certificate {
    std::optional<std::string> kind, number;
    bool operator==(const Certificate&) const = default;
  };
  struct Person {
    std::optional<std::string> name, id_number, position, phone, email;
    bool operator==(const Person&) const = default;
  };
  struct Documents {
    std::optional<Digest> commitment_letter;         ///< 算法备案承诺书
    std::optional<Digest> responsibility_statement;  ///< 落实算法安全主体责任基本情况
    bool operator==(const Documents&) const = default;
  };
  std::optional<std::string> organization_name, credit_code, region, website_name, website_domain;
  std::optional<std::uint64_t> daily_visits;
  std::optional<BasicInformation> basic_information;
  std::optional<Certificate> certificate;
  std::optional<Person> legal_representative;  ///< no position
  std::optional<Person> safety_officer;        ///< no id_number
  std::optional<Documents> documents;
  std::optional<bool> confirmed;
  bool operator==(const SubjectForm&) const = default;
};

/// Who to reach about a registration; all three are personal.
struct ContactForm {
  std::optional<std::string> name, phone, email;
  bool operator==(const ContactForm&) const = default;
};

}  // namespace ledger
