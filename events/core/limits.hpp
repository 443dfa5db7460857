// Every bound on what a caller may send, in one place, each with its unit and reason. `characters` are
// Unicode code points; the readers of events/codec hold them, `decide` may rely on them. Pure constants.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ledger::limits {

/// An entry, in bytes (DESIGN section 5): its length fits the two bytes that C2SP entry bundles give it.
inline constexpr std::size_t kEntryBytesMax = 65'535;
/// A JSON request body, in bytes; above it the answer is 413 (DESIGN section 6).
inline constexpr std::size_t kJsonBytesMax = 256 * 1024;
/// Nesting of a JSON document; the deepest form needs 5.
inline constexpr std::size_t kJsonDepthMax = 32;
/// Field errors collected for one answer; the rest are left out, since nobody reads the 101st.
inline constexpr std::size_t kFieldErrorsMax = 100;

/// Names of organizations, algorithms, products, features, people, in characters (DESIGN section 5).
inline constexpr std::size_t kNameCharactersMax = 64;
/// 应用目的, in characters (DESIGN section 5).
inline constexpr std::size_t kPurposeCharactersMax = 500;
/// Each of the four details, in characters (DESIGN section 5).
inline constexpr std::size_t kDetailsCharactersMax = 4'000;
/// What a technical supporter states instead of features, in characters.
inline constexpr std::size_t kTechnicalServiceCharactersMax = 4'000;
/// 应用领域, 行业, a position held, kinds of subjects and certificates, in characters.
inline constexpr std::size_t kShortTextCharactersMax = 64;
/// A certificate's number, an identity document's number, in characters; formats differ by country, so
/// bounded only.
inline constexpr std::size_t kCertificateNumberCharactersMax = 64;
inline constexpr std::size_t kIdNumberCharactersMax = 64;
/// Phone numbers with country code, spaces and extension, in characters.
inline constexpr std::size_t kPhoneCharactersMax = 32;
/// An address of RFC 5321: 64 before the @, 255 after it, together at most 254 usable characters.
inline constexpr std::size_t kEmailCharactersMax = 254;
/// A domain name of RFC 1035, in characters.
inline constexpr std::size_t kDomainCharactersMax = 253;
/// A postal address, in characters.
inline constexpr std::size_t kAddressCharactersMax = 200;
/// Daily visits: the largest integer that every JSON reader keeps exactly (RFC 8259 section 6).
inline constexpr std::uint64_t kDailyVisitsMax = (std::uint64_t{1} << 53) - 1;
/// The unified social credit code of GB 32100, in characters.
inline constexpr std::size_t kCreditCodeCharacters = 18;
/// A region code of GB/T 2260, in characters.
inline constexpr std::size_t kRegionCharacters = 6;

/// Ids in each selector list of a scope, and features that a scope may resolve to (DESIGN section 5).
inline constexpr std::size_t kScopeIdsMax = 1'000;
inline constexpr std::size_t kResolvedFeaturesMax = 1'000;

/// Products of a subject, access paths of a product, features of a product: what one row of the views should
/// hold.
inline constexpr std::size_t kProductsMax = 200;
inline constexpr std::size_t kPathsMax = 100;
inline constexpr std::size_t kFeaturesMax = 1'000;
/// Navigation steps of one access path, and the characters of one step.
inline constexpr std::size_t kPathStepsMax = 32;
inline constexpr std::size_t kPathStepCharactersMax = 64;
/// A feature's description, in characters.
inline constexpr std::size_t kFeatureDescriptionCharactersMax = 1'000;

/// Reasons of one rejection: private field numbers 2001 to 2200 are kept for their notes.
inline constexpr std::size_t kReasonsMax = 100;
/// A JSON Pointer into a form, in characters; the longest real one has 36.
inline constexpr std::size_t kPointerCharactersMax = 128;
/// Notes of reasons, cancellations, corrections, erasures, in characters.
inline constexpr std::size_t kNoteCharactersMax = 1'000;
/// Records that one `personal_data.erased` names: half an entry. More take more events.
inline constexpr std::size_t kErasedRecordsMax = 2'000;
/// A ground of cancellation, revocation or closure that stands in clear, in characters.
inline constexpr std::size_t kGroundCharactersMax = 64;
/// Where a number is shown, e.g. a URL, in characters.
inline constexpr std::size_t kLocationCharactersMax = 500;
/// The announcement batch of a series; real ones are below 100.
inline constexpr std::uint32_t kBatchMax = 9'999;
/// A remark or a list of products in a public record, in characters; real rows stay below 1,000.
inline constexpr std::size_t kPublicRecordTextCharactersMax = 2'000;
/// The printed number of a public record, in characters: prefix, 21 digits, 号, with room for typing errors.
inline constexpr std::size_t kPublicNumberCharactersMax = 64;
/// A display name of whoever holds a grant, in characters.
inline constexpr std::size_t kPrincipalNameCharactersMax = 64;
/// A webhook's URL, in characters.
inline constexpr std::size_t kUrlCharactersMax = 2'000;
/// Weekdays off and weekends worked in one year's calendar; real years have at most 24 and 12.
inline constexpr std::size_t kCalendarHolidaysMax = 64;
inline constexpr std::size_t kCalendarWorkingDaysMax = 32;
/// What fixes a calendar's days: the title of a notice, or where it stands, in characters.
inline constexpr std::size_t kCalendarSourceCharactersMax = 200;
/// Webhooks at once: each has a thread that delivers.
inline constexpr std::size_t kWebhooksMax = 64;

}  // namespace ledger::limits
