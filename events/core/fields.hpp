// The registry of private fields: each private value of an event has a number here that never changes its
// meaning, since commitments, salts and sealing keys are bound to it.
#pragma once

#include <cstdint>

namespace ledger {

/// What one record key protects. A record is one person in one submission, or the confidential text of one
/// filing attempt, one product, one subject submission: the unit that an erasure destroys.
enum class RecordKind : std::uint8_t {
  contact = 1,               ///< 联系人, named at registration
  legal_representative = 2,  ///< 法定代表人
  safety_officer = 3,        ///< 算法安全责任人
  principal = 4,             ///< display name of whoever holds a grant
  form = 5,                  ///< confidential form text, notes and the product tree
  documents = 6,             ///< the sealed files of a subject; never named by an entry
};

namespace field {

inline constexpr std::uint32_t kContactName = 101;
inline constexpr std::uint32_t kContactPhone = 102;
inline constexpr std::uint32_t kContactEmail = 103;

inline constexpr std::uint32_t kRepresentativeName = 201;
inline constexpr std::uint32_t kRepresentativeIdNumber = 202;
inline constexpr std::uint32_t kRepresentativePhone = 203;
inline constexpr std::uint32_t kRepresentativeEmail = 204;

inline constexpr std::uint32_t kOfficerName = 301;
inline constexpr std::uint32_t kOfficerPosition = 302;
inline constexpr std::uint32_t kOfficerPhone = 303;
inline constexpr std::uint32_t kOfficerEmail = 304;

inline constexpr std::uint32_t kPrincipalName = 401;

inline constexpr std::uint32_t kWebsiteName = 1001;
inline constexpr std::uint32_t kWebsiteDomain = 1002;
inline constexpr std::uint32_t kDailyVisits = 1003;
inline constexpr std::uint32_t kBasicKind = 1011;
inline constexpr std::uint32_t kRegisteredAddress = 1012;
inline constexpr std::uint32_t kIndustry = 1013;
inline constexpr std::uint32_t kCertificateKind = 1021;
inline constexpr std::uint32_t kCertificateNumber = 1022;
inline constexpr std::uint32_t kCommitmentLetter = 1031;
inline constexpr std::uint32_t kResponsibilityStatement = 1032;

inline constexpr std::uint32_t kDraftForm = 1101;

inline constexpr std::uint32_t kApplicationField = 1201;
inline constexpr std::uint32_t kLaunchedOn = 1202;
inline constexpr std::uint32_t kSelfAssessmentReport = 1203;
inline constexpr std::uint32_t kPublicDisclosure = 1204;
inline constexpr std::uint32_t kDetailsData = 1211;
inline constexpr std::uint32_t kDetailsModel = 1212;
inline constexpr std::uint32_t kDetailsStrategy = 1213;
inline constexpr std::uint32_t kDetailsRisk = 1214;
inline constexpr std::uint32_t kScope = 1221;
inline constexpr std::uint32_t kTechnicalService = 1222;
inline constexpr std::uint32_t kResolvedFeatures = 1223;

inline constexpr std::uint32_t kProductName = 1301;
inline constexpr std::uint32_t kPathSteps = 1302;
inline constexpr std::uint32_t kFeatureName = 1303;
inline constexpr std::uint32_t kFeatureDescription = 1304;

inline constexpr std::uint32_t kDisplayLocation = 1401;

/// The note of reason i has the number kReasonNote + i.
inline constexpr std::uint32_t kReasonNote = 2001;
inline constexpr std::uint32_t kNote = 2201;

}  // namespace field

/// The record that a field is sealed under.
[[nodiscard]] constexpr RecordKind record_kind_of(std::uint32_t field_id) {
  if (field_id < 200) return RecordKind::contact;
  if (field_id < 300) return RecordKind::legal_representative;
  if (field_id < 400) return RecordKind::safety_officer;
  if (field_id < 500) return RecordKind::principal;
  return RecordKind::form;
}

}  // namespace ledger
